"""What an evaluation leaves behind: its folder of files, tables on the terminal, an exit code."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import typer

from rtmpose3d.cli.terminal import FAILED, plural
from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.errors import Skips
from rtmpose3d.evaluation.matching import ComparedPeople
from rtmpose3d.evaluation.reports.worst_cases import draw_worst, worst_rows
from rtmpose3d.evaluation.reports.writing import Table, write_json, write_markdown
from rtmpose3d.sinks.images import write_image
from rtmpose3d.structures import FloatArray, Image

SHOWN_REASONS = 10
TABLE_WIDTH = 200  # characters; lines are only as long as they need


@dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """One evaluation.

    Attributes:
        title: of the page.
        facts: what was evaluated on what and how, for people.
        figures: all figures, for programs.
        tables: for people; the first `shown` go to the terminal, too.
        shown: how many.
        histogram: image.
        people: compared, for the sheet of worst cases.
        badness: (N,) larger is worse; nan for people without a figure.
        badness_texts: (N,) what to write of each.
        predictions: what predictions.json holds; None if there is nothing to write.
    """

    title: str
    facts: Mapping[str, str]
    figures: Mapping[str, object]
    tables: Sequence[Table]
    shown: int
    histogram: Image
    people: ComparedPeople
    badness: FloatArray
    badness_texts: Sequence[str]
    predictions: object | None = None
    settings: Mapping[str, object] = field(default_factory=dict)


def write_report(report: Report, out: Path, skips: Skips) -> None:
    """Write the folder, print the tables; ends with exit code 1 if something was left out.

    Raises:
        OutputError: a file cannot be written.
        typer.Exit: items were left out.
    """
    from rtmpose3d import __version__

    now = datetime.now(timezone.utc).replace(microsecond=0).isoformat()
    machine = f"{platform.system()}, {platform.machine()}, Python {platform.python_version()}"
    facts = {**report.facts, "rtmpose3d": __version__, "machine": machine, "date": now}
    if skips.reasons:
        facts["left out"] = plural(len(skips.reasons), "bad item", "bad items")
    document = {
        "evaluation": report.title,
        **facts,
        "settings": report.settings,
        "figures": report.figures,
        "left_out": skips.reasons,
    }
    sheet = _worst_sheet(report)
    if report.predictions is not None:
        _write_predictions(out / "predictions.json", report.predictions)
    write_image(out / "histogram.png", report.histogram)
    if sheet is not None:
        write_image(out / "worst.jpg", sheet)
    write_markdown(out / "results.md", report.title, facts, report.tables)
    write_json(out / "results.json", document)
    for table in report.tables[: report.shown]:
        print_table(table)
    typer.echo(f"results in {out}", err=True)
    _tell_left_out(skips)


def _write_predictions(path: Path, predictions: object) -> None:
    import json

    from rtmpose3d.structures.atomic import atomic_write

    with atomic_write(path, "w") as file:
        json.dump(predictions, file)


def _tell_left_out(skips: Skips) -> None:
    if not skips.reasons:
        return
    typer.echo(f"{plural(len(skips.reasons), 'item', 'items')} left out:", err=True)
    for reason in skips.reasons[:SHOWN_REASONS]:
        typer.echo(f"  {reason}", err=True)
    if len(skips.reasons) > SHOWN_REASONS:
        typer.echo("  ... all are listed in results.json under left_out", err=True)
    raise typer.Exit(FAILED)


def _worst_sheet(report: Report) -> Image | None:
    """None where no image is at hand."""
    people = report.people
    at_hand = np.array([p is not None and p.is_file() for p in people.image_paths], bool)
    if not at_hand.any():
        return None
    missed = ~people.was_found & at_hand
    rows = worst_rows(np.where(at_hand, report.badness, np.nan), missed)
    rows = [row for row in rows if _readable(people, row)]
    return draw_worst(people, rows, [report.badness_texts[row] for row in rows]) if rows else None


def _readable(people: ComparedPeople, row: int) -> bool:
    from rtmpose3d.sources import load_image

    path = people.image_paths[row]
    try:
        return path is not None and bool(load_image(path).size)
    except InputError:
        return False


def print_table(table: Table) -> None:
    """A table on stdout, figures to the right."""
    from rich.console import Console
    from rich.table import Table as RichTable

    shown = RichTable(box=None, pad_edge=False, header_style="bold", title_justify="left")
    for place, name in enumerate(table.columns):
        shown.add_column(name, justify="left" if place == 0 else "right", no_wrap=True)
    for row in table.rows:
        shown.add_row(*row)
    console = Console(highlight=False, width=TABLE_WIDTH, soft_wrap=True)  # never cut
    console.print(table.title, style="bold", markup=False)
    console.print(shown)
    console.print()
