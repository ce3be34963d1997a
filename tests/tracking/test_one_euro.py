import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.tracking.smoothing.one_euro import OneEuroState, one_euro_step


class ScalarOneEuro:
    """The scalar filter of the package OneEuroFilter 0.2.1, formula by formula."""

    def __init__(self, min_cutoff, beta, speed_cutoff):
        self.min_cutoff, self.beta, self.speed_cutoff = min_cutoff, beta, speed_cutoff
        self.value = self.speed = self.time = None

    def __call__(self, x, time):
        if self.value is None:
            self.value, self.speed, self.time = x, 0.0, time
            return x
        frequency = 1 / (time - self.time)
        self.time = time

        def alpha(cutoff):
            return 1 / (1 + 1 / (2 * math.pi * cutoff) * frequency)

        a = alpha(self.speed_cutoff)
        self.speed = a * (x - self.value) * frequency + (1 - a) * self.speed
        a = alpha(self.min_cutoff + self.beta * abs(self.speed))
        self.value = a * x + (1 - a) * self.value
        return self.value


series = st.lists(st.floats(-1000, 1000), min_size=1, max_size=20)


@given(series, st.integers(0, 1000), st.floats(0.1, 5), st.floats(0, 2), st.floats(0.2, 5))
def test_each_number_equals_the_scalar_filter(xs, seed, min_cutoff, beta, speed_cutoff):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.01, 0.2, len(xs)))
    array = np.array(xs)[:, None, None] * rng.uniform(-1, 1, (3, 2))
    oracles = [[ScalarOneEuro(min_cutoff, beta, speed_cutoff) for _ in "xy"] for _ in range(3)]
    state = OneEuroState.empty((3, 2))
    for i, time in enumerate(times):
        dt = time - times[i - 1] if i else 1.0
        state = one_euro_step(
            state,
            array[i],
            dt,
            min_cutoff_hz=min_cutoff,
            beta=beta,
            speed_cutoff_hz=speed_cutoff,
        )
        expected = [[oracles[r][c](array[i, r, c], time) for c in range(2)] for r in range(3)]
        np.testing.assert_allclose(state.value, expected, rtol=1e-9, atol=1e-9)


def step(state, value, weight=1.0):
    return one_euro_step(
        state, np.array([value]), 0.1, weight, min_cutoff_hz=1.0, beta=0.0, speed_cutoff_hz=1.0
    )


def test_lower_weight_moves_less_and_none_not_at_all():
    start = step(OneEuroState.empty((1,)), 0.0)
    moved = [step(start, 10.0, weight).value[0] for weight in (1.0, 0.5, 0.1, 0.0)]
    assert moved == sorted(moved, reverse=True)
    assert moved[-1] == 0.0


def test_missing_measurement_keeps_the_state():
    start = step(OneEuroState.empty((1,)), 3.0)
    assert step(start, np.nan).value[0] == 3.0
    assert np.isnan(step(OneEuroState.empty((1,)), np.nan).value[0])


@pytest.mark.parametrize("rate", [10, 60])
def test_constant_stays_constant(rate):
    state = OneEuroState.empty((1,))
    for _ in range(rate):
        state = step(state, 5.0)
    assert state.value[0] == pytest.approx(5.0)
    assert state.speed[0] == pytest.approx(0.0)
