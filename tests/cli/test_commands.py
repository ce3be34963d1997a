"""The command line as a whole: help, version, the model table, and what importing it costs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from rtmpose3d.cli import terminal
from rtmpose3d.zoo import MODELS

COMMANDS = ("demo", "predict", "models", "export", "doctor")

BUNDLED = {"rtmw3d-n", "rtmw3d-n-cc0", "rtmdet-n", "rtmdet-n-cc0"}


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def test_help_names_every_command(cli):
    done = cli("--help")
    assert done.exit_code == 0
    assert all(command in done.output for command in COMMANDS)
    assert "rtmpose3d predict photo.jpg" in done.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(cli, command):
    done = cli(command, "--help")
    assert done.exit_code == 0
    assert len(done.output) > 300


def test_help_of_predict_teaches_by_example(cli):
    output = cli("predict", "--help").output
    for text in ("photos/*.jpg", "--save json,csv,image", "x1,y1,x2,y2", "--height-m"):
        assert text in output


def test_version(cli):
    from rtmpose3d import __version__

    done = cli("--version")
    assert done.exit_code == 0
    assert done.output == f"rtmpose3d {__version__}\n"


def test_without_a_command_it_shows_help(cli):
    assert "predict" in cli().output


def test_an_unknown_command_is_wrong_usage(cli):
    assert cli("train").exit_code == 2


def test_the_table_has_every_model_with_its_metrics_and_licences(cli, tmp_path):
    done = cli("models", "--cache-dir", tmp_path)
    assert done.exit_code == 0
    for name in MODELS:
        assert name in done.output
    line = next(line for line in done.output.splitlines() if line.startswith("rtmw3d-l "))
    assert line.split() == "rtmw3d-l 2D + 3D 384x288 67.8 56 mm 57.5M 17.7 no".split()  # noqa: SIM905
    assert "weights: Apache-2.0 (all models)" in done.output
    assert "non-commercial research" in done.output
    assert "BSD, MIT) (rtmw3d-n-cc0, rtmdet-n-cc0)" in done.output
    for name in BUNDLED:
        line = next(line for line in done.output.splitlines() if line.startswith(f"{name} "))
        assert line.rstrip().endswith("in the package")


def test_the_table_fits_80_columns(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    output = cli("models", "--cache-dir", tmp_path).output
    assert "\u2026" not in output.split("input: height")[0]


def test_models_as_json(cli, tmp_path):
    file = tmp_path / MODELS["rtmw3d-l"].file.name
    file.write_bytes(b"x")
    rows = {
        row["name"]: row
        for row in json.loads(cli("models", "--json", "--cache-dir", tmp_path).output)
    }
    assert list(rows) == list(MODELS)
    row = rows["rtmw3d-l"]
    assert (row["ap"], row["mpjpe_m"], row["params"]) == (67.8, 0.056, 57_501_751)
    assert (row["input_width"], row["input_height"]) == (288, 384)
    assert row["path"] == str(file)
    assert rows["rtmw3d-x"]["path"] is None
    assert rows["rtmdet-m"]["ap"] is None
    assert {name for name, row in rows.items() if row["bundled"]} == BUNDLED
    assert rows["rtmw3d-n"]["path"] == str(MODELS["rtmw3d-n"].file.path)
    assert rows["rtmw3d-n"]["urls"] == []
    assert rows["rtmpose-x-384x288"]["urls"] == []


def test_names_that_the_terminal_cannot_show_are_printed_all_the_same(monkeypatch):
    bytes_out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(bytes_out, encoding="ascii"))
    terminal.print_any_name()
    print("人物\udc80", flush=True)
    assert bytes_out.getvalue().strip() == b"???"


def test_help_imports_neither_torch_nor_onnxruntime():
    code = (
        "import sys; from rtmpose3d.cli.app import app\n"
        "try: app(['predict', '--help'])\n"
        "except SystemExit: pass\n"
        "print({'torch', 'onnxruntime', 'onnx', 'pandas'} & set(sys.modules))"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "set()"


def test_the_module_ends_with_the_exit_code_of_the_command():
    done = python("-c", "from rtmpose3d.cli import main; main()", "-x")
    assert done.returncode == 2
    code = (
        "import sys; sys.argv[1:] = ['predict', 'gone.jpg']; from rtmpose3d.cli import main; main()"
    )
    done = python("-c", code, RTMPOSE3D_DEBUG="0")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("rtmpose3d: error: there is no file or folder 'gone.jpg'")
    assert len(done.stderr.splitlines()) == 1
