"""Exit codes: 2 where a command cannot be carried out, whatever the reason; and the last net."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from rtmpose3d import errors
from rtmpose3d.cli import terminal
from rtmpose3d.cli.app import app
from rtmpose3d.cli.terminal import describe_error, reports_errors

OURS = [
    getattr(errors, name)
    for name in dir(errors)
    if isinstance(getattr(errors, name), type)
    and issubclass(getattr(errors, name), errors.RTMPose3DError)
]


def leaves(command, path=()):
    """All commands of the application with their names."""
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from leaves(inner, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(leaves(typer.main.get_command(app)))


def failing(error: BaseException, **values: object):
    """Run a command that fails; gives its exit code."""

    @reports_errors
    def command(debug: bool = False) -> None:
        raise error

    with pytest.raises(typer.Exit) as end:
        command(**values)
    return end.value.exit_code


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_reports_its_errors(name):
    wrapper = next(c for c in reports_errors.__code__.co_consts if inspect.iscode(c))
    chain, function = [], COMMANDS[name].callback
    while function is not None:
        chain.append(getattr(function, "__code__", None))
        function = getattr(function, "__wrapped__", None)
    assert wrapper in chain


@pytest.mark.parametrize("error", OURS)
def test_each_error_of_the_package_is_a_message_and_exit_code_2(error, capsys):
    arguments = ("model", "x", ["y"]) if error is errors.UnknownNameError else ("what was wrong",)
    assert failing(error(*arguments)) == 2
    text = capsys.readouterr().err
    assert text.startswith("rtmpose3d: error: ")
    assert text.count("\n") == 1
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError("lost"), ["unexpected KeyError: 'lost'", "report it", "--debug", "doctor"]),
        (ZeroDivisionError("division"), ["unexpected ZeroDivisionError", "report it"]),
        (MemoryError(), ["out of memory", "--batch-size"]),
        (PermissionError(13, "Permission denied", "x.json"), ["'x.json': Permission denied"]),
        (RecursionError("deep" * 1000), ["unexpected RecursionError"]),
    ],
)
def test_unexpected_errors_are_short_messages_with_a_traceback_on_request(error, words, capsys):
    assert failing(error) == 2
    text = capsys.readouterr().err
    assert all(word in text for word in words), text
    assert "Traceback" not in text
    assert len(text) < 1000
    assert failing(error, debug=True) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_interruption_is_130(capsys):
    assert failing(KeyboardInterrupt()) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_working_directory_that_is_gone_is_named(monkeypatch):
    def gone() -> str:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(terminal.os, "getcwd", gone)
    text = describe_error(FileNotFoundError(2, "No such file or directory"))
    assert "the working directory no longer exists" in text


@pytest.mark.parametrize(
    "arguments",
    [
        "predict a.png --model rtmw3d-n --device cuda:99",
        "predict a.png --pose-checkpoint text.pth --model rtmw3d-n",
        "predict a.png --model rtmw3d-n --out text.pth/deeper",
        "demo --out text.pth",
        "demo --pose-checkpoint text.pth",
        "export rtmw3d-n --out out.txt",
        "export rtmw3d-q --out out.onnx",
        "evaluate h3wb gone",
        "evaluate dataset rendered gone",
        "evaluate coco-wholebody -a gone.json -p gone.json",
        "datasets check mpii gone",
        "datasets unpack ubody gone",
        "synth --assets gone --out synth",
        "train rtmw3d-n --assets gone --out run",
        "train rtmw3d-l --data gone --out run",
        "benchmark rtmw3d-q",
        "benchmark --batch-sizes 0",
    ],
)
def test_what_cannot_be_carried_out_is_exit_code_2(cli, images, tmp_path, arguments):
    images(a=1)
    (tmp_path / "text.pth").write_text("no checkpoint")
    done = cli(*arguments.split())
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output
    assert "should not happen" not in done.output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_stdout_is_a_message(tmp_path):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-m", "rtmpose3d", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
        )
    assert done.returncode == 2
    assert "rtmpose3d: error: No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
