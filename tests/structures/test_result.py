"""The result: a mapping, attributes, people by index, other frames and forms."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from example_results import ARRAYS_2D, HEIGHT, WIDTH, example_result, results, stored_arrays
from rtmpose3d import InputError, PoseResult, UnknownNameError

KEYS_2D = {"bboxes", "bbox_scores", "keypoints_2d", "scores", "confidence"}
KEYS_3D = KEYS_2D | {"keypoints_3d", "root_depth_m", "root_depth_std_m"}
quick = settings(max_examples=25, deadline=None)


# -- a mapping ---------------------------------------------------------------------------------


def test_result_is_a_mapping_whose_values_are_its_attributes():
    result = example_result(3)
    assert isinstance(result, Mapping)
    for key in result:
        np.testing.assert_array_equal(result[key], getattr(result, key))
    assert result["scores"] is result.scores
    assert result.get("nothing") is None
    assert result.get("bboxes") is result.bboxes
    assert "keypoints_3d" in result
    assert "camera" not in result, "only arrays are values"
    assert "keypoints_camera" not in result


@pytest.mark.parametrize(
    ("result", "keys"),
    [
        (example_result(2), KEYS_3D),
        (example_result(0), KEYS_3D),
        (example_result(2, has_3d=False), KEYS_2D),
        (example_result(2, has_3d=False, track_ids=np.array([5, 6])), KEYS_2D | {"track_ids"}),
        (example_result(2, root_depth_std_m=None), KEYS_3D - {"root_depth_std_m"}),
    ],
)
def test_keys_are_the_arrays_that_are_there_however_they_are_asked_for(result, keys):
    assert set(result) == set(result.keys()) == keys
    assert list(result) == list(result.keys()) == [key for key, _ in result.items()]
    assert set(dict(result)) == set(dict(**result)) == keys
    assert len(result.keys()) == len(result.values()) == len(result.items()) == len(keys)
    for (key, item), value in zip(result.items(), result.values(), strict=True):
        np.testing.assert_array_equal(item, result[key])
        np.testing.assert_array_equal(item, value)
    for key in KEYS_3D | {"track_ids"}:
        assert (key in result) == (key in keys)
        if key not in keys:
            with pytest.raises(UnknownNameError, match="bboxes"):
                result[key]


@pytest.mark.parametrize("people", [0, 1, 3])
def test_length_is_the_number_of_people_and_no_people_are_false(people):
    result = example_result(people)
    assert len(result) == people
    assert bool(result) is (people > 0)
    assert len(list(result)) == len(KEYS_3D), "iteration is over keys, as in any mapping"


# -- equality, copies --------------------------------------------------------------------------


@quick
@given(results())
def test_results_survive_pickling_copying_and_replacing(result):
    for again in (
        pickle.loads(pickle.dumps(result)),
        copy.copy(result),
        copy.deepcopy(result),
        replace(result),
        result[:],
    ):
        assert again == result
        assert type(again) is PoseResult
        assert (again != result) is False


@quick
@given(results(), st.data())
def test_results_differ_if_one_number_of_any_array_does(result, data):
    arrays = [name for name, array in stored_arrays(result).items() if array.size]
    if not arrays:
        return
    name = data.draw(st.sampled_from(arrays))
    array = getattr(result, name).copy()
    array.flat[data.draw(st.integers(0, array.size - 1))] = 77
    other = replace(result, **{name: array})
    assert other != result
    assert result == replace(other, **{name: getattr(result, name)})


@pytest.mark.parametrize(
    "change",
    [
        {"axes": "root"},
        {"camera": None},
        {"model": "rtmw3d-x"},
        {"image_size_wh": (1, 1)},
        {"source": None},
        {"frame_index": 0},
        {"time_s": 0.0},
        {"root_depth_source": ("given", "given")},
        {"track_ids": np.array([0, 1])},
        {"root_depth_m": None},
    ],
)
def test_results_differ_if_one_fact_does(change):
    result = example_result(2)
    assert replace(result, **change) != result


def test_equality_is_a_bool_ignores_the_image_and_knows_other_types():
    result = example_result(2)
    assert (result == result.without_image()) is True
    assert (result == dict(result)) is False
    assert (result == example_result(3)) is False
    assert result != None  # noqa: E711 - a comparison with anything gives a bool
    with pytest.raises(TypeError, match="unhashable"):
        hash(result)


def test_results_are_frozen():
    with pytest.raises(FrozenInstanceError):
        example_result(1).model = "other"  # type: ignore[misc]


# -- people ------------------------------------------------------------------------------------


@quick
@given(results(), st.data())
def test_selecting_people_selects_them_in_every_field(result, data):
    n = len(result)
    picked = data.draw(st.lists(st.integers(-n, n - 1), max_size=5)) if n else []
    selected = result[picked]
    assert len(selected) == len(picked)
    for name, array in stored_arrays(result).items():
        chosen = getattr(selected, name)
        assert chosen.dtype == array.dtype
        for position, person in enumerate(picked):
            np.testing.assert_array_equal(chosen[position], array[person])
    if result.root_depth_source:
        assert selected.root_depth_source == tuple(result.root_depth_source[i] for i in picked)
    for name in ("axes", "camera", "model", "image_size_wh", "source", "frame_index", "time_s"):
        assert getattr(selected, name) == getattr(result, name)


def test_people_are_selected_by_index_slice_list_and_mask():
    result = example_result(3)
    assert result[-1] == result[2] == result[[2]] == result[2:]
    assert len(result[1]) == 1, "one person is a result, too"
    assert result[1:3] == result[[1, 2]] == result[np.array([False, True, True])]
    assert result[::-1] == result[(2, 1, 0)] == result[np.array([2, 1, 0])]
    assert result[np.int64(1)] == result[1]
    assert len(result[[]]) == len(result[3:]) == len(result[np.zeros(3, bool)]) == 0
    assert list(result.people()) == [result[0], result[1], result[2]]
    for wrong in (3, -4, [3], np.array([True])):
        with pytest.raises(IndexError):
            result[wrong]


def test_an_index_out_of_range_reports_the_number_of_people():
    with pytest.raises(IndexError, match="person 3 of a result with 3 people"):
        example_result(3)[3]


def test_a_result_without_people_keeps_its_shapes():
    empty = example_result(0)
    assert empty.keypoints_3d.shape == (0, 133, 3)
    assert empty.origin_camera_m.shape == (0, 3)
    assert empty.to_dataframe().empty
    assert list(empty.people()) == []
    assert empty == example_result(2)[[]] == empty[:]


# -- frames and other forms --------------------------------------------------------------------


def test_frames_are_rotated_not_flipped():
    result = example_result(3)
    space = result.keypoints_in("camera")
    for axes in ("z-up", "rtmpose3d", "root"):
        rotated = result.keypoints_in(axes)
        sides = np.cross(rotated[:, 5] - rotated[:, 6], rotated[:, 11] - rotated[:, 6])
        volume = (sides * (rotated[:, 9] - rotated[:, 6])).sum(-1)
        sides = np.cross(space[:, 5] - space[:, 6], space[:, 11] - space[:, 6])
        expected = (sides * (space[:, 9] - space[:, 6])).sum(-1)
        np.testing.assert_allclose(volume, expected, rtol=1e-4)
    root = result.keypoints_in("root")
    np.testing.assert_allclose(root[:, [11, 12]].mean(axis=1), 0, atol=1e-6)
    with pytest.raises(UnknownNameError, match="z-up"):
        result.keypoints_in("world")  # type: ignore[arg-type]


@pytest.mark.parametrize("axes", ["z-up", "camera", "rtmpose3d", "root"])
def test_the_origin_of_a_frame_is_the_camera_or_the_middle_of_the_hips(axes):
    result = example_result(2, axes=axes)
    np.testing.assert_array_equal(result.keypoints_3d, result.keypoints_in(axes))
    camera = result.keypoints_camera
    expected = (camera[:, 11] + camera[:, 12]) / 2 if axes == "root" else np.zeros((2, 3))
    np.testing.assert_allclose(result.origin_camera_m, expected, rtol=1e-6)
    assert result.origin_camera_m.dtype == np.float32


def test_2d_result_names_a_model_that_would_give_3d():
    flat = example_result(has_3d=False)
    assert not flat.has_3d
    for ask in (lambda: flat.keypoints_3d, lambda: flat.origin_camera_m):
        with pytest.raises(InputError, match="rtmw3d-l"):
            ask()
    assert "z_m" not in flat.to_dataframe()


def test_dataframe_has_a_row_per_person_and_keypoint():
    result = example_result(2)
    frame = result.to_dataframe()
    assert len(frame) == 2 * 133
    for person, keypoint, name, part in ((1, 9, "left_wrist", "body"), (0, 132, None, None)):
        row = frame.iloc[person * 133 + keypoint]
        assert (row["person"], row["index"]) == (person, keypoint)
        if name:
            assert (row.keypoint, row.part) == (name, part)
        assert (row.x_px, row.y_px) == tuple(result.keypoints_2d[person, keypoint])
        assert (row.score, row.confidence) == (
            result.scores[person, keypoint],
            result.confidence[person, keypoint],
        )
        assert (row.x_m, row.y_m, row.z_m) == tuple(result.keypoints_3d[person, keypoint])


def test_dataframe_has_the_frame_first_and_the_track_last():
    result = example_result(2, frame_index=7, time_s=0.28, track_ids=np.array([41, 12]))
    frame = result.to_dataframe()
    assert list(frame.columns[:3]) == ["frame_index", "time_s", "person"]
    assert frame.columns[-1] == "track_id"
    assert set(frame.frame_index) == {7}
    assert set(frame.time_s) == {0.28}
    assert frame.groupby("person").track_id.unique().map(list).to_dict() == {0: [41], 1: [12]}


def test_repr_is_short_and_names_the_arrays():
    text = repr(example_result(1))
    assert text.startswith("PoseResult(1 person, rtmw3d-l, ")
    assert "keypoints_3d (1, 133, 3)" in text
    assert len(text) < 400


def test_saving_and_plotting_reach_their_modules(tmp_path: Path):
    result = example_result(1)
    assert result.save(tmp_path / "pose.json").is_file()
    assert result.plot(view="2d").size[0] >= WIDTH
    with pytest.raises(InputError, match="image"):
        result.without_image().plot(view="2d")


# -- checks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ARRAYS_2D, "keypoints_camera", "root_depth_m", "track_ids"])
@pytest.mark.parametrize("fault", ["people", "shape", "dtype", "object", "list"])
def test_an_array_of_another_form_is_named_with_what_was_expected(name, fault):
    result = example_result(2, track_ids=np.array([1, 2]))
    array = getattr(result, name)
    wrong = {
        "people": np.concatenate([array, array[:1]]),
        "shape": array[..., None],
        "dtype": array.astype(np.float32 if name == "track_ids" else np.int64),
        "object": array.astype(object),
        "list": array.tolist(),
    }[fault]
    if name == "bboxes" and fault == "people":
        name = "bbox_scores"  # the others are compared with the number of boxes
        wrong = np.ones(3, np.float32)
    with pytest.raises(InputError, match=rf"{name} must be .* array of shape \(2"):
        replace(result, **{name: wrong})


def test_the_same_number_of_people_is_needed_in_all_arrays():
    with pytest.raises(InputError, match=r"shape \(3,\), got \(2,\)"):
        replace(example_result(2), bboxes=np.ones((3, 4), np.float32))
    with pytest.raises(InputError, match="bboxes"):
        replace(example_result(0), bboxes=np.float32(3))
    with pytest.raises(InputError, match="bboxes"):
        replace(example_result(0), bboxes=np.zeros(0, np.float32))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"root_depth_source": ("given",)}, "root_depth_source must be a tuple of 2"),
        ({"root_depth_source": ("given", "guess")}, "root_depth_source .*assumed.*guess"),
        ({"root_depth_source": ["given", "given"]}, "root_depth_source"),
        ({"keypoints_camera": None}, "root_depth_m is for 3D"),
        ({"image_size_wh": (640,)}, "image_size_wh"),
        ({"image_size_wh": (640, -1)}, "image_size_wh"),
        ({"image_size_wh": (640.5, 480)}, "image_size_wh"),
        ({"frame_index": -1}, "frame_index"),
        ({"frame_index": 1.5}, "frame_index"),
        ({"time_s": float("nan")}, "time_s"),
        ({"image": np.zeros((HEIGHT, WIDTH), np.uint8)}, "image"),
    ],
)
def test_a_fact_that_cannot_be_is_named(change, words):
    with pytest.raises(InputError, match=words):
        replace(example_result(2), **change)


def test_a_frame_of_reference_that_is_not_known_is_named():
    with pytest.raises(UnknownNameError, match="z-up"):
        example_result(1, axes="world")
