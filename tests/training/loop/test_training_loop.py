"""The training loop: it learns, resumes bit for bit, stops at bad numbers, leaves whole files."""

import os
import signal
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from synthetic_people import FixedSource, batch, fixed_source, open_fixed, tiny_spec

from rtmpose3d.errors import InputError, OutputError, RTMPose3DError, WeightsError
from rtmpose3d.training.data.batches import TrainingData
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.log import read_log
from rtmpose3d.training.recipes.augmentation import NO_AUGMENTATION
from rtmpose3d.training.recipes.pose import PoseRecipe
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.training.running import train
from rtmpose3d.weights import open_torch_file, read_checkpoint


def recipe(**changes):
    steps = changes.pop("steps", 6)
    settings = {
        "model": replace(tiny_spec(), dropout=0.1),  # so that random numbers matter
        "schedule": FlatCosine(steps=steps, warmup_steps=2),
        "batch_size": 8,
        "learning_rate": 2e-3,
        "bone_weight": 0.1,
        "heatmap_weight": 0.5,
        "part_weights": {"face": 0.5},
        "stage1": NO_AUGMENTATION,
        "stage2": NO_AUGMENTATION,
        "log_every": 1,
        "validate_every": 3,
        "checkpoint_every": 2,
        **changes,
    }
    return PoseRecipe(**settings)


def data(validation=True):
    return TrainingData(open_stage=open_fixed, validation=[batch(9)] if validation else [])


def weights_of(path):
    return {name: value.tobytes() for name, value in read_checkpoint(path).items()}


def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(tmp_path):
    engine = Engine("cpu")
    whole = train(recipe(), data(), tmp_path / "whole", engine=engine)
    stop_after = recipe().schedule.steps - 3

    class Stops(FixedSource):
        def batch(self, index):
            if index >= stop_after:
                os.kill(os.getpid(), signal.SIGINT)
            return super().batch(index)

    interrupted = TrainingData(
        open_stage=lambda stage: Stops(batches=fixed_source().batches), validation=[batch(9)]
    )
    with pytest.raises(KeyboardInterrupt):
        train(recipe(), interrupted, tmp_path / "pieces", engine=engine)
    torch.manual_seed(12345)  # whatever the process did in between
    pieces = train(recipe(), data(), tmp_path / "pieces", engine=engine, resume=True)
    assert pieces.finished
    assert weights_of(pieces.weights) == weights_of(whole.weights)
    logs = [read_log(tmp_path / name / "steps.csv") for name in ("whole", "pieces")]
    assert [row["loss"] for row in logs[0]] == [row["loss"] for row in logs[1]]
    assert [row["step"] for row in logs[1]] == [1, 2, 3, 4, 5, 6]


def test_equal_seeds_give_equal_weights_and_others_do_not(tmp_path):
    engine = Engine("cpu")
    runs = [
        train(recipe(steps=2, seed=seed), data(False), tmp_path / str(i), engine=engine)
        for i, seed in enumerate((1, 1, 2))
    ]
    first, same, other = (weights_of(run.weights) for run in runs)
    assert first == same
    assert first != other


def test_it_learns_a_few_people_by_heart(tmp_path):
    people = FixedSource(batches=[batch(0, 8)])
    result = train(
        recipe(
            steps=160,
            model=tiny_spec(),
            learning_rate=1e-3,
            bone_weight=0.0,
            ema_momentum=0.05,
            ema_gamma=20,
            log_every=10,
            validate_every=1000,
            checkpoint_every=1000,
        ),
        TrainingData(open_stage=lambda stage: people, validation=people.batches),
        tmp_path,
        engine=Engine("cpu"),
    )
    rows = read_log(tmp_path / "steps.csv")
    assert rows[-1]["keypoint_loss"] < 0.2 * rows[0]["keypoint_loss"]
    for part in ("body", "feet", "face", "hands"):
        assert result.metrics[f"pck10_{part}"] > 0.9
    assert result.metrics["mpjpe_mm"] < 60


def test_it_writes_logs_curves_sheets_and_a_published_checkpoint(tmp_path):
    result = train(recipe(), data(), tmp_path, engine=Engine("cpu"))
    assert result.weights == tmp_path / "tiny.pth"
    with open_torch_file(result.weights) as file:
        assert file.root["meta"]["step"] == 6
        assert file.root["meta"]["model"] == "tiny"
    torch.load(result.weights, weights_only=True)  # torch reads it, too
    rows = read_log(tmp_path / "validation.csv")
    assert [row["step"] for row in rows] == [3, 6]
    assert {"pck05_face", "pck20_hands", "mpjpe_body_mm"} <= set(rows[0])
    assert cv2.imread(str(tmp_path / "curves.png")).shape[1] > 1000
    assert len(list((tmp_path / "sheets").iterdir())) == 2
    checkpoints = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert checkpoints == [
        "latest.json",
        "step_00000006.pth",
        "step_00000006.state.safetensors",
    ]


