from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from rtmpose3d.errors import BackendError, InputError, OutputError
from rtmpose3d.structures.folder_lock import folder_lock
from rtmpose3d.synth import (
    DatasetPlan,
    ShotSettings,
    World,
    WorldSettings,
    make_shot,
    write_dataset,
)
from rtmpose3d.synth.output import shards
from rtmpose3d.synth.output.preview import preview_sheet
from rtmpose3d.synth.scene.backdrops import read_image

pytestmark = pytest.mark.slow

SHOT = ShotSettings(size_wh=(160, 120))


@pytest.fixture
def plan(tmp_path: Path, world_settings: WorldSettings) -> DatasetPlan:
    return DatasetPlan(
        out=tmp_path / "set", count=7, world=world_settings, shot=SHOT, shard_images=3
    )


def _files(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_workers(
    opengl: None, plan: DatasetPlan, tmp_path: Path
) -> None:
    assert write_dataset(plan) == 3
    other = replace(plan, out=tmp_path / "again")
    write_dataset(other, workers=2)
    first, again = _files(plan.out), _files(other.out)
    assert first == again
    assert sum(name.endswith(".jpg") for name in first) == 7
    seeded = replace(other, out=tmp_path / "other", world=replace(plan.world, seed=4))
    write_dataset(seeded)
    assert _files(seeded.out)["shard-00000/00000000.jpg"] != first["shard-00000/00000000.jpg"]


def test_an_interrupted_run_keeps_complete_shards_and_resumes(
    opengl: None, plan: DatasetPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    write = shards._write_jpeg

    def interrupt(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 5:
            raise KeyboardInterrupt
        write(*arguments)

    monkeypatch.setattr(shards, "_write_jpeg", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(plan)
    names = sorted(path.name for path in plan.out.iterdir())
    assert names == ["dataset.json", "shard-00000"]
    monkeypatch.setattr(shards, "_write_jpeg", write)
    reported: list[int] = []
    assert write_dataset(plan, progress=reported.append) == 2
    assert reported == [3, 3, 1]
    document = json.loads((plan.folder(2) / "annotations.json").read_text())
    assert [image["id"] for image in document["images"]] == [6]


def test_a_folder_of_another_dataset_is_left_alone(opengl: None, plan: DatasetPlan) -> None:
    write_dataset(plan)
    before = _files(plan.out)
    other = replace(plan, world=replace(plan.world, seed=9))
    with pytest.raises(InputError, match="another dataset \\(seed: existing 3, requested 9\\)"):
        write_dataset(other)
    assert _files(plan.out) == before


def test_a_longer_run_adds_to_a_dataset(opengl: None, plan: DatasetPlan) -> None:
    write_dataset(replace(plan, count=3))
    first = _files(plan.folder(0))
    assert write_dataset(replace(plan, count=6)) == 1
    longer = _files(plan.folder(0))
    name = "00000002.jpg"
    assert longer[name] == first[name]


def test_a_folder_with_other_files_is_not_written_to(plan: DatasetPlan) -> None:
    plan.out.mkdir()
    (plan.out / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        write_dataset(plan)


def test_a_directory_that_cannot_be_written_is_an_error_that_names_it(
    plan: DatasetPlan, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        write_dataset(replace(plan, out=tmp_path / "file" / "set"))


def test_broken_assets_are_reported_by_worker_processes_too(
    opengl: None, plan: DatasetPlan, tmp_path: Path
) -> None:
    world = replace(plan.world, backdrops=tmp_path / "nowhere")
    with pytest.raises(InputError, match="nowhere: expected a folder"):
        write_dataset(replace(plan, world=world), workers=2)


def test_a_preview_shows_images_that_were_written(opengl: None, plan: DatasetPlan) -> None:
    with pytest.raises(InputError, match="no finished shard"):
        preview_sheet(plan.out)
    write_dataset(plan)
    sheet = preview_sheet(plan.out, 5)
    assert sheet.shape[0] == 3 * 480
    first = read_image(plan.folder(0) / "00000000.jpg")
    assert abs(float(sheet[:480, :640].mean()) - float(first.mean())) < 3


def test_clips_move_smoothly_and_keep_their_people(world: World) -> None:
    settings = ShotSettings(size_wh=(160, 120), frames=4, fps=10, views=2)
    samples = make_shot(world, 5, settings)
    assert [(s.frame_index, s.view_index) for s in samples] == [
        (frame, view) for frame in range(4) for view in range(2)
    ]
    assert [s.time_s for s in samples[::2]] == pytest.approx([0, 0.1, 0.2, 0.3])
    for view in range(2):
        hips = np.array([s.people[0].keypoints_world[11] for s in samples[view::2]])
        assert np.diff(hips, axis=0) == pytest.approx(np.tile([0.05, 0, 0], (3, 1)))
        transforms = [s.view.camera_from_world for s in samples[view::2]]
        assert np.abs(np.diff(transforms, axis=0)[:, :, :3]).max() < 0.1
        assert {p.identity for s in samples[view::2] for p in s.people} == set(
            range(len(samples[0].people))
        )
    cameras = [s.view.camera_from_world for s in samples[:2]]
    assert np.abs(cameras[0] - cameras[1]).max() > 0.05
    assert samples[0].people is samples[1].people


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"size_wh": (20, 100)}, "sides"),
        ({"views": 0}, "views"),
        ({"frames": 0}, "frames"),
        ({"fps": 0.0}, "fps"),
    ],
)
def test_an_impossible_shot_is_an_error(wrong: dict, text: str) -> None:
    with pytest.raises(InputError, match=text):
        ShotSettings(**wrong)


def test_impossible_settings_are_errors(world_settings: WorldSettings) -> None:
    with pytest.raises(InputError, match="4-2"):
        replace(world_settings, people=(4, 2))
    with pytest.raises(InputError, match="seed"):
        replace(world_settings, seed=-1)


def test_a_failed_run_does_not_block_the_corrected_one(plan: DatasetPlan) -> None:
    """Its assets are missing: only the description has been written."""

    def broken(settings: WorldSettings) -> NoReturn:
        raise InputError("no assets")

    with pytest.raises((InputError, BackendError)):
        write_dataset(replace(plan, world=replace(plan.world, make_people=broken)))
    for seed in (5, 6):  # another dataset each time; neither is the first one
        other = replace(plan, world=replace(plan.world, make_people=broken, seed=seed))
        with pytest.raises((InputError, BackendError), match=r"no assets|OpenGL"):
            write_dataset(other)
    assert [path.name for path in plan.out.iterdir()] == ["dataset.json"]


def test_a_second_run_in_the_same_folder_is_refused(plan: DatasetPlan) -> None:
    plan.out.mkdir()
    partial = plan.out / ".shard-00000.123.tmp"
    partial.mkdir()
    with (
        folder_lock(plan.out, "rendering"),
        pytest.raises(InputError, match="in use by another rendering"),
    ):
        write_dataset(plan)
    assert partial.is_dir()


@pytest.mark.parametrize("text", ["[]", "3", "{", "[" * 100_000])
def test_a_damaged_description_is_an_error_of_ours(plan: DatasetPlan, text: str) -> None:
    plan.folder(0).mkdir(parents=True)
    (plan.folder(0) / "annotations.json").write_text("{}")
    (plan.out / "dataset.json").write_text(text)
    with pytest.raises(InputError, match=r"dataset\.json.*delete it"):
        write_dataset(plan)
