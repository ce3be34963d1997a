from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from rtmpose3d.cli.app import app
from rtmpose3d.cli.commands.synth import parse_people, parse_size
from rtmpose3d.errors import InputError

RUN = CliRunner()
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "synth.md"


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
        (["--split", "test"], "'test' is not one of"),
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


def test_the_document_lists_every_option_with_its_default() -> None:
    rows = dict(re.findall(r"^\| (`-[^|]+) \| ([^|]+) \|", DOCUMENT.read_text("utf-8"), re.M))
    listed = {
        name: default.strip()
        for names, defaults in rows.items()
        for name, default in zip(
            re.findall(r"`(--[a-z-]+)`", names), defaults.split(","), strict=True
        )
    }
    command = get_command(app).commands["synth"]
    options = {
        option.opts[0]: option
        for option in command.params
        if option.opts[0] not in ("--debug", "--help")
    }
    assert set(listed) == set(options)
    words = {"required": None, "painted": None, "first": None, "off": False}
    for name, default in listed.items():
        expected = options[name].default
        if default in words:
            assert expected == words[default] or options[name].required, name
        else:
            assert float(expected) == float(default) if default.isdigit() else expected == default
