"""UBody as it is downloaded becomes what its reader reads."""

import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from rtmpose3d.cli.app import app
from rtmpose3d.data import read_dataset
from rtmpose3d.data.ubody_videos import unpack_videos
from rtmpose3d.errors import InputError, MissingDependencyError

pytest.importorskip("imageio_ffmpeg", reason="needs the extra data")
PARTS = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68}
PARTS |= {"lefthand_kpts": 21, "righthand_kpts": 21}
VIDEOS = ("Speech/Speech_S1_Trim1", "Speech/Speech_S2", "Movie/Movie_S1_Trim4")


def write_video(path, frames=8):
    """Frame k is of the grey 30 k + 10."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30, (96, 64))
    for k in range(frames):
        writer.write(np.full((64, 96, 3), 30 * k + 10, np.uint8))
    writer.release()


def annotation(image_id, number):
    person = {"id": number, "image_id": image_id, "category_id": 1, "iscrowd": 0}
    person |= {"bbox": [10.0, 5.0, 70.0, 50.0], "area": 2000.0}
    for part, count in PARTS.items():
        person[part] = [20.0 + number, 30.0, 2.0] * count
    return person | {"face_valid": True, "lefthand_valid": True, "righthand_valid": True}


@pytest.fixture
def ubody(tmp_path):
    """Three videos of two scenes, frames 2, 4 and 6 of each labelled, one of them twice."""
    for video in VIDEOS:
        write_video(tmp_path / "videos" / f"{video}.mp4")
    for scene in ("Speech", "Movie"):
        names = [
            f"/{Path(video).name}/{frame:06d}.png"
            for video in VIDEOS
            for frame in (2, 4, 6)
            if video.startswith(scene)
        ]
        size = {"width": 96, "height": 64}
        images = [{"id": 50 + i, "file_name": name, **size} for i, name in enumerate(names)]
        people = [annotation(image["id"], i) for i, image in enumerate([*images, images[0]])]
        folder = tmp_path / "annotations" / scene
        folder.mkdir(parents=True)
        text = json.dumps({"images": images, "annotations": people, "categories": []})
        (folder / "keypoint_annotation.json").write_text(text)
    (tmp_path / "splits").mkdir()
    np.save(tmp_path / "splits" / "intra_scene_test_list.npy", np.array(["Movie_S1", "Speech_S9"]))
    return tmp_path


def test_frames_and_labels_become_what_the_reader_reads(ubody):
    done = unpack_videos(ubody)
    assert (done.images, done.people, done.without_image) == (9, {"train": 7, "val": 4}, 0)
    train, val = (list(read_dataset("ubody", ubody, split)) for split in ("train", "val"))
    assert (len(train), len(val)) == (7, 4)
    assert {record.image.parent.name for record in val} == {"Movie_S1_Trim4"}
    for record in (*train, *val):
        frame = int(record.image.stem)
        shown = cv2.imread(str(record.image))
        assert shown.shape == (64, 96, 3)
        assert abs(shown.mean() - (30 * (frame - 1) + 10)) < 5  # the frame that its number says
        assert (record.visible > 0).sum() == 133
    written = {path.name for path in (ubody / "images").rglob("*") if path.is_file()}
    assert written == {"000002.png", "000004.png", "000006.png"}


def test_a_second_run_cuts_nothing_and_writes_the_same(ubody):
    unpack_videos(ubody)
    labels = (ubody / "annotations" / "train_annotations.json").read_bytes()
    done = unpack_videos(ubody)
    assert done.images == 0
    assert (ubody / "annotations" / "train_annotations.json").read_bytes() == labels


def test_every_nth_frame_alone_is_cut_and_labelled(ubody):
    done = unpack_videos(ubody, every=4)
    assert (done.images, done.people) == (3, {"train": 2, "val": 1})


def test_a_bad_video_is_reported_and_the_others_are_cut(ubody):
    (ubody / "videos" / f"{VIDEOS[0]}.mp4").write_bytes(b"no video")
    (ubody / "videos" / f"{VIDEOS[1]}.mp4").unlink()
    write_video(ubody / "videos" / f"{VIDEOS[2]}.mp4", frames=5)
    result = CliRunner().invoke(app, ["datasets", "unpack", "ubody", str(ubody)])
    assert result.exit_code != 0
    assert "2 images written" in result.output
    assert f"{VIDEOS[0]}.mp4: " in result.output
    assert f"{VIDEOS[1]}.mp4 does not exist" in result.output
    assert "skipped: 8 x no such frame" in result.output
    records = list(read_dataset("ubody", ubody, "val"))
    names = sorted(record.image.name for record in records)
    assert names == ["000002.png", "000002.png", "000004.png"]


def test_what_is_no_download_is_refused(ubody):
    with pytest.raises(InputError, match=r"holds no SCENE/keypoint_annotation\.json"):
        unpack_videos(ubody / "images")
    splits = ubody / "splits" / "intra_scene_test_list.npy"
    np.save(splits, np.array(["Movie_S1", None], dtype=object), allow_pickle=True)
    with pytest.raises(
        InputError, match=r"list of videos .*intra_scene_test_list\.npy cannot be read"
    ):
        unpack_videos(ubody)
    with pytest.raises(InputError, match=r"inter_scene_test_list\.npy"):
        unpack_videos(ubody, split_by="inter")
    splits.unlink()
    np.save(splits, np.array(["Movie_S1"]))
    for name in ("/../../../../etc/000001.png", "000001.png", "/a/b.png", None):
        document = {"images": [{"id": 1, "file_name": name}], "annotations": []}
        (ubody / "annotations" / "Movie" / "keypoint_annotation.json").write_text(
            json.dumps(document)
        )
        with pytest.raises(InputError, match="holds no labels of UBody"):
            unpack_videos(ubody)


def test_without_ffmpeg_the_error_names_the_extra(ubody, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(MissingDependencyError, match=r"rtmpose3d\[data\]"):
        unpack_videos(ubody)
