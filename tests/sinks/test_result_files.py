"""Results written to files and read back: nothing lost, nothing half-written, errors by field."""

from __future__ import annotations

import copy
import csv
import errno
import io
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import PIL.Image
import pytest

import rtmpose3d.structures.atomic
from rtmpose3d.errors import InputError, OutputError
from rtmpose3d.geometry.axes import AXES
from rtmpose3d.sinks import (
    FILE_ENDINGS,
    json_schema,
    load_result,
    result_from_dict,
    result_to_dict,
    save_result,
)
from rtmpose3d.skeletons import WHOLEBODY

ARRAYS = ("keypoints_2d", "scores", "confidence", "bboxes", "bbox_scores")
ARRAYS_3D = ("keypoints_camera", "keypoints_3d", "root_depth_m", "root_depth_std_m")
TOLERANCE = {"keypoints_2d": 5.1e-4, "bboxes": 5.1e-4}  # px: half of 0.001 and float32's own
TOLERANCE_3D = 1.1e-5  # m


def assert_same_but_rounded(read, result):
    for key in ARRAYS:
        array = getattr(read, key)
        assert array.dtype == np.float32
        np.testing.assert_allclose(
            array, getattr(result, key), rtol=0, atol=TOLERANCE.get(key, 6e-6)
        )
    for key in ARRAYS_3D if result.has_3d else ():
        assert getattr(read, key).dtype == np.float32
        np.testing.assert_allclose(
            getattr(read, key), getattr(result, key), rtol=0, atol=TOLERANCE_3D
        )
    assert_same_meaning(read, result)


def assert_same_meaning(read, result):
    assert read.has_3d == result.has_3d
    assert read.axes == result.axes
    assert read.camera == result.camera
    assert read.model == result.model
    assert read.image_size_wh == result.image_size_wh
    assert read.root_depth_source == result.root_depth_source
    assert read.source == Path(result.source.name)
    assert read.image is None
    assert read.keys() == result.keys()


# -- round trips -------------------------------------------------------------------------------


@pytest.mark.parametrize("people", [0, 1, 3])
@pytest.mark.parametrize("axes", AXES)
def test_json_and_back_gives_the_same_numbers_in_every_frame(tmp_path, make_result, people, axes):
    result = make_result(people, axes=axes)
    path = result.save(tmp_path / "a.json")
    assert_same_but_rounded(load_result(path), result)


@pytest.mark.parametrize("people", [0, 2])
def test_json_and_back_without_3d(tmp_path, make_result, people):
    result = make_result(people, has_3d=False)
    assert_same_but_rounded(load_result(save_result(result, tmp_path / "a.json")), result)


@pytest.mark.parametrize("has_3d", [True, False])
@pytest.mark.parametrize("people", [0, 2])
def test_npz_and_back_is_exact(tmp_path, make_result, people, has_3d):
    result = make_result(people, has_3d=has_3d, axes="root" if has_3d else "z-up")
    read = load_result(str(result.save(str(tmp_path / "a.NPZ"))))
    for key in (*ARRAYS, *(ARRAYS_3D if has_3d else ())):
        assert np.array_equal(getattr(read, key), getattr(result, key))
    assert_same_meaning(read, result)


def test_writing_what_was_read_gives_the_same_file(tmp_path, make_result):
    result = make_result(2, axes="rtmpose3d")
    first = save_result(result, tmp_path / "a.json").read_bytes()
    again = save_result(load_result(tmp_path / "a.json"), tmp_path / "b.json").read_bytes()
    assert first == again


def test_what_is_not_finite_is_null_and_comes_back_as_nan(tmp_path, make_result):
    result = make_result(2)
    keypoints = result.keypoints_2d.copy()
    keypoints[0, 5] = np.nan, np.inf
    result = replace(
        result, keypoints_2d=keypoints, root_depth_std_m=np.array([np.inf, 0.5], np.float32)
    )
    path = save_result(result, tmp_path / "a.json")
    assert "NaN" not in path.read_text("utf-8")
    assert "Infinity" not in path.read_text("utf-8")
    person = json.loads(path.read_text("utf-8"))["people"][0]
    assert person["keypoints_2d_px"][5] == [None, None]
    read = load_result(path)
    assert np.isnan(read.keypoints_2d[0, 5]).all()
    assert np.isnan(read.root_depth_std_m).tolist() == [True, False]
    assert np.isfinite(read.keypoints_2d[0, 6]).all()


# -- the JSON document -------------------------------------------------------------------------


