"""Batched inference over image files, read ahead in threads; an error stays with its image.

In: paths and addresses, and a function that estimates the poses of a list of images. Out: one
`Outcome` per input, in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from rtmpose3d.errors import BackendError, InputError
from rtmpose3d.sources import ImageLocation, load_image
from rtmpose3d.structures import Image, PoseResult

READERS = 2  # threads; decoding lets others run, and the network needs the rest

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


def predict_batches(
    estimate: Estimate, sources: Iterable[ImageLocation], *, batch_size: int
) -> Iterator[Outcome]:
    """Predict the poses of many images, in order; the next batch is read while one is computed.

    An image that cannot be read, or for which `estimate` fails, does not stop the others. A batch
    that fails is repeated image by image. Errors that concern every image (weights that cannot be
    downloaded) are raised.

    Args:
        estimate: computes the poses of a list of images.
        sources: files and http(s) addresses.
        batch_size: images per call of `estimate`.

    Yields:
        One outcome per source, in order.
    """
    waiting: list[_Loaded] = []
    for loaded in _read_ahead(sources, 2 * batch_size):
        waiting.append(loaded)
        if sum(item.image is not None for item in waiting) == batch_size:
            yield from _outcomes(waiting, estimate)
            waiting = []
    yield from _outcomes(waiting, estimate)


def _read_ahead(sources: Iterable[ImageLocation], ahead: int) -> Iterator[_Loaded]:
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="rtmpose3d-read")
    pending: deque[Future[_Loaded]] = deque()
    try:
        for source in sources:
            pending.append(pool.submit(_load, source))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _load(source: ImageLocation) -> _Loaded:
    try:
        return _Loaded(source=source, image=load_image(source))
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
