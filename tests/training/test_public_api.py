"""The public API of training, and the example of the documentation."""

import re
from pathlib import Path

import pytest
from coco_folder import write_coco_wholebody
from synthetic_images import made_image, tiny_recipe
from synthetic_people import FixedSource, batch, tiny_spec

import rtmpose3d.training
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.training import (
    RECIPES,
    InitialWeights,
    PoseRecipe,
    TrainingData,
    load_datasets,
    resolve_recipe,
    train,
)
from rtmpose3d.training.detector.rendered import validation_batches
from rtmpose3d.training.recipes import NO_AUGMENTATION, FlatCosine

DOCUMENT = Path(__file__).parents[2] / "docs" / "training.md"


def test_all_names_of_the_api_exist():
    for name in rtmpose3d.training.__all__:
        assert hasattr(rtmpose3d.training, name), name


@pytest.mark.slow
def test_the_example_of_the_documentation_trains(tmp_path, monkeypatch):
    example = re.search(r"example: begin -->\n```python\n(.*?)```", DOCUMENT.read_text(), re.S)[1]
    assert example in rtmpose3d.training.__doc__.replace("\n    ", "\n")
    assert len([line for line in example.splitlines() if line]) < 6
    monkeypatch.chdir(tmp_path)
    write_coco_wholebody(tmp_path / "data")
    names = {}
    exec(example.replace("steps=20_000", "steps=1, batch_size=2"), names)
    assert names["result"].finished
    assert names["result"].weights == Path("runs/n/rtmw3d-n.pth")
    assert names["result"].metrics["pck20_body"] >= 0


@pytest.mark.slow
def test_one_function_trains_pose_models_and_detectors(tmp_path):
    people = FixedSource(batches=[batch(0, 2)])
    pose = PoseRecipe(
        model=tiny_spec(),
        schedule=FlatCosine(steps=1, warmup_steps=0),
        batch_size=2,
        learning_rate=1e-4,
        stage1=NO_AUGMENTATION,
        stage2=NO_AUGMENTATION,
    )
    detector = tiny_recipe(1)
    images = FixedSource(batches=validation_batches(detector, [made_image(i) for i in range(2)]))
    for recipe, source in ((pose, people), (detector, images)):
        out = tmp_path / recipe.model.name
        result = train(recipe, TrainingData(open_stage=lambda stage, s=source: s), out)
        assert result.finished
        again = InitialWeights(path=result.weights)
        data = TrainingData(open_stage=lambda stage, s=source: s)
        assert train(recipe, data, tmp_path / f"{out.name}2", initial=again).finished


def test_a_detector_takes_no_teacher_and_no_single_parts(tmp_path):
    data = TrainingData(open_stage=lambda stage: FixedSource(batches=[]))
    options = {"teacher": tmp_path}, {"initial": InitialWeights(path=tmp_path, parts=["head"])}
    for index, option in enumerate(options):
        with pytest.raises(InputError, match="pose models only"):
            train(tiny_recipe(1), data, tmp_path / str(index), **option)


def test_missing_datasets_are_named(tmp_path):
    write_coco_wholebody(tmp_path)
    recipe = RECIPES["rtmw3d-n"](steps=1)
    data = load_datasets(recipe, tmp_path, ["coco-wholebody:2"], ["coco-wholebody"])
    assert len(data.open_stage(1).rows(0, range(3))) == 3
    assert sum(map(len, data.validation)) == 2
    with pytest.raises(InputError, match=r"1 datasets are missing: .*mpii"):
        load_datasets(recipe, tmp_path, ["coco-wholebody", "mpii"])


def test_recipes_resolve_by_name():
    assert resolve_recipe("rtmdet-n", steps=7).schedule.steps == 7
    assert resolve_recipe("rtmw3d-l", epoch_samples=5120).schedule.steps == 2700
    with pytest.raises(UnknownNameError, match="rtmw3d-l"):
        resolve_recipe("rtmw3d-xl")
