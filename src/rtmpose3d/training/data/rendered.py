"""Rendered crops for pose training: fresh from the renderer, mixed with earlier ones.

Rendering costs about as much as a training step, so a crop is used several times, varied anew each
time: batch i holds a few fresh crops and, by chance, some of those rendered before, which lie in
a folder as JPEG. Everything follows from seed and index: a file that is missing is rendered
again, and a resumed training sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol
from zipfile import BadZipFile

import cv2
import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures import Image
from rtmpose3d.structures.atomic import atomic_write, output_errors
from rtmpose3d.synth.output import NO_JITTER, CropBatch, CropJitter, CropStream, StreamPlan
from rtmpose3d.synth.world import WorldSettings
from rtmpose3d.training.data.augment import Augmentation, Sample, augment_crop
from rtmpose3d.training.data.batches import PoseBatch, batch_of_samples
from rtmpose3d.training.loop.trainer import TrainingData
from rtmpose3d.training.recipes.small import PoseRecipe

logger = logging.getLogger(__name__)

_JPEG_QUALITY = 95
_SAME_FILE = 8  # crops of a batch that come from one file, so that few are opened
VALIDATION_CROPS = 512


class Stream(Protocol):
    """Batches of crops without end."""

    def __next__(self) -> CropBatch: ...
    def close(self) -> None:
        """End it."""
        ...


OpenStream = Callable[[int], Stream]


@dataclass(frozen=True, kw_only=True)
class PoolPlan:
    """How many crops are fresh, and how many are kept.

    Attributes:
        fresh: crops of a batch that come from the renderer; all of them: nothing is kept.
        crops: that are kept on the disk at most (18 KB each).
        start: that are rendered before the first step.
    """

    fresh: int = 16
    crops: int = 100_000
    start: int = 2_000

    def __post_init__(self) -> None:
        if self.fresh < 1 or not 0 <= self.start <= self.crops:
            raise InputError(
                f"fresh must be at least 1, and start 0 to crops, got {self.fresh}, {self.start} "
                f"and {self.crops}"
            )


class PooledCrops:
    """A `BatchSource` of fresh and kept crops.

    Args:
        open_stream: gives batches n, n + 1, ... of `plan.fresh` crops; the same number always the
            same crops.
        folder: where crops are kept; made if it is not there.
        plan: how many.
        batch_size: crops a batch.
        augmentation: of this stage; kept crops are also cut anew (`Augmentation.jitter`).
        seed: of the chance.
    """

    def __init__(
        self,
        open_stream: OpenStream,
        folder: Path,
        *,
        plan: PoolPlan,
        batch_size: int,
        augmentation: Augmentation,
        seed: int,
    ) -> None:
        self.open_stream, self.folder, self.plan = open_stream, folder, plan
        self.augmentation, self.seed = augmentation, seed
        self.fresh = min(plan.fresh, batch_size)
        self.kept = batch_size - self.fresh
        self._start = plan.start // self.fresh if self.kept else 0
        self._most = max(plan.crops // self.fresh, 1)
        self._stream: Stream | None = None
        self._next = 0
        with output_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def batch(self, index: int) -> PoseBatch:
        """See `BatchSource`. A thread or process has one of these, as a renderer has."""
        number = self._start + index
        rng = np.random.default_rng([self.seed, index])
        if not self.kept:
            fresh = self._render(number)
            chosen: list[tuple[Sample, float, bool]] = list(_rows(fresh, range(len(fresh)), True))
        else:
            oldest = max(0, number - self._most)
            fresh = self._file(number)
            chosen = list(_rows(fresh, range(len(fresh)), True))
            self._forget(oldest)
            left = self.kept
            while left:
                count = min(_SAME_FILE, left, self.fresh)
                earlier = self._file(int(rng.integers(oldest, number + 1)))
                rows = rng.choice(len(earlier), size=count, replace=False)
                chosen += _rows(earlier, rows.tolist(), False)
                left -= count
        samples = [
            augment_crop(sample, self.augmentation, rng, rejitter=not is_fresh)
            for sample, _, is_fresh in chosen
        ]
        return batch_of_samples(samples, np.array([side for _, side, _ in chosen]))

    def close(self) -> None:
        """End the renderer."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _path(self, number: int) -> Path:
        return self.folder / f"crops_{number:08d}.npz"

    def _file(self, number: int) -> PoseBatch:
        """Rendered batch of that number: read, or rendered, written and read."""
        path = self._path(number)
        if path.exists():
            with suppress(InputError):  # damaged: make it anew
                return read_crops(path)
        if self._stream is None:
            for earlier in range(max(0, number - self._most), number):
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

    def _forget(self, oldest: int) -> None:
        """Remove what has left the pool."""
        number = oldest - 1
        while number >= 0 and self._path(number).exists():
            with suppress(OSError):
                self._path(number).unlink()
            number -= 1


def _rows(
    batch: PoseBatch, rows: range | list[int], fresh: bool
) -> Iterator[tuple[Sample, float, bool]]:
    samples = batch.samples()
    for row in rows:
        yield samples[row], float(batch.box_side_px[row]), fresh


