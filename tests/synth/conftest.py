"""Fixtures: a renderer where OpenGL is available, and scenes of stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from makehuman_data import assets_at, cast_at
from standin import StandIns, standin_person, standins

from rtmpose3d.errors import BackendError, MissingDependencyError
from rtmpose3d.geometry import Camera
from rtmpose3d.synth import CameraView, Light, Renderer, Scene, SceneSettings, World, WorldSettings
from rtmpose3d.synth.body.rigged_body import RiggedBody, make_body
from rtmpose3d.synth.body.shape import sample_traits
from rtmpose3d.synth.people.cast import Cast
from rtmpose3d.synth.scene.cameras import looking_at

__all__ = ["StandIns"]


@pytest.fixture(scope="session")
def opengl() -> None:
    """Skips a test if OpenGL without a display is not available."""
    try:
        Renderer().close()
    except (BackendError, MissingDependencyError) as error:
        pytest.skip(f"no rendering here: {error}")


@pytest.fixture(scope="session")
def renderer(opengl: None) -> Iterator[Renderer]:
    with Renderer() as renderer:
        yield renderer


@pytest.fixture
def sun() -> Light:
    direction = np.array([0.4, -0.6, 0.7])
    return Light(
        direction_world=direction / np.linalg.norm(direction),
        colour_rgb=(0.9, 0.85, 0.8),
        sky_rgb=(0.35, 0.4, 0.5),
        ground_rgb=(0.2, 0.18, 0.15),
    )


@pytest.fixture
def two_people(sun: Light) -> Scene:
    rng = np.random.default_rng(5)
    people = (
        standin_person(rng, position=(-0.3, 0.1, 12)),
        standin_person(rng, position=(0.55, 0.4, -40), identity=1),
    )
    return Scene(people=people, props=(), light=sun)


@pytest.fixture
def view() -> CameraView:
    """A rolled view with a non-square image and an off-centre principal point."""
    camera = Camera(fx=390, fy=390, cx=171.5, cy=118.2, width=330, height=250)
    return looking_at(np.array([0.8, -3.6, 1.5]), np.array([0.2, 0, 0.95]), camera, roll_deg=7)


@pytest.fixture(scope="session")
def backdrop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve small photographs of six locations."""
    folder = tmp_path_factory.mktemp("backdrops")
    (folder / "photos").mkdir()
    rows = ["file,source,path,licence,author,note"]
    rng = np.random.default_rng(1)
    for i in range(12):
        coarse = rng.integers(0, 255, (6, 8, 3)).astype(np.uint8)
        image = cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "photos" / f"p{i:02d}.png"), image)
        rows.append(f"photos/p{i:02d}.png,synthetic,location {i // 2},CC0-1.0,unknown,")
    (folder / "SOURCES.csv").write_text("\n".join(rows))
    return folder


@pytest.fixture
def world_settings(backdrop_folder: Path) -> WorldSettings:
    return WorldSettings(
        assets=Path("none"),
        make_people=standins,
        backdrops=backdrop_folder,
        people=(1, 2),
        seed=3,
        scene=SceneSettings(clutter=1.0),
    )


@pytest.fixture
def world(opengl: None, world_settings: WorldSettings) -> Iterator[World]:
    with World(world_settings) as world:
        yield world


@pytest.fixture(scope="session")
def cast(shared: Path) -> Cast:
    return cast_at(shared)


@pytest.fixture(scope="session")
def symmetric(shared: Path, cast: Cast) -> RiggedBody:
    """A body whose two sides are equal."""
    traits = replace(sample_traits(np.random.default_rng(3)), details={})
    return make_body(traits, assets_at(shared), cast.keypoint_anchors)
