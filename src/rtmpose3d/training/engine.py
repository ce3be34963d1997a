"""Where a training runs and in which precision: the one place that knows of devices.

The loop asks it for everything that many devices would do differently, so that an engine over
several of them (lightning-fabric has the same four operations) can take its place.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor, nn

from rtmpose3d.errors import UnknownNameError
from rtmpose3d.runtime.devices import parse_device, torch_device

Precision = Literal["fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")


class Engine:
    """One device.

    Args:
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: of the network's arithmetic; weights, losses and averages stay float32.
        channels_last: memory order of pictures and convolutions.

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
        self.device = torch.device(str(torch_device(parse_device(device))))
        self.precision = precision
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format

    def setup(self, network: nn.Module) -> nn.Module:
        """Move a network to the device, in the memory order."""
        network.to(self.device)
        for parameter in network.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=self.memory_format)
        return network

    def autocast(self) -> AbstractContextManager[object]:
        """Within it, networks run in the precision."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def backward(self, loss: Tensor) -> None:
        """Gradients of the loss; engines of many devices average them here."""
        loss.backward()

    def unwrap(self, network: nn.Module) -> nn.Module:
        """The network itself, without what an engine may have put around it."""
        return network
