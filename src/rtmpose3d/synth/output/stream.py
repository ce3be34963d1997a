"""Endless rendered batches straight into training: crops for pose, whole images for detection.

Worker processes, each with its own context (and GPU, if several are named), make batch after
batch; batch n is always the same for the same seed and number of workers. Use as a context
manager or call `close`.
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
from typing import TYPE_CHECKING, Generic, TypedDict, TypeVar

import cv2
import numpy as np

from rtmpose3d.errors import BackendError, InputError, RTMPose3DError
from rtmpose3d.geometry.crop import PADDING
from rtmpose3d.structures.arrays import FloatArray, IntArray, UInt8Array
from rtmpose3d.synth.output.crops import CropBatch, CropJitter, collate, make_crops
from rtmpose3d.synth.output.processes import as_error, as_text, one_thread_each
from rtmpose3d.synth.output.shots import ShotSettings, make_shots
from rtmpose3d.synth.world import World, WorldSettings

if TYPE_CHECKING:
    from typing_extensions import Self

_AHEAD = 2  # batches that each worker may have ready
_PATIENCE_S = 1.0  # between looks whether a worker has died
CROPS_OF_A_CAST, IMAGES_OF_A_CAST = 4096, 1024  # then other bodies and clothes are taken
LETTERBOX_GREY = 114  # mmdet's pad value for RTMDet

T = TypeVar("T")


class SceneBatch(TypedDict):
    """B whole images, letterboxed to one size, for training a detector.

    images: (B, h, w, 3) uint8 BGR; grey below and to the right of the image.
    boxes: (N, 4) float32 x1 y1 x2 y2 of what is seen of all people of all images, as annotators
        draw boxes: parts behind others do not count.
    image_index: (N,) int64, whose image in the batch each box is in.
    visible_share: (N,) float32, visible pixels by the area of the box with the
        hidden parts: near 0 is hidden.
    """

    images: UInt8Array
    boxes: FloatArray
    image_index: IntArray
    visible_share: FloatArray


@dataclass(frozen=True, kw_only=True)
class StreamPlan:
    """Who makes a stream's batches.

    Attributes:
        batch_size: crops or images of a batch.
        workers: processes; 0 renders in this one.
        devices: EGL devices, shared out among the workers; none for the settings' one.
        first_batch: number of the first batch, to go on where a run stopped.
    """

    batch_size: int = 64
    workers: int = 1
    devices: tuple[int, ...] = ()
    first_batch: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.workers < 0 or self.first_batch < 0:
            raise InputError(f"batch_size must be 1 or more, workers and first_batch 0: {self}")


class _Stream(Generic[T]):
    """An iterator without end that can be closed."""

    def __init__(
        self, settings: WorldSettings, make: Callable[[World, int], T], plan: StreamPlan
    ) -> None:
        self._batches = _Batches(settings, make, plan)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        return self._batches.next()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers; the stream gives nothing more."""
        self._batches.close()


