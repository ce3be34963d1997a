"""Two processes on one machine: the curve of one, failures of one process, resuming."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from process_script import (
    CHECKPOINT_EVERY,
    STEPS,
    recipe,
    train_curve,
    train_detector,
    train_with_dropout,
)
from synthetic_people import FixedSource, batch

from rtmpose3d.errors import InputError
from rtmpose3d.training.data.batches import PartSource
from rtmpose3d.training.loop.distributed import DistributedEngine
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.log import read_log
from rtmpose3d.training.loop.run_folder import open_run
from rtmpose3d.weights import read_checkpoint

SCRIPT = Path(__file__).parents[1] / "process_script.py"


def command(what, out, processes):
    """Command line and environment."""
    script = [str(SCRIPT), what, str(out)]
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    arguments = [sys.executable, *(launcher if processes > 1 else []), *script]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return arguments, environment


def run(what, out, processes=2):
    """Run the script, with torchrun for several processes."""
    arguments, environment = command(what, out, processes)
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def curves(tmp_path_factory):
    """Folder with the same training in one process and in two."""
    folder = tmp_path_factory.mktemp("curves")
    train_curve(Engine("cpu"), folder / "one")
    run("curve", folder / "two")
    return folder


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory):
    """Folder with the scenarios of the script, run one after the other in two processes."""
    folder = tmp_path_factory.mktemp("scenarios")
    run("scenarios", folder)
    return folder


@pytest.mark.slow
def test_two_processes_have_the_loss_curve_of_one(curves):
    one, two = (read_log(curves / name / "steps.csv") for name in ("one", "two"))
    assert [row["step"] for row in two] == list(range(1, STEPS + 1))
    for name in ("loss", "keypoint_loss", "bone_loss"):
        ours, expected = ([row[name] for row in rows] for rows in (two, one))
        np.testing.assert_allclose(ours, expected, rtol=2e-3, err_msg=name)
    assert one[-1]["keypoint_loss"] < 0.97 * one[0]["keypoint_loss"]
    assert max(row["bone_loss"] for row in one) > 0


@pytest.mark.slow
def test_two_processes_train_a_detector_as_one_does(scenarios, tmp_path):
    """For three steps: then rounding decides which cell is assigned to a person."""
    train_detector(Engine("cpu"), tmp_path)
    one, two = (read_log(folder / "steps.csv") for folder in (tmp_path, scenarios / "detector"))
    for name in ("loss", "score_loss", "box_loss"):
        ours, expected = ([row[name] for row in rows] for rows in (two, one))
        np.testing.assert_allclose(ours, expected, rtol=1e-3, err_msg=name)
    assert abs(one[2]["loss"] / one[1]["loss"] - 1) > 5e-3


@pytest.mark.slow
def test_only_the_main_process_writes_and_the_weights_are_those_of_one(curves):
    names = [sorted(p.name for p in (curves / name).iterdir()) for name in ("one", "two")]
    assert names[0] == names[1]
    one, two = (read_checkpoint(curves / name / "tiny.pth") for name in ("one", "two"))
    difference = sum(np.square(two[key] - one[key], dtype=np.float64).sum() for key in one)
    total = sum(np.square(value, dtype=np.float64).sum() for value in one.values())
    assert difference < 1e-4 * total


@pytest.mark.slow
def test_a_training_in_two_processes_resumes_bit_for_bit(curves, scenarios):
    pieces = scenarios / "stopped"
    assert not (pieces / "tiny.pth").exists()
    run("curve", pieces)
    expected, resumed = (read_checkpoint(f / "tiny.pth") for f in (curves / "two", pieces))
    for key, value in expected.items():
        np.testing.assert_array_equal(resumed[key], value, err_msg=key)


@pytest.mark.slow
def test_a_training_killed_at_any_step_resumes_bit_for_bit(tmp_path):
    """With kill -9 between two checkpoints: the steps after the first of them are repeated."""
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    train_with_dropout(Engine("cpu"), whole)
    kill_after_row(random.randrange(CHECKPOINT_EVERY + 1, 2 * CHECKPOINT_EVERY), pieces)
    assert not (pieces / "tiny.pth").exists()
    run("dropout", pieces, processes=1)
    expected, resumed = (read_checkpoint(folder / "tiny.pth") for folder in (whole, pieces))
    for key, value in expected.items():
        np.testing.assert_array_equal(resumed[key], value, err_msg=key)
    losses = [
        [(row["step"], row["loss"]) for row in read_log(folder / "steps.csv")]
        for folder in (whole, pieces)
    ]
    assert losses[0] == losses[1]


def kill_after_row(row, out):
    """Start a training, and kill it after so many steps."""
    arguments, environment = command("dropout", out, 1)
    running = subprocess.Popen(arguments, env=environment, stderr=subprocess.DEVNULL)
    log = out / "steps.csv"
    deadline = time.monotonic() + 1800
    while not log.exists() or len(log.read_text().splitlines()) <= row:
        assert running.poll() is None, "it ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running.kill()
    running.wait()


@pytest.mark.slow
def test_an_invalid_image_in_one_process_stops_both_and_is_named(scenarios):
    errors = [(scenarios / "missing" / f"error{rank}.txt").read_text() for rank in (0, 1)]
    assert "annotation 7: the image is missing" in errors[1]
    assert errors[0].startswith("process 1 of 2 stopped: synthetic")


@pytest.mark.slow
def test_a_loss_in_one_process_that_is_not_finite_stops_both(scenarios):
    folder = scenarios / "nan"
    (saved,) = folder.glob("bad_batch_*")
    assert saved.name == "bad_batch_00000003_process1.npz"
    assert "stopped at step 3" in (folder / "error1.txt").read_text()
    assert str(saved) in (folder / "error0.txt").read_text()


@pytest.mark.slow
def test_ctrl_c_in_one_process_ends_both_with_a_checkpoint(scenarios):
    folder = scenarios / "interrupt"
    assert (folder / "interrupted0").exists()
    assert (folder / "interrupted1").exists()
    assert list((folder / "checkpoints").glob("step_*.pth"))


@pytest.mark.slow
def test_collective_operations_return_when_their_threads_are_done(scenarios):
    """Otherwise a thread can abort a process that exits."""
    for rank in (0, 1):
        received = scenarios / "exchange" / f"received{rank}.txt"
        assert received.read_text(encoding="utf-8") == "|zwölf"


def test_a_batch_that_cannot_be_divided_is_refused(tmp_path):
    engine = Engine("cpu")
    engine.world_size = 3
    with pytest.raises(InputError, match="8 images cannot be divided among 3 processes"):
        open_run(recipe(), tmp_path, engine, resume=False).__enter__()


def test_several_processes_select_no_device_by_number():
    with pytest.raises(InputError, match="CUDA_VISIBLE_DEVICES"):
        DistributedEngine("cuda:1")


def test_the_parts_of_a_batch_make_up_the_batch():
    whole = FixedSource(batches=[batch(0)])
    parts = [
        PartSource(source=whole, rank=rank, world_size=2, batch_size=8).batch(0) for rank in (0, 1)
    ]
    joined = np.concatenate([part.crops for part in parts])
    np.testing.assert_array_equal(joined, whole.batch(0).crops)
