"""Positions, colours, order and labels of everything that is drawn, in 2D and 3D."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_results import people_at, perfect_result

from rtmpose3d.geometry.axes import AXES
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.viz import draw_2d, draw_3d, overlay, space
from rtmpose3d.viz.bodies import draw_bodies, visible_bodies
from rtmpose3d.viz.ground import draw_scale, grid_step_m, scale_bar
from rtmpose3d.viz.palette import KEYPOINT_RGB
from rtmpose3d.viz.scene import fit_view
from rtmpose3d.viz.skeleton_lines import LINKS, NECK_BASE, NECK_TOP, add_neck, opacity
from rtmpose3d.viz.text import draw_text, text_size_wh

POSITIONS = [(-0.9, 4.2, 25.0), (1.1, 5.5, -40.0)]
CLEAR = [5, 6, 7, 8, 13, 14]  # body keypoints that nothing else is drawn over
FLIP = WHOLEBODY.flip_index


def plain_result(width: int = 640, height: int = 480, **changes):
    """One invisible person without a box, on a black image."""
    result = perfect_result([(0.0, 5.0, 0.0)], (width, height), with_3d=False)
    fields = {
        "confidence": np.zeros((1, 133), np.float32),
        "bboxes": np.full((1, 4), np.nan, np.float32),
        "image": np.zeros((height, width, 3), np.uint8),
    }
    return replace(result, **{**fields, **changes})


def with_one_keypoint(k: int, xy: tuple[float, float], **sizes: int):
    result = plain_result(**sizes)
    keypoints, confidence = result.keypoints_2d.copy(), result.confidence.copy()
    keypoints[0, k], confidence[0, k] = xy, 1.0
    return replace(result, keypoints_2d=keypoints, confidence=confidence)


def centroid(drawn: np.ndarray) -> np.ndarray:
    """(2,) x and y of the drawn pixels, weighted by their brightness."""
    weight = drawn.max(axis=-1).astype(float)
    y, x = np.mgrid[: drawn.shape[0], : drawn.shape[1]]
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


# -- positions ---------------------------------------------------------------------------------


@settings(max_examples=15)
@given(k=st.integers(0, 22), x=st.floats(30, 600), y=st.floats(30, 440))
def test_a_keypoint_is_drawn_where_it_is(k, x, y):
    result = with_one_keypoint(k, (x, y))
    drawn = draw_2d(result.image, result, boxes=False, labels=False)
    np.testing.assert_allclose(centroid(drawn), [x, y], atol=0.2)


@pytest.mark.parametrize("size", [(300, 200), (90, 160)])
@pytest.mark.parametrize("share", [(0.25, 0.5), (0.7, 0.2)])
def test_an_enlarged_figure_has_keypoints_at_the_same_part_of_the_image(size, share):
    width, height = size
    # Edges of pixels, not their centres, are at the same part of the image: hence the halves.
    xy = width * share[0] - 0.5, height * share[1] - 0.5
    result = with_one_keypoint(9, xy, width=width, height=height)
    drawn = np.asarray(result.plot(view="2d"))
    assert max(drawn.shape[:2]) == 720
    expected = np.array([drawn.shape[1], drawn.shape[0]]) * share - 0.5
    np.testing.assert_allclose(centroid(drawn), expected, atol=0.3)


@pytest.mark.parametrize("enlarged", [False, True])
def test_each_person_has_a_box_around_its_own_corners(enlarged):
    size = {"width": 300, "height": 200} if enlarged else {}
    boxes = np.array([[30, 40, 90, 160], [150, 60, 270, 180]], np.float32)
    one = plain_result(**size, bbox_scores=np.ones(1, np.float32))
    result = replace(one[[0, 0]], bboxes=boxes)
    if enlarged:
        drawn = np.asarray(result.plot(view="2d"))
    else:
        drawn = draw_2d(result.image, result, labels=False)
    scale = drawn.shape[1] / result.image_size_wh[0]
    bright = drawn.min(axis=-1) > 120
    for x1, y1, x2, y2 in (boxes + 0.5) * scale - 0.5:
        for x, y in ((x1, 0), (x2, 0), (0, y1), (0, y2)):
            x, y = x or (x1 + x2) / 2, y or (y1 + y2) / 2
            near = bright[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2]
            assert near.any()
        inner = bright[round(y1) + 60 : round(y2) - 20, round(x1) + 10 : round(x2) - 10]
        assert not inner.any()
    assert not draw_2d(result.image, result, boxes=False, labels=False).any()


# -- colours -----------------------------------------------------------------------------------


def test_lines_on_one_side_have_the_colours_of_that_side():
    red, blue = LINKS.rgb[:, 0].astype(int), LINKS.rgb[:, 2].astype(int)
    sides = [*WHOLEBODY.side_of_keypoint, "middle", "middle"]
    for (a, b), r, b_value in zip(LINKS.ends.tolist(), red, blue, strict=True):
        if sides[a] == sides[b] == "left":
            assert b_value > r
        elif sides[a] == sides[b] == "right":
            assert b_value < r
    assert len(LINKS.ends) == len(WHOLEBODY.bones) - 1, "two to the ears less, a neck more"
    drawn = {frozenset(ends) for ends in LINKS.ends.tolist()}
    assert frozenset((NECK_BASE, NECK_TOP)) in drawn
    bones = {frozenset(bone) for bone in WHOLEBODY.bones.tolist()}
    assert drawn - bones == {frozenset((NECK_BASE, NECK_TOP))}


def test_each_finger_has_a_colour_of_its_own():
    for root in (91, 112):
        fingers = KEYPOINT_RGB[root + 1 : root + 21].reshape(5, 4, 3)
        assert (fingers == fingers[:, :1]).all()
        assert len({tuple(rgb) for rgb in fingers[:, 0].tolist()}) == 5
        for finger in range(5):
            tip = root + 4 * finger + 4
            (line,) = np.flatnonzero((np.sort(LINKS.ends, axis=1) == (tip - 1, tip)).all(axis=1))
            assert LINKS.rgb[line].tolist() == fingers[finger, 0].tolist()
    for ankle, toe in ((15, 17), (16, 20)):
        (line,) = np.flatnonzero((np.sort(LINKS.ends, axis=1) == (ankle, toe)).all(axis=1))
        assert LINKS.rgb[line].tolist() == KEYPOINT_RGB[toe].tolist(), "feet, not legs"


def test_a_limb_is_a_line_between_its_keypoints_in_its_colour():
    result = perfect_result(POSITIONS[:1], (1920, 1080))
    drawn = draw_2d(result.image, result, boxes=False, labels=False)
    for a, b in ((7, 9), (8, 10), (13, 15), (14, 16)):  # forearms and lower legs
        (line,) = np.flatnonzero((np.sort(LINKS.ends, axis=1) == (a, b)).all(axis=1))
        for share in (0.35, 0.5, 0.65):
            xy = (1 - share) * result.keypoints_2d[0, a] + share * result.keypoints_2d[0, b]
            x, y = np.rint(xy).astype(int)
            np.testing.assert_allclose(drawn[y, x, ::-1], LINKS.rgb[line], atol=14)


def test_opacity_grows_with_confidence_to_one():
    values = opacity(np.array([0.3, 0.5, 0.8, 1.0]), 0.3)
    assert (np.diff(values) > 0).all()
    assert values[0] == pytest.approx(0.45)
    assert values[-1] == 1


def test_the_neck_runs_from_between_the_shoulders_towards_the_ears():
    person, confidence = people_at([(0.0, 5.0, 30.0)])[0], np.ones(133)
    confidence[5], confidence[3] = 0.8, 0.7
    points, confidences = add_neck(person, confidence)
    base, top = points[NECK_BASE], points[NECK_TOP]
    np.testing.assert_allclose(base, (person[5] + person[6]) / 2)
    ears = (person[3] + person[4]) / 2
    np.testing.assert_allclose(np.cross(top - base, ears - base), 0, atol=1e-12)
    assert 0 < np.linalg.norm(top - base) < np.linalg.norm(ears - base)
    assert confidences[[NECK_BASE, NECK_TOP]].tolist() == [0.8, 0.7]


def test_a_keypoint_at_the_threshold_is_drawn():
    result = with_one_keypoint(9, (100, 100))
    result = replace(result, confidence=result.confidence * np.float32(0.5))
    for threshold, visible in ((0.5, True), (0.5001, False)):
        drawn = draw_2d(result.image, result, confidence_thr=threshold, boxes=False, labels=False)
        assert drawn.any() == visible


def test_a_keypoint_without_confidence_is_never_drawn():
    result = plain_result(bboxes=np.array([[50, 50, 90, 90]], np.float32))
    drawn = draw_2d(result.image, result, confidence_thr=0.0, boxes=False, labels=False)
    assert not drawn.any()


# -- order -------------------------------------------------------------------------------------


def twins(**changes):
    """Two people with the same keypoints, the second with left and right exchanged."""
    one = perfect_result([(0.0, 5.0, 0.0)], (1920, 1080))
    keypoints = np.stack([one.keypoints_2d[0], one.keypoints_2d[0, FLIP]])
    return replace(one[[0, 0]], keypoints_2d=keypoints, **changes)


@pytest.mark.parametrize("top", [0, 1])
@pytest.mark.parametrize("has_3d", [True, False])
def test_the_nearer_or_larger_person_is_on_top(top, has_3d):
    if has_3d:
        result = twins(root_depth_m=np.array([5, 5.5] if top == 0 else [5, 4.5], np.float32))
    else:
        flat = perfect_result([(0.0, 5.0, 0.0)], (1920, 1080), with_3d=False)
        result = twins()
        boxes = np.array([[0, 0, 100, 100], [0, 0, 100, 100]], np.float32)
        boxes[1 - top, 2:] = 60
        result = replace(flat[[0, 0]], keypoints_2d=result.keypoints_2d, bboxes=boxes)
    drawn = draw_2d(result.image, result, boxes=False, labels=False)
    for i in CLEAR:
        x, y = np.rint(result.keypoints_2d[top, i]).astype(int)
        expected = KEYPOINT_RGB[i] * 0.7 + 255 * 0.3
        np.testing.assert_allclose(drawn[y, x, ::-1], expected, atol=14)


def front_view(people: np.ndarray):
    return fit_view(
        people.reshape(-1, 3),
        (900, 900),
        azimuth_deg=0,
        elevation_deg=0,
        projection="orthographic",
        margin_px=50,
    )


@pytest.mark.parametrize("near", [0, 1])
def test_the_nearer_person_is_on_top_in_3d(near):
    person = people_at([(0.0, 5.0, 0.0)])[0]
    people = np.stack([person, person[FLIP]])
    people[1 - near, :, 1] += 3.0
    view = front_view(people)
    canvas = np.full((900, 900, 3), 255, np.uint8)
    draw_bodies(canvas, view, visible_bodies(people, np.ones((2, 133)), 0.3), 0.3)
    xy = np.rint(view.project(people[near])[0]).astype(int)
    for i in CLEAR:
        expected = KEYPOINT_RGB[i] * 0.7 + 255 * 0.3
        np.testing.assert_allclose(canvas[xy[i, 1], xy[i, 0], ::-1], expected, atol=14)


def test_limbs_in_3d_are_lines_between_their_keypoints_in_their_colour():
    people = people_at([(0.0, 5.0, 0.0)])
    view = front_view(people)
    canvas = np.full((900, 900, 3), 255, np.uint8)
    confidence = np.ones((1, 133))
    confidence[0, :5] = confidence[0, 23:] = 0  # neither head nor hands: not all lines are drawn
    draw_bodies(canvas, view, visible_bodies(people, confidence, 0.3), 0.3)
    xy = view.project(people[0])[0]
    for a, b in ((7, 9), (8, 10), (13, 15), (14, 16)):
        (line,) = np.flatnonzero((np.sort(LINKS.ends, axis=1) == (a, b)).all(axis=1))
        x, y = np.rint((xy[a] + xy[b]) / 2).astype(int)
        np.testing.assert_allclose(canvas[y, x, ::-1], LINKS.rgb[line], atol=14)


# -- the 3D view -------------------------------------------------------------------------------


def test_the_3d_view_does_not_depend_on_the_axes_of_the_result():
    result = perfect_result(POSITIONS)
    views = [draw_3d(replace(result, axes=axes), (400, 300)) for axes in AXES]
    for view in views[1:]:
        np.testing.assert_array_equal(view, views[0])


def test_a_person_who_faces_the_camera_has_the_left_side_on_the_right():
    drawn = draw_3d(perfect_result([(0.0, 5.0, 0.0)]), (600, 600), azimuth_deg=0, elevation_deg=0)
    columns = {}
    for side, rgb in (("left", (64, 170, 245)), ("right", (255, 150, 30))):
        y, x = np.nonzero(np.abs(drawn[..., ::-1].astype(int) - rgb).max(axis=-1) < 12)
        columns[side] = np.median(x)
        assert np.median(y) > 200, "legs and arms are below the head"
    assert columns["left"] > columns["right"] + 20


@pytest.mark.parametrize(
    "part", ["draw_grid", "draw_shadows", "_draw_stems", "draw_scale", "draw_axes", "draw_bodies"]
)
def test_every_part_of_the_scene_is_drawn(part, monkeypatch):
    result = perfect_result(POSITIONS)
    raised = result.keypoints_camera.copy()
    raised[1, :, 1] -= 0.6  # above the ground
    result = replace(result, keypoints_camera=raised)
    complete = draw_3d(result, (400, 300))
    monkeypatch.setattr(space, part, lambda *_: None)
    assert (draw_3d(result, (400, 300)) != complete).any()


def test_the_ground_is_at_the_lowest_of_people_at_about_one_height(monkeypatch):
    result = perfect_result([(0.0, 4.0, 0.0), (1.0, 5.0, 0.0), (-1.0, 5.0, 0.0)])
    lowered = result.keypoints_camera.copy()
    lowered[1, :, 1] += 0.3
    heights = []
    monkeypatch.setattr(space, "draw_grid", lambda *given: heights.append(given[3]))
    draw_3d(replace(result, keypoints_camera=lowered), (300, 300))
    assert heights == pytest.approx([-lowered[1, :, 1].max()])


def test_the_scale_bar_is_as_long_as_it_says(monkeypatch):
    texts = []
    monkeypatch.setattr(
        "rtmpose3d.viz.ground.draw_text", lambda image, xy, text, *_, **__: texts.append(text)
    )
    for distance in (3.0, 12.0, 80.0):
        people = people_at([(0.0, 3.0, 0.0), (distance, 4.0, 0.0)])
        view = front_view(people)
        bar = scale_bar(view, 900, people[:, 0, :2], 0.0)
        draw_scale(np.zeros((900, 900, 3), np.uint8), view, bar, 1.0, 20.0)
        length = float(np.linalg.norm(bar[1] - bar[0]))
        assert texts[-1] == f"{length:g} m"
        step = grid_step_m(view, 900)
        assert length == (step if step > 0.5 or length == 0.5 else 1)
        assert length * view.px_per_m < 450


# -- text --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("anchor", "share"), [("left", 0.0), ("middle", 0.5), ("right", 1.0)])
def test_text_is_placed_by_its_anchor(anchor, share):
    canvas = np.zeros((100, 400, 3), np.uint8)
    draw_text(canvas, (200, 50), "HHHH", 30, (10, 120, 250), anchor=anchor)
    y, x = np.nonzero(canvas.any(axis=-1))
    width = text_size_wh("HHHH", 30)[0]
    assert x.min() == pytest.approx(200 - share * width, abs=4)
    assert x.max() == pytest.approx(200 + (1 - share) * width, abs=4)
    assert (y.min() + y.max()) / 2 == pytest.approx(50, abs=5)
    assert canvas.reshape(-1, 3).max(axis=0).tolist() == [250, 120, 10], "BGR"


# -- labels ------------------------------------------------------------------------------------


@pytest.fixture
def labels(monkeypatch) -> list[tuple[str, float, float]]:
    """Text, left and top of each label that is drawn."""
    drawn: list[tuple[str, float, float]] = []
    for module in (overlay, space):
        monkeypatch.setattr(
            module,
            "draw_label",
            lambda image, left, top, text, *_, **__: drawn.append((text, left, top)),
        )
    return drawn


def test_each_box_has_the_number_and_the_score_of_its_person(labels):
    result = perfect_result([(-1.2, 4.2, 0.0), (0.0, 5.5, 0.0), (1.2, 4.5, 0.0)], (1920, 1080))
    result = replace(result, bbox_scores=np.array([0.91, 1.0, 0.42], np.float32))
    draw_2d(result.image, result)
    assert sorted(text for text, _, _ in labels) == ["#0  0.91", "#1", "#2  0.42"], "1: given"
    for text, left, top in labels:
        box = result.bboxes[int(text[1])]
        assert left == pytest.approx(box[0], abs=1)
        assert box[1] - 0.2 * (box[3] - box[1]) < top < box[1]


def test_each_person_in_3d_has_its_number_and_its_distance(labels):
    result = perfect_result([(-2.0, 4.0, 0.0), (0.0, 6.0, 0.0), (2.0, 5.0, 0.0)])
    confidence = result.confidence.copy()
    confidence[0] = 0.0  # invisible
    draw_3d(replace(result, confidence=confidence), (900, 700))
    assert [text for text, _, _ in labels] == [
        f"#{i}  {result.root_depth_m[i]:.1f} m" for i in (1, 2)
    ]
    assert labels[0][1] < labels[1][1], "from left to right"
