"""Losses against the reference's recordings, and what must hold of them."""

import numpy as np
import pytest
import torch

from reference.pose_losses import (
    bone_length_loss,
    keypoint_loss,
    logit_distillation,
    reference_bone_loss,
)
from reference.simcc_labels import encode_simcc
from rtmpose3d.models import build_network, load_arrays
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.training.pose.losses import expected_keypoints, feature_distillation, part_factors
from rtmpose3d.training.pose.targets import LabelTables
from rtmpose3d.training.recipes.published import RTMW_PART_WEIGHTS
from rtmpose3d.zoo import resolve_pose


@pytest.fixture(scope="module")
def recorded(golden):
    with np.load(golden / "losses" / "pose_losses.npz") as file:
        return {name: torch.from_numpy(np.asarray(file[name])) for name in file.files}


def test_3d_keypoint_loss_and_its_gradient_equal_the_recorded_ones(recorded):
    logits = [recorded[f"pred_{axis}"].clone().requires_grad_() for axis in "xyz"]
    labels = [recorded[f"gt_{axis}"] for axis in "xyz"]
    weights = [recorded["weight"], recorded["weight"], recorded["weight_z"]]
    loss = keypoint_loss(logits, labels, weights, beta=10)
    loss.backward()
    assert loss.item() == pytest.approx(recorded["kl3d.loss"].item(), rel=1e-5)
    for axis, tensor in zip("xz", (logits[0], logits[2]), strict=True):
        np.testing.assert_allclose(
            tensor.grad[:, ::19], recorded[f"kl3d.grad_{axis}"], rtol=1e-4, atol=1e-8
        )


@pytest.mark.parametrize(
    ("case", "beta", "factors"),
    [
        ("rtmw-l_256x192", 1.0, part_factors(RTMW_PART_WEIGHTS)),
        ("rtmpose-m_256x192", 10.0, None),
        ("rtmpose-l_384x288", 10.0, None),
        ("beta10", 10.0, None),
    ],
)
def test_2d_keypoint_loss_equals_the_recorded_one(recorded, case, beta, factors):
    logits = [recorded[f"pred_{axis}"].clone().requires_grad_() for axis in "xy"]
    labels = [recorded[f"gt_{axis}"] for axis in "xy"]
    weights = [recorded["weight"]] * 2
    loss = keypoint_loss(logits, labels, weights, beta=beta, keypoint_factors=factors)
    loss.backward()
    assert loss.item() == pytest.approx(recorded[f"kl2d.{case}.loss"].item(), rel=1e-5)
    if f"kl2d.{case}.grad_x" in recorded:
        np.testing.assert_allclose(
            logits[0].grad[:, ::19], recorded[f"kl2d.{case}.grad_x"], rtol=1e-4, atol=1e-8
        )


def test_published_bone_loss_equals_the_recorded_one(recorded):
    output = recorded["bone.output"].clone().requires_grad_()
    parents = recorded["bone.joint_parents"].tolist()
    loss = reference_bone_loss(output, recorded["bone.target"], recorded["bone.weight"], parents)
    loss.backward()
    for weight in (1.0, 2.0):  # recorded with the configuration's loss_weight or without
        if loss.item() * weight == pytest.approx(recorded["bone.loss"].item(), rel=1e-5):
            np.testing.assert_allclose(output.grad * weight, recorded["bone.grad"], atol=1e-6)
            return
    pytest.fail(f"{loss.item()} is not {recorded['bone.loss'].item()}")


def test_distillation_losses_equal_the_recorded_ones(golden):
    with np.load(golden / "losses" / "distill_losses.npz") as file:
        data = {name: torch.from_numpy(np.asarray(file[name])) for name in file.files}
    align = torch.nn.functional.conv2d(
        data["fea.student"], data["fea.align_weight"], data["fea.align_bias"]
    )
    loss = feature_distillation(align, data["fea.teacher"])
    assert loss.item() == pytest.approx(data["fea.loss"].item(), rel=1e-5)
    same = feature_distillation(data["fea_same.student"], data["fea.teacher"])
    assert same.item() == pytest.approx(data["fea_same.loss"].item(), rel=1e-5)
    weight = data["kd.loss_weight"].item()
    for beta in (1, 10):
        student = [data[f"kd.s_{axis}"].clone().requires_grad_() for axis in "xy"]
        teacher = [data[f"kd.t_{axis}"] for axis in "xy"]
        loss = logit_distillation(student, teacher, beta) * weight
        loss.backward()
        assert loss.item() == pytest.approx(data[f"kd.beta{beta}.loss"].item(), rel=1e-5)
        np.testing.assert_allclose(
            student[0].grad[:, ::19], data[f"kd.beta{beta}.grad_x"], rtol=1e-4, atol=1e-8
        )


