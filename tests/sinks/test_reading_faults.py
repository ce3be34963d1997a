"""Result files that cannot be read: the error names the file, the line and the field."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path

import numpy as np
import pytest

from example_results import example_result
from rtmpose3d.errors import InputError
from rtmpose3d.sinks import (
    load_result,
    load_results,
    open_sink,
    result_from_dict,
    result_to_dict,
    save_result,
)


def test_a_newer_version_says_to_upgrade(tmp_path):
    document = result_to_dict(example_result(1)) | {"version": 2}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(InputError, match=r"a\.json has .* version 2.*--upgrade rtmpose3d"):
        load_result(path)


def test_fields_that_are_not_known_are_ignored():
    result = example_result(1)
    document = result_to_dict(result) | {"later": 1}
    document["people"][0]["later"] = [1]
    assert result_from_dict(document) == result_from_dict(result_to_dict(result))


def change(path: str, value):
    """A function that sets a field, deep in a document."""

    def apply(document):
        *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
        for key in parents:
            document = document[key]
        if value is KeyError:
            del document[last]
        else:
            document[last] = value

    return apply


def tracked_result():
    return example_result(2, track_ids=np.array([4, 5]), frame_index=3, time_s=0.1)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("format", "coco", '"format" is not "rtmpose3d"'),
        ("version", KeyError, "version: expected a whole number from 1, got None"),
        ("version", True, "version"),
        ("version", "1", "version"),
        ("keypoint_names", ["nose"], "keypoint_names"),
        ("model", 3, "model: expected a string, got 3"),
        ("runtime", "openvino", "runtime: expected an object or null"),
        ("runtime", {"backend": "openvino"}, "runtime.device: expected a string, got None"),
        ("image", None, "image: expected an object"),
        ("image.width", -1, "width: expected a whole number of pixels, got -1"),
        ("image.file", 7, r"image\.file"),
        ("axes", "up", "axes: expected null or one of z-up"),
        ("camera", [], "camera: expected an object"),
        ("camera.fx", "600", r"camera\.fx: expected a number"),
        ("camera.fx", None, "fx must be a finite number"),
        ("camera.fy", -2.0, "fy must be above 0"),
        ("camera.distortion", [], r"camera\.distortion: expected model and coefficients"),
        ("camera.distortion", {"model": "opencv", "coefficients": [1]}, "4 or 5 or 8 or 12 or 14"),
        ("camera.distortion", {"coefficients": ["a"]}, r"coefficients: expected a number"),
        ("camera.distortion", {"model": 3, "coefficients": [0] * 4}, r"distortion\.model"),
        ("people", {}, "people: expected a list"),
        ("people.0", [], r"people\[0\]: expected an object"),
        ("people.1.scores", KeyError, r"people\[1\]\.scores: expected a list of 133, got None"),
        ("people.1.scores", [0.5] * 132, r"people\[1\]\.scores: expected a list of 133, got 132"),
        ("people.0.keypoints_2d_px.7", [1], r"people\[0\]\.keypoints_2d_px\[7\]: .* list of 2"),
        ("people.0.keypoints_3d_m.7.1", "x", r"keypoints_3d_m\[7\]: expected a number"),
        ("people.0.keypoints_3d_m", KeyError, r"keypoints_3d_m: expected a list"),
        ("people.0.confidence.3", True, "expected a number"),
        ("people.0.box_score", [1], r"box_score: expected a number"),
        ("people.0.box_score", 10**400, "too large"),
        ("people.0.box_score", 1e39, "too large"),
        ("people.1.root_depth_source", "guess", r"people\[1\]\.root_depth_source: .*given"),
        (
            "people.1.track_id",
            KeyError,
            r"people\[1\]\.track_id: expected a whole number, got None",
        ),
        ("people.0.track_id", 1.5, r"people\[0\]\.track_id: expected a whole number, got 1.5"),
        ("people.0.track_id", 2**63, "track_id"),
        ("frame_index", -1, "frame_index must be a whole number from 0, got -1"),
        ("frame_index", "7", "frame_index"),
        ("time_s", "0.1", "time_s must be a finite number"),
    ],
)
def test_a_wrong_field_is_named(path, value, words):
    document = copy.deepcopy(result_to_dict(tracked_result()))
    change(path, value)(document)
    with pytest.raises(InputError, match=words):
        result_from_dict(document)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format": "coco"}', '{"format": NaN}', "[" * 5000]
)
def test_json_that_is_no_result_is_refused(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=r"a\.json is no (valid JSON|result of this package)"):
        load_result(path)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_are_not_json_are_refused(tmp_path, constant):
    path = save_result(example_result(1), tmp_path / "a.json")
    text = path.read_text("utf-8")
    start = text.index('"box_score":') + len('"box_score":')
    path.write_text(f"{text[:start]}{constant}{text[text.index(',', start) :]}", "utf-8")
    with pytest.raises(InputError, match="is not JSON"):
        load_result(path)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(InputError, match=r"missing\.json does not exist"):
        load_result(tmp_path / "missing.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no valid JSON"):
        load_result(tmp_path / "binary.json")
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(InputError, match=r"expected a \.json or \.jsonl or \.npz"):
        load_result(tmp_path / "a.csv")
    with pytest.raises(InputError, match="no format"):
        load_result(tmp_path / "a.txt")
    with pytest.raises(InputError, match="does not exist"):
        list(load_results(tmp_path / "missing.jsonl"))


def rewrite_npz(path: Path, **changes) -> None:
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    arrays |= changes
    buffer = io.BytesIO()
    np.savez(buffer, **{key: array for key, array in arrays.items() if array is not None})
    path.write_bytes(buffer.getvalue())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"meta": None}, "no result of this package"),
        ({"meta": np.array("{")}, "meta is no valid JSON"),
        ({"meta": np.array("[" * 10_000)}, "meta is no valid JSON"),
        ({"meta": np.array(["{}"])}, "no text `meta`"),
        ({"meta": np.array(json.dumps({"format": "x"}))}, "no result of this package"),
        ({"scores": None}, "scores must be a floating array of shape .* got NoneType"),
        ({"scores": np.zeros((2, 132), np.float32)}, r"scores must be .*\(2, 133\).*\(2, 132\)"),
        ({"bboxes": np.zeros((3, 4), np.float32)}, r"must be .* of shape \(3,"),
        ({"bboxes": np.float32(3)}, "bboxes must be"),
        ({"confidence": np.zeros((2, 133), np.int64)}, "confidence must be a floating"),
        ({"keypoints_camera": None}, "keypoints_camera"),
        ({"track_ids": np.array([1.0, 2.0])}, "track_ids must be an? integer array"),
        ({"track_ids": np.array([1, 2, 3])}, "track_ids"),
    ],
)
def test_a_damaged_npz_is_refused(tmp_path, changes, words):
    path = save_result(example_result(2), tmp_path / "a.npz")
    rewrite_npz(path, **changes)
    with pytest.raises(InputError, match=words):
        load_result(path)


def test_an_npz_with_a_pickle_or_cut_short_is_refused(tmp_path):
    path = save_result(example_result(2), tmp_path / "a.npz")
    data = path.read_bytes()
    rewrite_npz(path, scores=np.array([{}], object))
    with pytest.raises(InputError, match="Python objects"):
        load_result(path)
    for damaged in (
        data[: len(data) // 2],
        b"",
        b"PK\x03\x04",
        data[:200] + b"\0" * 99 + data[299:],
    ):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.npz"):
            load_result(path)


def test_a_faulty_line_is_named_after_those_before_it_were_read(tmp_path):
    path = tmp_path / "a.jsonl"
    with open_sink(path) as sink:
        for index in range(3):
            sink.write(example_result(1, frame_index=index))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1] + b"\n" + lines[2] + lines[3][:-60])
    results = load_results(path)
    assert [next(results).frame_index, next(results).frame_index] == [0, 1]
    with pytest.raises(InputError, match=r"a\.jsonl, line 5 is no valid JSON"):
        next(results)


def test_a_file_of_several_results_or_none_is_not_one_result(tmp_path):
    for count, words in ((0, "holds no result"), (2, "load_results")):
        with open_sink(tmp_path / "a.jsonl") as sink:
            for index in range(count):
                sink.write(example_result(1, frame_index=index))
        with pytest.raises(InputError, match=words):
            load_result(tmp_path / "a.jsonl")
