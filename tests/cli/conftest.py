"""The command line with a stand-in for the model: same call, results made by rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from typer.testing import CliRunner

from rtmpose3d.cli.app import app
from rtmpose3d.cli.model_options import ModelOptions
from rtmpose3d.errors import InputError
from rtmpose3d.structures import PoseResult


@dataclass
class StandIn:
    """Detects as many people as the blue value of the first pixel; records its calls."""

    calls: list[dict] = field(default_factory=list)
    choice: ModelOptions | None = None
    interrupt_at: int | None = None

    def __call__(self, images, *, boxes, camera, axes, **settings) -> list[PoseResult]:
        self.calls.append(
            {"count": len(images), "boxes": boxes, "camera": camera, "axes": axes, **settings}
        )
        if self.interrupt_at is not None and len(self.calls) >= self.interrupt_at:
            raise KeyboardInterrupt
        if any((image[0, 0] == 255).all() for image in images):
            raise InputError("an image that the model refuses")
        given = boxes or [None] * len(images)
        return [self._result(*item, axes) for item in zip(images, given, camera, strict=True)]

    def _result(self, image, boxes, camera, axes) -> PoseResult:
        people = int(image[0, 0, 0]) if boxes is None else len(boxes)
        keypoints = np.full((people, 133, 3), 0.25, np.float32)
        keypoints[..., 2] = 3.0
        return PoseResult(
            keypoints_2d=np.full((people, 133, 2), 7.5, np.float32),
            scores=np.full((people, 133), 2.0, np.float32),
            confidence=np.full((people, 133), 0.5, np.float32),
            bboxes=np.tile(np.array([2, 3, 20, 40], np.float32), (people, 1)),
            bbox_scores=np.full(people, 0.9, np.float32),
            keypoints_camera=keypoints,
            root_depth_m=np.full(people, 3.0, np.float32),
            root_depth_std_m=np.full(people, 0.1, np.float32),
            root_depth_source=("estimated",) * people,
            axes=axes,
            camera=camera,
            model="rtmw3d-l",
            image_size_wh=(image.shape[1], image.shape[0]),
            image=image,
        )


@pytest.fixture
def stand_in(monkeypatch) -> StandIn:
    """A stand-in that `predict` loads instead of a model."""
    model = StandIn()

    def load(choice: ModelOptions) -> StandIn:
        model.choice = choice
        return model

    monkeypatch.setattr(ModelOptions, "load", load)
    return model


@pytest.fixture
def cli(monkeypatch):
    """A function that runs the command line and gives exit code and output."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("RTMPOSE3D_DEBUG", raising=False)

    def run(*arguments: object):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def images(tmp_path, monkeypatch):
    """A function that writes images, with the number of people in them."""
    monkeypatch.chdir(tmp_path)

    def write(**people: int) -> list[Path]:
        paths = []
        for name, count in people.items():
            path = tmp_path / f"{name}.png"
            PIL.Image.new("RGB", (64, 48), (0, 0, count)).save(path)
            paths.append(path)
        return paths

    return write
