"""Overlap of limbs."""

from __future__ import annotations

import numpy as np
import pytest
from makehuman_data import angle_vector

from rtmpose3d.synth.body.rigged_body import (
    forward_kinematics,
)
from rtmpose3d.synth.people.cast import Cast
from rtmpose3d.synth.pose.collision import overlap_m, segment_distance
from rtmpose3d.synth.pose.joints import (
    joint_rotations,
)
from rtmpose3d.synth.pose.posing import sample_pose


def test_segments_that_cross_have_no_distance() -> None:
    a, b = np.array([[-1.0, 0, 0]]), np.array([[1.0, 0, 0]])
    c, d = np.array([[0.0, -1, 0]]), np.array([[0.0, 1, 0]])
    up, aside = np.array([0, 0, 2.0]), np.array([4.0, 0, 0])
    assert segment_distance(a, b, c, d)[0] == pytest.approx(0.0)
    assert segment_distance(a, b, c + up, d + up)[0] == pytest.approx(2.0)
    assert segment_distance(a, b, c + aside, d + aside)[0] == pytest.approx(3.0)


def test_grossly_overlapping_limbs_are_rare(cast: Cast) -> None:
    rng = np.random.default_rng(2)
    depths = []
    for number in range(60):
        actor = cast.actor(number % cast.size)
        depths.append(sample_pose(rng, actor.body, actor.volume, cast.posing).overlap_m)
    assert np.mean(np.array(depths) > 0.03) < 0.05


def test_an_arm_through_the_trunk_is_detected(cast: Cast) -> None:
    actor = cast.actor(0)
    angles = angle_vector({"arm_raise": 30, "arm_plane": -50, "elbow": 70, "arm_twist": 60})
    rotations, heads = forward_kinematics(actor.body, joint_rotations(angles, actor.body.rig))
    assert overlap_m(actor.volume, rotations, heads).max() > 0.02
    rotations, heads = forward_kinematics(
        actor.body,
        joint_rotations(angle_vector({"arm_raise": 40, "arm_plane": 90}), actor.body.rig),
    )
    assert overlap_m(actor.volume, rotations, heads).max() < 0.03
