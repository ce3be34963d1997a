"""Endless streams of rendered batches for training: crops for pose, full images for detection.

Worker processes, each with its own OpenGL context (and GPU, if several are named), render one
batch after the other; batch n is always the same for the same seed and number of workers. Use a
stream as a context manager or call `close`.
"""

from __future__ import annotations

import itertools
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

import cv2
import numpy as np

from rtmpose3d.errors import BackendError, InputError, RTMPose3DError
from rtmpose3d.geometry.crop import PADDING
from rtmpose3d.geometry.letterbox import LETTERBOX_GREY
from rtmpose3d.structures.arrays import FloatArray, IntArray, UInt8Array
from rtmpose3d.synth.output.crops import CropBatch, CropJitter, collate, make_crops
from rtmpose3d.synth.output.processes import (
    error_from_text,
    error_to_text,
    single_threaded_children,
)
from rtmpose3d.synth.output.shots import ShotSettings, make_shots
from rtmpose3d.synth.world import World, WorldSettings

if TYPE_CHECKING:
    from typing_extensions import Self

_QUEUED_BATCHES = 2  # per worker
_POLL_S = 1.0  # interval of checks whether a worker has died
CROPS_PER_CAST, IMAGES_PER_CAST = 4096, 1024  # before bodies and clothes are replaced

_Batch = TypeVar("_Batch")


@dataclass(frozen=True, kw_only=True, eq=False)
class SceneBatch:
    """B full images, letterboxed to one size, for training a detector.

    Attributes:
        images: (B, h, w, 3) uint8 BGR; grey below and to the right of the image.
        boxes_xyxy: (N, 4) float32, boxes of the visible pixels of all people of all images, as
            annotators draw them. Pixel centres are at whole numbers, so an image's border is at
            -0.5.
        image_index: (N,) int64, index into `images` of each box.
        visible_fraction: (N,) float32, visible pixels relative to the area of the box with
            occluded parts; near 0 if hidden.
    """

    images: UInt8Array
    boxes_xyxy: FloatArray
    image_index: IntArray
    visible_fraction: FloatArray


@dataclass(frozen=True, kw_only=True)
class StreamPlan:
    """Batch size and worker processes of a stream.

    Attributes:
        batch_size: crops or images per batch.
        workers: rendering processes; 0 renders in the calling process.
        devices: EGL devices, distributed over the workers; empty for the device of the settings.
        first_batch: number of the first batch, to resume a stream.
    """

    batch_size: int = 64
    workers: int = 1
    devices: tuple[int, ...] = ()
    first_batch: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.workers < 0 or self.first_batch < 0:
            raise InputError(f"batch_size must be 1 or more, workers and first_batch 0: {self}")