def test_a_loss_that_is_no_number_stops_it_and_saves_the_batch(tmp_path):
    good = batch(0)

    class Breaks(FixedSource):
        def batch(self, index):
            broken = super().batch(index)
            if index == 3:
                broken = replace(broken, visible=np.full_like(broken.visible, np.inf))
            return broken

    source = TrainingData(open_stage=lambda stage: Breaks(batches=[good]), validation=[])
    with pytest.raises(RTMPose3DError, match=r"stopped at step 3.*batch is in.*resume"):
        train(recipe(), source, tmp_path, engine=Engine("cpu"))
    with np.load(tmp_path / "bad_batch_00000003.npz") as saved:
        np.testing.assert_array_equal(saved["crops"], good.crops)
    assert (tmp_path / "checkpoints" / "step_00000002.pth").exists()
    again = train(recipe(), data(), tmp_path, engine=Engine("cpu"), resume=True)
    assert again.finished


def test_a_time_limit_ends_a_piece_with_a_checkpoint(tmp_path):
    piece = train(recipe(steps=500), data(), tmp_path, engine=Engine("cpu"), minutes=0)
    assert not piece.finished
    assert piece.step == 1
    assert piece.weights.exists()


def test_an_existing_training_is_not_overwritten(tmp_path):
    train(recipe(steps=1), data(False), tmp_path, engine=Engine("cpu"))
    with pytest.raises(InputError, match=r"there is a training.*resume it"):
        train(recipe(steps=1), data(False), tmp_path, engine=Engine("cpu"))


def test_resuming_where_nothing_is_begins(tmp_path):
    run = train(recipe(steps=1), data(False), tmp_path / "new", engine=Engine("cpu"), resume=True)
    assert run.finished


def test_resuming_another_model_is_refused_by_name(tmp_path):
    train(recipe(steps=1), data(False), tmp_path, engine=Engine("cpu"))
    wider = recipe(steps=2, model=replace(tiny_spec(), width=0.25))
    with pytest.raises(WeightsError, match="another model"):
        train(wider, data(False), tmp_path, engine=Engine("cpu"), resume=True)


def test_a_damaged_state_says_so(tmp_path):
    train(recipe(steps=1), data(False), tmp_path, engine=Engine("cpu"))
    state = next((tmp_path / "checkpoints").glob("*.safetensors"))
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"damaged.*cannot be resumed"):
        train(recipe(steps=2), data(False), tmp_path, engine=Engine("cpu"), resume=True)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        train(recipe(), data(), tmp_path / "file" / "out", engine=Engine("cpu"))


def test_half_precision_sees_the_same_loss_and_learns(tmp_path):
    losses = []
    for precision in ("fp32", "bf16"):
        engine = Engine("cpu", precision=precision, channels_last=precision == "bf16")
        gently = recipe(precision=precision, learning_rate=3e-4, bone_weight=0.0)
        train(gently, data(False), tmp_path / precision, engine=engine)
        losses.append([row["loss"] for row in read_log(tmp_path / precision / "steps.csv")])
    assert losses[1][0] == pytest.approx(losses[0][0], rel=0.02)
    assert losses[1][-1] < 0.8 * losses[1][0]


def test_the_bone_loss_begins_when_the_recipe_says(tmp_path):
    late = recipe(bone_weight=0.01, bone_start_fraction=0.5, learning_rate=1e-4)
    result = train(late, data(False), tmp_path, engine=Engine("cpu"))
    bones = [row["bone_loss"] for row in read_log(tmp_path / "steps.csv")]
    assert result.finished
    assert bones[:3] == [0, 0, 0]
    assert min(bones[3:]) > 0


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a single CPU
def test_batches_from_processes_are_those_from_a_thread(tmp_path):
    from rtmpose3d.training.data.loading import load_batches

    for workers in (0, 2):
        batches = load_batches(open_first_stage, start=1, workers=workers)
        found = [next(batches) for _ in range(3)]
        batches.close()
        for index, ours in enumerate(found, start=1):
            np.testing.assert_array_equal(ours.crops, fixed_source().batch(index).crops)


def open_first_stage():
    return open_fixed(1)


def test_an_error_while_making_batches_reaches_the_caller(tmp_path):
    from rtmpose3d.training.data.loading import load_batches

    class Broken:
        def batch(self, index):
            raise InputError("image 7 is missing")

    with pytest.raises(InputError, match="image 7"):
        next(load_batches(Broken))