@pytest.mark.slow
def test_loss_and_gradients_of_the_whole_head_equal_the_recorded_ones(golden, recipe):
    """RTMW3DHead.loss with one person in 3D and one in 2D only."""
    spec = resolve_pose("rtmw3d-l")
    network = build_network(spec).eval()
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    load_arrays(network, recipe.state_dict(shapes))
    with np.load(golden / "forward" / "input_384x288.npz") as file:
        pixels = torch.from_numpy(file["input"])
    with np.load(golden / "losses" / "rtmw3d_head_loss.npz") as file:
        data = {name: file[name] for name in file.files}
    with torch.no_grad():
        features = network.backbone(pixels)
        features = network.neck(features)[1:]
    logits = network.head(features)
    tables = LabelTables(spec.codec)
    depth = np.full((2, 133), np.nan, np.float32)
    metres = data["s0.keypoints_3d"][..., 2]
    depth[0] = metres[0] - metres[0, [11, 12]].mean()
    keypoints = np.concatenate([data["s0.keypoints"], data["s1.keypoints"]])
    visible = np.concatenate([data["s0.visible"], data["s1.visible"]])
    targets = tables.encode(*map(torch.from_numpy, (keypoints, visible, depth)))
    loss = tables.loss(logits, targets)
    loss.backward()
    assert loss.item() == pytest.approx(data["loss.loss_kld"].item(), rel=1e-4)
    gradients = dict(network.head.named_parameters())
    for name, norm in zip(data["gradnorm_names"], data["gradnorm"], strict=True):
        assert gradients[str(name)].grad.norm().item() == pytest.approx(norm, rel=1e-3), name
    bones = _published_bone_loss(logits, tables.labels(targets), targets.weights[..., 0], golden)
    assert 2.0 * bones == pytest.approx(data["loss.loss_bone"].item(), rel=1e-4)


def _published_bone_loss(logits, labels, weights, golden):
    with np.load(golden / "losses" / "pose_losses.npz") as file:
        parents = file["bone.joint_parents"].tolist()

    def peaks(axes):
        peaks_at = torch.stack([axis.argmax(dim=2) for axis in axes], dim=2).float()
        peaks_at[1, :, 2] = 0  # the person without 3D
        return peaks_at

    return reference_bone_loss(peaks(logits), peaks(labels), weights, parents).item()


def test_loss_of_looked_up_labels_equals_that_of_labels_in_full():
    spec = resolve_pose("rtmw3d-n").codec
    random = np.random.default_rng(0)
    keypoints, visible, depth = _people(random, spec)
    tables = LabelTables(spec)
    targets = tables.encode(*map(torch.from_numpy, (keypoints, visible, depth)))
    logits = tuple(torch.randn(3, 133, bins, requires_grad=True) for bins in spec.bins)
    loss = tables.loss(logits, targets)
    weights = targets.weights.unbind(dim=2)
    in_full = keypoint_loss(logits, tables.labels(targets), weights, beta=spec.beta)
    assert loss.item() == pytest.approx(in_full.item(), rel=1e-5)


def test_handwritten_gradient_equals_the_numerical_one():
    logits = torch.randn(2, 3, 12, dtype=torch.float64, requires_grad=True)
    labels = torch.rand(2, 3, 12, dtype=torch.float64)
    from rtmpose3d.training.pose.losses import _Divergence

    entropy = torch.xlogy(labels, labels).sum(dim=-1)
    assert torch.autograd.gradcheck(lambda x: _Divergence.apply(x, labels, entropy, 3.0), logits)


