"""Options declared once in a dataclass, expanded into a command."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import pytest
import typer
from typer.testing import CliRunner

from rtmpose3d.cli.options import Choices, expand_options

COLOURS = ("red", "dark-blue")


@dataclass(frozen=True, kw_only=True)
class Paint:
    """A group of options."""

    width: Annotated[int, typer.Option("--width", min=1)] = 3
    colour: Annotated[str, Choices(COLOURS), typer.Option("--colour")] = "red"
    style: Annotated[Literal["solid", "dashed"] | None, typer.Option("--style")] = None

    def __post_init__(self) -> None:
        if self.width == 13:
            raise ValueError("unlucky")


CALLS: list[tuple[object, ...]] = []


@expand_options
def draw(
    name: str,
    paint: Paint,
    end: Annotated[Literal["round", "flat"], typer.Option("--end")] = "flat",
) -> None:
    """Draw."""
    CALLS.append((name, paint, end))


@expand_options
def sketch(paint: Paint = Paint(width=1, style="dashed")) -> None:
    """Sketch."""
    CALLS.append((paint,))


@pytest.fixture
def run():
    app = typer.Typer()
    app.command()(draw)
    app.command()(sketch)
    CALLS.clear()
    return lambda text: CliRunner().invoke(app, text.split())


def test_a_group_has_the_defaults_of_its_dataclass(run):
    assert run("draw line").exit_code == 0
    assert [("line", Paint(), "flat")] == CALLS


def test_typed_values_reach_their_field_as_plain_values(run):
    assert run("draw line --width 5 --colour dark-blue --style solid --end round").exit_code == 0
    assert [("line", Paint(width=5, colour="dark-blue", style="solid"), "round")] == CALLS
    (_, paint, end) = CALLS[0]
    assert type(paint.colour) is type(paint.style) is type(end) is str


def test_a_command_may_have_defaults_of_its_own(run):
    assert run("sketch").exit_code == 0
    assert run("sketch --width 2").exit_code == 0
    own = Paint(width=1, style="dashed")
    assert [(own,), (replace(own, width=2),)] == CALLS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("draw line --colour green", "'green' is not one of 'red', 'dark-blue'"),
        ("draw line --style dotted", "'dotted' is not one of 'solid', 'dashed'"),
        ("draw line --end sharp", "'sharp' is not one of 'round', 'flat'"),
        ("draw line --width 0", "--width"),
    ],
)
def test_values_outside_a_closed_set_are_refused(run, text, words):
    done = run(text)
    assert done.exit_code == 2
    assert words in " ".join(done.output.replace("│", " ").split())
    assert not CALLS


def test_the_dataclass_checks_what_belongs_together(run):
    assert isinstance(run("draw line --width 13").exception, ValueError)
