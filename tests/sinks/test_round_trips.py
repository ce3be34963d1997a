"""Results written and read back: nothing lost, nothing exchanged between people or fields."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from example_results import example_result, results, tracking_facts
from rtmpose3d.geometry import Distortion
from rtmpose3d.geometry.axes import AXES
from rtmpose3d.sinks import (
    json_schema,
    load_result,
    load_results,
    open_sink,
    result_from_dict,
    result_to_dict,
    save_result,
)
from rtmpose3d.skeletons import HIPS, WHOLEBODY
from rtmpose3d.structures import PoseResult

# Examples are results, whose arrays make a long text.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

quick = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# Fields of a person in the JSON document: the array of the result, and its rounding error.
JSON_FIELDS = {
    "box_xyxy_px": ("bboxes", 5.1e-4),  # px: half of 0.001, and float32's own
    "box_score": ("bbox_scores", 6e-6),
    "keypoints_2d_px": ("keypoints_2d", 5.1e-4),
    "scores": ("scores", 6e-6),
    "confidence": ("confidence", 6e-6),
}
JSON_FIELDS_3D = {
    "keypoints_3d_m": ("keypoints_3d", 1.1e-5),
    "origin_camera_m": ("origin_camera_m", 1.1e-5),  # read as the middle of rounded hips
    "root_depth_m": ("root_depth_m", 6e-6),
    "root_depth_std_m": ("root_depth_std_m", 6e-6),
}

LENS = Distortion(coefficients=(-0.28, 0.11, 0.0012, -0.0007, -0.02))


def nan_for_infinite(array: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(array), array, np.nan)


def readable_camera_keypoints(result: PoseResult) -> np.ndarray:
    """(N, 133, 3) metres that a document can give back: with axes "root" none of a person whose
    root is not finite, since their keypoints are written relative to it.
    """
    keypoints = nan_for_infinite(result.keypoints_camera)
    if result.axes == "root":
        keypoints = keypoints + 0 * keypoints[:, list(HIPS)].mean(axis=1, keepdims=True)
    return keypoints


def assert_same_but_rounded(read: PoseResult, result: PoseResult) -> None:
    """Everything that a JSON document keeps is the same, numbers within their rounding."""
    fields = list(JSON_FIELDS.values())
    if result.has_3d:
        fields += JSON_FIELDS_3D.values()
        np.testing.assert_allclose(
            read.keypoints_camera, readable_camera_keypoints(result), rtol=1e-6, atol=1.1e-5
        )
    for name, tolerance in fields:
        array = getattr(read, name)
        assert array.dtype == np.float32
        np.testing.assert_allclose(
            array, nan_for_infinite(getattr(result, name)), rtol=1e-6, atol=tolerance
        )
    for name in ("axes", "camera", "model", "runtime", "image_size_wh", "root_depth_source"):
        if name != "axes" or result.has_3d:  # 2D has no frame
            assert getattr(read, name) == getattr(result, name)
    assert (read.frame_index, read.time_s) == (result.frame_index, result.time_s)
    if result.track_ids is not None and len(result):
        assert read.track_ids.tolist() == result.track_ids.tolist()
        assert read.filled.tolist() == result.filled.tolist()
        for name, tolerance in (("keypoints_2d_std", 5.1e-4), ("depth_std_m", 6e-6)):
            before = getattr(result, name)
            if before is not None:
                np.testing.assert_allclose(getattr(read, name), before, rtol=1e-6, atol=tolerance)
    assert read.source == result.source
    assert read.image is None
    if len(result):
        assert read.keys() == result.keys()


# -- round trips -------------------------------------------------------------------------------


@quick
@given(results())
def test_npz_and_back_is_exact(tmp_path, result):
    read = load_result(str(save_result(result, str(tmp_path / "a.NPZ"))))
    axes = result.axes if result.has_3d else "z-up"
    assert read == replace(result, axes=axes)
    for name in (*result, "keypoints_camera"):
        assert getattr(getattr(read, name), "dtype", None) == (
            getattr(getattr(result, name), "dtype", None)
        )


@quick
@given(results())
def test_json_and_back_gives_the_same_numbers_rounded(tmp_path, result):
    path = save_result(result, tmp_path / "a.json")
    read = load_result(path)
    assert_same_but_rounded(read, result)
    again = save_result(read, tmp_path / "b.json")
    if result.axes != "root" and len(result):  # roots are subtracted again, in float32
        assert again.read_bytes() == path.read_bytes()


def test_with_root_axes_a_person_without_a_root_has_no_keypoints_in_3d(tmp_path):
    result = example_result(2, axes="root")
    assert result.keypoints_camera is not None
    result.keypoints_camera[1, HIPS[0], 2] = np.nan
    read = load_result(result.save(tmp_path / "a.json"))
    assert_same_but_rounded(read, result)
    assert np.isnan(read.keypoints_camera[1, :, 2]).all()


@pytest.mark.parametrize("people", [0, 1, 3])
@pytest.mark.parametrize("axes", AXES)
def test_json_and_back_gives_the_same_numbers_in_every_frame(tmp_path, people, axes):
    result = example_result(people, axes=axes)
    assert_same_but_rounded(load_result(result.save(tmp_path / "a.json")), result)


@quick
@given(st.lists(results(), max_size=4))
def test_json_lines_and_back_gives_every_result_in_order(tmp_path, many):
    path = tmp_path / "a.jsonl"
    with open_sink(path) as sink:
        for result in many:
            sink.write(result)
    read = list(load_results(path))
    header = bool(many) and many[0].frame_index is not None
    assert len(read) == len(path.read_bytes().splitlines()) - header == len(many)
    for one, result in zip(read, many, strict=True):
        assert one == result_from_dict(result_to_dict(result))


@settings(quick, max_examples=10)
@given(results())
def test_csv_rows_hold_the_numbers_of_their_person_and_keypoint(tmp_path, result):
    with save_result(result, tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    people = len(result)
    assert [row["person"] for row in rows] == [str(i) for i in range(people) for _ in range(133)]
    assert [row["index"] for row in rows] == [str(k) for k in range(133)] * people
    assert [row["keypoint"] for row in rows] == [*WHOLEBODY.keypoint_names] * people
    assert [row["part"] for row in rows] == [*WHOLEBODY.part_of_keypoint] * people
    columns = {
        "x_px": result.keypoints_2d[..., 0],
        "y_px": result.keypoints_2d[..., 1],
        "score": result.scores,
        "confidence": result.confidence,
    }
    if result.has_3d:
        columns |= {
            name: result.keypoints_3d[..., i] for i, name in enumerate(("x_m", "y_m", "z_m"))
        }
    for name, expected in columns.items():
        cells = np.array([float(row[name] or "nan") for row in rows]).reshape(people, 133)
        tolerance = 5.1e-4 if name.endswith("px") else 6e-6
        np.testing.assert_allclose(
            cells, nan_for_infinite(expected), rtol=1e-6, atol=tolerance, err_msg=name
        )
    if result.track_ids is not None:
        expected_ids = np.repeat(result.track_ids, 133).tolist()
        assert [int(row["track_id"]) for row in rows] == expected_ids
    if result.frame_index is not None:
        assert {row["frame_index"] for row in rows} <= {str(result.frame_index)}
    if result.time_s is not None:
        times = np.array([float(row["time_s"]) for row in rows])
        np.testing.assert_allclose(times, result.time_s, rtol=0, atol=1e-6)


# -- the JSON document -------------------------------------------------------------------------


@quick
@given(results())
def test_a_document_follows_the_schema_and_holds_each_field_of_each_person(tmp_path, result):
    document = json.loads(json.dumps(result_to_dict(result), allow_nan=False))
    schema = json_schema()
    if result.confidence.size == 0 or np.nanmax(nan_for_infinite(result.confidence)) <= 1:
        jsonschema.Draft202012Validator(schema).validate(document)
    assert set(document) <= set(schema["properties"])
    assert len(document["people"]) == len(result)
    fields = JSON_FIELDS | (JSON_FIELDS_3D if result.has_3d else {})
    extra = {"root_depth_source"} if result.has_3d else set()
    if result.track_ids is not None:
        extra |= {"track_id", "filled", "keypoints_2d_std_px"}
        extra |= {"depth_std_m"} if result.has_3d else set()
    for i, person in enumerate(document["people"]):
        assert set(person) == {*fields, *extra}
        for key, (name, tolerance) in fields.items():
            value = np.array(person[key], float)
            np.testing.assert_allclose(
                value, nan_for_infinite(getattr(result, name)[i]), rtol=0, atol=tolerance
            )
        if result.has_3d:
            assert person["root_depth_source"] == result.root_depth_source[i]
        if result.track_ids is not None:
            assert person["track_id"] == result.track_ids[i]
            assert person["filled"] == result.filled[i]


def test_the_schema_is_valid_and_names_every_field_of_a_document():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    result = example_result(1, frame_index=1, time_s=0.5, **tracking_facts(1))
    result = replace(result, camera=replace(result.camera, distortion=LENS))
    document = result_to_dict(result)
    jsonschema.validate(document, schema)
    assert set(document) == set(schema["properties"])
    assert set(document["people"][0]) == set(schema["$defs"]["person"]["properties"])
    assert set(document["camera"]) == set(schema["properties"]["camera"]["properties"])
    assert set(schema["properties"]["axes"]["enum"]) == {*AXES, None}


@pytest.mark.parametrize(
    "path",
    ["axes", "units", "people", "people.0.box_score", "people.0.confidence", "people.0.scores"],
)
def test_the_schema_refuses_a_document_without_a_field(path):
    document = result_to_dict(example_result(1))
    *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    parent = document
    for key in parents:
        parent = parent[key]
    del parent[last]
    assert not jsonschema.Draft202012Validator(json_schema()).is_valid(document)


@pytest.mark.parametrize("name", ["origin_camera_m", "root_depth_m", "root_depth_source"])
def test_the_schema_wants_all_fields_of_3d_or_none(name):
    document = result_to_dict(example_result(1))
    del document["people"][0][name]
    assert not jsonschema.Draft202012Validator(json_schema()).is_valid(document)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scores", [0.5] * 132),
        ("scores", [0.5] * 134),
        ("box_xyxy_px", [1, 2, 3, 4, 5]),
        ("keypoints_2d_px", [[1, 2, 3]] * 133),
        ("confidence", [1.5] * 133),
        ("confidence", [-0.1] * 133),
        ("root_depth_source", "guess"),
        ("box_score", "high"),
        ("track_id", 1.5),
    ],
)
def test_the_schema_refuses_a_wrong_value(name, value):
    document = result_to_dict(example_result(1, track_ids=np.array([3])))
    validator = jsonschema.Draft202012Validator(json_schema())
    validator.validate(document)
    document["people"][0][name] = value
    assert not validator.is_valid(document)


@pytest.mark.parametrize("source", ["given", "calibration", "exif", "assumed"])
@pytest.mark.parametrize("ending", ["json", "npz"])
def test_the_origin_of_the_camera_is_kept(tmp_path, source, ending):
    result = example_result(2)
    camera = replace(result.camera, source=source, distortion=LENS)
    replace(result, camera=camera).save(tmp_path / f"a.{ending}")
    assert load_result(tmp_path / f"a.{ending}").camera.source == source
    assert load_result(tmp_path / f"a.{ending}").camera == camera


def test_a_document_describes_its_numbers():
    result = example_result(2, axes="root")
    document = result.to_dict()
    assert document["format"] == "rtmpose3d"
    assert document["version"] == 1
    assert document["image"] == {
        "file": "Grüße 人物.jpg",
        "path": "some folder/Grüße 人物.jpg",
        "width": 640,
        "height": 427,
    }
    assert document["camera"] == {
        **{"fx": 601.25, "fy": 599.1, "cx": 318.7, "cy": 215.3},
        **{"width": 640, "height": 427, "source": "given"},
    }
    assert document["units"] == {"keypoints_2d": "px", "boxes": "px", "keypoints_3d": "m"}
    assert document["keypoint_names"] == list(WHOLEBODY.keypoint_names)
    assert document["parts"]["left_hand"] == [91, 112]


def test_results_of_2d_models_have_null_for_camera_and_axes():
    document = result_to_dict(example_result(2, has_3d=False))
    assert document["camera"] is document["axes"] is None
    assert "keypoints_3d" not in document["units"]


def test_numbers_that_are_not_finite_are_null_and_come_back_as_nan(tmp_path):
    result = example_result(2, root_depth_std_m=np.array([np.inf, 0.5], np.float32))
    result.keypoints_2d[0, 5] = np.nan, np.inf
    path = save_result(result, tmp_path / "a.json")
    person = json.loads(path.read_text("utf-8"))["people"][0]
    assert person["keypoints_2d_px"][5] == [None, None]
    assert person["root_depth_std_m"] is None
    read = load_result(path)
    assert np.isnan(read.keypoints_2d[0, 5]).all()
    assert np.isnan(read.root_depth_std_m).tolist() == [True, False]
    assert np.isfinite(read.keypoints_2d[0, 6]).all()


def test_json_files_are_small_ascii_and_have_a_line_per_person(tmp_path):
    data = save_result(example_result(3), tmp_path / "a.json").read_bytes()
    assert data.isascii()
    assert data.endswith(b"\n")
    assert sum(line.startswith(b'{"box_xyxy_px"') for line in data.splitlines()) == 3
    assert len(data) < 3 * 14_000


def test_files_of_the_first_version_without_frame_and_track_are_read():
    document = result_to_dict(example_result(2))
    assert not {"frame_index", "time_s"} & set(document)
    assert "track_id" not in document["people"][0]
    read = result_from_dict(document)
    assert read.frame_index is read.time_s is read.track_ids is None
