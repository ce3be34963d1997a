"""`rtmpose3d train` on a few images: options, datasets, distillation."""

import json
import pickle
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from coco_folder import write_coco_wholebody
from typer.testing import CliRunner

from rtmpose3d.cli.app import app
from rtmpose3d.errors import InputError
from rtmpose3d.training.data.datasets import load_dataset, mixture_data
from rtmpose3d.training.loop.log import read_log
from rtmpose3d.training.planning import DataOptions, JointOptions, RenderOptions
from rtmpose3d.training.recipes import PUBLISHED_RECIPES, RECIPES
from rtmpose3d.weights import read_checkpoint

RUNNER = CliRunner()
DOCS = Path(__file__).parents[3] / "docs"
OWN_DATA = DOCS / "own-data.md"


@pytest.fixture
def folder(tmp_path):
    """A folder of datasets: COCO-WholeBody of two people and a missing image, nothing else."""
    return write_coco_wholebody(tmp_path / "data", annotated=3)


def run(recipe, folder, out, *arguments):
    common = ["--data", folder, "--out", out, "--workers", 0, "--device", "cpu"]
    return RUNNER.invoke(app, ["train", recipe, *map(str, [*common, *arguments])])


def test_dry_run_counts_what_is_there_and_fails_where_the_training_would(folder, tmp_path):
    out = tmp_path / "out"
    result = run("rtmw3d-l", folder, out, "--dry-run")
    assert result.exit_code == 2
    assert "coco-wholebody@train: 2 people, 1 invalid labels skipped, 2 per epoch" in result.output
    assert "h3wb@train: MISSING" in result.output
    assert "rtmw3d-l_8xb64_cocktail14-384x288.py: 270 epochs, batch size 512" in result.output
    assert "13 of the datasets are missing: halpe@train, aic@train" in result.output
    allowed = run("rtmw3d-l", folder, out, "--dry-run", "--allow-missing")
    assert allowed.exit_code == 2
    assert "2 labels are invalid, the first: coco-wholebody: " in allowed.output
    skipped = run("rtmw3d-l", folder, out, "--dry-run", "--allow-missing", "--on-bad", "skip")
    assert skipped.exit_code == 0, skipped.output
    assert not out.exists()


@pytest.mark.parametrize(
    ("model", "warned"),
    [("rtmw3d-l", True), ("rtmw-l-384x288", False), ("dwpose-t-256x192", False)],
)
def test_a_3d_model_with_labels_in_2d_alone_is_warned_of(folder, tmp_path, model, warned):
    more = ["--dry-run", "--on-bad", "skip", "--datasets", "coco-wholebody"]
    result = run(model, folder, tmp_path / "out", *more, "--validation-datasets", "none")
    assert result.exit_code == 0, result.output
    assert ("no person has 3D labels" in result.output) == warned


def own_files(folder):
    """One's own annotations, of body keypoints alone, with a dog and a label that is invalid."""
    document = json.loads((folder / "coco/annotations/coco_wholebody_train_v1.0.json").read_text())
    for row in document["annotations"]:
        row["id"] = f"person {row['id']}"
        for part in ("foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts"):
            del row[part]
    dog = {"id": "dog", "image_id": 1, "category_id": 17, "bbox": [1, 1, 9, 9]}
    document["annotations"].append(dog)
    (folder / "mine.json").write_text(json.dumps(document))
    return ["--annotations", folder / "mine.json", "--images", folder / "coco" / "train2017"]


def run_own(recipe, out, *arguments):
    common = ["--out", out, "--workers", 0, "--device", "cpu", "--on-bad", "skip"]
    return RUNNER.invoke(app, ["train", recipe, *map(str, [*common, *arguments])])


def test_own_annotations_are_planned_alone_and_among_datasets(folder, tmp_path):
    own = own_files(folder)
    alone = run_own("dwpose-t-256x192", tmp_path, *own, "--dry-run", "--steps", 2)
    assert alone.exit_code == 0, alone.output
    assert "coco-style@train (mine.json): 2 people, 1 invalid labels skipped, 2 p" in alone.output
    assert "skipped: 1 x another category than persons" in alone.output
    assert "MISSING" not in alone.output
    assert "\nvalidation" not in alone.output
    mixed = ["--data", folder, "--datasets", "coco-wholebody,coco-style:5", "--dry-run"]
    held_out = ["--validation-annotations", folder / "mine.json", "--validation-datasets", "none"]
    both = run_own("dwpose-t-256x192", tmp_path, *own, *mixed, *held_out)
    assert both.exit_code == 0, both.output
    assert "epoch      12 people" in both.output
    assert "validation coco-style@val (mine.json): 2 people" in both.output
    added = run_own(
        "dwpose-t-256x192", tmp_path, *own, "--data", folder, "--dry-run", "--allow-missing"
    )
    assert "coco-wholebody@train: 2 people" in added.output
    assert "coco-style@train (mine.json): 2 people" in added.output


