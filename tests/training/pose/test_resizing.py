"""Weights for another input size: the same answers about the same image, shown on more cells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_people import tiny_spec

from rtmpose3d.errors import WeightsError
from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.training.pose.initialization import InitialWeights, init_weights
from rtmpose3d.training.pose.resizing import resize_head
from rtmpose3d.training.recipes.small import nano, nano_small
from rtmpose3d.weights import write_torch_file


def _arrays(network: PoseNetwork) -> dict[str, np.ndarray]:
    return {key: value.numpy() for key, value in network.state_dict().items()}


def test_a_map_shown_on_four_times_the_cells_gives_the_same_token() -> None:
    torch.manual_seed(1)
    small, large = PoseNetwork(nano_small().model), PoseNetwork(nano().model)
    resized = resize_head(_arrays(small), large.state_dict(), (192, 256))
    large.load_state_dict({key: torch.from_numpy(value) for key, value in resized.items()})
    for name, height, width in (("mlp", 4, 3), ("mlp2", 8, 6)):
        maps = torch.rand(2, 133, height, width)
        larger = maps.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        token = small.head.get_submodule(name)(maps.flatten(2))
        same = large.head.get_submodule(name)(larger.flatten(2))
        torch.testing.assert_close(same, token, rtol=1e-4, atol=1e-6)


def test_finer_bins_peak_at_the_same_location() -> None:
    small, large = PoseNetwork(nano_small().model), PoseNetwork(nano().model)
    arrays = _arrays(small)
    bins = np.arange(192)
    arrays["head.cls_x.weight"][:] = 0
    arrays["head.cls_x.weight"][:, 0] = -((bins - 130) ** 2) / 50
    resized = resize_head(arrays, large.state_dict(), (192, 256))["head.cls_x.weight"]
    assert resized.shape == (384, 256)
    assert abs(resized[:, 0].argmax() - 2 * 130.25) <= 1  # the same share of the axis


def test_initial_weights_of_another_size_are_taken_and_of_another_aspect_refused(
    tmp_path: Path,
) -> None:
    spec = tiny_spec()
    path = tmp_path / "small.pth"
    write_torch_file(path, _arrays(PoseNetwork(spec)))
    width, height = spec.input_size_wh
    codec = replace(spec.codec, input_size_wh=(2 * width, 2 * height))
    twice = replace(spec, input_size_wh=(2 * width, 2 * height), codec=codec)
    init_weights(PoseNetwork(twice), twice, InitialWeights(path=path))
    with pytest.raises(WeightsError, match="another shape"):
        init_weights(PoseNetwork(twice), twice, InitialWeights(path=path, resize=False))
    codec = replace(spec.codec, input_size_wh=(3 * width, 2 * height))
    wider = replace(spec, input_size_wh=(3 * width, 2 * height), codec=codec)
    with pytest.raises(WeightsError, match="aspect ratio must be the same"):
        init_weights(PoseNetwork(wider), wider, InitialWeights(path=path))
