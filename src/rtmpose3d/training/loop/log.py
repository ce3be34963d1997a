"""Logs of a training: CSV files of steps and of validations, which a resumed training continues."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from rtmpose3d.errors import InputError
from rtmpose3d.structures.atomic import atomic_write, output_errors
from rtmpose3d.untrusted import brief, reading

_LABELS = "labels"
_MAX_DIGITS = 18  # of a step
STEP_LOG, VALIDATION_LOG = "steps.csv", "validation.csv"


class CsvLog:
    """Rows of metrics with their steps; written at once, so that an interruption loses none.

    Args:
        path: path of the file; its folder must exist.
        step: rows of later steps are dropped, as a resumed training repeats those steps.

    Raises:
        OutputError: the file cannot be written.
        InputError: the file exists and is not such a log.
    """

    def __init__(self, path: Path, step: int = 0) -> None:
        self.path = path
        self._columns: Sequence[str] | None = None
        self._last_step: float | None = None
        kept = [row for row in read_log(path) if row["step"] <= step] if path.exists() else []
        if path.exists():
            with atomic_write(path, "w", newline="") as file:
                if kept:
                    self._last_step = kept[-1]["step"]
                    self._columns = list(kept[0])
                    writer = csv.writer(file)
                    writer.writerow(self._columns)
                    writer.writerows([_text(row[name]) for name in self._columns] for row in kept)

    def add(self, row: Mapping[str, float]) -> None:
        """Append a row; the first one sets the columns. A step that the log has is not repeated.

        Raises:
            OutputError: the file cannot be written.
        """
        if row["step"] == self._last_step:
            return
        self._last_step = row["step"]
        with output_errors(self.path), self.path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if self._columns is None:
                self._columns = list(row)
                writer.writerow(self._columns)
            writer.writerow([_text(row[name]) for name in self._columns])


class SkippedLog:
    """Log of what was skipped: `skipped.txt`.

    First the labels that were not used, one line each: `labels`, a tab, the error with dataset,
    file and index, or how many a rule excludes. Then the samples that were skipped because of
    errors: the step, a tab, the error. The file exists only if something was skipped.

    Args:
        folder: folder of the training.
        rank: index of this process; each has a file of its own.
        step: lines of later steps are dropped.
        labels: labels that were skipped when the datasets were read.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(
        self, folder: Path, rank: int = 0, step: int = 0, labels: Sequence[str] = ()
    ) -> None:
        self.path = folder / (f"skipped_process{rank}.txt" if rank else "skipped.txt")
        lines = [_skipped_line(_LABELS, text) for text in labels]
        if self.path.exists():
            with reading(self.path, "log of skipped samples"):
                old = self.path.read_text("utf-8", errors="replace").splitlines(keepends=True)
            lines += [line for line in old if line.endswith("\n") and _step(line) < step]
        if lines or self.path.exists():
            with atomic_write(self.path, "w") as file:
                file.writelines(lines)

    def add(self, step: int, texts: Sequence[str]) -> None:
        """Add the errors of the skipped samples of a step's batch.

        Raises:
            OutputError: the file cannot be written.
        """
        if texts:
            with output_errors(self.path), self.path.open("a", encoding="utf-8") as file:
                file.writelines(_skipped_line(str(step), text) for text in texts)


def _skipped_line(step: str, text: str) -> str:
    return f"{step}\t{' '.join(text.split())}\n"


def _step(line: str) -> float:
    """The step of a line of skipped samples; infinite for any other line."""
    step = line.split("\t")[0]
    return int(step) if step.isdecimal() and len(step) < _MAX_DIGITS else math.inf


def read_log(path: Path) -> list[dict[str, float]]:
    """Read the rows of a log, without an incomplete last one.

    Raises:
        InputError: the file is not such a log.
    """
    with (
        reading(path, "log of a training", advice="remove it to start a new one"),
        path.open(encoding="utf-8", newline="") as file,
    ):
        rows = list(csv.reader(file))
    if not rows:
        return []
    columns = rows[0]
    if "step" not in columns:
        raise InputError(
            f"{path} is not the log of a training: its first line is {brief(','.join(columns))!r}"
        )
    # Two trainings that once shared the folder have written the columns twice.
    complete = [row for row in rows[1:] if len(row) == len(columns) and row != columns]
    try:
        return [dict(zip(columns, map(float, row), strict=True)) for row in complete]
    except ValueError as error:
        raise InputError(f"{path} is not the log of a training: {error}") from error


def _text(value: float) -> str:
    return repr(int(value)) if float(value).is_integer() else f"{value:.6g}"
