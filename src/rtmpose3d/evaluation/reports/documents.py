"""Tables and files of reports: Markdown, JSON.

Metrics that do not exist (nothing is annotated) are null in JSON and a dash in Markdown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rtmpose3d.structures.atomic import atomic_write

Json = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of text.

    Attributes:
        title: title of the table.
        columns: names of the columns.
        rows: cells of each row.
        note: note below the table; may be empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        """The table as Markdown, numbers aligned to the right."""
        lines = [f"## {self.title}", "", _line(self.columns)]
        lines.append("|---|" + "---:|" * (len(self.columns) - 1))
        lines += [_line(row) for row in self.rows]
        return "\n".join([*lines, "", self.note, ""] if self.note else [*lines, ""])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def percent(value: float, digits: int = 1) -> str:
    """A share in per cent without the sign: 67.8; a dash for nan."""
    return "–" if math.isnan(value) else f"{100 * value:.{digits}f}"


def number(value: float, digits: int = 1) -> str:
    """A number; a dash for nan."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def finite_json(value: object) -> object:
    """The value with None for numbers that are not finite, so that it is valid JSON."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite_json(item) for item in value]
    return value


def write_json(path: Path, document: Json) -> None:
    """Writes metrics as JSON, atomically.

    Raises:
        OutputError: it cannot be written.
    """
    with atomic_write(path, "w") as file:
        json.dump(finite_json(document), file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def write_markdown(
    path: Path, title: str, facts: Mapping[str, str], tables: Sequence[Table]
) -> None:
    """Writes a page with facts and tables as Markdown, atomically.

    Raises:
        OutputError: it cannot be written.
    """
    head = [f"# {title}", "", *(f"- {name}: {text}" for name, text in facts.items()), ""]
    with atomic_write(path, "w") as file:
        file.write("\n".join([*head, *(table.markdown() for table in tables)]))
