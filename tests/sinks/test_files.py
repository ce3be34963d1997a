"""Contents of NPZ, CSV and image files; a file is complete or does not exist."""

from __future__ import annotations

import csv
import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import rtmpose3d.structures.atomic
from example_results import example_result
from rtmpose3d.errors import InputError, OutputError
from rtmpose3d.sinks import result_suffixes, save_result


def test_npz_files_need_no_pickle_and_hold_every_array(tmp_path):
    result = example_result(2, track_ids=np.array([8, 9]))
    path = save_result(result, tmp_path / "a.npz")
    with np.load(path, allow_pickle=False) as file:
        assert set(file.files) == {"meta", "keypoints_camera", *result.keys()}
        assert np.array_equal(file["keypoints_3d"], result.keypoints_3d)
        meta = json.loads(str(file["meta"]))
    assert meta["axes"] == "z-up"
    assert meta["version"] == 1
    assert len(meta["keypoint_names"]) == 133
    assert meta["root_depth_source"] == list(result.root_depth_source)


@pytest.mark.parametrize("has_3d", [True, False])
def test_csv_files_have_the_table_of_to_dataframe(tmp_path, has_3d):
    pandas = pytest.importorskip("pandas")
    result = example_result(2, has_3d=has_3d)
    table = pandas.read_csv(save_result(result, tmp_path / "a.csv"))
    expected = result.to_dataframe()
    assert list(table.columns) == list(expected.columns)
    assert len(table) == 2 * 133
    for column in table.columns:
        if table[column].dtype.kind == "f":
            np.testing.assert_allclose(table[column], expected[column], rtol=0, atol=5.1e-4)
        else:
            assert list(table[column]) == list(expected[column])


def test_csv_files_without_people_have_only_the_header(tmp_path):
    text = save_result(example_result(0), tmp_path / "a.csv").read_text("utf-8")
    assert text == "person,index,keypoint,part,x_px,y_px,score,confidence,x_m,y_m,z_m\n"


def test_csv_cells_that_are_not_finite_are_empty(tmp_path):
    result = example_result(1)
    scores = result.scores.copy()
    scores[0, 0] = np.nan
    path = save_result(replace(result, scores=scores), tmp_path / "a.csv")
    with path.open(newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file))["score"] == ""


# -- images ------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".webp"])
def test_images_are_what_plot_draws(tmp_path, suffix, monkeypatch):
    result = example_result(1)
    drawn = PIL.Image.new("RGBA", (64, 42), (255, 128, 0, 255))
    monkeypatch.setattr(type(result), "plot", lambda self: drawn)
    with PIL.Image.open(save_result(result, tmp_path / f"a{suffix}")) as image:
        assert image.format == {".jpg": "JPEG", ".jpeg": "JPEG"}.get(
            suffix.lower(), suffix[1:].upper()
        )
        assert image.size == drawn.size
        pixel = np.array(image.convert("RGB").getpixel((9, 9)))
        assert np.abs(pixel - (255, 128, 0)).max() <= 6


def test_a_real_image_is_drawn(tmp_path):
    with PIL.Image.open(save_result(example_result(1), tmp_path / "a.jpg")) as image:
        assert image.width >= 100


# -- writing fails -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "a.txt", "a.jsn", ".json"])
def test_an_unknown_suffix_is_named(tmp_path, name):
    with pytest.raises(InputError, match=r"expected one of \.json, \.jsonl, \.npz, \.csv"):
        save_result(example_result(1), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="folder does not exist"):
        save_result(example_result(1), tmp_path / "nowhere" / "a.json")


def test_a_result_that_cannot_be_drawn_leaves_no_file(tmp_path):
    with pytest.raises(InputError, match="image"):
        save_result(example_result(1, has_3d=False, image=None), tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [one for one in result_suffixes() if one != ".mp4"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"old")

    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(rtmpose3d.structures.atomic, "_flush_to_disk", full)
    with pytest.raises(OutputError, match=r"cannot write .*a\.\w+: the disk is full"):
        save_result(example_result(1), path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".npz", ".csv"])
def test_a_device_that_is_full_is_an_output_error(tmp_path, suffix):
    link = tmp_path / f"a{suffix}"
    link.symlink_to("/dev/full")
    with pytest.raises(OutputError, match="the disk is full"):
        save_result(example_result(1), link)