@pytest.mark.parametrize("three_d", [True, False])
def test_labels_made_in_torch_equal_those_of_the_codec(three_d):
    spec = resolve_pose("rtmw3d-n").codec
    random = np.random.default_rng(1)
    keypoints, visible, depth = _people(random, spec)
    metres = None
    if three_d:
        metres = np.zeros((3, 133, 3), np.float32)
        metres[..., 2] = depth + 4
        metres[:, [11, 12], 2] = 4
        depth = metres[..., 2] - metres[:, [11, 12], 2].mean(axis=1)[:, None]
    expected = encode_simcc(keypoints, visible, spec, keypoints_3d=metres)
    tables = LabelTables(spec)
    relative = torch.from_numpy(depth) if three_d else None
    targets = tables.encode(torch.from_numpy(keypoints), torch.from_numpy(visible), relative)
    for ours, theirs in zip(tables.labels(targets), expected.labels, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    np.testing.assert_array_equal(targets.weights[..., 0], expected.weights)
    np.testing.assert_array_equal(targets.weights[..., 2], expected.depth_weights)


def _people(random, spec):
    """Keypoints inside, at the edge of and outside the crop; visibilities about 0.5."""
    width, height = spec.input_size_wh
    keypoints = random.uniform(-40, [width + 40, height + 40], (3, 133, 2)).astype(np.float32)
    keypoints[0, :8] = np.round(keypoints[0, :8] * 2) / 2 + 0.25  # halves between bins
    visible = random.choice([0, 0.4, 0.5, 0.6, 1], (3, 133)).astype(np.float32)
    depth = random.uniform(-2.6, 2.6, (3, 133)).astype(np.float32)
    return keypoints, visible, depth


def test_depth_of_people_without_3d_has_no_weight_and_their_x_and_y_keep_theirs():
    spec = resolve_pose("rtmw3d-n").codec
    keypoints = torch.full((2, 133, 2), 50.0)
    depth = torch.zeros(2, 133)
    depth[1] = float("nan")
    targets = LabelTables(spec).encode(keypoints, torch.ones(2, 133), depth)
    assert targets.weights[0].min() == 1
    assert targets.weights[1, :, :2].min() == 1
    assert targets.weights[1, :, 2].max() == 0


def test_bone_loss_is_zero_at_the_truth_and_its_gradient_leads_there():
    random = np.random.default_rng(3)
    spec = resolve_pose("rtmw3d-n").codec
    target = torch.from_numpy(
        np.concatenate(
            [random.uniform(30, 160, (2, 133, 2)), random.uniform(-0.5, 0.5, (2, 133, 1))], axis=2
        ).astype(np.float32)
    )
    bones = torch.from_numpy(WHOLEBODY.bones.copy())
    scale = torch.tensor([0.01, float("nan")])
    weight = torch.ones(2, 133)
    assert bone_length_loss(target, target, weight, scale, bones).item() == 0
    logits = [torch.randn(2, 133, bins, requires_grad=True) for bins in spec.bins]
    before = None
    for _ in range(4):
        loss = bone_length_loss(expected_keypoints(logits, spec), target, weight, scale, bones)
        gradients = torch.autograd.grad(loss, logits)
        assert all(gradient[0].abs().sum() > 0 for gradient in gradients)
        assert all(gradient[1].abs().sum() == 0 for gradient in gradients)  # no 3D there
        assert before is None or loss.item() < before
        before = loss.item()
        logits = [
            (x - g / g.norm()).detach().requires_grad_()
            for x, g in zip(logits, gradients, strict=True)
        ]


def test_bone_loss_does_not_change_when_the_crop_is_rotated():
    random = np.random.default_rng(4)
    points = random.normal(0, 30, (2, 2, 133, 3)).astype(np.float32)
    angle = 0.7
    rotation = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]],
        np.float32,
    )
    bones = torch.from_numpy(WHOLEBODY.bones.copy())
    scale, weight = torch.full((2,), 0.013), torch.ones(2, 133)
    predicted, target = map(torch.from_numpy, points)
    straight = bone_length_loss(predicted, target, weight, scale, bones)
    rotated = bone_length_loss(
        predicted @ torch.from_numpy(rotation),
        target @ torch.from_numpy(rotation),
        weight,
        scale,
        bones,
    )
    assert rotated.item() == pytest.approx(straight.item(), rel=1e-4)
