"""Learning rate, weight decay and the average of weights against the reference's recordings."""

import itertools
import json
import math

import numpy as np
import pytest
import torch

from rtmpose3d.errors import InputError
from rtmpose3d.models import build_network
from rtmpose3d.training.loop.ema import WeightAverage
from rtmpose3d.training.loop.optimizer import decay_groups
from rtmpose3d.training.recipes.schedule import FlatCosine
from rtmpose3d.zoo import resolve_pose


@pytest.mark.parametrize("case", ["rtmw3d-l.epoch_length20", "rtmw-l_256x192.epoch_length20"])
def test_learning_rate_equals_the_recorded_one_at_every_step(golden, case):
    recorded = np.load(golden / "train" / "lr_schedule.npz")[case]
    schedule = FlatCosine(steps=270 * 20)
    ours = [5e-4 * schedule.factor(step) for step in range(5400)]
    np.testing.assert_allclose(ours, recorded[:5400], rtol=1e-6)


def test_warm_up_rises_by_equal_steps_and_ends_at_the_full_rate():
    schedule = FlatCosine(steps=100, warmup_steps=5, warmup_start=0.2)
    assert [schedule.factor(step) for step in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])


def test_the_cosine_falls_from_the_end_of_the_flat_part_to_the_final_rate():
    schedule = FlatCosine(steps=100, warmup_steps=0, flat_fraction=0.6, final=0.1)
    factors = [schedule.factor(step) for step in range(101)]
    assert factors[:61] == [1.0] * 61
    assert all(late < early for early, late in itertools.pairwise(factors[60:]))
    assert factors[80] == pytest.approx(0.55)
    assert factors[100] == pytest.approx(0.1)


def test_learning_rate_stays_at_its_end_after_the_last_step():
    schedule = FlatCosine(steps=100, warmup_steps=10)
    assert schedule.factor(100) == schedule.factor(150) == pytest.approx(0.05)


def test_schedule_without_warm_up_starts_at_the_full_rate():
    assert FlatCosine(steps=10, warmup_steps=0).factor(0) == 1


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"steps": 5, "flat_fraction": 1.5}])
def test_impossible_schedule_is_refused(wrong):
    with pytest.raises(InputError):
        FlatCosine(**wrong)


@pytest.mark.parametrize(
    ("model", "recorded"), [("rtmw3d-l", "rtmw3d-l"), ("rtmw-l-256x192", "rtmw-l_256x192")]
)
def test_the_same_parameters_decay_as_in_the_reference(golden, model, recorded):
    groups = json.loads((golden / "train" / "param_groups.json").read_text())[recorded]
    with torch.device("meta"):
        network = build_network(resolve_pose(model))
    with_decay, without = decay_groups(network)
    assert set(with_decay) == set(groups["with_decay"])
    assert set(without) == set(groups["no_decay"])


class _Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.register_buffer("running_mean", torch.zeros(1))
        self.register_buffer("num_batches_tracked", torch.tensor(0))


def test_average_of_weights_equals_the_recorded_one(golden):
    """The recording: weight + 0.1 and running_mean + 0.2 before every update after the first."""
    recorded = np.load(golden / "train" / "ema.npz")
    network = _Tiny()
    average = WeightAverage(
        network, momentum=recorded["momentum"].item(), gamma=recorded["gamma"].item()
    )
    for step, row in enumerate(recorded["trace"]):
        with torch.no_grad():
            network.weight.fill_(1 + 0.1 * step)
            network.running_mean.fill_(0.2 * step)
            network.num_batches_tracked.fill_(step)
        average.update(network)
        state = average.state_dict()
        ours = [state[k].item() for k in ("weight", "running_mean", "num_batches_tracked")]
        np.testing.assert_allclose(ours, row, rtol=1e-5)


def test_a_stored_average_continues_unchanged():
    torch.manual_seed(0)
    network = torch.nn.Linear(3, 2)
    average = WeightAverage(network)
    for _ in range(3):
        network.weight.data.add_(torch.randn(2, 3))
        average.update(network)
    again = WeightAverage(network)
    again.load_state_dict(average.state_dict(), average.updates)
    network.weight.data.add_(1)
    average.update(network)
    again.update(network)
    torch.testing.assert_close(again.state_dict(), average.state_dict(), rtol=0, atol=0)


def test_the_average_follows_slowly_and_ever_more_slowly():
    network = torch.nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    average = WeightAverage(network, momentum=0.1, gamma=10)
    average.update(network)
    network.weight.data.fill_(1.0)
    previous, moves = 0.0, []
    for update in range(1, 60):
        average.update(network)
        now = average.state_dict()["weight"].item()
        moves.append((now - previous) / (1 - previous))
        expected = 0.9 * math.exp(-(1 + update) / 10) + 0.1
        assert moves[-1] == pytest.approx(expected, rel=1e-2)
        previous = now
        if 1 - now < 1e-3:
            break
    assert all(late < early for early, late in itertools.pairwise(moves))
