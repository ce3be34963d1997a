"""A teacher's features and distributions: equal to the recordings, and a student goes their way."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic_people import batch, fixed_source, open_fixed, tiny_spec

from rtmpose3d.codec import SimCCSpec
from rtmpose3d.errors import InputError, UnknownNameError, WeightsError
from rtmpose3d.models.graph import Normalise
from rtmpose3d.models.pose import PoseNetwork
from rtmpose3d.training.data.batches import TrainingData
from rtmpose3d.training.loop.engine import Engine
from rtmpose3d.training.loop.log import read_log
from rtmpose3d.training.pose.distillation import Teacher
from rtmpose3d.training.pose.initialization import InitialWeights, load_network
from rtmpose3d.training.recipes.augmentation import NO_AUGMENTATION
from rtmpose3d.training.recipes.distillation import Distillation, first_stage, second_stage
from rtmpose3d.training.recipes.pose import PoseRecipe
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.training.running import train
from rtmpose3d.weights import read_checkpoint, write_torch_file
from rtmpose3d.zoo import resolve_pose

CPU = torch.device("cpu")


def flat_spec(spec=None):
    """A 2D model (RTMPose: no neck, one scale) for the same crops."""
    spec = tiny_spec() if spec is None else spec
    codec = SimCCSpec(input_size_wh=spec.input_size_wh, sigma=(2.0, 2.0), beta=1.0)
    return replace(spec, name="flat", codec=codec, pafpn=False, hem=False)


def wide_spec():
    return replace(tiny_spec(), name="wide", width=0.25)


def network_of(spec, seed=0):
    """Random weights, with norms that have seen people: answers of sane size, not flat."""
    torch.manual_seed(seed)
    network = PoseNetwork(spec)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean over all passes
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight, std=0.1)
    normalise = Normalise(spec)
    with torch.no_grad():
        for seen in range(4):
            network(normalise(torch.from_numpy(batch(seen).crops)))
    return network.eval()


@pytest.fixture(scope="module")
def teacher_file(tmp_path_factory):
    """Weights of a wider network, whose answers are not flat."""
    path = tmp_path_factory.mktemp("teacher") / "wide.pth"
    return write_weights(path, network_of(wide_spec()))


def write_weights(path, network):
    arrays = {key: value.numpy() for key, value in network.state_dict().items()}
    write_torch_file(path, arrays, {})
    return path


def recipe(distillation, **changes):
    settings = {
        "model": replace(tiny_spec(), dropout=0.1),
        "schedule": FlatCosine(steps=changes.pop("steps", 6), warmup_steps=2),
        "batch_size": 8,
        "learning_rate": 2e-3,
        "stage1": NO_AUGMENTATION,
        "stage2": NO_AUGMENTATION,
        "log_every": 1,
        "validate_every": 100,
        "checkpoint_every": 2,
        "distillation": distillation,
        **changes,
    }
    return PoseRecipe(**settings)


def run(wanted, out, teacher, **options):
    data = TrainingData(open_stage=open_fixed, validation=[])
    return train(wanted, data, out, engine=Engine("cpu"), teacher=teacher, **options)


# -- the losses --------------------------------------------------------------------------------


def answering(features, logits, spec, channels):
    """A teacher that always gives these."""

    class Fixed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.neck = None

        def forward(self, x):
            return x

    network = Fixed()
    network.backbone = torch.nn.Module()
    network.backbone.forward = lambda pixels: (features, features, features)
    network.backbone.channels = (channels, channels, channels)
    network.head = torch.nn.Module()
    network.head.forward = lambda seen: logits
    return network


@pytest.mark.parametrize("beta", [1, 10])
def test_losses_of_a_teacher_equal_the_recorded_ones(golden, beta):
    with np.load(golden / "losses" / "distill_losses.npz") as file:
        data = {name: torch.from_numpy(np.asarray(file[name])) for name in file.files}
    bins = (data["kd.s_x"].shape[2], data["kd.s_y"].shape[2])
    size_wh = (bins[0] // 2, bins[1] // 2)
    codec = SimCCSpec(input_size_wh=size_wh, sigma=(2.0, 2.0), beta=float(beta))
    spec = replace(flat_spec(), codec=codec, input_size_wh=size_wh)
    feature = data["fea.teacher"]
    network = answering(feature, (data["kd.t_x"], data["kd.t_y"]), spec, feature.shape[1])
    settings = replace(first_stage(spec), logit_weight=data["kd.loss_weight"].item())
    teacher = Teacher(network, settings, spec, CPU)
    align = teacher.align(data["fea.student"].shape[1])
    align.load_state_dict({"weight": data["fea.align_weight"], "bias": data["fea.align_bias"]})
    assert teacher.align(feature.shape[1]) is None
    crops = torch.zeros(2, size_wh[1], size_wh[0], 3, dtype=torch.uint8)
    student = (data["kd.s_x"], data["kd.s_y"])
    losses = teacher.losses(crops, student, align(data["fea.student"]), ())
    assert losses["feature_loss"].item() == pytest.approx(data["fea.loss"].item(), rel=1e-5)
    expected = data[f"kd.beta{beta}.loss"].item()
    assert losses["logit_loss"].item() == pytest.approx(expected, rel=1e-5)


def test_a_teacher_that_says_the_same_costs_nothing_in_2d_and_3d():
    for spec in (tiny_spec(), flat_spec()):
        network = network_of(spec).eval()
        teacher = Teacher(network, first_stage(spec), spec, CPU)
        crops = torch.from_numpy(batch(0, 2).crops)
        with torch.no_grad():
            stages = network.backbone(teacher.normalise(crops))
            seen = stages if network.neck is None else network.neck(stages)
            losses = teacher.losses(crops, network.head(seen[1:]), stages[2], seen)
        assert losses["feature_loss"].item() == pytest.approx(0, abs=1e-8)
        assert losses["logit_loss"].item() == pytest.approx(0, abs=1e-3)


def test_a_2d_teacher_teaches_x_and_y_of_a_3d_student_by_its_own_temperature():
    student, teacher_spec = tiny_spec(), flat_spec()
    network = network_of(teacher_spec)
    teacher = Teacher(network, first_stage(teacher_spec), student, CPU)
    crops = torch.from_numpy(batch(0, 2).crops)
    with torch.no_grad():
        answers = network.head(network.backbone(teacher.normalise(crops))[1:])
    scale = teacher_spec.codec.beta / student.codec.beta
    logits = [(x * scale).requires_grad_() for x in answers]
    z = torch.zeros(2, 133, student.codec.bins[2], requires_grad=True)
    feature = torch.zeros(2, 128, 3, 2)
    loss = teacher.losses(crops, (*logits, z), feature, ())["logit_loss"]
    assert loss.item() == pytest.approx(0, abs=1e-4)
    loss.backward()
    assert z.grad is None


@pytest.mark.parametrize("teacher_size", [(128, 192), (48, 72)])
def test_a_teacher_of_another_input_size_points_at_the_same_location(teacher_size):
    """Its distribution, a Gaussian, peaks at the same location in the student's bins."""
    student = tiny_spec()
    codec = replace(student.codec, input_size_wh=teacher_size)
    spec = replace(student, input_size_wh=teacher_size, codec=codec)
    ratio = teacher_size[0] / student.input_size_wh[0]
    location_px = (20.5, 61.0)  # student's px
    logits = []
    for axis, bins in enumerate(codec.bins[:2]):
        mean = ((location_px[axis] + 0.5) * ratio - 0.5) * codec.split_ratio
        distance = torch.arange(bins) - mean
        logits.append((-(distance**2) / (2 * 3.0**2) / codec.beta).expand(1, 133, -1))
    z = torch.zeros(1, 133, codec.bins[2])
    network = answering(torch.zeros(1, 8, 6, 4), (*logits, z), spec, 8)
    teacher = Teacher(network, first_stage(spec), student, CPU)
    own = [torch.zeros(1, 133, bins, requires_grad=True) for bins in student.codec.bins]
    crops = torch.zeros(1, 96, 64, 3, dtype=torch.uint8)
    losses = teacher.losses(crops, own, torch.ones(1, 8, 3, 2), ())
    losses["logit_loss"].backward()
    for axis in (0, 1):
        assert own[axis].grad[0, 0].argmin().item() / 2 == location_px[axis]
    assert own[2].grad.abs().max() < 1e-5  # flat, as the teacher is
    assert losses["feature_loss"].item() == pytest.approx(8 * 6 * 7e-5, rel=1e-4)


