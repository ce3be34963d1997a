"""`rtmpose3d train` from the outside."""

import pytest
from typer.testing import CliRunner

from rtmpose3d.cli.app import app

RUNNER = CliRunner()


def run(*arguments):
    return RUNNER.invoke(app, ["train", *map(str, arguments)])


@pytest.mark.parametrize("recipe", ["rtmw3d-n", "rtmdet-n"])
def test_a_dry_run_describes_the_plan_and_writes_nothing(tmp_path, recipe):
    out = tmp_path / "run"
    result = run(recipe, "--assets", tmp_path, "--out", out, "--steps", 1200, "--dry-run")
    assert result.exit_code == 0, result.output
    assert recipe in result.output
    assert "1,200 of" in result.output
    assert not out.exists()


def test_unknown_recipe_lists_the_known_ones(tmp_path):
    result = run("rtmw3d-xl", "--assets", tmp_path, "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert "rtmw3d-n" in result.output
    assert "rtmdet-n" in result.output


def test_missing_assets_are_named(tmp_path):
    result = run("rtmw3d-n", "--assets", tmp_path / "nothing", "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert "nothing is not a folder" in result.output


def test_a_missing_device_is_an_error(tmp_path):
    result = run("rtmw3d-n", "--assets", tmp_path, "--out", tmp_path, "--device", "cuda:99")
    assert result.exit_code == 2
    assert "cuda:99" in result.output


def test_an_unknown_precision_is_an_error(tmp_path):
    result = run("rtmw3d-n", "--assets", tmp_path, "--out", tmp_path, "--precision", "fp8")
    assert result.exit_code == 2
    assert "fp32" in result.output
