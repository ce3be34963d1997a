"""Batch norms over all processes: torch's own on GPUs, `SyncBatchNormCPU` on CPUs."""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn


def convert_sync_batchnorm(model: nn.Module) -> nn.Module:
    """Let all batch norms of a model count over all processes instead of over their own part.

    Keys and shapes stay. The published configurations do so in all of RTMPose and in the neck of
    RTMW and RTMW3D, whose backbone and head count over the 32 to 1,024 people of each GPU. Here
    all norms do, so the number of processes changes nothing.
    """
    if next(model.parameters()).is_cuda:
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, SyncBatchNormCPU.from_batch_norm(child))
    return model


class _AllReduceSum(torch.autograd.Function):
    """Sum over all processes, of values and of gradients."""

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


class SyncBatchNormCPU(nn.BatchNorm2d):
    """Batch norm with the mean and variance of all processes' images, as SyncBatchNorm on GPUs."""

    @classmethod
    def from_batch_norm(cls, norm: nn.BatchNorm2d) -> SyncBatchNormCPU:
        """Norm that shares the parameters and buffers of another."""
        shared = cls(
            norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats
        )
        shared._parameters, shared._buffers = norm._parameters, norm._buffers
        shared.train(norm.training)
        return shared

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape and type."""
        if not self.training:
            return super().forward(input)
        x = input.float()
        # Sums in double, as torch's own norms compute them on CPUs: channels of little variance
        # are scaled up a hundredfold, and so would be the rounding of their means.
        count = x.new_tensor([x.numel() / x.shape[1]], dtype=torch.float64)
        total = _AllReduceSum.apply(torch.cat([x.sum(dim=(0, 2, 3), dtype=torch.float64), count]))
        assert isinstance(total, Tensor)
        mean, count = (total[:-1] / total[-1]).float(), total[-1].detach()
        centred = x - mean[:, None, None]
        squares = _AllReduceSum.apply(centred.square().sum(dim=(0, 2, 3), dtype=torch.float64))
        assert isinstance(squares, Tensor)
        variance = (squares / count).float()
        count = count.float()
        self._update_running(mean.detach(), variance.detach() * count / (count - 1))
        scaled = centred * torch.rsqrt(variance + self.eps)[:, None, None]
        if self.affine:
            scaled = scaled * self.weight[:, None, None] + self.bias[:, None, None]
        return scaled.to(input.dtype)

    @torch.no_grad()
    def _update_running(self, mean: Tensor, variance: Tensor) -> None:
        """Update the running averages, which evaluation uses."""
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        momentum = self.momentum
        if momentum is None:
            momentum = 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)
