"""The progress bar of every long operation: images, downloads, rendering, training.

It is drawn on stderr by rich, which is imported only where a bar is visible. Lines printed
meanwhile go above it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

ProgressUnit = Literal["items", "bytes"]
_DESCRIPTION_WIDTH = 40


class ProgressBar:
    """A bar that is drawn, or one that does nothing; made by `progress_bar`."""

    def __init__(self, progress: Progress | None = None, task: TaskID | None = None) -> None:
        self._progress = progress
        self._task = task

    def advance(self, count: int = 1) -> None:
        """Add `count` finished items."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, count)

    def update_note(self, note: str) -> None:
        """Set the text right of the counts."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, note=note)

    def update(
        self,
        done: int,
        total: int | None = None,
        *,
        description: str | None = None,
        note: str | None = None,
    ) -> None:
        """Set the number of finished items.

        Args:
            done: finished items.
            total: all items; None: unchanged.
            description: text left of the bar; None: unchanged.
            note: text right of the counts, such as a loss; None: unchanged.
        """
        if self._progress is None or self._task is None:
            return
        self._progress.update(self._task, completed=done, total=total, description=description)
        if note is not None:
            self.update_note(note)


@contextmanager
def progress_bar(
    total: int | None,
    description: str = "",
    *,
    done: int = 0,
    unit: ProgressUnit = "items",
    visible: bool | None = None,
) -> Iterator[ProgressBar]:
    """Draw a progress bar on stderr while the block runs.

    Args:
        total: number of items; None: not known yet.
        description: text left of the bar.
        done: items that are finished already.
        unit: "items", or "bytes" for sizes and speed of a download.
        visible: whether to draw it; None: on a terminal, for more than one item.

    Yields:
        The bar.
    """
    if visible is False or (visible is None and total is not None and total <= 1):
        yield ProgressBar()
        return
    from rich.console import Console

    console = Console(stderr=True)
    if visible is None and not console.is_terminal:
        yield ProgressBar()
        return
    with _rich_progress(unit, console) as progress:
        task = progress.add_task(
            description[:_DESCRIPTION_WIDTH], total=total, completed=done, note=""
        )
        yield ProgressBar(progress, task)


def _rich_progress(unit: ProgressUnit, console: Console) -> Progress:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    counts = (
        (DownloadColumn(), TransferSpeedColumn()) if unit == "bytes" else (MofNCompleteColumn(),)
    )
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *counts,
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=console,
        transient=console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),
    )