def pose_batch(rendered: CropBatch) -> PoseBatch:
    """A renderer's batch as training takes it: what is occluded is labelled, too."""
    enlarged = np.sqrt(np.abs(np.linalg.det(rendered.image_from_crop[:, :, :2])))
    box = rendered.boxes_xyxy
    return PoseBatch(
        crops=rendered.crops,
        keypoints_px=rendered.keypoints_px,
        visible=(rendered.visibility > 0).astype(np.float32),
        keypoints_camera_m=rendered.keypoints_camera_m,
        box_side_px=((box[:, 2:] - box[:, :2]).max(axis=1) / enlarged).astype(np.float32),
    )


def write_crops(path: Path, batch: PoseBatch) -> None:
    """Write a batch, its images as JPEG; whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    images = [cv2.imencode(".jpg", crop, quality)[1].reshape(-1) for crop in batch.crops]
    with atomic_write(path) as file:
        np.savez(
            file,
            jpeg=np.concatenate(images),
            ends=np.cumsum([len(image) for image in images]),
            keypoints_px=batch.keypoints_px,
            visible=batch.visible,
            keypoints_camera_m=batch.keypoints_camera_m,
            box_side_px=batch.box_side_px,
        )


def read_crops(path: Path) -> PoseBatch:
    """Read what `write_crops` wrote.

    Raises:
        InputError: it is no such file, or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            images = np.split(data["jpeg"], data["ends"][:-1])
            return PoseBatch(
                crops=np.stack([_decoded(image) for image in images]),
                keypoints_px=data["keypoints_px"],
                visible=data["visible"],
                keypoints_camera_m=data["keypoints_camera_m"],
                box_side_px=data["box_side_px"],
            )
    except (OSError, KeyError, ValueError, EOFError, BadZipFile, cv2.error) as error:
        raise InputError(f"{path} is damaged: {error}; remove it, it is made anew") from error


def _decoded(image: np.ndarray) -> Image:
    crop = cv2.imdecode(image, cv2.IMREAD_COLOR)
    if crop is None:
        raise ValueError("an image in it cannot be decoded")
    return np.asarray(crop, np.uint8)


def streamed_data(
    recipe: PoseRecipe,
    train: WorldSettings,
    validation: WorldSettings,
    out: Path,
    *,
    plan: PoolPlan | None = None,
    render_workers: int = 1,
    validation_crops: int = VALIDATION_CROPS,
) -> TrainingData[PoseBatch]:
    """Data that are rendered while the training runs.

    Args:
        recipe: of the training.
        train: what is rendered for it.
        validation: what is rendered once, at the start, to validate on (split "val").
        out: folder of the training; `pool/` and `validation.npz` in it.
        plan: fresh and kept crops.
        render_workers: rendering processes; 0: the thread that makes batches.
        validation_crops: how many.

    Raises:
        InputError, BackendError, MissingDependencyError: what the renderer raises.
        OutputError: the folder cannot be written.
    """
    open_stage = partial(
        _open_stage, recipe, train, out / "pool", plan or PoolPlan(), render_workers
    )
    held_out = held_out_crops(recipe, validation, out / "validation.npz", validation_crops)
    return TrainingData(open_stage=open_stage, validation=held_out)


def held_out_crops(
    recipe: PoseRecipe, settings: WorldSettings, path: Path, count: int
) -> list[PoseBatch]:
    """Crops to validate on, cut as inference cuts them; kept, so that pieces compare.

    None where `count` is 0, as for processes that do not validate.

    Raises:
        InputError: what is kept is damaged.
    """
    if not count:
        return []
    if not path.exists():
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        size = min(32, count)
        stream = CropStream(
            settings,
            recipe.model.input_size_wh,
            jitter=NO_JITTER,
            plan=StreamPlan(batch_size=size, workers=0),
        )
        with closing(stream):
            batches = [pose_batch(b) for b in islice(stream, -(-count // size))]
        write_crops(path, join_batches(batches))
    return split_batch(read_crops(path), 32)


def join_batches(batches: list[PoseBatch]) -> PoseBatch:
    """One batch of several."""
    return PoseBatch(
        crops=np.concatenate([b.crops for b in batches]),
        keypoints_px=np.concatenate([b.keypoints_px for b in batches]),
        visible=np.concatenate([b.visible for b in batches]),
        keypoints_camera_m=np.concatenate([b.keypoints_camera_m for b in batches]),
        box_side_px=np.concatenate([b.box_side_px for b in batches]),
    )


def split_batch(batch: PoseBatch, size: int) -> list[PoseBatch]:
    """Several batches of one."""
    return [batch.part(range(i, min(i + size, len(batch)))) for i in range(0, len(batch), size)]


def _open_stage(
    recipe: PoseRecipe,
    settings: WorldSettings,
    folder: Path,
    plan: PoolPlan,
    render_workers: int,
    stage: int,
) -> PooledCrops:
    fresh = min(plan.fresh, recipe.batch_size)
    return PooledCrops(
        partial(_open_stream, settings, recipe.model.input_size_wh, fresh, render_workers),
        folder,
        plan=plan,
        batch_size=recipe.batch_size,
        augmentation=recipe.augmentation(stage),
        seed=recipe.seed,
    )


def _open_stream(
    settings: WorldSettings, size_wh: tuple[int, int], fresh: int, workers: int, first: int
) -> CropStream:
    plan = StreamPlan(batch_size=fresh, workers=workers, first_batch=first)
    return CropStream(settings, size_wh, jitter=CropJitter(), plan=plan)
