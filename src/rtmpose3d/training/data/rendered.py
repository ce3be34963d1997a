"""Training data of rendered people: new crops, mixed with crops that were rendered before.

Rendering costs about as much as a training step, so each crop is used several times, with another
augmentation each time: batch i contains a few new crops and a random choice of earlier ones, which
a folder keeps as JPEG. Everything is determined by seed and index: a missing file is rendered
again, and a resumed training gets the batches of an uninterrupted one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures.atomic import output_errors
from rtmpose3d.synth.output import NO_JITTER, CropBatch, CropJitter, CropStream, StreamPlan
from rtmpose3d.synth.world import WorldSettings
from rtmpose3d.training.data.augment import augment_crop
from rtmpose3d.training.data.batches import TrainingData
from rtmpose3d.training.data.crop_files import read_crops, write_crops
from rtmpose3d.training.data.pose_batches import (
    VALIDATION_BATCH,
    VALIDATION_CROPS,
    PoseBatch,
    PoseSample,
    join_batches,
    split_batch,
    stack_samples,
)
from rtmpose3d.training.recipes.augmentation import Augmentation
from rtmpose3d.training.recipes.pose import PoseRecipe

logger = logging.getLogger(__name__)

_CROPS_PER_FILE = 8  # that a batch takes from one file, so that it opens few


class Stream(Protocol):
    """Endless batches of rendered crops."""

    def __next__(self) -> CropBatch: ...
    def close(self) -> None:
        """Close the renderer."""
        ...


OpenStream = Callable[[int], Stream]


@dataclass(frozen=True, kw_only=True)
class PoolSettings:
    """Numbers of new and of kept crops.

    Attributes:
        rendered_per_batch: crops of a batch that are new; the batch size or more: none are kept.
        size: maximum number of crops on disk (18 KB each).
        initial_size: number of crops rendered before the first step.
    """

    rendered_per_batch: int = 16
    size: int = 100_000
    initial_size: int = 2_000

    def __post_init__(self) -> None:
        if self.rendered_per_batch < 1 or not 0 <= self.initial_size <= self.size:
            raise InputError(
                "rendered_per_batch must be at least 1, and initial_size between 0 and size, got "
                f"{self.rendered_per_batch}, {self.initial_size} and {self.size}"
            )


class CropPool:
    """A `BatchSource` of new and kept crops.

    Args:
        open_stream: opens the renderer at batch n of `settings.rendered_per_batch` crops; the same
            number always gives the same crops.
        folder: folder of the kept crops; made if missing.
        settings: numbers of new and kept crops.
        batch_size: crops per batch.
        augmentation: augmentation of the stage; its jitter applies to kept crops only.
        seed: random seed of choice and augmentation.
    """

    def __init__(
        self,
        open_stream: OpenStream,
        folder: Path,
        *,
        settings: PoolSettings,
        batch_size: int,
        augmentation: Augmentation,
        seed: int,
    ) -> None:
        self.open_stream, self.folder = open_stream, folder
        self.augmentation, self.seed = augmentation, seed
        self.new_crops = min(settings.rendered_per_batch, batch_size)
        self.kept_crops = batch_size - self.new_crops
        self._first = settings.initial_size // self.new_crops if self.kept_crops else 0
        self._max_files = max(settings.size // self.new_crops, 1)
        self._stream: Stream | None = None
        self._next = 0
        with output_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def batch(self, index: int) -> PoseBatch:
        """Batch number `index`. Each thread or process has its own pool, as it has a renderer."""
        number = self._first + index
        rng = np.random.default_rng([self.seed, index])
        if not self.kept_crops:
            new = self._render(number)
            chosen = list(_rows(new, range(len(new)), new=True))
        else:
            oldest = max(0, number - self._max_files)
            new = self._read(number)
            chosen = list(_rows(new, range(len(new)), new=True))
            self._remove_before(oldest)
            left = self.kept_crops
            while left:
                count = min(_CROPS_PER_FILE, left, self.new_crops)
                earlier = self._read(int(rng.integers(oldest, number + 1)))
                rows = rng.choice(len(earlier), size=count, replace=False)
                chosen += _rows(earlier, rows.tolist(), new=False)
                left -= count
        samples = [
            augment_crop(sample, self.augmentation, rng, jitter=not is_new)
            for sample, _, is_new in chosen
        ]
        return stack_samples(samples, np.array([side for _, side, _ in chosen]))

    def close(self) -> None:
        """Close the renderer."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _path(self, number: int) -> Path:
        return self.folder / f"crops_{number:08d}.npz"

    def _read(self, number: int) -> PoseBatch:
        """Rendered batch of that number: read, or else rendered, written and read."""
        path = self._path(number)
        if path.exists():
            with suppress(InputError):  # damaged: render it again
                return read_crops(path)
        if self._stream is None:
            for earlier in range(max(0, number - self._max_files), number):
                if not self._path(earlier).exists():
                    write_crops(self._path(earlier), self._render(earlier))
        write_crops(path, self._render(number))
        return read_crops(path)

    def _render(self, number: int) -> PoseBatch:
        if self._stream is None or self._next != number:
            self.close()
            logger.info("rendering from batch %d", number)
            self._stream, self._next = self.open_stream(number), number
        self._next += 1
        return pose_batch(next(self._stream))

    def _remove_before(self, oldest: int) -> None:
        """Remove the files that have left the pool."""
        number = oldest - 1
        while number >= 0 and self._path(number).exists():
            with suppress(OSError):
                self._path(number).unlink()
            number -= 1


