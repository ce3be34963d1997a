"""Training by several processes, on one machine or many: torchrun starts them, accelerate joins.

Every process holds the whole network and sees its own part of each batch. Gradients are averaged
(DDP) and batch norms count over all parts, so that a training does not depend on how many
processes share a batch. Needs the extra `train`.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, distributed, nn

from rtmpose3d.errors import InputError, import_extra
from rtmpose3d.runtime.backends.torch import resolve_device
from rtmpose3d.runtime.devices import parse_device
from rtmpose3d.training.loop.engine import Engine, Precision

if TYPE_CHECKING:
    from accelerate import Accelerator

_PATIENCE = timedelta(hours=1)  # how long others wait while one process validates and draws


class DistributedEngine(Engine):
    """One of several processes, each with a device of its own.

    Args:
        device: "auto", "cpu" or "cuda"; which of several is the process's rank on its machine.
        precision, channels_last: see `Engine`.

    Raises:
        InputError: a device with a number.
        BackendError: the device is not there.
        MissingDependencyError: the extra `train` is not installed.
    """

    def __init__(
        self, device: str = "auto", *, precision: Precision = "fp32", channels_last: bool = True
    ) -> None:
        if ":" in device:
            raise InputError(
                f"device {device!r} cannot be shared by several processes; say cuda, and which "
                "of them with CUDA_VISIBLE_DEVICES"
            )
        super().__init__(device, precision=precision, channels_last=channels_last)
        kind = torch.device(str(resolve_device(parse_device(device)))).type
        self._accelerator = _accelerator(kind == "cpu")
        self.device = self._accelerator.device
        self.rank = self._accelerator.process_index
        self.world_size = self._accelerator.num_processes

    def wrap(self, model: nn.Module) -> nn.Module:
        """See `Engine`: batch norms over all processes, gradients averaged by DDP."""
        wrapped: nn.Module = self._accelerator.prepare_model(synchronise_norms(model))
        return wrapped

    def backward(self, loss: Tensor) -> None:
        """See `Engine`."""
        self._accelerator.backward(loss)

    def sum(self, numbers: Tensor) -> Tensor:
        """See `Engine`."""
        total = numbers.detach().to(self.device, copy=True)
        _carry_out(partial(distributed.all_reduce, total), [total])
        return total

    def gather(self, numbers: Tensor) -> list[Tensor]:
        """See `Engine`."""
        own = numbers.detach().to(self.device)
        all_of_them = [torch.empty_like(own) for _ in range(self.world_size)]
        _carry_out(partial(distributed.all_gather, all_of_them, own), [own, *all_of_them])
        return [x.cpu() for x in all_of_them]

    def texts(self, text: str) -> list[str]:
        """See `Engine`."""
        own = torch.tensor(list(text.encode()), dtype=torch.uint8)
        lengths = [int(x) for x in self.gather(torch.tensor([len(own)]))]
        padded = nn.functional.pad(own, (0, max(lengths) - len(own)))
        found = zip(self.gather(padded), lengths, strict=True)
        return [bytes(x[:length].tolist()).decode() for x, length in found]

    def wait(self) -> None:
        """See `Engine`."""
        self.sum(torch.zeros(1)).item()

    def close(self) -> None:
        """See `Engine`."""
        self._accelerator.end_training()


def _carry_out(operation: Callable[[], object], tensors: Sequence[Tensor]) -> None:
    """Do a collective operation, and wait until its threads have let go of the tensors.

    Gloo's thread, on CPUs, drops a tensor a little after the result is there, and needs Python's
    lock for it. If Python is ending by then, this aborts the process: "terminate called without
    an active exception" (https://github.com/pytorch/pytorch/pull/179291). Waits a second at most.
    """
    before = _uses(tensors)
    operation()
    if tensors[0].is_cuda:
        return
    deadline = time.monotonic() + 1
    while _uses(tensors) > before and time.monotonic() < deadline:
        time.sleep(0)


def _uses(tensors: Sequence[Tensor]) -> int:
    """References to tensors, in C++ and in Python."""
    return sum(x._use_count() + sys.getrefcount(x) for x in tensors)  # type: ignore[attr-defined]


def _accelerator(cpu: bool) -> Accelerator:
    """The one that joins this process to the others.

    Raises:
        MissingDependencyError: accelerate is not installed.
    """
    import_extra("accelerate", "train", "training with several processes")
    from accelerate import Accelerator
    from accelerate.utils import InitProcessGroupKwargs

    # Weights of depthwise convolutions have two names for one memory order; DDP minds.
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
    return Accelerator(
        cpu=cpu,
        mixed_precision="no",  # `Engine.autocast` does it, as on one device
        kwargs_handlers=[
            InitProcessGroupKwargs(backend="gloo" if cpu else "nccl", timeout=_PATIENCE)
        ],
    )


def synchronise_norms(model: nn.Module) -> nn.Module:
    """Let all batch norms of a model count over all processes, in place of over their own part.

    On GPUs with torch's own SyncBatchNorm, on CPUs, where that does not run, with `SharedNorm`.
    Keys and shapes stay. The published configurations do so in all of RTMPose and in the neck of
    RTMW and RTMW3D, whose backbone and head count over each GPU's 32 to 1,024 people. Here all
    do: then the number of processes changes nothing.
    """
    if next(model.parameters()).is_cuda:
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, SharedNorm.of(child))
    return model


class _Total(torch.autograd.Function):
    """Sum over all processes, of numbers and of gradients."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, numbers: Tensor) -> Tensor:
        total = numbers.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> Tensor:
        total = grads[0].clone()
        distributed.all_reduce(total)
        return total


class SharedNorm(nn.BatchNorm2d):
    """Batch norm whose mean and variance are those of all processes' images."""

    @classmethod
    def of(cls, norm: nn.BatchNorm2d) -> SharedNorm:
        """One with the same parameters and buffers, not copies."""
        shared = cls(
            norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats
        )
        shared._parameters, shared._buffers = norm._parameters, norm._buffers
        shared.train(norm.training)
        return shared

    def forward(self, input: Tensor) -> Tensor:
        """See the class: (B, C, H, W) -> the same shape and type."""
        if not self.training:
            return super().forward(input)
        x = input.float()
        # Sums in double, as torch's own norms take them on CPUs: channels that hardly vary are
        # enlarged a hundredfold, and so would be the rounding of their means.
        count = x.new_tensor([x.numel() / x.shape[1]], dtype=torch.float64)
        total = _Total.apply(torch.cat([x.sum(dim=(0, 2, 3), dtype=torch.float64), count]))
        assert isinstance(total, Tensor)
        mean, count = (total[:-1] / total[-1]).float(), total[-1].detach()
        centred = x - mean[:, None, None]
        squares = _Total.apply(centred.square().sum(dim=(0, 2, 3), dtype=torch.float64))
        assert isinstance(squares, Tensor)
        variance = (squares / count).float()
        count = count.float()
        self._follow(mean.detach(), variance.detach() * count / (count - 1))
        scaled = centred * torch.rsqrt(variance + self.eps)[:, None, None]
        if self.affine:
            scaled = scaled * self.weight[:, None, None] + self.bias[:, None, None]
        return scaled.to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Move the averages that evaluation uses."""
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        momentum = self.momentum
        if momentum is None:
            momentum = 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)
