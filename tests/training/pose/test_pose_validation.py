"""Validation metrics of known predictions."""

import numpy as np
import pytest
import torch
from synthetic_people import batch, tiny_spec

from rtmpose3d.skeletons import HIPS
from rtmpose3d.training.pose.validation import validate_pose


class Predicting(torch.nn.Module):
    """A graph that predicts the labels of a batch, shifted."""

    def __init__(self, people, spec, shift_px):
        super().__init__()
        self.device_of = torch.nn.Parameter(torch.zeros(1))
        codec = spec.codec
        z = (people.relative_depth_m() / codec.depth_range_m + 1) * (codec.depth_size / 2)
        points = np.concatenate([people.keypoints_px + shift_px, z[..., None]], axis=2)
        self.bins = torch.from_numpy(points * codec.split_ratio)

    def forward(self, crops):
        ones = torch.ones(self.bins.shape[:2])
        return self.bins, ones, ones


def metrics(shift_px):
    people, spec = batch(0, 4), tiny_spec()
    return validate_pose(Predicting(people, spec, shift_px), spec, [people])[0]


def test_the_labels_themselves_have_no_error():
    values = metrics(np.zeros(2))
    for part in ("body", "feet", "face", "hands"):
        assert values[f"pck05_{part}"] == 1
    assert values["mpjpe_mm"] == pytest.approx(0, abs=1)
    assert values["mpjpe_body_mm"] == pytest.approx(0, abs=1)


def test_a_shift_in_pixels_becomes_pck_of_the_box_and_millimetres_at_the_depth():
    """Boxes have 77 px, so 9 px are between 10 % and 20 % of it; 1 px is 19 mm at 4 m."""
    shift = np.full((1, 133, 2), [0.0, 9.0])
    shift[:, list(HIPS)] = 0
    values = metrics(shift)
    assert values["pck10_face"] == values["pck10_hands"] == 0
    assert values["pck20_face"] == values["pck20_hands"] == 1
    assert values["mpjpe_mm"] == pytest.approx(131 / 133 * 9 / 210 * 4000, rel=0.05)


def test_keypoints_without_a_label_do_not_count():
    people, spec = batch(0, 4), tiny_spec()
    shift = np.zeros((1, 133, 2))
    shift[:, 23:91] = 40
    graph = Predicting(people, spec, shift)
    people.visible[:, 23:91] = 0
    values = validate_pose(graph, spec, [people])[0]
    assert np.isnan(values["pck05_face"])
    assert values["pck05_body"] == 1
    assert values["mpjpe_mm"] == pytest.approx(0, abs=1)
