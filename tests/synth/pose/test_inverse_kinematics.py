"""Hands reach goals that an arm within its limits can reach."""

from __future__ import annotations

import numpy as np
import pytest
from makehuman_data import angle_vector

from rtmpose3d.synth.body.rigged_body import RiggedBody, forward_kinematics
from rtmpose3d.synth.pose.ik import HandGoal, reach_goal
from rtmpose3d.synth.pose.joints import joint_rotations


@pytest.mark.parametrize("side", ["L", "R"])
@pytest.mark.parametrize(
    "arm",
    [
        {"arm_raise": 30, "arm_plane": 10, "elbow": 90, "forearm": 40, "wrist": 10},
        {"arm_raise": 20, "arm_plane": 60, "elbow": 60, "forearm": -30, "wrist": -20},
        {"arm_raise": 50, "arm_plane": 30, "elbow": 110, "forearm": 10, "wrist_side": 10},
    ],
)
def test_a_hand_returns_to_the_goal_of_another_arm_pose(
    symmetric: RiggedBody, side: str, arm: dict[str, float]
) -> None:
    angles = angle_vector({f"{name}.{side}": value for name, value in arm.items()})
    rotations, heads = forward_kinematics(symmetric, joint_rotations(angles, symmetric.rig))
    wrist = symmetric.bone(f"wrist.{side}")
    offset = np.array([0.02, -0.09, 0.03])  # a point of the palm
    goal = HandGoal(
        side=side,
        point=heads[wrist] + rotations[wrist] @ offset,
        offset=offset,
        rotation=rotations[wrist],
    )
    joints = joint_rotations(angle_vector({}), symmetric.rig)
    residual_m = reach_goal(symmetric, joints, *forward_kinematics(symmetric, joints), goal)
    reached, points = forward_kinematics(symmetric, joints)
    touching = points[wrist] + reached[wrist] @ offset
    assert residual_m < 0.01
    np.testing.assert_allclose(np.linalg.norm(touching - goal.point), residual_m, atol=0.005)
    cosine = (np.trace(reached[wrist].T @ goal.rotation) - 1) / 2
    assert np.degrees(np.arccos(min(cosine, 1.0))) < 12