@pytest.mark.parametrize("student", ["rtmpose-m-256x192", "rtmw-l-384x288", "rtmw3d-l"])
@pytest.mark.parametrize("teacher", ["dwpose-l-256x192", "rtmw-x-384x288", "rtmw3d-x"])
def test_any_teacher_of_the_table_fits_any_student(student, teacher):
    distillation = first_stage(resolve_pose(teacher))
    assert recipe(distillation, model=resolve_pose(student)).distillation == distillation


# -- training ----------------------------------------------------------------------------------


def divergence(network_file, spec, teacher_file, people):
    network = load_network(spec, network_file)
    teacher = Teacher(load_network(wide_spec(), teacher_file), first_stage(wide_spec()), spec, CPU)
    crops = torch.from_numpy(people.crops)
    with torch.no_grad():
        logits = network(teacher.normalise(crops))
        return teacher.losses(crops, logits, torch.zeros(8, 256, 3, 2), ())["logit_loss"].item()


@pytest.mark.slow
def test_a_student_moves_towards_its_teacher(tmp_path, teacher_file):
    """Compared with its start, and with a student of the same steps that sees labels only."""
    steps = 30
    follows = replace(
        first_stage(wide_spec()), label_weight=0.0, logit_weight=1.0, feature_weight=1e-3
    )
    same = {"steps": steps, "ema_momentum": 1.0, "loss_scale": 1.0}
    taught = run(recipe(follows, **same), tmp_path / "taught", teacher_file)
    alone = run(recipe(None, **same), tmp_path / "alone", None)
    rows = read_log(tmp_path / "taught" / "steps.csv")
    for name in ("logit_loss", "feature_loss"):
        # The weight of the teacher falls, too: divide by it.
        values = [row[name] / follows.factor(int(row["step"]) - 1, steps) for row in rows]
        assert np.mean(values[-4:-1]) < 0.9 * np.mean(values[1:4]), name
    spec, people = recipe(follows).model, fixed_source().batch(0)
    distances = [
        divergence(result.weights, spec, teacher_file, people) for result in (taught, alone)
    ]
    assert distances[0] < distances[1]


