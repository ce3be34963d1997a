"""Rendered pictures for the detector: from a running renderer, or from a data set of `synth`.

Boxes here count from the corner of the first pixel, as COCO's do.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.sources import load_image
from rtmpose3d.structures import FloatArray, Image
from rtmpose3d.synth.backdrops import Backdrops
from rtmpose3d.synth.stream import LETTERBOX_GREY, SceneStream, StreamPlan
from rtmpose3d.synth.world import WorldSettings
from rtmpose3d.training.detector.augment import AS_INFERENCE, VariedPictures
from rtmpose3d.training.detector.loop import DetectorData
from rtmpose3d.training.detector.pictures import (
    DetectorBatch,
    FilesWithoutPeople,
    LabelledPicture,
    PicturesInOrder,
    PictureSource,
    PooledPictures,
    settle_boxes,
)
from rtmpose3d.training.detector.recipes import DetectorRecipe

SCENES_A_BATCH = 8  # that the renderer makes at once
RENDERED_SHARE = 1.3  # of the network's input, so that pictures can be enlarged
LEAST_VISIBLE_SHARE = 0.08  # of a person's box that its visible pixels cover; else ignored
CORNER_PX = 0.5  # the renderer's boxes count from the middle of the first pixel
VALIDATION_PICTURES = 256


def open_scenes(
    settings: WorldSettings, side_px: int, workers: int, first: int
) -> Generator[LabelledPicture, None, None]:
    """Pictures `first`, `first` + 1, ... from the renderer, without end.

    Args:
        settings: what is rendered.
        side_px: of the square that pictures are fitted into.
        workers: rendering processes; 0: this one.
        first: number of the first picture.
    """
    batch, skip = divmod(first, SCENES_A_BATCH)
    plan = StreamPlan(batch_size=SCENES_A_BATCH, workers=workers, first_batch=batch)
    with SceneStream(settings, (side_px, side_px), plan=plan) as stream:
        for scenes in stream:
            for i in range(skip, SCENES_A_BATCH):
                mine = scenes["image_index"] == i
                yield _labelled(
                    _without_border(scenes["images"][i]),
                    scenes["boxes"][mine] + CORNER_PX,
                    scenes["visible_share"][mine],
                )
            skip = 0


def _without_border(image: Image) -> Image:
    """The picture without the grey that fills its square below or to the right."""
    drawn = image != LETTERBOX_GREY
    rows, columns = np.flatnonzero(drawn.any(axis=(1, 2))), np.flatnonzero(drawn.any(axis=(0, 2)))
    if not len(rows):
        return image
    return np.ascontiguousarray(image[: rows[-1] + 1, : columns[-1] + 1])


def _labelled(image: Image, boxes_xyxy: FloatArray, visible_share: FloatArray) -> LabelledPicture:
    height, width = image.shape[:2]
    hidden = visible_share < LEAST_VISIBLE_SHARE
    boxes, ignored = settle_boxes(boxes_xyxy, hidden, (0.0, 0.0, float(width), float(height)))
    return LabelledPicture(image=image, boxes_xyxy=boxes, ignored=ignored)


@dataclass(frozen=True, kw_only=True)
class _File:
    path: Path
    boxes_xyxy: FloatArray
    visible_share: FloatArray


class RenderedFiles(Sequence[LabelledPicture]):
    """The pictures of a data set that `rtmpose3d synth` wrote, read when they are asked for.

    Args:
        folder: of the data set.

    Raises:
        InputError: there is no finished shard in it, or one is broken.
    """

    def __init__(self, folder: Path) -> None:
        self._files = [
            file for path in sorted(folder.glob("*/annotations.json")) for file in _read_shard(path)
        ]
        if not self._files:
            raise InputError(
                f"{folder} holds no finished shard of rendered pictures (shard-*/"
                "annotations.json); make one with: rtmpose3d synth"
            )

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> LabelledPicture:  # type: ignore[override]
        """Read a picture."""
        file = self._files[index]
        return _labelled(load_image(file.path), file.boxes_xyxy, file.visible_share)


def _read_shard(path: Path) -> list[_File]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        boxes: dict[int, list[list[float]]] = {}
        shares: dict[int, list[float]] = {}
        for a in document["annotations"]:
            x, y, width, height = a["bbox_visible"]
            boxes.setdefault(a["image_id"], []).append([x, y, x + width, y + height])
            whole = max(a["bbox"][2] * a["bbox"][3], 1e-9)
            shares.setdefault(a["image_id"], []).append(a["area"] / whole)
        return [
            _File(
                path=path.parent / image["file_name"],
                boxes_xyxy=np.array(boxes.get(image["id"], []), np.float32).reshape(-1, 4),
                visible_share=np.array(shares.get(image["id"], []), np.float32),
            )
            for image in document["images"]
        ]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is no annotation file of rendered pictures ({error!r}); remove its folder "
            "and run rtmpose3d synth again"
        ) from error


def streamed_data(
    recipe: DetectorRecipe,
    train: WorldSettings,
    validation: WorldSettings,
    *,
    render_workers: int = 1,
    validation_pictures: int = VALIDATION_PICTURES,
) -> DetectorData:
    """Data that are rendered while the training runs.

    Args:
        recipe: of the training.
        train: what is rendered for it; photographs of its backdrops also serve as pictures
            without people.
        validation: what is rendered once, at the start, to validate on (split "val").
        render_workers: rendering processes.
        validation_pictures: how many.

    Raises:
        InputError, BackendError, MissingDependencyError: what the renderer raises.
    """
    with closing(open_scenes(validation, recipe.model.input_size_wh[0], 0, 0)) as held_out:
        pictures = list(islice(held_out, validation_pictures))
    return DetectorData(
        open_stage=partial(_open_streamed, recipe, train, render_workers),
        validation=validation_batches(recipe, pictures),
    )


def file_data(
    recipe: DetectorRecipe, train: Path, validation: Path, *, backdrops: Path | None = None
) -> DetectorData:
    """Data from two data sets that `rtmpose3d synth` wrote.

    Args:
        recipe: of the training.
        train: folder of the one to train on.
        validation: folder of the other.
        backdrops: folder of photographs that serve as pictures without people.

    Raises:
        InputError: a folder without finished shards.
    """
    pictures = RenderedFiles(validation)
    chosen = [pictures[i] for i in range(min(len(pictures), VALIDATION_PICTURES))]
    return DetectorData(
        open_stage=partial(_open_files, recipe, train, backdrops),
        validation=validation_batches(recipe, chosen),
    )


def validation_batches(
    recipe: DetectorRecipe, pictures: Sequence[LabelledPicture], batch_size: int = 32
) -> list[DetectorBatch]:
    """Pictures as inference fits them, in batches."""
    batches = []
    for start in range(0, len(pictures), batch_size):
        some = pictures[start : start + batch_size]
        source = VariedPictures(
            source=_AsGiven(some),
            size_wh=recipe.model.input_size_wh,
            batch_size=len(some),
            augmentation=AS_INFERENCE,
            seed=0,
        )
        batches.append(source.batch(0))
    return batches


class _AsGiven:
    def __init__(self, pictures: Sequence[LabelledPicture]) -> None:
        self.pictures = pictures

    def draw(self, index: int, count: int = 1) -> list[LabelledPicture]:
        return [self.pictures[(index + i) % len(self.pictures)] for i in range(count)]


def _open_streamed(
    recipe: DetectorRecipe, settings: WorldSettings, workers: int, stage: int
) -> VariedPictures:
    side_px = round(RENDERED_SHARE * max(recipe.model.input_size_wh))
    stream = partial(open_scenes, settings, side_px, workers)
    return _varied(recipe, PooledPictures(stream, seed=recipe.seed), settings.backdrops, stage)


def _open_files(
    recipe: DetectorRecipe, folder: Path, backdrops: Path | None, stage: int
) -> VariedPictures:
    source = PicturesInOrder(pictures=RenderedFiles(folder), seed=recipe.seed)
    return _varied(recipe, source, backdrops, stage)


def _varied(
    recipe: DetectorRecipe, source: PictureSource, backdrops: Path | None, stage: int
) -> VariedPictures:
    photos = () if backdrops is None else Backdrops.open(backdrops, "train").photos
    paths = [photo.path for photo in photos]
    return VariedPictures(
        source=source,
        empty=FilesWithoutPeople(paths=paths) if paths else None,
        size_wh=recipe.model.input_size_wh,
        batch_size=recipe.batch_size,
        augmentation=recipe.augmentation(stage),
        seed=recipe.seed + stage,
    )