class _Stream(Generic[_Batch]):
    """An endless iterator that can be closed."""

    def __init__(
        self, settings: WorldSettings, make: Callable[[World, int], _Batch], plan: StreamPlan
    ) -> None:
        self._batches = _Batches(settings, make, plan)

    def __iter__(self) -> Iterator[_Batch]:
        return self

    def __next__(self) -> _Batch:
        return self._batches.next()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the workers and the stream."""
        self._batches.close()


class CropStream(_Stream[CropBatch]):
    """Endless `CropBatch`es.

    Args:
        settings: people, scenes and seed.
        input_size_wh: width and height of the crops, px.
        jitter: random disturbance of the boxes.
        padding: factor on the boxes' sides, as in inference.
        plan: batch size and workers.

    Raises:
        RTMPose3DError: raised while iterating when rendering fails, also in a worker.
    """

    def __init__(
        self,
        settings: WorldSettings,
        input_size_wh: tuple[int, int],
        *,
        jitter: CropJitter | None = None,
        padding: float = PADDING,
        plan: StreamPlan | None = None,
    ) -> None:
        if min(input_size_wh) < 16:
            raise InputError(f"crops must be 16 px or larger, got {input_size_wh}")
        plan = plan or StreamPlan()
        maker = _CropMaker(input_size_wh, plan, jitter or CropJitter(), padding)
        super().__init__(settings, maker, plan)


class SceneStream(_Stream[SceneBatch]):
    """Endless `SceneBatch`es.

    Args:
        settings: people, scenes and seed.
        image_size_wh: width and height of the letterboxed images, px.
        plan: batch size and workers.

    Raises:
        RTMPose3DError: raised while iterating when rendering fails, also in a worker.
    """

    def __init__(
        self,
        settings: WorldSettings,
        image_size_wh: tuple[int, int],
        *,
        plan: StreamPlan | None = None,
    ) -> None:
        if min(image_size_wh) < 64:
            raise InputError(f"images must be 64 px or larger, got {image_size_wh}")
        plan = plan or StreamPlan(batch_size=16)
        super().__init__(settings, _SceneMaker(image_size_wh, plan), plan)


@dataclass(frozen=True)
class _Maker:
    """Base of the functions that render a batch; a dataclass can be pickled, a closure cannot.

    Attributes:
        size_wh: width and height of crops or images.
        plan: batch size and workers.
    """

    size_wh: tuple[int, int]
    plan: StreamPlan

    def block(self, number: int, block_size: int) -> int:
        """Block of bodies and clothes for a batch.

        Each worker has blocks of its own, each for about `block_size` crops or images.
        """
        workers = max(self.plan.workers, 1)
        batches = max(block_size // self.plan.batch_size, 1)
        return number // workers // batches * workers + number % workers


@dataclass(frozen=True)
class _CropMaker(_Maker):
    jitter: CropJitter
    padding: float

    def __call__(self, world: World, number: int) -> CropBatch:
        world.source.select_block(self.block(number, CROPS_PER_CAST))
        rng = world.settings.rng("crops", number)
        samples = make_crops(
            world, rng, self.plan.batch_size, self.size_wh, self.jitter, padding=self.padding
        )
        order = rng.permutation(len(samples))  # separates crops of the same pose
        return collate([samples[i] for i in order])


@dataclass(frozen=True)
class _SceneMaker(_Maker):
    def __call__(self, world: World, number: int) -> SceneBatch:
        world.source.select_block(self.block(number, IMAGES_PER_CAST))
        rng = world.settings.rng("scenes", number)
        images = np.full((self.plan.batch_size, *self.size_wh[::-1], 3), LETTERBOX_GREY, np.uint8)
        boxes: list[FloatArray] = []
        index: list[int] = []
        fractions: list[float] = []
        first = number * self.plan.batch_size
        sizes = [_sample_image_size(rng, self.size_wh) for _ in range(self.plan.batch_size)]
        shots = [(first + row, ShotSettings(size_wh=size)) for row, size in enumerate(sizes)]
        samples = make_shots(world, shots)
        for row, (size_wh, sample) in enumerate(zip(sizes, samples, strict=True)):
            images[row, : size_wh[1], : size_wh[0]] = sample.image
            for labels in sample.labels:
                if not labels.visible_area_px:
                    continue
                sides = labels.box_xyxy[2:] - labels.box_xyxy[:2]
                boxes.append(labels.visible_box_xyxy)
                index.append(row)
                fractions.append(labels.visible_area_px / float(np.prod(sides)))
        return SceneBatch(
            images=images,
            boxes_xyxy=np.array(boxes, np.float32).reshape(-1, 4),
            image_index=np.array(index, np.int64),
            visible_fraction=np.array(fractions, np.float32),
        )


def _sample_image_size(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[int, int]:
    """Size of an image of a common aspect ratio that fills one side of a letterbox."""
    aspect = (4 / 3, 3 / 2, 16 / 9, 1.0, 3 / 4, 2 / 3, 9 / 16)[rng.integers(7)]
    width, height = size_wh
    if aspect > width / height:
        return width, max(32, round(width / aspect))
    return max(32, round(height * aspect)), height


class _Batches(Generic[_Batch]):
    """Batches in order, rendered round-robin by worker processes, or in this process."""

    def __init__(
        self,
        settings: WorldSettings,
        make: Callable[[World, int], _Batch],
        plan: StreamPlan,
    ) -> None:
        self._settings, self._make = settings, make
        self._number = plan.first_batch
        self._world: World | None = None
        self._workers: list[BaseProcess] = []
        self._queues: list[Queue[tuple[str | None, _Batch | None]]] = []
        self._first = plan.first_batch
        self._closed = False
        context = get_context("spawn")  # a forked copy of an OpenGL context does not work
        self._stop: Event = context.Event()
        for worker in range(plan.workers):
            device = plan.devices[worker % len(plan.devices)] if plan.devices else settings.device
            batches = itertools.count(plan.first_batch + worker, plan.workers)
            ready = context.Queue(_QUEUED_BATCHES)
            job = (replace(settings, device=device), make, batches, ready, self._stop)
            process = context.Process(target=_work, args=job, daemon=True)
            with single_threaded_children():
                process.start()
            self._workers.append(process)
            self._queues.append(ready)

    def next(self) -> _Batch:
        if self._closed:
            raise InputError("the stream is closed; make a new one")
        number, self._number = self._number, self._number + 1
        if self._workers:
            return self._receive((number - self._first) % len(self._workers))
        if self._world is None:
            self._world = World(self._settings)
        return self._make(self._world, number)

    def _receive(self, worker: int) -> _Batch:
        while True:
            try:
                failure, batch = self._queues[worker].get(timeout=_POLL_S)
            except queue.Empty:
                if not self._workers[worker].is_alive():
                    code = self._workers[worker].exitcode
                    self.close()
                    raise BackendError(
                        f"rendering process {worker} ended with exit code {code}; see its "
                        "messages above. Fewer workers need less memory"
                    ) from None
                continue
            if failure is not None:
                self.close()
                raise error_from_text(failure)
            assert batch is not None
            return batch

    def close(self) -> None:
        self._closed = True
        self._stop.set()
        if self._world is not None:
            self._world.close()
            self._world = None
        for process in self._workers:
            process.join(_POLL_S)
            if process.is_alive():  # still rendering a batch
                process.terminate()
                process.join()
        self._workers.clear()


def _work(
    settings: WorldSettings,
    make: Callable[[World, int], _Batch],
    numbers: Iterator[int],
    ready: Queue[tuple[str | None, _Batch | None]],
    stop: Event,
) -> None:
    """Main function of a worker: renders batches until it is stopped or its parent has died."""
    cv2.setNumThreads(1)
    parent = parent_process()
    try:
        world = World(settings)
        for number in numbers:
            batch = make(world, number)
            while not stop.is_set() and (parent is None or parent.is_alive()):
                try:
                    ready.put((None, batch), timeout=_POLL_S)
                    break
                except queue.Full:
                    continue
            else:
                ready.cancel_join_thread()  # nothing will read the queue any more
                return
    except RTMPose3DError as error:
        ready.put((error_to_text(error), None))
    except KeyboardInterrupt:
        ready.cancel_join_thread()
