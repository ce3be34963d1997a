"""Tables of docs/output.md, which follow from the declared fields and formats.

`python tests/sinks/test_output_document.py` writes them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rtmpose3d.sinks import FORMATS
from rtmpose3d.structures import PoseResult
from rtmpose3d.structures.fields import PersonField, person_fields

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "output.md"


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def shape_text(entry: PersonField, *first: str) -> str:
    lengths = [*first, *map(str, entry.shape)]
    return f"({lengths[0]},)" if len(lengths) == 1 else f"({', '.join(lengths)})"


PRESENCE = {"track_ids": "with tracking", "filled": "after offline smoothing"}
PRESENCE |= dict.fromkeys(
    ("keypoints_2d_std", "depth_std_m"), "with flip test, SimCC files, or tracks on CPUs"
)


def in_results(entry: PersonField) -> str:
    if entry.only_3d and not entry.optional:
        return "of 3D models"
    return PRESENCE.get(entry.name, "some" if entry.optional else "all")


def person_table() -> list[str]:
    rows = ["| field | shape | key | in results | meaning |", "|---|---|---|---|---|"]
    for entry in person_fields(PoseResult):
        shape = "N strings" if entry.type == "choice" else shape_text(entry, "N")
        key = "yes" if entry.key else "no"
        rows.append(row(f"`{entry.name}`", shape, key, in_results(entry), entry.description))
    return rows


def json_table() -> list[str]:
    rows = ["| field | shape | in results | meaning |", "|---|---|---|---|"]
    for entry in person_fields(PoseResult):
        if entry.json_name is not None:
            shape = shape_text(entry) if entry.shape else entry.type.replace("float", "number")
            rows.append(row(f"`{entry.json_name}`", shape, in_results(entry), entry.description))
    return rows


def format_table() -> list[str]:
    rows = ["| name | suffixes | content | read back |", "|---|---|---|---|"]
    for name, entry in FORMATS.items():
        suffixes = " ".join(f"`{suffix}`" for suffix in entry.suffixes)
        reader = "`load_results`" if entry.sink.holds_many else "`load_result`"
        rows.append(row(f"`{name}`", suffixes, entry.description, reader if entry.read else "no"))
    return rows


TABLES = {"person fields": person_table, "formats": format_table, "json fields": json_table}


def with_tables(text: str) -> str:
    for name, table in TABLES.items():
        block = f"<!-- {name}: begin -->\n{chr(10).join(table())}\n<!-- {name}: end -->"
        pattern = rf"<!-- {name}: begin -->.*?<!-- {name}: end -->"
        text, count = re.subn(pattern, lambda _, block=block: block, text, flags=re.DOTALL)
        assert count == 1, name
    return text


def test_the_tables_follow_from_the_declarations():
    if not DOCUMENT.is_file():
        pytest.skip("docs/output.md is not part of this installation")
    text = DOCUMENT.read_text("utf-8")
    assert text == with_tables(text), f"run: python {Path(__file__).name}"


if __name__ == "__main__":
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text("utf-8")), "utf-8")