def test_the_weight_of_a_teacher_falls_to_nothing_in_stage_1_and_stays_in_stage_2():
    first, second = first_stage(wide_spec()), second_stage(wide_spec())
    assert [first.factor(step, 4) for step in range(5)] == [1, 0.75, 0.5, 0.25, 0]
    assert second.factor(3, 4) == 1


@pytest.mark.slow
def test_without_weight_a_teacher_changes_nothing(tmp_path, teacher_file):
    silent = replace(first_stage(wide_spec()), feature_weight=0.0, logit_weight=0.0)
    taught = run(recipe(silent, steps=3), tmp_path / "a", teacher_file)
    alone = run(recipe(None, steps=3), tmp_path / "b", None)
    assert weight_bytes(taught.weights) == weight_bytes(alone.weights)


def weight_bytes(path):
    return {name: value.tobytes() for name, value in read_checkpoint(path).items()}


@pytest.mark.slow
def test_a_distillation_resumes_bit_for_bit(tmp_path, teacher_file):
    wanted = recipe(first_stage(wide_spec()))
    whole = run(wanted, tmp_path / "whole", teacher_file)
    run(wanted, tmp_path / "pieces", teacher_file, minutes=0)
    pieces = run(wanted, tmp_path / "pieces", teacher_file, resume=True)
    assert weight_bytes(pieces.weights) == weight_bytes(whole.weights)
    logs = [
        (tmp_path / name / "steps.csv").read_text().splitlines() for name in ("whole", "pieces")
    ]
    assert len(logs[0]) == len(logs[1]) == 7
    assert "aux.align.weight" not in read_checkpoint(pieces.weights)