class CropStream(_Stream[CropBatch]):
    """Batches of crops, without end.

    Args:
        settings: what is rendered.
        input_size_wh: width and height of the crops, px.
        jitter: disturbs the boxes.
        padding: factor on the boxes' sides, as in inference.
        plan: batch size and workers.

    Raises:
        RTMPose3DError: on iterating: what failed in a worker, as the same kind of error.
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
    """Batches of whole images with boxes, without end.

    Args:
        settings: what is rendered.
        image_size_wh: width and height of the letterboxed images, px.
        plan: batch size and workers.

    Raises:
        RTMPose3DError: as for `CropStream`.
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
    """What makes batches.

    Attributes:
        size_wh: of crops or images.
        plan: of the stream.
    """

    size_wh: tuple[int, int]
    plan: StreamPlan

    def cast(self, number: int, lasting: int) -> int:
        """The block of bodies and clothes of a batch: each worker has its own, for some time."""
        workers = max(self.plan.workers, 1)
        batches = max(lasting // self.plan.batch_size, 1)
        return number // workers // batches * workers + number % workers


@dataclass(frozen=True)
class _CropMaker(_Maker):
    jitter: CropJitter
    padding: float

    def __call__(self, world: World, number: int) -> CropBatch:
        world.source.turn_to(self.cast(number, CROPS_OF_A_CAST))
        rng = world.settings.rng("crops", number)
        samples = make_crops(
            world, rng, self.plan.batch_size, self.size_wh, self.jitter, padding=self.padding
        )
        order = rng.permutation(len(samples))  # crops of one pose are neighbours otherwise
        return collate([samples[i] for i in order])


@dataclass(frozen=True)
class _SceneMaker(_Maker):
    def __call__(self, world: World, number: int) -> SceneBatch:
        world.source.turn_to(self.cast(number, IMAGES_OF_A_CAST))
        rng = world.settings.rng("scenes", number)
        images = np.full((self.plan.batch_size, *self.size_wh[::-1], 3), LETTERBOX_GREY, np.uint8)
        boxes: list[FloatArray] = []
        index: list[int] = []
        share: list[float] = []
        first = number * self.plan.batch_size
        sizes = [_image_within(rng, self.size_wh) for _ in range(self.plan.batch_size)]
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
                share.append(labels.visible_area_px / float(np.prod(sides)))
        return SceneBatch(
            images=images,
            boxes=np.array(boxes, np.float32).reshape(-1, 4),
            image_index=np.array(index, np.int64),
            visible_share=np.array(share, np.float32),
        )


def _image_within(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[int, int]:
    """The size of an image of a common aspect that fills one side of a letterbox."""
    aspect = (4 / 3, 3 / 2, 16 / 9, 1.0, 3 / 4, 2 / 3, 9 / 16)[rng.integers(7)]
    width, height = size_wh
    if aspect > width / height:
        return width, max(32, round(width / aspect))
    return max(32, round(height * aspect)), height


class _Batches(Generic[T]):
    """Batches in their order, made by worker processes in turn, or here."""

    def __init__(
        self,
        settings: WorldSettings,
        make: Callable[[World, int], T],
        plan: StreamPlan,
    ) -> None:
        self._settings, self._make = settings, make
        self._number = plan.first_batch
        self._world: World | None = None
        self._workers: list[BaseProcess] = []
        self._queues: list[Queue[tuple[str | None, T | None]]] = []
        self._first = plan.first_batch
        self._closed = False
        context = get_context("spawn")  # a forked copy of an OpenGL context does not work
        self._stop: Event = context.Event()
        for worker in range(plan.workers):
            device = plan.devices[worker % len(plan.devices)] if plan.devices else settings.device
            batches = itertools.count(plan.first_batch + worker, plan.workers)
            ready = context.Queue(_AHEAD)
            job = (replace(settings, device=device), make, batches, ready, self._stop)
            process = context.Process(target=_work, args=job, daemon=True)
            with one_thread_each():
                process.start()
            self._workers.append(process)
            self._queues.append(ready)

    def next(self) -> T:
        if self._closed:
            raise InputError("the stream is closed; make a new one")
        number, self._number = self._number, self._number + 1
        if self._workers:
            return self._received((number - self._first) % len(self._workers))
        if self._world is None:
            self._world = World(self._settings)
        return self._make(self._world, number)

    def _received(self, worker: int) -> T:
        while True:
            try:
                failure, batch = self._queues[worker].get(timeout=_PATIENCE_S)
            except queue.Empty:
                if not self._workers[worker].is_alive():
                    code = self._workers[worker].exitcode
                    self.close()
                    raise BackendError(
                        f"rendering process {worker} ended with exit code {code}; its messages "
                        "stand above. Fewer workers need less memory"
                    ) from None
                continue
            if failure is not None:
                self.close()
                raise as_error(failure)
            assert batch is not None
            return batch

    def close(self) -> None:
        self._closed = True
        self._stop.set()
        if self._world is not None:
            self._world.close()
            self._world = None
        for process in self._workers:
            process.join(_PATIENCE_S)
            if process.is_alive():  # in the midst of a batch
                process.terminate()
                process.join()
        self._workers.clear()


def _work(
    settings: WorldSettings,
    make: Callable[[World, int], T],
    numbers: Iterator[int],
    ready: Queue[tuple[str | None, T | None]],
    stop: Event,
) -> None:
    """A worker process: batch after batch until told to stop or the parent is gone."""
    cv2.setNumThreads(1)
    parent = parent_process()
    try:
        world = World(settings)
        for number in numbers:
            batch = make(world, number)
            while not stop.is_set() and (parent is None or parent.is_alive()):
                try:
                    ready.put((None, batch), timeout=_PATIENCE_S)
                    break
                except queue.Full:
                    continue
            else:
                ready.cancel_join_thread()  # nobody is left to take what is in the queue
                return
    except RTMPose3DError as error:
        ready.put((as_text(error), None))
    except KeyboardInterrupt:
        ready.cancel_join_thread()
