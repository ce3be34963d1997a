"""Images read ahead in threads, poses computed batch by batch, errors kept with their image."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from rtmpose3d.cli.outputs import Source
from rtmpose3d.errors import BackendError, InputError
from rtmpose3d.sources import load_image
from rtmpose3d.structures import Image, PoseResult

READERS = 2  # threads; decoding lets others run, and the network needs the rest

Estimate = Callable[[Sequence[Source], Sequence[Image]], list[PoseResult]]
"""Poses of some images, one result each."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one input: a result, or the reason why there is none."""

    source: Source
    result: PoseResult | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """An image that was read, or the reason why it could not be."""

    source: Source
    image: Image | None = None
    reason: str = ""


def estimate_all(
    sources: Sequence[Source], estimate: Estimate, *, batch_size: int
) -> Iterator[Outcome]:
    """Poses of many images, in their order; the next batch is read while one is computed.

    An image that cannot be read, or for which the estimate fails, does not stop the others;
    what would fail for every image (weights that cannot be had) does.

    Args:
        sources: files and addresses.
        estimate: computes the poses of a list of images.
        batch_size: images that are handed to it at once.
    """
    waiting: list[Loaded] = []
    for loaded in _read_ahead(sources, 2 * batch_size):
        waiting.append(loaded)
        if sum(item.image is not None for item in waiting) == batch_size:
            yield from _outcomes(waiting, estimate)
            waiting = []
    yield from _outcomes(waiting, estimate)


def _read_ahead(sources: Iterable[Source], ahead: int) -> Iterator[Loaded]:
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="rtmpose3d-read")
    pending: deque[Future[Loaded]] = deque()
    try:
        for source in sources:
            pending.append(pool.submit(_load, source))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _load(source: Source) -> Loaded:
    try:
        return Loaded(source=source, image=load_image(source))
    except InputError as error:
        return Loaded(source=source, reason=str(error))
    except MemoryError:
        return Loaded(source=source, reason=f"{source} does not fit into memory")


def _outcomes(loaded: Sequence[Loaded], estimate: Estimate) -> Iterator[Outcome]:
    sources = [item.source for item in loaded if item.image is not None]
    images = [item.image for item in loaded if item.image is not None]
    done = iter(_estimate(sources, images, estimate))
    for item in loaded:
        if item.image is None:
            yield Outcome(source=item.source, reason=item.reason)
        else:
            yield next(done)


def _estimate(
    sources: Sequence[Source], images: Sequence[Image], estimate: Estimate
) -> list[Outcome]:
    """All at once; where that fails one by one, so that only the image at fault fails."""
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


def _named(reason: str, source: Source) -> str:
    return reason if str(source) in reason else f"{source}: {reason}"