@pytest.mark.slow
def test_the_second_stage_trains_a_new_head_on_frozen_features(tmp_path):
    spec = tiny_spec()
    first = write_weights(tmp_path / "first.pth", network_of(spec, seed=3))
    wanted = recipe(
        second_stage(spec), model=spec, frozen=("backbone", "neck"), steps=20, ema_momentum=1.0
    )
    result = run(wanted, tmp_path / "second", first)
    before, after = read_checkpoint(first), read_checkpoint(result.weights)
    for key, value in after.items():
        same = np.array_equal(value, before[key])
        assert same == (not key.startswith("head.")), key
    rows = read_log(tmp_path / "second" / "steps.csv")
    assert rows[-1]["logit_loss"] < 0.9 * rows[0]["logit_loss"]
    assert rows[-1]["loss"] * wanted.loss_scale == pytest.approx(rows[-1]["logit_loss"], rel=1e-4)


# -- what does not fit -------------------------------------------------------------------------


def test_what_does_not_fit_is_refused(tmp_path, teacher_file):
    spec = tiny_spec()
    with pytest.raises(InputError, match=r"frozen must be .*\(\)"):
        recipe(second_stage(spec), model=spec)
    with pytest.raises(InputError, match="its own teacher"):
        recipe(second_stage(wide_spec()), frozen=("backbone", "neck"))
    square = replace(wide_spec(), input_size_wh=(96, 96))
    with pytest.raises(InputError, match="96x96"):
        recipe(first_stage(square))
    with pytest.raises(UnknownNameError, match="stage3"):
        Distillation(stage="stage3", teacher=spec)
    with pytest.raises(InputError, match="logit_weight"):
        Distillation(stage="stage1", teacher=spec, logit_weight=float("nan"))
    with pytest.raises(InputError, match="teacher's weights"):
        run(recipe(first_stage(spec)), tmp_path / "a", None)
    with pytest.raises(InputError, match="no distillation"):
        run(recipe(None), tmp_path / "b", teacher_file)
    with pytest.raises(WeightsError, match="does not fit tiny"):
        run(recipe(first_stage(spec)), tmp_path / "c", teacher_file)


@pytest.mark.slow
def test_initial_weights_of_a_second_stage_may_only_be_those_of_the_head(tmp_path):
    spec = tiny_spec()
    file = write_weights(tmp_path / "first.pth", network_of(spec))
    wanted = recipe(second_stage(spec), model=spec, frozen=("backbone", "neck"), steps=1)
    with pytest.raises(InputError, match="those of the head"):
        run(wanted, tmp_path / "a", file, initial=InitialWeights(path=file))
    own_head = InitialWeights(path=file, parts=("head",))
    gentle = replace(wanted, learning_rate=1e-7)
    after = read_checkpoint(run(gentle, tmp_path / "b", file, initial=own_head).weights)
    given = read_checkpoint(file)
    np.testing.assert_allclose(after["head.cls_x.weight"], given["head.cls_x.weight"], atol=1e-6)
    random_head = read_checkpoint(run(gentle, tmp_path / "c", file).weights)
    assert np.abs(random_head["head.cls_x.weight"] - given["head.cls_x.weight"]).max() > 0.1
