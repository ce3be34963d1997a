"""Detections: boxes and scores that belong together."""

from __future__ import annotations

import numpy as np
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.structures import Detections

BOXES = np.array([[1, 2, 30, 40], [5, 6, 70, 80], [9, 10, 110, 120]], np.float32)
SCORES = np.array([0.9, 0.8, 0.7], np.float32)


def test_selecting_people_selects_boxes_and_scores():
    detections = Detections(boxes_xyxy=BOXES, scores=SCORES)
    assert len(detections) == 3
    selected = detections.select(np.array([2, 0]))
    np.testing.assert_array_equal(selected.boxes_xyxy, BOXES[[2, 0]])
    np.testing.assert_array_equal(selected.scores, SCORES[[2, 0]])
    assert len(detections.select(slice(0, 0))) == 0


@pytest.mark.parametrize(
    ("boxes", "scores"),
    [
        (BOXES[:2], SCORES),
        (BOXES, SCORES[:2]),
        (BOXES[:, :3], SCORES),
        (BOXES[0], SCORES[:1]),
        (BOXES, SCORES[:, None]),
        (BOXES[:1], np.float32(0.5)),
    ],
)
def test_boxes_and_scores_of_different_people_are_refused(boxes, scores):
    with pytest.raises(InputError, match=r"\(N, 4\) and scores \(N,\)"):
        Detections(boxes_xyxy=boxes, scores=scores)
