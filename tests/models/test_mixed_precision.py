"""Half precision with the last layers in fp32: close to fp32, and fp32 where it must be."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from rtmpose3d.models import PoseNetwork, RTMDet, build_network
from rtmpose3d.models.mixed_precision import (
    CHANNEL_MULTIPLE,
    MixedPoseNetwork,
    MixedRTMDet,
    fold_norms,
    use_channels_last,
)
from rtmpose3d.zoo import resolve_detector, resolve_pose

DTYPES = (torch.bfloat16, torch.float16)


def pose_network(name: str = "rtmw3d-n") -> PoseNetwork:
    """A network with random weights and norms that are no identities."""
    torch.manual_seed(0)
    network = build_network(resolve_pose(name))
    assert isinstance(network, PoseNetwork)
    return randomise_norms(network).eval()


def randomise_norms(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return network


def crops() -> torch.Tensor:
    return torch.randn(2, 3, 256, 192, generator=torch.Generator().manual_seed(1))


def relative_error(value: torch.Tensor, expected: torch.Tensor) -> float:
    return float((value - expected).norm() / expected.norm())


@torch.no_grad()
def test_folded_norms_change_nothing_but_rounding() -> None:
    network = pose_network()
    x = crops()
    expected = network(x)
    fold_norms(network)
    use_channels_last(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    for value, logits in zip(network(x), expected, strict=True):
        torch.testing.assert_close(value, logits, rtol=1e-3, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["rtmw3d-n", "dwpose-t-256x192"])
def test_logits_in_half_precision_are_close_and_float32(name: str, dtype: torch.dtype) -> None:
    network = pose_network(name)
    x = crops()
    expected = network(x)
    mixed = MixedPoseNetwork(copy.deepcopy(network), dtype)
    for value, logits in zip(mixed(x), expected, strict=True):
        assert value.dtype == torch.float32
        assert relative_error(value, logits) < 16 * torch.finfo(dtype).eps


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_convolutions_of_a_pose_network_are_in_half_precision_and_nothing_else(
    dtype: torch.dtype,
) -> None:
    for name in ("rtmw3d-n", "dwpose-t-256x192"):
        mixed = MixedPoseNetwork(pose_network(name), dtype)
        for module in mixed.modules():
            wanted = dtype if isinstance(module, nn.Conv2d) else torch.float32
            for parameter in module.parameters(recurse=False):
                assert parameter.dtype == wanted


def test_maps_have_a_number_of_channels_that_the_matrix_kernels_take() -> None:
    for name in ("rtmw3d-n", "dwpose-t-256x192"):
        mixed = MixedPoseNetwork(pose_network(name), torch.float16)
        for convolution in mixed.network.head.modules():
            if isinstance(convolution, nn.Conv2d):
                assert convolution.out_channels % CHANNEL_MULTIPLE == 0
                assert len(convolution.weight) == convolution.out_channels


@torch.no_grad()
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["rtmdet-m", "rtmdet-n"])
def test_the_last_convolutions_of_a_detector_are_in_float32(name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    network = build_network(resolve_detector(name))
    assert isinstance(network, RTMDet)
    randomise_norms(network).eval()
    x = torch.randn(1, 3, 64, 96)
    expected = network(x)
    mixed = MixedRTMDet(network, dtype)
    head = network.bbox_head
    assert {layer.weight.dtype for layer in (*head.rtm_cls, *head.rtm_reg)} == {torch.float32}
    for values, references in zip(mixed(x), expected, strict=True):
        for value, reference in zip(values, references, strict=True):
            assert value.dtype == torch.float32
            assert relative_error(value, reference) < 16 * torch.finfo(dtype).eps
