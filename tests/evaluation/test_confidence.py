"""PCK by confidence, on numbers whose answer is known."""

from __future__ import annotations

import numpy as np

from rtmpose3d.evaluation.metrics import ConfidenceBin, pck_by_confidence


def test_keypoints_are_counted_in_tenths_of_confidence() -> None:
    annotated = np.zeros((3, 133), bool)
    annotated[:, :4] = True
    confidence = np.full((3, 133), 0.95)  # not annotated: does not count
    confidence[:, :4] = [[0.25] * 4, [0.85] * 4, [1.0] * 4]
    errors = np.full((3, 133), 0.5)
    errors[:, :4] = [[0.1, 0.11, np.inf, 0.0], [0.0] * 4, [0.0, 0.0, 0.0, 0.3]]
    assert pck_by_confidence(errors, confidence, annotated) == [
        ConfidenceBin(low=0.2, high=0.3, keypoints=4, pck=0.5),
        ConfidenceBin(low=0.8, high=0.9, keypoints=4, pck=1.0),
        ConfidenceBin(low=0.9, high=1.0, keypoints=4, pck=0.75),
    ]
