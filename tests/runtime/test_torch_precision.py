"""The torch backend in half precision: keypoints stay where fp32 puts them."""

from __future__ import annotations

import numpy as np
import pytest
from drift import demo_crops

from rtmpose3d.codec import keypoints_from_bins
from rtmpose3d.runtime import Device, load_weights
from rtmpose3d.runtime.network import Execution
from rtmpose3d.weights import locate
from rtmpose3d.zoo import resolve_pose

pytest.importorskip("torch")
from rtmpose3d.runtime.backends.torch import TorchNetwork, open_weights

SPEC = resolve_pose("rtmw3d-n")


def open_network(precision: str) -> TorchNetwork:
    path = locate(SPEC.file, None)
    assert path is not None
    execution = Execution(device=Device(kind="cpu"), precision=precision)
    network = open_weights(SPEC, load_weights(SPEC, path), execution)
    assert isinstance(network, TorchNetwork)
    return network


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_keypoints_in_half_precision_stay_within_the_limits_of_drift(precision: str) -> None:
    crops = demo_crops(SPEC)
    assert len(crops) > 1
    names = SPEC.output_names[:3]
    bins, scores, confidence = open_network("fp32").run(crops, names)
    moved_bins, moved_scores, moved_confidence = open_network(precision).run(crops, names)
    points, _ = keypoints_from_bins(bins, SPEC.codec)
    moved, _ = keypoints_from_bins(moved_bins, SPEC.codec)
    offset = (moved - points)[scores > 0]
    distance = np.linalg.norm(offset, axis=1)
    assert np.abs(moved_scores - scores).max() > 0  # it is another arithmetic
    assert np.abs(offset.mean(axis=0)).max() < 0.03
    assert distance.mean() < 0.1
    assert np.percentile(distance, 99) < 0.75
    assert np.abs(moved_confidence - confidence).mean() < 1e-3


def test_logits_alone_equal_those_of_a_complete_run() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (1, 256, 192, 3), dtype=np.uint8)
    network = open_network("fp32")
    names = SPEC.output_names
    for alone, expected in zip(
        network.run(crops, names[3:]), network.run(crops, names)[3:], strict=True
    ):
        np.testing.assert_array_equal(alone, expected)
