"""`PoseStream`: results of a stream of frames, while reading, estimation and use overlap.

One thread reads and decodes, one estimates, and the caller's draws and encodes; queues between
them are short, so that memory does not grow with the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import TracebackType

from rtmpose3d.errors import InputError
from rtmpose3d.pipeline.background import BackgroundIterator
from rtmpose3d.pipeline.offline_parts import smooth_in_parts
from rtmpose3d.pipeline.stream_estimator import StreamEstimator
from rtmpose3d.sources.video import FrameStream, StreamInfo
from rtmpose3d.structures import Frame, PoseResult

_RESULTS_AHEAD = 4
_LIVE_RESULTS_AHEAD = 1
_LONGEST_CALL_S = 60.0  # of a network; a process that ends during one is aborted by its threads


class PoseStream:
    """An iterator over the results of a stream, in order, and a context manager.

    An error, of the source or of the runtime, is raised after the results that came before it.
    Leaving the block, or `close()`, ends the threads and releases the source.

    Args:
        frames: the source; closed with the stream.
        estimator: holds the state over time.
        batch_size: frames whose people are estimated together; live sources have 1.
        reopen: opens the source again, for smoothing offline; None if that is not possible:
            results then lack their images.
        offline: whether to smooth results with their future: the first is given when the source has
            ended, or a part of it that fills the memory that smoothing may take.
    """

    def __init__(
        self,
        frames: FrameStream,
        estimator: StreamEstimator,
        *,
        batch_size: int = 1,
        offline: bool = False,
        reopen: Callable[[], FrameStream] | None = None,
    ) -> None:
        if batch_size < 1:
            raise InputError(f"batch_size must be a whole number from 1, got {batch_size!r}")
        if offline and frames.is_live:
            raise InputError("a live source has no end and cannot be smoothed offline")
        self._frames, self._estimator = frames, estimator
        self._batch_size = 1 if frames.is_live else batch_size
        self._reopen = reopen
        self._time_s: float | None = None
        self._reading: BackgroundIterator[Frame] | None = None
        source: Iterator[Frame] = frames
        if not frames.is_live:  # a live source has a thread of its own
            source = self._reading = BackgroundIterator(
                frames, ahead=2 * batch_size, name="rtmpose3d-read"
            )
        self._estimating = BackgroundIterator(
            self._estimate(source),
            ahead=_LIVE_RESULTS_AHEAD if frames.is_live else _RESULTS_AHEAD,
            name="rtmpose3d-estimate",
        )
        self._results: Iterator[PoseResult] = self._estimating
        if offline:
            self._results = self._smooth_all(self._estimating)

    @property
    def info(self) -> StreamInfo:
        """Facts about the source."""
        return self._frames.info

    @property
    def is_live(self) -> bool:
        """Whether the source is a camera or a live address."""
        return self._frames.is_live

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks about the source so far: missing frames, reconnections."""
        return self._frames.notes

    @property
    def dropped(self) -> int:
        """Frames of a live source that were not used because newer ones arrived."""
        return self._frames.dropped

    @property
    def detections(self) -> int:
        """Number of frames in which the detector ran."""
        return self._estimator.detections

    @property
    def latency_s(self) -> float | None:
        """Seconds since the frame of the last result was captured; None if it is not live.

        Read after a result has been shown or written, it is the delay from end to end.
        """
        return None if self._time_s is None else self._frames.latency_s(self._time_s)

    def __iter__(self) -> Iterator[PoseResult]:
        return self

    def __next__(self) -> PoseResult:
        """The next result.

        Raises:
            InputError: the source failed.
            BackendError: the runtime failed.
        """
        result = next(self._results)
        self._time_s = result.time_s
        return result

    def stop(self) -> None:
        """Request an early end: no result follows the present one.

        May be called by any thread and by a signal handler; `close()` then waits for the threads.
        """
        self._estimating.stop()

    def close(self) -> None:
        """Stop reading and estimating; results that were not taken are lost."""
        if self._reading is not None:
            self._reading.close()  # its thread closes the source: no other may while it reads
        else:
            self._frames.close()
        self._estimating.close(_LONGEST_CALL_S)

    def __enter__(self) -> PoseStream:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _estimate(self, frames: Iterator[Frame]) -> Iterator[PoseResult]:
        """Results of all frames; what is complete is given before an error of the source."""
        failure: Exception | None = None
        ended = False
        while not ended:
            batch: list[Frame] = []
            try:
                while len(batch) < self._batch_size:
                    batch.append(next(frames))
            except StopIteration:
                ended = True
            except Exception as error:
                ended, failure = True, error
            if batch:
                yield from self._estimator.run(batch)
        yield from self._estimator.flush()
        if failure is not None:
            raise failure

    def _smooth_all(self, results: Iterator[PoseResult]) -> Iterator[PoseResult]:
        """All results smoothed with past and future, with the images read again."""
        failures: list[Exception] = []

        def without_images() -> Iterator[PoseResult]:
            try:
                for result in results:
                    yield result.without_image()
            except Exception as error:  # raised after the results before it
                failures.append(error)

        smoothed = smooth_in_parts(without_images(), on_division=self._note_division)
        if self._reopen is None:
            yield from smoothed
        else:
            with self._reopen() as frames:
                for result, frame in zip(smoothed, frames, strict=False):
                    yield replace(result, image=frame.image)
        if failures:
            raise failures[0]

    def _note_division(self) -> None:
        self._frames.add_note(
            f"{self.info.name} is long and was smoothed in parts; lengths of bones are constant "
            "within a part"
        )
