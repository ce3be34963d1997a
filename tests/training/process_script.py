"""Trainings that a test runs in one process, or with torchrun in several.

process_script.py curve|dropout|scenarios OUT
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from synthetic_images import made_image, tiny_recipe
from synthetic_people import FixedSource, batch, tiny_spec

from rtmpose3d.errors import InputError
from rtmpose3d.training import TrainingData, open_engine, train
from rtmpose3d.training.detector.rendered import validation_batches
from rtmpose3d.training.recipes import NO_AUGMENTATION, FlatCosine, PoseRecipe

STEPS = 12
CHECKPOINT_EVERY = 4


def recipe(**changes):
    """Recipe of a network with RTMPose's architecture.

    It has no dropout, which is random in each process. And it is stable: after 20 steps of the
    tiny RTMW, another order of the people in a batch alone changes the loss by a percent.
    """
    settings = {
        "model": replace(tiny_spec(), pafpn=False, hem=False),
        "schedule": FlatCosine(steps=STEPS, warmup_steps=STEPS),
        "batch_size": 8,
        "learning_rate": 5e-4,
        "bone_weight": 0.01,
        "bone_start_fraction": 0.25,
        "heatmap_weight": 0.0,
        "stage1": NO_AUGMENTATION,
        "stage2": NO_AUGMENTATION,
        "log_every": 1,
        "validate_every": 6,
        "checkpoint_every": CHECKPOINT_EVERY,
        **changes,
    }
    return PoseRecipe(**settings)


def open_partly_2d(stage):
    """People of whom the second half, which is the second process's, partly has no 3D labels."""
    people = batch(0)
    metres = people.keypoints_camera_m.copy()
    metres[5:] = np.nan
    return FixedSource(batches=[replace(people, keypoints_camera_m=metres), batch(1)])


def train_curve(engine, out, **options):
    """The training whose curve does not depend on the number of processes."""
    held_out = [batch(9)] if engine.is_main else []
    data = TrainingData(open_stage=open_partly_2d, validation=held_out)
    return train(recipe(), data, out, engine=engine, resume=True, **options)


def train_with_dropout(engine, out):
    """The same with dropout, so that the random state matters."""
    data = TrainingData(open_stage=open_partly_2d, validation=[batch(9)])
    wanted = recipe(model=replace(recipe().model, dropout=0.2))
    return train(wanted, data, out, engine=engine, resume=True)


def train_detector(engine, out):
    """A tiny detector, whose four images two processes share."""
    tiny = tiny_recipe(3, batch_size=4, validate_every=3, learning_rate=3e-4)
    batches = validation_batches(tiny, [made_image(i) for i in range(4)])
    held_out = batches if engine.is_main else []
    data = TrainingData(open_stage=lambda stage: FixedSource(batches=batches), validation=held_out)
    return train(tiny, data, out, engine=engine)


def train_with_failure(engine, out, what):
    """Failure of the second process alone at the fourth batch; saves what each process raises."""

    class Failing(FixedSource):
        def batch(self, index):
            good = super().batch(index)
            if index != 3 or engine.rank != 1:
                return good
            if what == "missing":
                raise InputError("synthetic: people.json, annotation 7: the image is missing")
            if what == "interrupt":
                os.kill(os.getpid(), signal.SIGINT)
                return good
            return replace(good, visible=np.full_like(good.visible, np.inf))

    data = TrainingData(open_stage=lambda stage: Failing(batches=[batch(0)]))
    try:
        train(recipe(), data, out, engine=engine)
    except KeyboardInterrupt:
        Path(out, f"interrupted{engine.rank}").touch()
    except Exception as error:
        Path(out, f"error{engine.rank}.txt").write_text(str(error))


def exchange(engine, out):
    """Sums and strings; fails if a thread of gloo still has a tensor when the sum is returned."""
    for _ in range(300):
        before = references(torch.ones(1))
        assert references(engine.all_reduce_sum(torch.ones(1))) == before
    received = engine.gather_strings("" if engine.is_main else "zwölf")
    out.mkdir(parents=True, exist_ok=True)
    (out / f"received{engine.rank}.txt").write_text("|".join(received), encoding="utf-8")


def references(tensor):
    """Number of references in C++ and in Python."""
    return tensor._use_count() + sys.getrefcount(tensor)


def main(what, out):
    torch.set_num_threads(1)
    engine = open_engine("cpu")
    out = Path(out)
    if what == "curve":
        train_curve(engine, out)
    elif what == "dropout":
        train_with_dropout(engine, out)
    else:
        exchange(engine, out / "exchange")
        train_curve(engine, out / "stopped", minutes=0)
        train_detector(engine, out / "detector")
        for failure in ("missing", "nan", "interrupt"):
            train_with_failure(engine, out / failure, failure)
    engine.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
