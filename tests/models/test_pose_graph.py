from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from rtmpose3d.codec import SimCCSpec, decode_simcc
from rtmpose3d.models.graph import PoseGraph
from rtmpose3d.zoo import resolve_pose


class GivenLogits(nn.Module):
    """In place of a network: the same logits for any crops."""

    def __init__(self, simcc):
        super().__init__()
        self.simcc = [torch.from_numpy(axis) for axis in simcc]

    def forward(self, _):
        return self.simcc


def _wavering_logits(codec: SimCCSpec, seed):
    """Several random bells per axis; every fifth keypoint is invisible."""
    rng = np.random.default_rng(seed)
    simcc = []
    for bins in codec.bins:
        means, heights = rng.uniform(0, bins, (2, 2, 20, 4, 1)) / [[[[[1]]]], [[[[bins]]]]]
        bells = heights * np.exp(-0.5 * ((np.arange(bins) - means) / 9) ** 2)
        simcc.append((bells.max(axis=2) / 2).astype(np.float32))
        simcc[-1][:, ::5] -= 1
    return simcc


@pytest.mark.parametrize("decode_sigma", [None, 6.0, 24.0])
def test_it_decodes_as_the_codec_does(decode_sigma):
    spec = resolve_pose("rtmw3d-n")
    codec = replace(spec.codec, decode_sigma=decode_sigma)
    simcc = _wavering_logits(codec, seed=1)
    expected = decode_simcc(simcc, codec)
    graph = PoseGraph(GivenLogits(simcc), replace(spec, codec=codec))  # type: ignore[arg-type]
    bins, scores, confidence, *_ = graph(torch.zeros(2, 256, 192, 3, dtype=torch.uint8))
    assert (expected.bins[:, ::5] == -1).all()
    assert (expected.bins[:, 1::5] >= 0).all()
    np.testing.assert_allclose(bins, expected.bins, atol=0 if decode_sigma is None else 1)
    np.testing.assert_array_equal(scores, expected.scores)
    np.testing.assert_allclose(confidence, expected.confidence, atol=2e-3)
