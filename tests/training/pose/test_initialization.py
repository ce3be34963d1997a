"""Given weights and frozen parts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic_people import open_fixed, tiny_spec

from rtmpose3d.errors import InputError, UnknownNameError, WeightsError
from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.training.data.batches import TrainingData
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.pose.initialization import (
    InitialWeights,
    freeze,
    init_weights,
    load_network,
)
from rtmpose3d.training.recipes.augmentation import NO_AUGMENTATION
from rtmpose3d.training.recipes.pose import PoseRecipe
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.training.running import train
from rtmpose3d.weights import read_checkpoint, write_safetensors, write_torch_file


@pytest.fixture(params=[".pth", ".safetensors"])
def file(request, tmp_path):
    torch.manual_seed(7)
    arrays = {key: value.numpy() for key, value in PoseNetwork(tiny_spec()).state_dict().items()}
    path = tmp_path / f"given{request.param}"
    if request.param == ".pth":
        write_torch_file(path, arrays, {"meta": {"epoch": 3}})
    else:
        write_safetensors(path, arrays)
    return path


def run(tmp_path, initial, frozen=(), steps=2):
    recipe = PoseRecipe(
        model=tiny_spec(),
        schedule=FlatCosine(steps=steps, warmup_steps=0),
        batch_size=8,
        learning_rate=1e-3,
        stage1=NO_AUGMENTATION,
        stage2=NO_AUGMENTATION,
        frozen=frozen,
    )
    data = TrainingData(open_stage=open_fixed, validation=[])
    result = train(recipe, data, tmp_path / "out", engine=Engine("cpu"), initial=initial)
    return read_checkpoint(result.weights)


@pytest.mark.slow
def test_frozen_parts_end_as_they_were_given_and_the_others_do_not(tmp_path, file):
    given = read_checkpoint(file)
    after = run(tmp_path, InitialWeights(path=file), frozen=("backbone", "neck"))
    for part in ("backbone", "neck"):
        own = [key for key in given if key.startswith(part)]
        assert own
        for key in own:
            np.testing.assert_array_equal(after[key], given[key], err_msg=key)
    assert (after["head.cls_x.weight"] != given["head.cls_x.weight"]).any()


def test_one_part_may_come_from_a_model_with_another_head(file):
    flat = replace(tiny_spec(), pafpn=False, hem=False)
    network = PoseNetwork(flat)
    own = network.head.cls_x.weight.clone()
    init_weights(network, flat, InitialWeights(path=file, parts=("backbone",)))
    given = read_checkpoint(file)
    stem = "backbone.stem.0.conv.weight"
    np.testing.assert_array_equal(network.state_dict()[stem].numpy(), given[stem])
    assert torch.equal(network.head.cls_x.weight, own)
    with pytest.raises(WeightsError, match="does not fit tiny"):
        init_weights(network, flat, InitialWeights(path=file))


def test_weights_of_another_width_are_refused_by_part(file):
    wider = replace(tiny_spec(), width=0.25)
    with pytest.raises(WeightsError, match="the backbone of tiny"):
        init_weights(PoseNetwork(wider), wider, InitialWeights(path=file, parts=("backbone",)))


def test_reading_a_teacher_takes_no_random_numbers(file):
    before = torch.get_rng_state()
    assert not load_network(tiny_spec(), file).training
    assert torch.equal(torch.get_rng_state(), before)


def test_parts_that_are_none_are_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="tail"):
        InitialWeights(path=tmp_path, parts=("tail",))
    with pytest.raises(InputError, match="nothing is left to train"):
        freeze(PoseNetwork(tiny_spec()), ("backbone", "neck", "head"))
    with pytest.raises(UnknownNameError, match="neks"):
        freeze(PoseNetwork(tiny_spec()), ("neks",))
