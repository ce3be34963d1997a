"""Batched inference over image files, read ahead in threads; an error stays with its image.

In: paths and addresses, and a function that estimates the poses of a list of images. Out: one
`Outcome` per input, in order.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rtmpose3d.errors import BackendError, InputError
from rtmpose3d.sources import ImageLocation, load_image
from rtmpose3d.structures import Image, PoseResult

READERS = 2  # threads; decoding lets others run, and the network needs the rest
MAX_WAITING_BYTES = 192 * 2**20
"""Pixels of the images that wait for the network: 64 megapixels. A batch is cut where it would
hold more, and no image is read ahead for which there is no room."""

Estimate = Callable[[Sequence[ImageLocation], Sequence[Image]], list[PoseResult]]
"""Poses of several images, from their locations and pixels; one result per image."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of one input, or the reason for its failure."""

    source: ImageLocation
    result: PoseResult | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    """An image that was read, or the reason for its failure."""

    source: ImageLocation
    image: Image | None = None
    reason: str = ""

    @property
    def size(self) -> int:
        """Bytes of the pixels."""
        return 0 if self.image is None else self.image.nbytes


def predict_batches(
    estimate: Estimate,
    sources: Iterable[ImageLocation],
    *,
    batch_size: int,
    exif_orientation: bool = True,
) -> Iterator[Outcome]:
    """Predict the poses of many images, in order; the next batch is read while one is computed.

    An image that cannot be read, or for which `estimate` fails, does not stop the others. A batch
    that fails is repeated image by image. Errors that concern every image (weights that cannot be
    downloaded) are raised.

    Args:
        estimate: computes the poses of a list of images.
        sources: files and http(s) addresses.
        batch_size: images per call of `estimate`; fewer where they are very large.
        exif_orientation: whether images are rotated upright as their EXIF block says.

    Yields:
        One outcome per source, in order.
    """
    load = partial(_load, exif_orientation=exif_orientation)
    waiting: list[_Loaded] = []
    for loaded in _read_ahead(sources, load, 2 * batch_size):
        if sum(item.size for item in waiting) + loaded.size > MAX_WAITING_BYTES:
            yield from _outcomes(waiting, estimate)
            waiting = []
        waiting.append(loaded)
        if sum(item.image is not None for item in waiting) == batch_size:
            yield from _outcomes(waiting, estimate)
            waiting = []
        del loaded
    yield from _outcomes(waiting, estimate)


class _Room:
    """Limits the pixels that are read ahead: a reader starts when there is room for its image.

    How large an image is shows when it was read; until then it counts as the largest so far. The
    image that is asked for next always has room, so that nothing waits for ever.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held = self._largest = self._reading = self._next = 0
        self._closed = False

    def enter(self, index: int) -> bool:
        """Wait for room for an image, by its index; False if none is wanted any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or index == self._next or self._fits())
            self._reading += 1
            return not self._closed

    def _fits(self) -> bool:
        return self._held + (self._reading + 1) * self._largest <= MAX_WAITING_BYTES

    def leave(self, size: int) -> None:
        """Note an image that was read."""
        with self._changed:
            self._reading -= 1
            self._held += size
            self._largest = max(self._largest, size)

    def take(self, size: int) -> None:
        """Note that the next image was handed on."""
        with self._changed:
            self._held -= size
            self._next += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let all readers end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _read_ahead(
    sources: Iterable[ImageLocation], load: Callable[[ImageLocation], _Loaded], ahead: int
) -> Iterator[_Loaded]:
    """The images in order, at most `ahead` of them read before they are asked for."""
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="rtmpose3d-read")
    room = _Room()

    def read(index: int, source: ImageLocation) -> _Loaded:
        loaded = _Loaded(source=source, reason="not read")
        if room.enter(index):
            try:
                loaded = load(source)
            finally:
                room.leave(loaded.size)
        return loaded

    def take() -> _Loaded:
        loaded = pending.popleft().result()
        room.take(loaded.size)
        return loaded

    pending: deque[Future[_Loaded]] = deque()
    try:
        for index, source in enumerate(sources):
            pending.append(pool.submit(read, index, source))
            if len(pending) > ahead:
                yield take()
        while pending:
            yield take()
    finally:
        room.close()
        pool.shutdown(wait=False, cancel_futures=True)


def _load(source: ImageLocation, *, exif_orientation: bool) -> _Loaded:
    try:
        return _Loaded(source=source, image=load_image(source, exif_orientation=exif_orientation))
    except InputError as error:
        return _Loaded(source=source, reason=str(error))
    except MemoryError:
        return _Loaded(source=source, reason=f"{source} does not fit into memory")


def _outcomes(loaded: Sequence[_Loaded], estimate: Estimate) -> Iterator[Outcome]:
    sources = [item.source for item in loaded if item.image is not None]
    images = [item.image for item in loaded if item.image is not None]
    done = iter(_estimate(sources, images, estimate))
    for item in loaded:
        if item.image is None:
            yield Outcome(source=item.source, reason=item.reason)
        else:
            yield next(done)


def _estimate(
    sources: Sequence[ImageLocation], images: Sequence[Image], estimate: Estimate
) -> list[Outcome]:
    """Estimate all at once; after a failure one by one, so that only the faulty image fails."""
    if not images:
        return []
    try:
        results = estimate(sources, images)
    except (InputError, BackendError, MemoryError) as error:
        if len(images) == 1:
            reason = str(error) or "out of memory"
            return [Outcome(source=sources[0], reason=_named(reason, sources[0]))]
        one_by_one = zip(sources, images, strict=True)
        return [_estimate([one], [image], estimate)[0] for one, image in one_by_one]
    return [
        Outcome(
            source=source,
            result=replace(result, source=Path(source) if isinstance(source, Path) else None),
        )
        for source, result in zip(sources, results, strict=True)
    ]


def _named(reason: str, source: ImageLocation) -> str:
    return reason if str(source) in reason else f"{source}: {reason}"
