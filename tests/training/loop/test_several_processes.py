"""Two processes on loopback: the curve of one, one that stops stops both, resume."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from process_script import recipe
from synthetic_people import FixedSource, batch

from rtmpose3d.errors import InputError
from rtmpose3d.training.data.batches import PartSource
from rtmpose3d.training.loop.distributed import DistributedEngine
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.log import read_log
from rtmpose3d.training.loop.trainer import check_run
from rtmpose3d.weights import read_checkpoint

SCRIPT = Path(__file__).parents[1] / "process_script.py"


def command_of(what, out, processes):
    """And its environment."""
    script = [str(SCRIPT), what, str(out)]
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *(launcher if processes > 1 else []), *script]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return command, environment


def start(what, out, processes=2):
    """Run it by torchrun; give back the exit status and what was said."""
    command, environment = command_of(what, out, processes)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def curves(tmp_path_factory):
    """Folders of the same training by one and by two processes."""
    folder = tmp_path_factory.mktemp("curves")
    for name, processes in (("one", 1), ("two", 2)):
        status, said = start("curve", folder / name, processes)
        assert status == 0, said
    return folder


def test_two_processes_have_the_loss_curve_of_one(curves):
    one, two = (read_log(curves / name / "steps.csv") for name in ("one", "two"))
    assert [row["step"] for row in two] == list(range(1, 21))
    for name in ("loss", "keypoint_loss", "bone_loss"):
        ours, expected = ([row[name] for row in rows] for rows in (two, one))
        np.testing.assert_allclose(ours, expected, rtol=1e-4, err_msg=name)
    assert one[-1]["keypoint_loss"] < 0.85 * one[0]["keypoint_loss"]
    assert max(row["bone_loss"] for row in one) > 0


def test_two_processes_train_a_detector_as_one_does(tmp_path):
    """For three steps: then rounding decides which cell answers for a person."""
    for name, processes in (("one", 1), ("two", 2)):
        status, said = start("detector", tmp_path / name, processes)
        assert status == 0, said
    one, two = (read_log(tmp_path / name / "steps.csv") for name in ("one", "two"))
    for name in ("loss", "score_loss", "box_loss"):
        ours, expected = ([row[name] for row in rows] for rows in (two, one))
        np.testing.assert_allclose(ours, expected, rtol=5e-4, err_msg=name)
    assert abs(one[2]["loss"] / one[1]["loss"] - 1) > 5e-3


def test_the_first_process_alone_writes(curves):
    names = [sorted(p.name for p in (curves / name).iterdir()) for name in ("one", "two")]
    assert names[0] == names[1]
    weights = [read_checkpoint(curves / name / "tiny.pth") for name in ("one", "two")]
    for key, value in weights[0].items():
        np.testing.assert_allclose(weights[1][key], value, rtol=1e-2, atol=1e-3, err_msg=key)


def test_a_training_by_two_resumes_bit_for_bit(curves, tmp_path):
    for what in ("half", "curve"):
        status, said = start(what, tmp_path)
        assert status == 0, said
    whole, pieces = (read_checkpoint(folder / "tiny.pth") for folder in (curves / "two", tmp_path))
    for key, value in whole.items():
        np.testing.assert_array_equal(pieces[key], value, err_msg=key)


def test_a_training_killed_at_any_step_resumes_bit_for_bit(tmp_path):
    """With kill -9, between two checkpoints: what it did after the first of them is done anew."""
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    status, said = start("dropout", whole, processes=1)
    assert status == 0, said
    kill_after_row(random.randrange(9, 16), pieces)
    assert not (pieces / "tiny.pth").exists()
    status, said = start("dropout", pieces, processes=1)
    assert status == 0, said
    expected, found = (read_checkpoint(folder / "tiny.pth") for folder in (whole, pieces))
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value, err_msg=key)
    losses = [
        [(row["step"], row["loss"]) for row in read_log(folder / "steps.csv")]
        for folder in (whole, pieces)
    ]
    assert losses[0] == losses[1]


def kill_after_row(row, out):
    """Start a training of checkpoints at steps 8 and 16, and kill it after so many steps."""
    command, environment = command_of("dropout", out, 1)
    running = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    log = out / "steps.csv"
    deadline = time.monotonic() + 120
    while not log.exists() or len(log.read_text().splitlines()) <= row:
        assert running.poll() is None, "it ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.kill()
    running.wait()


def test_a_bad_image_of_one_process_stops_both_and_is_named(tmp_path):
    status, _ = start("missing", tmp_path)
    assert status != 0
    told = "annotation 7: the image is missing"
    assert (tmp_path / "error1.txt").read_text().endswith(told)
    assert (tmp_path / "error0.txt").read_text().startswith("process 1 of 2 stopped: made-up")


def test_a_loss_of_one_process_that_is_no_number_stops_both(tmp_path):
    status, _ = start("nan", tmp_path)
    assert status != 0
    (saved,) = tmp_path.glob("bad_batch_*")
    assert saved.name == "bad_batch_00000003_process1.npz"
    assert "stopped at step 3" in (tmp_path / "error1.txt").read_text()
    assert str(saved) in (tmp_path / "error0.txt").read_text()


def test_ctrl_c_at_one_process_ends_both_with_a_checkpoint(tmp_path):
    status, said = start("interrupt", tmp_path)
    assert status == 0, said
    assert (tmp_path / "interrupted0").exists()
    assert (tmp_path / "interrupted1").exists()
    assert list((tmp_path / "checkpoints").glob("step_*.pth"))


def test_a_sum_is_there_when_the_threads_are_done_with_it(tmp_path):
    """Else one of them can abort a process that ends."""
    status, said = start("talk", tmp_path)
    assert status == 0, said
    for rank in (0, 1):
        assert (tmp_path / f"heard{rank}.txt").read_text(encoding="utf-8") == "|zwölf"


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path):
    engine = Engine("cpu")
    engine.world_size = 3
    with pytest.raises(InputError, match="3 processes cannot share a batch of 8"):
        check_run(recipe(), tmp_path, engine, resume=False)


def test_several_processes_choose_no_device_by_number():
    with pytest.raises(InputError, match="CUDA_VISIBLE_DEVICES"):
        DistributedEngine("cuda:1")


def test_parts_of_a_batch_make_the_whole():
    whole = FixedSource(batches=[batch(0)])
    parts = [
        PartSource(source=whole, rank=rank, world_size=2, batch_size=8).batch(0) for rank in (0, 1)
    ]
    joined = np.concatenate([part.crops for part in parts])
    np.testing.assert_array_equal(joined, whole.batch(0).crops)
