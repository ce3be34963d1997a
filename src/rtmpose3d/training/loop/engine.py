"""`Engine`: device, precision and collective operations of a training process.

The training loop calls it for everything that differs between one process and several. `Engine` is
one process on one device; `training.loop.distributed` has the engine of one of several processes.
`training.loop.distributed.open_engine` chooses between them.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from rtmpose3d.errors import UnknownNameError
from rtmpose3d.runtime.backends.torch import resolve_device
from rtmpose3d.runtime.devices import parse_device
from rtmpose3d.training.recipes.base import TRAINING_PRECISIONS, Precision


class Engine:
    """One process on one device.

    Args:
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: of the network's arithmetic; weights, losses and averages stay float32.
        channels_last: memory order of images and convolutions.

    Attributes:
        device: device of all tensors.
        rank, world_size: index of this process, and number of processes.
    """

    rank = 0
    world_size = 1

    def __init__(
        self, device: str = "auto", *, precision: Precision = "fp32", channels_last: bool = True
    ) -> None:
        if precision not in TRAINING_PRECISIONS:
            raise UnknownNameError("precision", precision, TRAINING_PRECISIONS)
        self.device = torch.device(str(resolve_device(parse_device(device))))
        self.precision = precision
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format

    @property
    def is_main(self) -> bool:
        """Whether this process writes logs, checkpoints and images."""
        return self.rank == 0

    def setup(self, network: nn.Module) -> nn.Module:
        """Move a network to the device, in the memory order."""
        network.to(self.device)
        for parameter in network.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=self.memory_format)
        return network

    def wrap(self, model: nn.Module) -> nn.Module:
        """Wrap a model for training; call the result instead."""
        return model

    def autocast(self) -> AbstractContextManager[object]:
        """Context in which networks run in the engine's precision."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients of the loss, averaged over all processes."""
        loss.backward()

    def all_reduce_sum(self, numbers: Tensor) -> Tensor:
        """Sum over all processes, without gradient."""
        return numbers.detach()

    def all_reduce_mean(self, numbers: Tensor) -> Tensor:
        """Mean over all processes, without gradient."""
        return self.all_reduce_sum(numbers) / self.world_size

    def all_gather(self, numbers: Tensor) -> list[Tensor]:
        """Tensor of each process, on the CPU; all of one shape."""
        return [numbers.detach().cpu()]

    def gather_strings(self, text: str) -> list[str]:
        """Text of each process."""
        return [text]

    def barrier(self) -> None:
        """Wait for all processes."""

    def close(self) -> None:
        """Leave the process group."""
