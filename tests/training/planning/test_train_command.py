"""`rtmpose3d train` on a few images: options, datasets, distillation."""

import pickle
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from coco_folder import write_coco_wholebody
from typer.testing import CliRunner

from rtmpose3d.cli.app import app
from rtmpose3d.training.data.datasets import load_dataset, mixture_data
from rtmpose3d.training.loop.log import read_log
from rtmpose3d.training.recipes import PUBLISHED_RECIPES, RECIPES
from rtmpose3d.weights import read_checkpoint

RUNNER = CliRunner()


@pytest.fixture
def folder(tmp_path):
    """A folder of datasets: COCO-WholeBody of two people and a missing image, nothing else."""
    return write_coco_wholebody(tmp_path / "data", annotated=3)


def run(recipe, folder, out, *arguments):
    common = ["--data", folder, "--out", out, "--workers", 0, "--device", "cpu"]
    return RUNNER.invoke(app, ["train", recipe, *map(str, [*common, *arguments])])


def test_dry_run_counts_what_is_there_and_names_what_is_missing(folder, tmp_path):
    out = tmp_path / "out"
    result = run("rtmw3d-l", folder, out, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "coco-wholebody@train: 2 people, 1 invalid labels skipped, 2 per epoch" in result.output
    assert "h3wb@train: MISSING" in result.output
    assert "rtmw3d-l_8xb64_cocktail14-384x288.py: 270 epochs, batch size 512" in result.output
    assert not out.exists()


def test_missing_datasets_and_bad_labels_stop_it_unless_the_user_says_otherwise(folder, tmp_path):
    stopped = run("rtmpose-m-256x192", folder, tmp_path / "a")
    assert stopped.exit_code == 2
    assert "000000000003.jpg does not exist" in stopped.output
    stopped = run("rtmw3d-l", folder, tmp_path / "b", "--on-bad", "skip")
    assert stopped.exit_code == 2
    assert "Allow missing datasets" in stopped.output
    assert not (tmp_path / "b" / "checkpoints").exists()


@pytest.mark.slow
def test_it_trains_on_a_folder_distils_and_is_initialized_from_files(folder, tmp_path):
    few = ["--on-bad", "skip", "--steps", 1, "--batch-size", 2, "--validation-datasets", "none"]
    first = run("dwpose-t-256x192", folder, tmp_path / "t", *few, "--datasets", "coco-wholebody:2")
    assert first.exit_code == 0, first.output
    assert "4 per epoch" in first.output
    weights = tmp_path / "t" / "dwpose-t-256x192.pth"
    teacher = ["--teacher", weights, "--teacher-model", "dwpose-t-256x192"]
    few += ["--datasets", "coco-wholebody", "--init", weights]
    taught = run("dwpose-t-256x192", folder, tmp_path / "s1", *few, *teacher, "--distill", "stage1")
    assert taught.exit_code == 0, taught.output
    (row,) = read_log(tmp_path / "s1" / "steps.csv")
    assert row["logit_loss"] > 0
    few += ["--init-parts", "head", "--teacher", weights, "--distill", "stage2"]
    second = run("dwpose-t-256x192", folder, tmp_path / "s2", *few, "--tensorboard")
    assert second.exit_code == 0, second.output
    assert "frozen     backbone, neck" in second.output
    before, after = (read_checkpoint(p) for p in (weights, tmp_path / "s2" / weights.name))
    np.testing.assert_array_equal(
        after["backbone.stem.0.conv.weight"], before["backbone.stem.0.conv.weight"]
    )
    assert list((tmp_path / "s2" / "tensorboard").iterdir())


@pytest.mark.parametrize("model", ["rtmw-m-256x192", "rtmw3d-l"])
def test_worker_processes_get_the_batches_that_a_thread_gets(folder, model):
    recipe = PUBLISHED_RECIPES[model].recipe(2, batch_size=3)
    dataset = load_dataset(PUBLISHED_RECIPES[model].datasets[0], folder, on_bad="skip")
    data = mixture_data(recipe, [dataset], [], validation_crops=0)
    sent = pickle.loads(pickle.dumps(data.open_stage))
    for stage in (1, 2):
        ours, theirs = (opened(stage).batch(4).crops for opened in (data.open_stage, sent))
        np.testing.assert_array_equal(theirs, ours)
    first, second = (data.open_stage(stage).batch(4).crops for stage in (1, 2))
    assert (first != second).any()


DOCUMENT = Path(__file__).parents[3] / "docs" / "training.md"
COMMANDS = re.findall(r"^(?:torchrun .*-m )?rtmpose3d (train .*)$", DOCUMENT.read_text(), re.M)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_documentation_have_only_options_that_there_are(command):
    result = RUNNER.invoke(app, [*shlex.split(command), "--help"])
    assert result.exit_code == 0, result.output
    assert command.split()[1] in {*PUBLISHED_RECIPES, *RECIPES}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--teacher", "x.pth"], "a teacher needs a distillation"),
        (["--distill", "stage1"], "needs the weights of a teacher"),
        (["--distill", "stage1", "--teacher", "x.pth"], "name of the teacher's model"),
        (["--distill", "stage3"], "stage1"),
        (["--freeze", "backbon"], "backbone"),
        (["--datasets", "coco-wholebody:x"], "'x' is not a number"),
        (["--datasets", "cocoa"], "coco-wholebody"),
        (["--on-bad", "hide"], "skip"),
        (["--init", "nothing.pth"], "nothing.pth"),
        (["--assets", "."], "either --data"),
    ],
)
def test_options_that_do_not_fit_are_refused(folder, tmp_path, arguments, message):
    few = ["--on-bad", "skip", "--steps", 1, "--validation-datasets", "none"]
    result = run("dwpose-t-256x192", folder, tmp_path / "out", *few, *arguments)
    assert result.exit_code in (1, 2)
    assert message in result.output
