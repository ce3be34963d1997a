from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from rtmpose3d.cli.app import app
from rtmpose3d.cli.commands.synth import parse_people, parse_size
from rtmpose3d.errors import InputError

RUN = CliRunner()


def test_help_teaches_with_examples() -> None:
    result = RUN.invoke(app, ["synth", "--help"], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    for text in ("--backdrops", "--frames", "apt-get install libegl1", "--preview"):
        assert text in result.output


def test_sizes_and_numbers_of_people_are_read() -> None:
    assert parse_size("640x480") == (640, 480)
    assert parse_people("1-4") == (1, 4)
    assert parse_people("3") == (3, 3)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--size", "640"], "expected WIDTHxHEIGHT"),
        (["--people", "many"], "expected a number or MIN-MAX"),
        (["--people", "4-1"], "got 4-1"),
        (["--split", "test"], "unknown --split 'test'"),
    ],
)
def test_wrong_options_are_reported_before_anything_is_written(
    tmp_path: Path, options: list[str], text: str
) -> None:
    result = RUN.invoke(
        app, ["synth", "--assets", "none", "--out", str(tmp_path / "out"), *options]
    )
    assert result.exit_code == 2
    assert text in result.output
    assert not (tmp_path / "out").exists()


def test_parsers_say_what_came() -> None:
    with pytest.raises(InputError, match="'axb'"):
        parse_size("axb")