def _rows(
    batch: PoseBatch, rows: Sequence[int], *, new: bool
) -> Iterator[tuple[PoseSample, float, bool]]:
    samples = batch.samples()
    for row in rows:
        yield samples[row], float(batch.box_side_px[row]), new


def pose_batch(rendered: CropBatch) -> PoseBatch:
    """Convert a renderer's batch for training, where occluded keypoints are labelled too."""
    image_px_per_crop_px = np.sqrt(np.abs(np.linalg.det(rendered.image_from_crop[:, :, :2])))
    box = rendered.boxes_xyxy
    sides = (box[:, 2:] - box[:, :2]).max(axis=1)
    return PoseBatch(
        crops=rendered.crops,
        keypoints_px=rendered.keypoints_px,
        visible=(rendered.visibility > 0).astype(np.float32),
        keypoints_camera_m=rendered.keypoints_camera_m,
        box_side_px=(sides / image_px_per_crop_px).astype(np.float32),
    )


def rendered_crops(
    recipe: PoseRecipe,
    train: WorldSettings,
    validation: WorldSettings,
    out: Path,
    *,
    pool: PoolSettings | None = None,
    render_workers: int = 1,
    validation_crops: int = VALIDATION_CROPS,
) -> TrainingData[PoseBatch]:
    """Training data that is rendered during the training.

    Args:
        recipe: recipe of the training.
        train: world to render for the training.
        validation: world to render once, at the start, for validation (split "val").
        out: folder of the training; gets `pool/` and `validation.npz`.
        pool: numbers of new and kept crops.
        render_workers: number of rendering processes; 0: the thread that makes batches.
        validation_crops: number of crops to validate on; 0 in processes that do not validate.

    Raises:
        InputError, BackendError, MissingDependencyError: from the renderer.
        OutputError: the folder cannot be written.
    """
    open_stage = partial(
        _open_stage, recipe, train, out / "pool", pool or PoolSettings(), render_workers
    )
    held_out = load_validation_crops(recipe, validation, out / "validation.npz", validation_crops)
    return TrainingData(open_stage=open_stage, validation=held_out)


def load_validation_crops(
    recipe: PoseRecipe, settings: WorldSettings, path: Path, count: int
) -> list[PoseBatch]:
    """Crops to validate on, cut as inference cuts them; read from a file, or rendered into it.

    Raises:
        InputError: the file is damaged.
    """
    if not count:
        return []
    if not path.exists():
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        size = min(VALIDATION_BATCH, count)
        stream = CropStream(
            settings,
            recipe.model.input_size_wh,
            jitter=NO_JITTER,
            plan=StreamPlan(batch_size=size, workers=0),
        )
        with closing(stream):
            batches = [pose_batch(b) for b in islice(stream, -(-count // size))]
        write_crops(path, join_batches(batches))
    return split_batch(read_crops(path), VALIDATION_BATCH)


def _open_stage(
    recipe: PoseRecipe,
    world: WorldSettings,
    folder: Path,
    settings: PoolSettings,
    render_workers: int,
    stage: int,
) -> CropPool:
    new_crops = min(settings.rendered_per_batch, recipe.batch_size)
    return CropPool(
        partial(_open_stream, world, recipe.model.input_size_wh, new_crops, render_workers),
        folder,
        settings=settings,
        batch_size=recipe.batch_size,
        augmentation=recipe.augmentation(stage),
        seed=recipe.seed,
    )


def _open_stream(
    world: WorldSettings, size_wh: tuple[int, int], crops: int, workers: int, first: int
) -> CropStream:
    plan = StreamPlan(batch_size=crops, workers=workers, first_batch=first)
    return CropStream(world, size_wh, jitter=CropJitter(), plan=plan)
