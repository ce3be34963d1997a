"""`open_engine`: the engine that fits how this process was started."""

from __future__ import annotations

import os

from rtmpose3d.training.loop.distributed import DistributedEngine
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.recipes.base import Precision


def open_engine(
    device: str = "auto", *, precision: Precision = "fp32", channels_last: bool = True
) -> Engine:
    """Open the engine of this process: one of several if torchrun started it, else a single one.

    Args:
        device: "auto", "cpu", "cuda", "cuda:N" or "mps"; with several processes without a number.
        precision: of the network's arithmetic.
        channels_last: memory order of images and convolutions.

    Raises:
        InputError: several processes on a numbered device.
        BackendError: the device is not available.
    """
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    engine = DistributedEngine if several else Engine
    return engine(device, precision=precision, channels_last=channels_last)
