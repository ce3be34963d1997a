"""Destinations of results: the `Sink` protocol, and the base class of sinks that write one file."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Protocol, TypeVar

from rtmpose3d.errors import InputError, OutputError, RTMPose3DError
from rtmpose3d.structures.atomic import atomic_path, expand_home
from rtmpose3d.structures.result import PoseResult

Resource = TypeVar("Resource")


class Sink(Protocol):
    """Destination of any number of results: opened, written to, closed.

    A sink is a context manager, too: leaving the block closes it, and an error in the block
    discards what was written.
    """

    def open(self) -> None:
        """Prepare for results.

        Raises:
            OutputError: the destination cannot be written.
        """
        ...

    def write(self, result: PoseResult) -> None:
        """Add one result.

        Raises:
            InputError: the result cannot be written here; the sink can still be used.
            OutputError: writing failed; what was written is discarded.
        """
        ...

    def close(self) -> None:
        """Complete what was written; a sink that is not open stays as it is.

        Raises:
            OutputError: writing failed; what was written is discarded.
        """
        ...

    def __enter__(self) -> Sink: ...

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class FileSink(ABC):
    """A sink for one file, which appears complete when the sink is closed, or not at all.

    A format derives from it: `start` opens a temporary file, `append` writes one result to it.
    Resources that they pass to `keep` are closed before the file appears.

    Args:
        path: the file; its folder must exist.
    """

    holds_many: ClassVar[bool] = False
    """Whether one file holds several results."""
    may_be_empty: ClassVar[bool] = True
    """Whether a file of several results may have none."""
    keeps_interrupted: bool = False
    """Whether Ctrl-C in a `with` block, or a disk that is full, leaves a file that is shorter."""

    def __init__(self, path: str | Path) -> None:
        self.path = expand_home(path)
        self.count = 0
        self._resources: ExitStack | None = None

    @abstractmethod
    def start(self, path: Path) -> None:
        """Begin the file under a temporary name that has the suffix of the final one."""

    @abstractmethod
    def append(self, result: PoseResult) -> None:
        """Write one result; an InputError must come before anything is written."""

    def destination(self) -> AbstractContextManager[Path]:
        """The name to write to, entered on opening and left on closing."""
        return atomic_path(self.path)

    def keep(self, resource: AbstractContextManager[Resource]) -> Resource:
        """Enter a context, such as an open file, which is left before the file appears."""
        assert self._resources is not None, "not open"
        return self._resources.enter_context(resource)

    def at_end(self, end: Callable[[bool], None]) -> None:
        """Call a function when the file ends, before the resources kept so far are closed.

        Args:
            end: gets whether the file is complete: it is not after an error.
        """
        assert self._resources is not None, "not open"

        def leave(error_type: type[BaseException] | None, *_: object) -> None:
            end(error_type is None)

        self._resources.push(leave)

    def open(self) -> None:
        """Begin the file; see `Sink.open`.

        Raises:
            OutputError: it cannot be written.
        """
        if self._resources is not None:
            raise InputError(f"{self.path} is already open")
        self.count = 0
        self._resources = ExitStack()
        try:
            self.start(self.keep(self.destination()))
        except BaseException:
            self._finish(*sys.exc_info())
            raise

    def write(self, result: PoseResult) -> None:
        """Add one result; see `Sink.write`.

        Raises:
            InputError: the result cannot be written, the file holds one already, or the sink is
                not open.
            OutputError: writing failed; the file does not appear.
        """
        if self._resources is None:
            raise InputError(f"{self.path} is not open for results")
        if self.count and not self.holds_many:
            raise InputError(
                f"a {self.path.suffix} file holds one result; write the others to files of their "
                "own, or all of them to one .jsonl file"
            )
        try:
            self.append(result)
        except RTMPose3DError:
            raise
        except KeyboardInterrupt:
            if not self.keeps_interrupted:
                self._finish(*sys.exc_info())
            raise
        except BaseException:
            self._finish(*sys.exc_info())
            raise
        self.count += 1

    def close(self) -> None:
        """Let the file appear; see `Sink.close`.

        Raises:
            InputError: a file that must have a result has none; nothing appears.
            OutputError: writing failed; nothing appears.
        """
        if self._resources is None:
            return
        if not self.count and not (self.holds_many and self.may_be_empty):
            error = InputError(f"no result was written to {self.path}")
            self._finish(type(error), error, None)
            raise error
        self._finish(None, None, None)

    def __enter__(self) -> Sink:
        self.open()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        interrupted = isinstance(error, (KeyboardInterrupt, OutputError))
        if error is None or (interrupted and self.keeps_interrupted and self.count):
            self.close()
        else:
            self._finish(error_type, error, traceback)

    def _finish(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close all resources; after an error the temporary file is removed.

        Raises:
            OutputError: in place of an OSError of writing.
        """
        resources, self._resources = self._resources, None
        if resources is not None:
            resources.__exit__(error_type, error, traceback)
