"""Training in several processes, on one machine or many, started by torchrun.

Every process has the full network and trains on its own part of each batch. Gradients are averaged
(DDP) and batch norms count over all parts, so a training does not depend on how many processes
share a batch.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

import torch
from torch import Tensor, distributed, nn

from rtmpose3d.errors import InputError
from rtmpose3d.training.loop.batch_norm import convert_sync_batchnorm
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.recipes.base import Precision

_TIMEOUT = timedelta(hours=1)  # the others wait while the main process validates and draws


class DistributedEngine(Engine):
    """One of several processes, each on a device of its own.

    Args:
        device: "auto", "cpu" or "cuda"; the local rank selects among several GPUs.
        precision, channels_last: as of `Engine`.

    Raises:
        InputError: a numbered device.
        BackendError: the device is not available.
    """

    def __init__(
        self, device: str = "auto", *, precision: Precision = "fp32", channels_last: bool = True
    ) -> None:
        if ":" in device:
            raise InputError(
                f"device {device!r} cannot be shared by several processes; use cuda, and select "
                "GPUs with CUDA_VISIBLE_DEVICES"
            )
        super().__init__(device, precision=precision, channels_last=channels_last)
        on_gpu = self.device.type == "cuda"
        if on_gpu:
            self.device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(self.device)
        # Weights of depthwise convolutions have two stride patterns for one memory order, and DDP
        # warns about them.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=_TIMEOUT)
        self.rank, self.world_size = distributed.get_rank(), distributed.get_world_size()

    def wrap(self, model: nn.Module) -> nn.Module:
        """Wrap a model in DDP, with batch norms over all processes."""
        devices = [self.device] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(
            convert_sync_batchnorm(model), device_ids=devices
        )

    def all_reduce_sum(self, numbers: Tensor) -> Tensor:
        """Sum over all processes, without gradient."""
        total = numbers.detach().to(self.device, copy=True)
        _run_collective(partial(distributed.all_reduce, total), [total])
        return total

    def all_gather(self, numbers: Tensor) -> list[Tensor]:
        """Tensor of each process, on the CPU; all of one shape."""
        own = numbers.detach().to(self.device)
        gathered = [torch.empty_like(own) for _ in range(self.world_size)]
        _run_collective(partial(distributed.all_gather, gathered, own), [own, *gathered])
        return [x.cpu() for x in gathered]

    def gather_strings(self, text: str) -> list[str]:
        """Text of each process."""
        own = torch.tensor(list(text.encode()), dtype=torch.uint8)
        lengths = [int(x) for x in self.all_gather(torch.tensor([len(own)]))]
        padded = nn.functional.pad(own, (0, max(lengths) - len(own)))
        gathered = zip(self.all_gather(padded), lengths, strict=True)
        return [bytes(x[:length].tolist()).decode() for x, length in gathered]

    def barrier(self) -> None:
        """Wait for all processes."""
        self.all_reduce_sum(torch.zeros(1)).item()

    def close(self) -> None:
        """Leave the process group."""
        if distributed.is_initialized():
            distributed.destroy_process_group()


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


def _run_collective(operation: Callable[[], object], tensors: Sequence[Tensor]) -> None:
    """Run a collective operation, and wait until its threads have released the tensors.

    On CPUs, gloo's thread releases a tensor shortly after the result is available, and needs
    Python's lock for it. If Python is shutting down by then, this aborts the process: "terminate
    called without an active exception" (https://github.com/pytorch/pytorch/pull/179291). Waits for
    at most a second.
    """
    before = _references(tensors)
    operation()
    if tensors[0].is_cuda:
        return
    deadline = time.monotonic() + 1
    while _references(tensors) > before and time.monotonic() < deadline:
        time.sleep(0)


def _references(tensors: Sequence[Tensor]) -> int:
    """Number of references to tensors, in C++ and in Python."""
    return sum(x._use_count() + sys.getrefcount(x) for x in tensors)  # type: ignore[attr-defined]
