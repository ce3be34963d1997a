"""Shapes of bodies, their zero pose and keypoints."""

from __future__ import annotations

import numpy as np
import pytest
from makehuman_data import ACTORS, angle_vector, posed_keypoints

from rtmpose3d.synth.body.rigged_body import (
    RiggedBody,
    body_keypoints,
)
from rtmpose3d.synth.body.shape import sample_traits
from rtmpose3d.synth.people.cast import Cast
from rtmpose3d.synth.pose.joints import (
    joint_rotations,
)

pytestmark = pytest.mark.slow


def test_statures_are_those_of_people() -> None:
    rng = np.random.default_rng(0)
    people = [sample_traits(rng) for _ in range(3000)]
    statures = np.array([traits.stature_m for traits in people])
    assert statures.mean() == pytest.approx(1.68, abs=0.025)
    assert statures.std() == pytest.approx(0.09, abs=0.015)
    assert statures.min() > 1.3
    assert statures.max() < 2.05
    ages = np.array([traits.age_years for traits in people])
    assert 0.08 < np.mean(ages < 18) < 0.14
    assert 0.08 < np.mean(ages > 65) < 0.15
    assert 0.45 < np.mean([traits.male > 0.5 for traits in people]) < 0.55


def test_bodies_have_their_stature_and_stand_on_the_ground(cast: Cast) -> None:
    for number in range(ACTORS):
        body = cast.actor(number).body
        y = body.vertices[:13380, 1]
        assert y.min() == pytest.approx(0.0, abs=1e-6)
        assert y.max() == pytest.approx(body.stature_m, abs=1e-4)
        arm = np.linalg.norm(
            body.heads[body.bone("wrist.L")] - body.heads[body.bone("lowerarm01.L")]
        )
        assert 0.11 < arm / body.stature_m < 0.18


def test_the_zero_pose_is_upright_with_straight_limbs(symmetric: RiggedBody) -> None:
    keypoints = posed_keypoints(symmetric, joint_rotations(angle_vector({}), symmetric.rig))
    for upper, middle, lower in ((5, 7, 9), (6, 8, 10)):
        bones = np.diff(keypoints[[upper, middle, lower]], axis=0)
        np.testing.assert_allclose(
            bones / np.linalg.norm(bones, axis=1)[:, None], [[0, -1, 0]] * 2, atol=1e-6
        )
    assert (keypoints[17:23, 1] < 0.05).all()
    assert keypoints[0, 2] > keypoints[3, 2]  # the nose is in front of the ears
    assert keypoints[5, 0] > keypoints[6, 0]  # the left is on +x


def test_the_rest_pose_has_the_keypoints_of_the_anchors(symmetric: RiggedBody) -> None:
    rest = np.tile(np.eye(3, 4), (len(symmetric.rig.names), 1, 1))
    expected = symmetric.vertices[symmetric.keypoint_ids].mean(axis=1)
    np.testing.assert_allclose(body_keypoints(symmetric, rest), expected, atol=1e-6)
