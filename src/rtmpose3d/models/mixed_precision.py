"""Networks for inference in half precision: convolutions in bf16 or fp16, the last layers in fp32.

In half precision throughout, flat peaks of SimCC logits round to equal values, and the first of
them wins: keypoints move by a pixel, to one side. With everything after the final convolutions
(token MLPs, attention, classifiers; of RTMDet the last 1x1 convolutions) in fp32 they move by some
hundredths of a pixel. These layers are a small part of the arithmetic.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from rtmpose3d.models.blocks import ConvNorm
from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.models.rtmdet import RTMDet

CHANNEL_MULTIPLE = 8  # cuDNN's matrix kernels for fp16 and bf16 take channels in such groups
MAP_LAYERS = ("final_layer", "final_layer2")  # of the head: one channel for each keypoint


class MixedPoseNetwork(nn.Module):
    """A pose network with backbone, neck and final convolutions in half precision.

    Args:
        network: in evaluation mode; it is changed: norms are folded, convolutions converted.
        dtype: of the convolutions.
    """

    def __init__(self, network: PoseNetwork, dtype: torch.dtype) -> None:
        super().__init__()
        fold_norms(network)
        self.network = network
        self.dtype = dtype
        for name in MAP_LAYERS:
            if hasattr(network.head, name):
                _pad_outputs(network.head.get_submodule(name))
        parts = [network.backbone, network.neck, *_head_convolutions(network)]
        _convert([part for part in parts if part is not None], dtype)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) normalised float32 -> SimCC logits (B, K, bins) float32 of each axis."""
        head = self.network.head
        maps = head.maps(self.network.features(x.to(self.dtype))[1:])
        used = tuple(one[:, : head.keypoints].float() for one in maps)  # without the padding
        return head.classify(head.tokens(used))


class MixedRTMDet(nn.Module):
    """A detector with all but the last 1x1 convolutions in half precision.

    Args:
        network: in evaluation mode; it is changed: norms are folded, convolutions converted.
        dtype: of the convolutions.
    """

    def __init__(self, network: RTMDet, dtype: torch.dtype) -> None:
        super().__init__()
        fold_norms(network)
        self.network = network
        self.dtype = dtype
        head = network.bbox_head
        _convert([network.backbone, network.neck, head.cls_convs, head.reg_convs], dtype)

    def forward(self, x: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """(B, 3, H, W) normalised float32 -> float32 logits and distances: see `RTMDetHead`."""
        network = self.network
        features = network.neck(network.backbone(x.to(self.dtype)))
        classes, boxes = network.bbox_head.branches(features)
        return network.bbox_head.predict(
            tuple(feature.float() for feature in classes),
            tuple(feature.float() for feature in boxes),
        )


def lower_precision(
    network: PoseNetwork | RTMDet, dtype: torch.dtype
) -> MixedPoseNetwork | MixedRTMDet:
    """The network with its convolutions in half precision; the given one is changed."""
    if isinstance(network, RTMDet):
        return MixedRTMDet(network, dtype)
    return MixedPoseNetwork(network, dtype)


def fold_norms(network: nn.Module) -> None:
    """Fold the batch norms into their convolutions, in place; activations then work in place."""
    assert not network.training, "running statistics must be final"
    for module in network.modules():
        if isinstance(module, ConvNorm) and isinstance(module.bn, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.bn)
            module.add_module("bn", nn.Identity())
            if isinstance(module.activate, nn.SiLU | nn.ReLU):
                module.activate.inplace = True


def _pad_outputs(layer: nn.Module) -> None:
    """Add output channels of zeros to a convolution up to a multiple of `CHANNEL_MULTIPLE`.

    133 keypoints are none; the 7x7 convolutions of the head then run outside the matrix units.
    """
    conv = layer.conv if isinstance(layer, ConvNorm) else layer
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None, "norms are folded"
    missing = -conv.out_channels % CHANNEL_MULTIPLE
    conv.weight = nn.Parameter(functional.pad(conv.weight, (0, 0) * 3 + (0, missing)))
    conv.bias = nn.Parameter(functional.pad(conv.bias, (0, missing)))
    conv.out_channels += missing


def use_channels_last(network: nn.Module) -> None:
    """Store the convolutions' weights channels last, the layout of the fast kernels."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def _convert(parts: list[nn.Module], dtype: torch.dtype) -> None:
    for part in parts:
        use_channels_last(part.to(dtype))


def _head_convolutions(network: PoseNetwork) -> list[nn.Module]:
    """The head's modules that come before its tokens."""
    names = ("conv_dec", *MAP_LAYERS)
    return [module for name, module in network.head.named_children() if name in names]
