import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtmpose3d.geometry.boxes import iou_matrix
from rtmpose3d.geometry.nms import non_maximum_suppression


def _load(path):
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def _random_boxes(n, seed):
    random = np.random.default_rng(seed)
    corners = random.uniform(0, 200, (n, 2))
    boxes = np.concatenate([corners, corners + random.uniform(20, 120, (n, 2))], axis=1)
    return boxes.astype(np.float32), random.permutation(n).astype(np.float32) / max(n, 1)


@pytest.mark.parametrize("image_id", ["785", "40083"])
@pytest.mark.parametrize("name", ["rtmdet-m_640", "rtmdet-nano_320"])
def test_the_recorded_suppression_is_reproduced(golden, name, image_id):
    recorded = _load(golden / "rtmdet" / f"{name}.npz")
    boxes, scores = recorded[f"{image_id}.pre_boxes"], recorded[f"{image_id}.pre_scores"]
    kept = non_maximum_suppression(boxes, scores, iou_thr=0.6)
    # the recorded 100 candidates are the best of more, so their survivors come first
    np.testing.assert_array_equal(boxes[kept], recorded[f"{image_id}.nms_boxes"][: len(kept)])
    np.testing.assert_array_equal(scores[kept], recorded[f"{image_id}.nms_scores"][: len(kept)])


def test_iou_of_known_boxes():
    a = np.array([[0, 0, 10, 20], [100, 100, 110, 110]], np.float32)
    b = np.array([[5, 0, 15, 20], [0, 0, 10, 20], [10, 0, 20, 20]], np.float32)
    np.testing.assert_allclose(iou_matrix(a, b), [[1 / 3, 1, 0], [0, 0, 0]], rtol=1e-6)


def test_boxes_without_area_overlap_nothing():
    line = np.array([[5, 5, 5, 9], [5, 5, 5, 9]], np.float32)
    assert iou_matrix(line, line).tolist() == [[0, 0], [0, 0]]
    assert non_maximum_suppression(line, np.array([0.5, 0.4]), iou_thr=0.6).tolist() == [0, 1]


@settings(deadline=None)
@given(n=st.integers(0, 40), seed=st.integers(0, 2**16), iou_thr=st.floats(0, 0.95))
def test_kept_boxes_do_not_overlap_and_the_others_overlap_a_better_one(n, seed, iou_thr):
    boxes, scores = _random_boxes(n, seed)
    kept = non_maximum_suppression(boxes, scores, iou_thr=iou_thr)
    iou = iou_matrix(boxes, boxes)
    for i, box in enumerate(kept):
        assert (iou[box, kept[i + 1 :]] <= iou_thr + 1e-5).all()
    for lost in set(range(n)) - set(kept.tolist()):
        better = kept[scores[kept] > scores[lost]]
        assert (iou[lost, better] > iou_thr - 1e-5).any()
    assert (np.diff(scores[kept]) < 0).all()


@settings(deadline=None)
@given(n=st.integers(1, 40), seed=st.integers(0, 2**16))
def test_the_result_does_not_depend_on_the_order_of_the_input(n, seed):
    boxes, scores = _random_boxes(n, seed)
    shuffle = np.random.default_rng(seed + 1).permutation(n)
    kept = non_maximum_suppression(boxes, scores, iou_thr=0.4)
    again = non_maximum_suppression(boxes[shuffle], scores[shuffle], iou_thr=0.4)
    np.testing.assert_array_equal(shuffle[again], kept)


def test_equal_scores_keep_their_order():
    boxes = np.array([[0, 0, 10, 10], [50, 0, 60, 10], [0, 0, 10, 10]], np.float32)
    kept = non_maximum_suppression(boxes, np.full(3, 0.7, np.float32), iou_thr=0.6)
    assert kept.tolist() == [0, 1]


def test_an_overlap_of_exactly_the_threshold_is_kept():
    boxes = np.array([[0, 0, 8, 10], [0, 0, 4, 10]], np.float32)
    scores = np.array([0.2, 0.9])
    assert non_maximum_suppression(boxes, scores, iou_thr=0.5).tolist() == [1, 0]
    assert non_maximum_suppression(boxes, scores, iou_thr=0.49).tolist() == [1]


def test_at_most_so_many_are_kept_and_they_are_the_best():
    boxes, scores = _random_boxes(30, 3)
    everything = non_maximum_suppression(boxes, scores, iou_thr=0.5)
    assert len(everything) > 4
    some = non_maximum_suppression(boxes, scores, iou_thr=0.5, max_boxes=4)
    np.testing.assert_array_equal(some, everything[:4])


def test_no_boxes_give_no_indices():
    kept = non_maximum_suppression(np.zeros((0, 4), np.float32), np.zeros(0), iou_thr=0.6)
    assert kept.shape == (0,)
    assert kept.dtype == np.int64
    assert iou_matrix(np.zeros((0, 4)), np.zeros((3, 4))).shape == (0, 3)
