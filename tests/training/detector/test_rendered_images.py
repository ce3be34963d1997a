"""Rendered images for the detector: from a stream of scenes."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from rtmpose3d.synth.output import SceneBatch
from rtmpose3d.synth.world import WorldSettings
from rtmpose3d.training.detector import rendered
from rtmpose3d.training.detector.rendered import open_scenes


class MadeStream:
    """Stands for the renderer: image n is grey level n, with a wide and a narrow box."""

    def __init__(self, settings, size_wh, *, plan) -> None:
        self.plan, self.size_wh = plan, size_wh

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        pass

    def __iter__(self):
        width, height = self.size_wh
        for batch in range(self.plan.first_batch, 100):
            numbers = batch * self.plan.batch_size + np.arange(self.plan.batch_size)
            images = np.full((len(numbers), height, width, 3), 114, np.uint8)
            images[:, : height - 20] = numbers[:, None, None, None]
            large = [[9.5, 4.5, 29.5 + n, 54.5] for n in numbers]
            small = [[59.5, 9.5, 62.5, 49.5]] * len(numbers)
            yield SceneBatch(
                images=images,
                boxes_xyxy=np.array(large + small, np.float32),
                image_index=np.tile(np.arange(len(numbers)), 2),
                visible_fraction=np.full(2 * len(numbers), 0.4, np.float32),
            )


def test_scenes_come_in_order_from_any_number_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered, "SceneStream", MadeStream)
    settings = WorldSettings(assets=Path("none"), make_people=lambda _: None)  # type: ignore[arg-type]
    images = list(islice(open_scenes(settings, 96, 0, 5), 9))
    assert [int(p.image[0, 0, 0]) for p in images] == list(range(5, 14))
    first = images[0]
    assert first.image.shape == (76, 96, 3)  # without the grey below
    np.testing.assert_allclose(first.boxes_xyxy, [[10, 5, 35, 55], [60, 10, 63, 50]])
    assert first.ignored.tolist() == [False, True]  # too narrow to be learnt