def test_own_annotations_that_are_missing_are_named(folder, tmp_path):
    own = own_files(folder)
    nothing = run_own("dwpose-t-256x192", tmp_path, "--annotations", "none.json")
    assert nothing.exit_code == 2
    assert "there is no annotation file none.json" in nothing.output
    lonely = run_own("dwpose-t-256x192", tmp_path, *own[2:], "--data", folder)
    assert "need --annotations" in lonely.output
    missing = run_own("dwpose-t-256x192", tmp_path, *own[:2], "--images", "nowhere")
    assert "nowhere" in missing.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "init"), [("dwpose-t-256x192", []), ("rtmw3d-n", ["--init", "rtmw3d-n"])]
)
def test_a_stopped_training_says_how_to_use_it_and_logs_what_it_skipped(
    folder, tmp_path, model, init
):
    own = own_files(folder)
    out = tmp_path / "out"
    few = ["--steps", 2, "--batch-size", 2, *init]
    stopped = run_own(model, out, *own, *few, "--minutes", 0)
    assert stopped.exit_code == 0, stopped.output
    (weights,) = (out / "checkpoints").glob("*.pth")
    use = f"use it now: rtmpose3d predict IMAGE --model {model} --pose-checkpoint"
    assert f"{use} {weights}" in stopped.output
    assert "the same command with --resume" in stopped.output
    assert [row["step"] for row in read_log(out / "steps.csv")] == [1]
    lines = (out / "skipped.txt").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["labels", "labels"]
    assert "000000000003.jpg does not exist" in lines[0]
    assert "1 x another category than persons" in lines[1]
    for _ in range(2):
        finished = run_own(model, out, *own, *few, "--resume")
        assert finished.exit_code == 0, finished.output
        assert f"{use} {out / f'{model}.pth'}" in finished.output
        assert "nan" not in finished.output
    assert (out / "skipped.txt").read_text().splitlines()[:2] == lines


@pytest.mark.slow
def test_the_example_of_own_data_runs(folder, tmp_path, monkeypatch):
    from rtmpose3d.training import train

    own_files(folder)
    (tmp_path / "mine.json").write_text((folder / "mine.json").read_text())
    shutil.copytree(folder / "coco" / "train2017", tmp_path / "photos")
    image = tmp_path / "photos" / "000000000001.jpg"
    shutil.copy(image, image.with_name("000000000003.jpg"))
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", OWN_DATA.read_text("utf-8"), re.DOTALL)[1]
    names = {}
    exec(compile(code, str(OWN_DATA), "exec"), names)  # the page's own example
    assert names["train"] is train
    assert names["result"].finished
    assert names["result"].weights.is_file()


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


DOCUMENT = DOCS / "training.md"
COMMANDS = re.findall(
    r"^(?:torchrun .*-m )?rtmpose3d (train .*)$",
    DOCUMENT.read_text("utf-8") + OWN_DATA.read_text("utf-8"),
    re.MULTILINE,
)


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
    ],
)
def test_options_that_do_not_fit_are_refused(folder, tmp_path, arguments, message):
    few = ["--on-bad", "skip", "--steps", 1, "--validation-datasets", "none"]
    result = run("dwpose-t-256x192", folder, tmp_path / "out", *few, *arguments)
    assert result.exit_code in (1, 2)
    assert message in result.output


def test_a_training_without_data_is_refused(tmp_path):
    result = RUNNER.invoke(app, ["train", "rtmw3d-n", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "--data" in result.output
    assert "--assets" in result.output


@pytest.mark.parametrize(("fraction", "rendered"), [(0.4, 13), (0.001, 1), (0.999, 31)])
def test_a_joint_batch_has_rendered_and_other_people(fraction, rendered):
    joint = JointOptions(
        data=DataOptions(folder=Path()),
        rendering=RenderOptions(assets=Path()),
        rendered_fraction=fraction,
    )
    assert joint.rendered_crops(32) == rendered


@pytest.mark.parametrize("fraction", [0.0, 1.0, float("nan")])
def test_a_joint_training_without_one_of_its_sources_is_refused(fraction):
    with pytest.raises(InputError, match="rendered_fraction"):
        JointOptions(
            data=DataOptions(folder=Path()),
            rendering=RenderOptions(assets=Path()),
            rendered_fraction=fraction,
        )
