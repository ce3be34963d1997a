"""Rescoring and suppression of top-down poses."""

from __future__ import annotations

import numpy as np
import pytest

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.evaluation import Rescoring
from rtmpose3d.evaluation.protocols.rescoring import pose_similarity


def test_of_similar_poses_the_better_one_is_kept() -> None:
    one = np.linspace(0, 200, 266).reshape(133, 2)
    poses = np.stack([one, one + 0.5, np.add(one, [300, 40])])
    area = np.full(3, 9000.0)
    similarity = pose_similarity(poses, area)
    assert similarity[0, 1] > 0.9 > 0.1 > similarity[0, 2]
    scores = np.array([0.4, 0.8, 0.5])
    assert Rescoring().keep(poses, scores, area).tolist() == [1, 2]
    assert Rescoring(nms="none").keep(poses, scores, area).tolist() == [0, 1, 2]
    assert Rescoring(nms="soft-oks").keep(poses, scores, area).tolist() == [1, 2, 0]


def test_only_keypoints_above_the_threshold_count_in_the_score() -> None:
    scores = np.full((2, 133), 0.1)
    scores[0, :10] = 0.6
    boxes = np.array([0.5, 0.9])
    assert Rescoring().scores(boxes, scores) == pytest.approx([0.3, 0])
    assert Rescoring(score="bbox").scores(boxes, scores) == pytest.approx([0.5, 0.9])
    assert Rescoring(score="keypoint").scores(boxes, scores)[1] == pytest.approx(0.1)


def test_unknown_modes_and_thresholds_out_of_range_are_errors() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown pose score 'box'"):
        Rescoring(score="box")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match=r"did you mean 'oks'"):
        Rescoring(nms="ok")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="nms_thr"):
        Rescoring(nms_thr=0)


def test_a_threshold_equal_to_the_similarity_keeps_both_poses() -> None:
    one = np.linspace(0, 200, 266).reshape(133, 2)
    poses, area = np.stack([one, one + 2.0]), np.full(2, 9000.0)
    similarity = float(pose_similarity(poses, area)[0, 1])
    scores = np.array([0.8, 0.4])
    assert len(Rescoring(nms_thr=similarity).keep(poses, scores, area)) == 2
    assert len(Rescoring(nms_thr=similarity - 1e-6).keep(poses, scores, area)) == 1


def test_a_keypoint_score_equal_to_the_threshold_does_not_count() -> None:
    """As in the reference: keypoints above 0.2."""
    scores = np.zeros((1, 133))
    scores[0, 0], scores[0, 1] = 0.8, 0.25
    rescored = Rescoring(keypoint_thr=0.25).scores(np.ones(1), scores)
    assert rescored == pytest.approx([0.8])