def test_the_schema_is_valid_and_travels_with_the_package():
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("people", [0, 2])
def test_documents_follow_the_published_schema(tmp_path, make_result, people, axes):
    validator = jsonschema.Draft202012Validator(json_schema())
    for result in (make_result(people, axes=axes), make_result(people, has_3d=False)):
        validator.validate(result_to_dict(result))
        written = save_result(result, tmp_path / "a.json").read_text("utf-8")
        assert json.loads(written) == result_to_dict(result)


def test_the_schema_names_every_field_of_a_document(make_result):
    schema, document = json_schema(), result_to_dict(make_result(1))
    assert set(document) == set(schema["properties"])
    assert set(document["people"][0]) == set(schema["$defs"]["person"]["properties"])
    assert set(document["camera"]) == set(schema["properties"]["camera"]["properties"])
    assert set(schema["properties"]["axes"]["enum"]) == {*AXES, None}


def test_a_document_says_what_its_numbers_mean(make_result):
    result = make_result(2, axes="root")
    document = result.to_dict()
    assert document["format"] == "rtmpose3d"
    assert document["version"] == 1
    assert document["image"] == {"file": "Grüße 人物.jpg", "width": 640, "height": 427}
    assert document["camera"]["fx"] == 601.25
    assert document["keypoint_names"] == list(WHOLEBODY.keypoint_names)
    assert document["parts"]["left_hand"] == [91, 112]
    assert document["people"][1]["root_depth_source"] == "estimated"
    person = document["people"][0]
    assert person["box_xyxy_px"] == np.round(result.bboxes[0].astype(float), 3).tolist()
    root = result.keypoints_camera[0, [11, 12]].mean(axis=0)
    np.testing.assert_allclose(person["origin_camera_m"], root, atol=1e-5)


def test_json_files_are_small_ascii_and_have_a_line_per_person(tmp_path, make_result):
    data = save_result(make_result(3), tmp_path / "a.json").read_bytes()
    assert data.isascii()
    assert data.endswith(b"\n")
    assert sum(line.startswith(b'{"box_xyxy_px"') for line in data.splitlines()) == 3
    assert len(data) < 3 * 14_000


# -- other files -------------------------------------------------------------------------------


def test_npz_files_need_no_pickle_and_hold_every_array(tmp_path, make_result):
    result = make_result(2)
    path = save_result(result, tmp_path / "a.npz")
    with np.load(path, allow_pickle=False) as file:
        assert set(file.files) == {"meta", "keypoints_camera", *result.keys()}
        assert np.array_equal(file["keypoints_3d"], result.keypoints_3d)
        meta = json.loads(str(file["meta"]))
    assert meta["axes"] == "z-up"
    assert meta["version"] == 1
    assert len(meta["keypoint_names"]) == 133


@pytest.mark.parametrize("has_3d", [True, False])
def test_csv_files_have_the_table_of_to_dataframe(tmp_path, make_result, has_3d):
    pandas = pytest.importorskip("pandas")
    result = make_result(2, has_3d=has_3d)
    table = pandas.read_csv(save_result(result, tmp_path / "a.csv"))
    expected = result.to_dataframe()
    assert list(table.columns) == list(expected.columns)
    assert len(table) == 2 * 133
    for column in table.columns:
        if table[column].dtype.kind == "f":
            np.testing.assert_allclose(table[column], expected[column], rtol=0, atol=5.1e-4)
        else:
            assert list(table[column]) == list(expected[column])


def test_csv_files_of_nobody_have_only_the_header(tmp_path, make_result):
    text = save_result(make_result(0), tmp_path / "a.csv").read_text("utf-8")
    assert text == "person,index,keypoint,part,x_px,y_px,score,confidence,x_m,y_m,z_m\n"


def test_csv_cells_that_are_not_finite_are_empty(tmp_path, make_result):
    result = make_result(1)
    scores = result.scores.copy()
    scores[0, 0] = np.nan
    path = save_result(replace(result, scores=scores), tmp_path / "a.csv")
    with path.open(newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file))["score"] == ""


@pytest.mark.parametrize("ending", [".jpg", ".JPEG", ".png", ".webp"])
def test_images_are_what_plot_draws(tmp_path, make_result, ending, monkeypatch):
    result = make_result(1)
    drawn = PIL.Image.new("RGBA", (64, 42), (255, 128, 0, 255))
    monkeypatch.setattr(type(result), "plot", lambda self: drawn)
    with PIL.Image.open(save_result(result, tmp_path / f"a{ending}")) as image:
        assert image.size == drawn.size
        pixel = np.array(image.convert("RGB").getpixel((9, 9)))
        assert np.abs(pixel - (255, 128, 0)).max() <= 6


