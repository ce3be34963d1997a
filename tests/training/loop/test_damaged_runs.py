"""Trainings whose folder was damaged, shared or left by a killed process."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from synthetic_people import batch, open_fixed, tiny_spec

from rtmpose3d.errors import InputError, RTMPose3DError, WeightsError
from rtmpose3d.structures.folder_lock import folder_lock
from rtmpose3d.training import TrainingResult
from rtmpose3d.training.data.batches import TrainingData
from rtmpose3d.training.loop.checkpoint_folder import find_checkpoints
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.log import SkippedLog, read_log
from rtmpose3d.training.recipes.augmentation import NO_AUGMENTATION
from rtmpose3d.training.recipes.pose import PoseRecipe
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.training.running import train
from rtmpose3d.weights import read_checkpoint


def _recipe(steps: int = 3, **changes: object) -> PoseRecipe:
    settings: dict[str, object] = {
        "model": tiny_spec(),
        "schedule": FlatCosine(steps=steps, warmup_steps=2),
        "batch_size": 8,
        "learning_rate": 2e-3,
        "stage1": NO_AUGMENTATION,
        "stage2": NO_AUGMENTATION,
        "log_every": 1,
        "validate_every": 1,
        "checkpoint_every": 1,
        **changes,
    }
    return PoseRecipe(**settings)  # type: ignore[arg-type]


def _train(out: Path, *, resume: bool = False, **changes: object) -> TrainingResult:
    data = TrainingData(open_stage=open_fixed, validation=[batch(9)])
    return train(_recipe(**changes), data, out, engine=Engine("cpu"), resume=resume)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training of three steps, each with a checkpoint."""
    out = tmp_path_factory.mktemp("trained") / "run"
    _train(out)
    return out


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def _flip(path: Path) -> None:
    """Change one bit in the middle, in the values of some tensor."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


DAMAGES = {"flipped bit": _flip, "cut": _cut, "missing": Path.unlink}


def _weights(path: Path) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in read_checkpoint(path).items()}


@pytest.mark.slow
@pytest.mark.parametrize("file", ["step_00000003.pth", "step_00000003.state.safetensors"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(
    run: Path, file: str, damage: str, trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    DAMAGES[damage](run / "checkpoints" / file)
    with caplog.at_level(logging.WARNING):
        result = _train(run, resume=True)
    assert file in caplog.text
    assert "resuming from the checkpoint before it" in caplog.text
    assert result.new_steps == 1
    assert _weights(result.weights) == _weights(trained / "tiny.pth")
    saved = find_checkpoints(run / "checkpoints")
    assert [one.step for one in saved] == [3, 2]
    for one in saved:
        one.verify()


@pytest.mark.slow
def test_two_damaged_checkpoints_are_an_error(run: Path) -> None:
    for path in (run / "checkpoints").glob("*.state.safetensors"):
        _flip(path)
    with pytest.raises(WeightsError, match=r"step_00000003.*damaged.*cannot be resumed"):
        _train(run, resume=True, steps=4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [Path.unlink, lambda p: p.write_text("{"), lambda p: p.write_text("[" * 99_999),
     lambda p: p.write_text('{"weights": 3}'), lambda p: p.write_text("null")],
    ids=["missing", "cut", "deep", "number", "null"],
)  # fmt: skip
def test_without_its_list_the_last_checkpoint_is_found_by_name(
    run: Path, change: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    change(run / "checkpoints" / "latest.json")
    with caplog.at_level(logging.WARNING):
        result = _train(run, resume=True, steps=4)
    assert "latest.json" in caplog.text
    assert (result.step, result.new_steps) == (4, 1)
    assert [row["step"] for row in read_log(run / "steps.csv")] == [1, 2, 3, 4]


@pytest.mark.slow
def test_a_folder_of_checkpoints_without_states_is_an_error(run: Path) -> None:
    for path in (run / "checkpoints").iterdir():
        if path.suffix != ".pth":
            path.unlink()
    with pytest.raises(WeightsError, match="no complete checkpoint"):
        _train(run, resume=True)
    assert len(read_log(run / "steps.csv")) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "header",
    [{}, {"step": "x"}, {"step": "-3"}, {"updates": "1e3"}, {"minutes": "nan"}, {"minutes": "-1"}],
)
def test_a_state_with_a_wrong_header_is_an_error_of_ours(run: Path, header: dict[str, str]) -> None:
    from safetensors.numpy import load_file, save_file

    path = run / "checkpoints" / "step_00000003.state.safetensors"
    intact = {"step": "3", "updates": "3", "minutes": "0.5"}
    save_file(load_file(path), path, metadata={**intact, **header} if header else None)
    (run / "checkpoints" / "latest.json").write_text('{"weights": "step_00000003.pth"}')
    with pytest.raises(WeightsError, match="state of the training"):
        _train(run, resume=True, steps=4)


@pytest.mark.slow
def test_a_list_of_checkpoints_without_checksums_is_read(run: Path) -> None:
    """As trainings of earlier versions have written it."""
    (run / "checkpoints" / "latest.json").write_text('{"weights": "step_00000003.pth", "step": 3}')
    assert _train(run, resume=True, steps=4).new_steps == 1


@pytest.mark.slow
def test_a_second_training_in_the_same_folder_is_refused_at_its_start(run: Path) -> None:
    logs = (run / "steps.csv").read_bytes()
    with (
        folder_lock(run, "training"),
        pytest.raises(InputError, match=r"in use by another training, process \d+"),
    ):
        _train(run, resume=True, steps=4)
    assert (run / "steps.csv").read_bytes() == logs
    assert _train(run, resume=True, steps=4).finished


@pytest.mark.slow
def test_temporary_files_of_killed_processes_are_removed(run: Path) -> None:
    left = [
        run / ".tiny.0123abcd.tmp.pth",
        run / "checkpoints" / ".step_00000003.01234567.tmp.pth",
        run / "checkpoints" / ".latest.fedcba98.tmp.json",
    ]
    for path in left:
        path.write_bytes(b"half")
    _train(run, resume=True)
    assert not any(path.exists() for path in left)
    assert not list(run.rglob("*.tmp*"))


@pytest.mark.slow
def test_resuming_a_finished_training_says_so_and_repeats_nothing(
    run: Path, trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        result = _train(run, resume=True)
    assert "is finished" in caplog.text
    assert (result.finished, result.new_steps) == (True, 0)
    assert result.weights == run / "tiny.pth"
    for log in ("steps.csv", "validation.csv"):
        assert (run / log).read_bytes() == (trained / log).read_bytes()


@pytest.mark.slow
def test_another_seed_or_batch_size_is_said(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        _train(run, resume=True, steps=4, seed=7, batch_size=4)
    assert "seed 2024 -> 7" in caplog.text
    assert "batch_size 8 -> 4" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        _train(run, resume=True, steps=5, seed=7, batch_size=4)
    assert "seed" not in caplog.text


def test_columns_that_two_trainings_wrote_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "validation.csv"
    path.write_text("step,loss\n1,0.5\nstep,loss\n2,0.25\n")
    assert [row["step"] for row in read_log(path)] == [1, 2]


@pytest.mark.parametrize(
    "data", [b"\xff\xfe\x00", b"step,loss\n1,\x80\n", b'step,"' + b"x" * 200_000]
)
def test_a_binary_log_is_an_error_of_ours(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "steps.csv").write_bytes(data)
    with pytest.raises(InputError, match=r"steps\.csv"):
        read_log(tmp_path / "steps.csv")


@pytest.mark.parametrize("end", ["", "7", "\xff", "no number\ttext", "9" * 5000 + "\ttext"])
def test_a_list_of_skipped_samples_that_was_cut_is_continued(tmp_path: Path, end: str) -> None:
    path = tmp_path / "skipped.txt"
    path.write_text(f"1\tfirst\n2\tsecond\n8\tlater\n{end}", "latin-1")
    SkippedLog(tmp_path, step=5).add(5, ["third"])
    assert path.read_text("utf-8") == "1\tfirst\n2\tsecond\n5\tthird\n"


@pytest.mark.parametrize(
    "document",
    [None, 3, [], {}, {"weights": 3}, {"weights": "../../x.pth", "sha256": {"a": 1}},
     {"weights": "step_1.txt"}, {"weights": "a.pth", "previous": 5}],
)  # fmt: skip
def test_a_list_of_another_form_is_an_error_of_ours(tmp_path: Path, document: object) -> None:
    (tmp_path / "latest.json").write_text(json.dumps(document))
    with pytest.raises(RTMPose3DError):
        find_checkpoints(tmp_path)


def test_a_list_of_checkpoints_reaches_no_other_folder(tmp_path: Path) -> None:
    (tmp_path / "latest.json").write_text(json.dumps({"weights": "../other/step_00000001.pth"}))
    assert find_checkpoints(tmp_path)[0].weights.parent == tmp_path
