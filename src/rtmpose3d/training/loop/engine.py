"""Where a training runs and in which precision: the one place that knows of devices.

The loop asks it for everything that many devices would do differently. `Engine` is one device;
`training.loop.distributed` has the one for several processes, which `open_engine` gives where
torchrun has started them.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor, nn

from rtmpose3d.errors import UnknownNameError
from rtmpose3d.runtime.backends.torch import resolve_device
from rtmpose3d.runtime.devices import parse_device

Precision = Literal["fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")


class Engine:
    """One device.

    Args:
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: of the network's arithmetic; weights, losses and averages stay float32.
        channels_last: memory order of images and convolutions.

    Attributes:
        device: where tensors live.
        rank, world_size: number of this process, and of all.
    """

    rank = 0
    world_size = 1

    def __init__(
        self, device: str = "auto", *, precision: Precision = "fp32", channels_last: bool = True
    ) -> None:
        if precision not in PRECISIONS:
            raise UnknownNameError("precision", precision, PRECISIONS)
        self.device = torch.device(str(resolve_device(parse_device(device))))
        self.precision = precision
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format

    @property
    def first(self) -> bool:
        """Whether this is the process that writes logs, checkpoints and images."""
        return self.rank == 0

    def setup(self, network: nn.Module) -> nn.Module:
        """Move a network to the device, in the memory order."""
        network.to(self.device)
        for parameter in network.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=self.memory_format)
        return network

    def wrap(self, model: nn.Module) -> nn.Module:
        """What the loop calls in place of a module that is trained."""
        return model

    def autocast(self) -> AbstractContextManager[object]:
        """Within it, networks run in the precision."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def backward(self, loss: Tensor) -> None:
        """Gradients of the loss, the mean over all processes."""
        loss.backward()

    def sum(self, numbers: Tensor) -> Tensor:
        """Sum over all processes; without gradient."""
        return numbers.detach()

    def mean(self, numbers: Tensor) -> Tensor:
        """Mean over all processes; without gradient."""
        return self.sum(numbers) / self.world_size

    def gather(self, numbers: Tensor) -> list[Tensor]:
        """The tensor of each process, on the CPU; of one shape."""
        return [numbers.detach().cpu()]

    def texts(self, text: str) -> list[str]:
        """The text of each process."""
        return [text]

    def wait(self) -> None:
        """Until all processes are here."""

    def close(self) -> None:
        """End what connects the processes."""


def open_engine(
    device: str = "auto", *, precision: Precision = "fp32", channels_last: bool = True
) -> Engine:
    """The engine of this process: of several where torchrun has started it, else of one device.

    Raises:
        BackendError: the device is not there.
        MissingDependencyError: there are several processes and the extra `train` is not installed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        from rtmpose3d.training.loop.distributed import DistributedEngine

        return DistributedEngine(device, precision=precision, channels_last=channels_last)
    return Engine(device, precision=precision, channels_last=channels_last)
