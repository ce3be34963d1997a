"""What each process of a test with torchrun, or one alone, runs: process_script.py WHAT OUT."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from synthetic_people import FixedSource, batch, tiny_spec

from rtmpose3d.errors import InputError
from rtmpose3d.training.data.batches import TrainingData
from rtmpose3d.training.loop.engines import open_engine
from rtmpose3d.training.recipes.augmentation import NO_AUGMENTATION
from rtmpose3d.training.recipes.pose import PoseRecipe
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.training.running import train

STEPS = 20


def recipe(**changes):
    """Of a network with RTMPose's arrangement.

    It has no dropout, whose chance each process has for itself. And it is steady: after 20 steps
    of the tiny RTMW, rounding differs by a percent if a batch is merely put in another order.
    """
    settings = {
        "model": replace(tiny_spec(), pafpn=False, hem=False),
        "schedule": FlatCosine(steps=STEPS, warmup_steps=20),
        "batch_size": 8,
        "learning_rate": 5e-4,
        "bone_weight": 0.01,
        "bone_start_fraction": 0.2,
        "heatmap_weight": 0.0,
        "stage1": NO_AUGMENTATION,
        "stage2": NO_AUGMENTATION,
        "log_every": 1,
        "validate_every": 10,
        "checkpoint_every": 8,
        **changes,
    }
    return PoseRecipe(**settings)


def half_in_2d(stage):
    """PaddedBoxes of whom the second half, which is the second process's, has partly no 3D."""
    people = batch(0)
    metres = people.keypoints_camera_m.copy()
    metres[5:] = np.nan
    return FixedSource(batches=[replace(people, keypoints_camera_m=metres), batch(1)])


def with_trouble(engine, what):
    """A source that gives the second process trouble in the fourth batch."""

    class Trouble(FixedSource):
        def batch(self, index):
            good = super().batch(index)
            if index != 3 or engine.rank != 1:
                return good
            if what == "missing":
                raise InputError("made-up: people.json, annotation 7: the image is missing")
            if what == "interrupt":
                os.kill(os.getpid(), signal.SIGINT)
                return good
            return replace(good, visible=np.full_like(good.visible, np.inf))

    return lambda stage: Trouble(batches=[batch(0)])


def train_a_detector(engine, out):
    """A tiny one, whose four images two processes share."""
    from synthetic_images import made_image, tiny_recipe

    from rtmpose3d.training.detector.rendered import validation_batches
    from rtmpose3d.training.running import train

    tiny = tiny_recipe(3, batch_size=4, validate_every=3, learning_rate=3e-4)
    batches = validation_batches(tiny, [made_image(i) for i in range(4)])
    held_out = batches if engine.is_main else []
    data = TrainingData(open_stage=lambda stage: FixedSource(batches=batches), validation=held_out)
    train(tiny, data, Path(out), engine=engine)


def talk(engine, out):
    """Sums and texts; fails if a thread of gloo's still has a tensor when the sum is there."""
    for _ in range(300):
        before = uses(torch.ones(1))
        assert uses(engine.all_reduce_sum(torch.ones(1))) == before
    said = engine.gather_strings("" if engine.is_main else "zwölf")
    Path(out, f"heard{engine.rank}.txt").write_text("|".join(said), encoding="utf-8")


def uses(tensor):
    """References to it in C++ and in Python."""
    return tensor._use_count() + sys.getrefcount(tensor)


def main(what, out):
    torch.set_num_threads(1)
    engine = open_engine("cpu")
    if what == "talk":
        talk(engine, out)
        engine.close()
        return
    if what == "detector":
        train_a_detector(engine, out)
        engine.close()
        return
    steady = what in ("curve", "half", "dropout")
    open_stage = half_in_2d if steady else with_trouble(engine, what)
    by_chance = {"model": replace(recipe().model, dropout=0.2)} if what == "dropout" else {}
    data = TrainingData(open_stage=open_stage, validation=[batch(9)] if engine.is_main else [])
    try:
        train(
            recipe(**by_chance),
            data,
            Path(out),
            engine=engine,
            resume=True,
            minutes=0 if what == "half" else None,
        )
    except KeyboardInterrupt:
        Path(out, f"interrupted{engine.rank}").touch()
    except Exception as error:
        Path(out, f"error{engine.rank}.txt").write_text(str(error))
        raise SystemExit(1) from error
    finally:
        engine.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
