"""Tables of reports on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtmpose3d.evaluation.reports.documents import Table

TABLE_WIDTH = 200  # characters; lines are only as long as needed


def print_table(table: Table) -> None:
    """Prints a table to stdout, numbers aligned to the right."""
    from rich.console import Console
    from rich.table import Table as RichTable

    columns = RichTable(box=None, pad_edge=False, header_style="bold", title_justify="left")
    for index, name in enumerate(table.columns):
        columns.add_column(name, justify="left" if index == 0 else "right", no_wrap=True)
    for row in table.rows:
        columns.add_row(*row)
    console = Console(highlight=False, width=TABLE_WIDTH, soft_wrap=True)  # never truncate
    console.print(table.title, style="bold", markup=False)
    console.print(columns)
    console.print()
