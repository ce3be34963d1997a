"""Rendered pictures for the detector: from a stream of scenes and from a data set's files."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_pictures import tiny_recipe

from rtmpose3d.errors import InputError
from rtmpose3d.synth.world import WorldSettings
from rtmpose3d.training.detector import rendered
from rtmpose3d.training.detector.rendered import RenderedFiles, file_data, open_scenes


class MadeStream:
    """Stands for the renderer: picture n is grey level n, with a wide and a narrow box."""

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
            yield {
                "images": images,
                "boxes": np.array(large + small, np.float32),
                "image_index": np.tile(np.arange(len(numbers)), 2),
                "visible_share": np.full(2 * len(numbers), 0.4, np.float32),
            }


def test_scenes_come_in_order_from_any_number_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered, "SceneStream", MadeStream)
    settings = WorldSettings(assets=Path("none"), make_people=lambda _: None)  # type: ignore[arg-type]
    pictures = list(islice(open_scenes(settings, 96, 0, 5), 9))
    assert [int(p.image[0, 0, 0]) for p in pictures] == list(range(5, 14))
    first = pictures[0]
    assert first.image.shape == (76, 96, 3)  # without the grey below
    np.testing.assert_allclose(first.boxes_xyxy, [[10, 5, 35, 55], [60, 10, 63, 50]])
    assert first.ignored.tolist() == [False, True]  # too narrow to be learnt


def write_shard(folder: Path, pictures: int) -> None:
    shard = folder / "shard-00000"
    shard.mkdir(parents=True)
    images, annotations = [], []
    for i in range(pictures):
        picture = np.full((90, 120, 3), 40, np.uint8)
        picture[20:80, 30:60] = 220
        cv2.imwrite(str(shard / f"{i}.png"), picture)
        images.append({"id": i, "file_name": f"{i}.png"})
        seen = {"image_id": i, "bbox": [30, 20, 30, 60], "bbox_visible": [30, 20, 30, 60]}
        annotations.append({**seen, "area": 1700})
        hidden = {"image_id": i, "bbox": [70, 20, 40, 60], "bbox_visible": [70, 20, 20, 20]}
        annotations.append({**hidden, "area": 30})
    document = {"images": images, "annotations": annotations}
    (shard / "annotations.json").write_text(json.dumps(document))


def test_files_of_a_data_set_become_pictures_and_batches(tmp_path: Path) -> None:
    write_shard(tmp_path / "train", 3)
    write_shard(tmp_path / "val", 2)
    files = RenderedFiles(tmp_path / "train")
    assert len(files) == 3
    np.testing.assert_allclose(files[1].boxes_xyxy, [[30, 20, 60, 80], [70, 20, 90, 40]])
    assert files[1].ignored.tolist() == [False, True]  # hardly anything of the second is seen
    data = file_data(tiny_recipe(4), tmp_path / "train", tmp_path / "val")
    assert len(data.validation[0]) == 2
    batch = data.open_stage(1).batch(0)
    assert batch.images.shape == (2, 96, 96, 3)


def test_folders_without_pictures_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no finished shard"):
        RenderedFiles(tmp_path)
    (tmp_path / "shard-00000").mkdir()
    (tmp_path / "shard-00000" / "annotations.json").write_text('{"annotations": []}')
    with pytest.raises(InputError, match="is no annotation file"):
        RenderedFiles(tmp_path)