def test_a_real_image_is_drawn(tmp_path, make_result):
    with PIL.Image.open(save_result(make_result(1), tmp_path / "a.jpg")) as image:
        assert image.width >= 100


# -- writing fails -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "a.txt", "a.jsn", ".json"])
def test_an_ending_that_is_not_known_is_named(tmp_path, make_result, name):
    with pytest.raises(InputError, match=r"expected one of \.json, \.npz, \.csv"):
        save_result(make_result(1), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path, make_result):
    with pytest.raises(OutputError, match="folder does not exist"):
        save_result(make_result(1), tmp_path / "nowhere" / "a.json")


@pytest.mark.parametrize("ending", FILE_ENDINGS)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path, make_result, ending, monkeypatch
):
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"old")

    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(rtmpose3d.structures.atomic, "_flush_to_disk", full)
    with pytest.raises(OutputError, match=r"cannot write .*a\.\w+: the disk is full"):
        save_result(make_result(1), path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("ending", [".json", ".npz", ".csv"])
def test_a_device_that_is_full_is_an_output_error(tmp_path, make_result, ending):
    link = tmp_path / f"a{ending}"
    link.symlink_to("/dev/full")
    with pytest.raises(OutputError, match="the disk is full"):
        save_result(make_result(1), link)


# -- reading fails -----------------------------------------------------------------------------


def test_a_newer_version_says_to_upgrade(tmp_path, make_result):
    document = result_to_dict(make_result(1)) | {"version": 2}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(InputError, match=r"a\.json has .* version 2.*--upgrade rtmpose3d"):
        load_result(path)


def test_fields_that_are_not_known_are_ignored(make_result):
    result = make_result(1)
    document = result_to_dict(result) | {"later": 1}
    document["people"][0]["later"] = [1]
    assert_same_but_rounded(result_from_dict(document), result)


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


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("format", "coco", '"format" is not "rtmpose3d"'),
        ("version", KeyError, "version: expected a whole number from 1, got None"),
        ("version", True, "version"),
        ("version", "1", "version"),
        ("keypoint_names", ["nose"], "keypoint_names"),
        ("model", 3, "model: expected a string, got 3"),
        ("image", None, "image: expected an object"),
        ("image.width", -1, "width: expected a whole number of pixels, got -1"),
        ("image.file", 7, r"image\.file"),
        ("axes", "up", "axes: expected null or one of z-up"),
        ("camera", [], "camera: expected an object"),
        ("camera.fx", "600", r"camera\.fx: expected a number"),
        ("camera.fx", None, "fx must be a finite number"),
        ("camera.fy", -2.0, "fy must be above 0"),
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
    ],
)
def test_a_wrong_field_is_named(make_result, path, value, words):
    document = copy.deepcopy(result_to_dict(make_result(2)))
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


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(InputError, match=r"missing\.json cannot be read"):
        load_result(tmp_path / "missing.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no valid JSON"):
        load_result(tmp_path / "binary.json")
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(InputError, match=r"expected a \.json or \.npz"):
        load_result(tmp_path / "a.csv")


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
        ({"meta": np.array("{")}, "no result of this package"),
        ({"meta": np.array(json.dumps({"format": "x"}))}, "no result of this package"),
        ({"scores": None}, "scores: expected floats"),
        ({"scores": np.zeros((2, 132), np.float32)}, r"scores: .*\(2, 133\).*\(2, 132\)"),
        ({"bboxes": np.zeros((3, 4), np.float32)}, r"expected floats of the shape \(3,"),
        ({"bboxes": np.float32(3)}, "expected floats"),
        ({"confidence": np.zeros((2, 133), np.int64)}, "confidence: expected floats"),
        ({"keypoints_camera": None}, "keypoints_camera"),
    ],
)
def test_a_damaged_npz_is_refused(tmp_path, make_result, changes, words):
    path = save_result(make_result(2), tmp_path / "a.npz")
    rewrite_npz(path, **changes)
    with pytest.raises(InputError, match=words):
        load_result(path)


def test_an_npz_with_a_pickle_or_cut_short_is_refused(tmp_path, make_result):
    path = save_result(make_result(2), tmp_path / "a.npz")
    data = path.read_bytes()
    rewrite_npz(path, scores=np.array([{}], object))
    with pytest.raises(InputError, match="no result of this package"):
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
