"""PCK on numbers whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation import EVALUATED_PARTS, pck

BOXES = np.array([[10.0, 20.0, 60.0, 220.0], [300.0, 50.0, 400.0, 90.0]])  # longer: 200, 100


def people(error_px: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    true = np.random.default_rng(0).uniform(0, 300, (2, 133, 2))
    found = np.add(true, [0.6 * error_px, -0.8 * error_px])
    return found, true, np.ones((2, 133), bool)


def test_distances_count_in_parts_of_each_boxs_longer_side() -> None:
    found, true, annotated = people(9.99)  # 0.05 of 200, 0.1 of 100
    result = pck(found, true, annotated, BOXES)
    assert result["body"].shares == (0.5, 1.0, 1.0)
    assert result["hands"].shares == (0.5, 1.0, 1.0)
    assert {part: scores.points for part, scores in result.items()} == {
        "body": 34,
        "feet": 12,
        "face": 136,
        "hands": 84,
    }


def test_only_annotated_keypoints_count() -> None:
    found, true, annotated = people(0.0)
    annotated[:] = False
    annotated[0, [0, 5, 17, 91]] = True
    found[~annotated] = 1e6
    found[0, 5] += 500
    result = pck(found, true, annotated, BOXES)
    assert result["body"].shares == (0.5, 0.5, 0.5)
    assert result["body"].points == 2
    assert result["feet"].shares == (1.0, 1.0, 1.0)
    assert result["face"].points == 0
    assert all(math.isnan(share) for share in result["face"].shares)


def test_what_was_not_found_is_missed() -> None:
    found, true, annotated = people(0.0)
    found[1] = np.nan
    assert pck(found, true, annotated, BOXES)["face"].shares == (0.5, 0.5, 0.5)


def test_the_parts_cover_every_keypoint_once() -> None:
    covered = np.concatenate(list(EVALUATED_PARTS.values()))
    assert sorted(covered.tolist()) == list(range(133))


def test_a_box_without_extent_and_wrong_shapes_are_errors() -> None:
    found, true, annotated = people(0.0)
    with pytest.raises(InputError, match="some extent"):
        pck(found, true, annotated, np.array([[5.0, 5.0, 5.0, 5.0], [0.0, 0.0, 9.0, 9.0]]))
    with pytest.raises(InputError, match="must be"):
        pck(found[:1], true, annotated, BOXES)
