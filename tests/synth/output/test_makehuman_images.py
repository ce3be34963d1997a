"""The full pipeline with MakeHuman's people, from assets to labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtmpose3d.synth import (
    CropStream,
    DatasetPlan,
    ShotSettings,
    StreamPlan,
    WorldSettings,
    makehuman_people,
    write_dataset,
)

pytestmark = [pytest.mark.usefixtures("opengl"), pytest.mark.slow]


@pytest.fixture(scope="module")
def settings(shared: Path) -> WorldSettings:
    people = shared / "people"
    if not (people / "makehuman").is_dir():
        pytest.skip("MakeHuman's assets are not available")
    return WorldSettings(
        assets=people / "makehuman",
        make_people=makehuman_people,
        backdrops=people / "backdrops",
        people=(1, 2),
        seed=1,
    )


def test_images_are_the_same_bytes_however_many_processes_write_them(
    settings: WorldSettings, tmp_path: Path
) -> None:
    contents = []
    for workers in (1, 2):
        plan = DatasetPlan(
            out=tmp_path / str(workers),
            count=4,
            world=settings,
            shot=ShotSettings(size_wh=(320, 240)),
            shard_images=2,
        )
        write_dataset(plan, workers=workers)
        files = sorted(path for path in plan.out.rglob("*") if path.is_file())
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]


def test_faces_that_look_at_the_camera_are_visible_and_points_project_exactly(
    settings: WorldSettings,
) -> None:
    with CropStream(settings, (96, 128), plan=StreamPlan(batch_size=24, workers=0)) as stream:
        batch = next(stream)
    points_m, camera = batch.keypoints_camera_m.astype(np.float64), batch.cameras[:, None]
    pixels = points_m[..., :2] / points_m[..., 2:] * camera[..., :2] + camera[..., 2:]
    inside = batch.visibility > 0
    assert np.abs(pixels - batch.keypoints_px)[inside].max() < 0.01
    ears = points_m[:, [3, 4]].mean(axis=1)
    ray = ears / np.linalg.norm(ears, axis=1, keepdims=True)
    nose_depth = ((points_m[:, 0] - ears) * ray).sum(
        axis=1
    )  # depth of the nose relative to the ears, m
    towards, away = nose_depth < -0.05, nose_depth > 0.05
    eyes = batch.visibility[:, 59:71]
    assert (eyes[towards] == 2).mean() > 0.5
    assert (eyes[away] == 2).mean() < 0.1
    bodies = batch.keypoints_camera_m
    stature = np.linalg.norm(bodies[:, 0] - bodies[:, 15], axis=1)
    assert (stature < 2.1).all()
