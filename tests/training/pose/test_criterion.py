"""Losses of a recipe: which labels and predictions they depend on, and which not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic_people import batch, tiny_spec

from reference.pose_losses import bone_length_loss
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.pose.criterion import to_device
from rtmpose3d.training.pose.losses import bone_length_errors
from rtmpose3d.training.pose.targets import LabelTables
from rtmpose3d.training.pose.task import prepare_pose
from rtmpose3d.training.recipes import FlatCosine, PoseRecipe

CPU = torch.device("cpu")


def loss_gradients(people):
    """Gradient of the keypoint loss for each axis, person and keypoint: (A, N, K)."""
    spec = tiny_spec().codec
    tables = LabelTables(spec)
    on_device = to_device(people, CPU)
    targets = tables.encode(on_device.keypoints_px, on_device.visible, on_device.relative_depth_m)
    torch.manual_seed(0)
    logits = tuple(torch.randn(len(people), 133, n, requires_grad=True) for n in spec.bins)
    gradients = torch.autograd.grad(tables.loss(logits, targets), logits)
    return torch.stack([gradient.abs().sum(dim=2) for gradient in gradients])


def test_only_labelled_keypoints_have_a_gradient():
    people = batch(0, 2)
    visible = people.visible.copy()
    visible[0, 5:40] = 0
    gradients = loss_gradients(replace(people, visible=visible)) > 0
    labelled = torch.from_numpy(visible > 0)
    for axis in range(3):
        assert torch.equal(gradients[axis], labelled)


def test_people_without_3d_labels_have_a_gradient_in_x_and_y_only():
    people = batch(0, 2)
    metres = people.keypoints_camera_m.copy()
    metres[1] = np.nan
    x, y, z = loss_gradients(replace(people, keypoints_camera_m=metres)) > 0
    assert x.all()
    assert y.all()
    assert z[0].all()
    assert not z[1].any()


def small_task(**changes):
    recipe = PoseRecipe(
        model=replace(tiny_spec(), dropout=0.0),
        schedule=FlatCosine(steps=4, warmup_steps=0),
        batch_size=2,
        learning_rate=1e-3,
        **changes,
    )
    return prepare_pose(recipe, Engine("cpu"))


def moved(people, keypoints):
    """The batch with other labels of some keypoints."""
    points = people.keypoints_px.copy()
    points[:, keypoints] = 30 - points[:, keypoints] * 0.2
    return replace(people, keypoints_px=points)


@pytest.mark.parametrize(("weight", "matters"), [(0.0, False), (2.0, True)])
def test_a_part_matters_as_its_weight_says(weight, matters):
    task = small_task(part_weights={"face": weight}, heatmap_weight=1.0)
    task.model.train()
    people = batch(0, 2)
    face = WHOLEBODY.parts["face"]
    before, after = (task.losses(b)["loss"].item() for b in (people, moved(people, face)))
    assert (abs(after - before) > 1e-4 * before) == matters


def test_the_optimizer_decays_weights_but_no_norms_and_biases():
    task = small_task(weight_decay=0.03, heatmap_weight=1.0)
    names = {id(p): name for name, p in task.state.trained()}
    decays = {
        names[id(parameter)]: group["weight_decay"]
        for group in task.state.optimizer.param_groups
        for parameter in group["params"]
    }
    assert set(decays) == set(names.values())
    norms = {
        f"{name}.weight"
        for name, module in task.state.network.named_modules()
        if isinstance(module, torch.nn.BatchNorm2d)
    }
    assert norms
    for name, decay in decays.items():
        assert decay == (0.0 if name in norms or name.endswith(".bias") else 0.03), name
    assert "aux.heatmaps.classify.weight" in decays


# -- bones -------------------------------------------------------------------------------------

BONES = torch.tensor([[0, 1], [1, 2], [2, 3]])
SCALE = torch.tensor([0.01])


def test_a_bone_with_an_unlabelled_end_does_not_count():
    torch.manual_seed(1)
    predicted, target = torch.randn(2, 1, 4, 3) * 20
    weight = torch.tensor([[1.0, 1.0, 0.0, 1.0]])  # of the bones, the first one alone is labelled
    total, count = bone_length_errors(predicted, target, weight, SCALE, BONES)
    assert count.item() == 1
    alone = bone_length_loss(predicted, target, torch.ones(1, 4), SCALE, BONES[:1])
    assert total.item() == pytest.approx(alone.item(), rel=1e-5)
    predicted[:, 2:] += 7
    again, _ = bone_length_errors(predicted, target, weight, SCALE, BONES)
    assert again.item() == total.item()


def test_the_loss_of_bones_is_a_mean_over_the_labelled_ones():
    target = torch.zeros(1, 4, 3)
    target[0, :, 0] = torch.tensor([0.0, 10.0, 20.0, 30.0])
    predicted = target.clone()
    predicted[0, 3, 0] += 6  # px: the last bone is 6 cm too long
    loss = bone_length_loss(predicted, target, torch.ones(1, 4), SCALE, BONES)
    assert loss.item() == pytest.approx(0.06 / 3, rel=1e-3)
