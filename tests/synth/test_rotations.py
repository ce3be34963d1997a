"""Rotations of one vector equal those of a stack and have their defining properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtmpose3d.synth.rotations import (
    axis_rotation,
    from_quaternion,
    from_rotvec,
    shortest_arc,
    slerp,
    to_quaternion,
    to_rotvec,
    twist_about_y,
    unit,
)

NUMBERS = st.floats(-1, 1, allow_subnormal=False)
VECTORS = st.tuples(NUMBERS, NUMBERS, NUMBERS).map(np.array)
DIRECTIONS = VECTORS.filter(lambda v: np.linalg.norm(v) > 1e-3).map(unit)
ANGLES = st.sampled_from([0.0, 1e-12, 1e-8, 1e-4, 0.1, 1.0, 3.0, np.pi - 1e-9, np.pi])
ROTATION_VECTORS = st.tuples(*[st.floats(-3.0, 3.0)] * 3).map(np.array)


def is_rotation(matrix):
    return np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-9) and np.linalg.det(matrix) > 0


@given(DIRECTIONS, ANGLES)
def test_rotation_vectors_make_rotations_and_come_back(axis, angle):
    one = from_rotvec(axis * angle)
    assert is_rotation(one)
    np.testing.assert_allclose(one, from_rotvec((axis * angle)[None])[0], atol=1e-12)
    if 1e-8 <= angle <= 3:
        np.testing.assert_allclose(to_rotvec(one), axis * angle, atol=1e-7)


@given(DIRECTIONS, DIRECTIONS)
def test_the_shortest_arc_maps_one_direction_to_the_other(source, target):
    one = shortest_arc(source, target)
    assert is_rotation(one)
    np.testing.assert_allclose(one @ source, target, atol=1e-6)
    np.testing.assert_allclose(one, shortest_arc(source[None], target[None])[0], atol=1e-6)


@pytest.mark.parametrize("step", [0.0, 1e-9, 1e-6, 1e-4])
@pytest.mark.parametrize("axis", np.eye(3))
def test_nearly_opposite_directions_have_a_shortest_arc(axis, step):
    target = unit(-axis + step * np.roll(axis, 1))
    one = shortest_arc(axis, target)
    assert is_rotation(one)
    np.testing.assert_allclose(one @ axis, target, atol=1e-6)


@given(ROTATION_VECTORS)
@settings(deadline=None)
def test_rotation_vectors_and_quaternions_come_back(vector: np.ndarray) -> None:
    if np.linalg.norm(vector) > 3.1:
        vector = vector / np.linalg.norm(vector) * 3.1
    matrix = from_rotvec(vector)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(to_rotvec(matrix), vector, atol=1e-6)
    np.testing.assert_allclose(from_quaternion(to_quaternion(matrix)), matrix, atol=1e-9)


def test_opposite_directions_have_a_shortest_arc() -> None:
    down = np.array([0.0, -1.0, 0.0])
    np.testing.assert_allclose(shortest_arc(down, -down) @ down, -down, atol=1e-9)


@given(ROTATION_VECTORS)
@settings(deadline=None)
def test_swing_and_twist_make_the_rotation(vector: np.ndarray) -> None:
    matrix = from_rotvec(vector * 0.8)
    swing, twist = twist_about_y(matrix)
    np.testing.assert_allclose(
        swing @ axis_rotation("y", float(np.degrees(twist))), matrix, atol=1e-6
    )


def test_slerp_starts_and_ends_and_keeps_the_speed() -> None:
    first, second = (
        to_quaternion(axis_rotation("x", 10.0)),
        -to_quaternion(axis_rotation("x", 70.0)),
    )
    halfway = from_quaternion(slerp(first, second, 0.5))
    np.testing.assert_allclose(halfway, axis_rotation("x", 40.0), atol=1e-9)
