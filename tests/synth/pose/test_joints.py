"""Joint angles: flips, and the directions in which joints bend."""

from __future__ import annotations

import numpy as np
from makehuman_data import angle_vector, posed_keypoints

from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.synth.body.rigged_body import (
    RiggedBody,
)
from rtmpose3d.synth.pose.hands import (
    HANDS,
    sample_hand,
    set_fingers,
)
from rtmpose3d.synth.pose.joints import (
    ANGLES,
    INDEX,
    flip_angles,
    joint_rotations,
)
from rtmpose3d.synth.pose.target import sample_target_pose


def test_flipping_twice_changes_nothing() -> None:
    angles = np.random.default_rng(0).normal(0, 20, len(ANGLES))
    np.testing.assert_array_equal(flip_angles(flip_angles(angles)), angles)
    assert flip_angles(angle_vector({"elbow.L": 40}))[INDEX["elbow.R"]] == 40
    assert flip_angles(angle_vector({"spine_twist": 15}))[INDEX["spine_twist"]] == -15


def test_a_flipped_pose_gives_flipped_keypoints(symmetric: RiggedBody) -> None:
    rng = np.random.default_rng(11)
    angles = sample_target_pose(rng).angles
    left, right = sample_hand(rng, "grip"), sample_hand(rng, "victory")

    def keypoints(angles: np.ndarray, hands: dict[str, np.ndarray]) -> np.ndarray:
        joints = joint_rotations(angles, symmetric.rig)
        for side, hand in hands.items():
            set_fingers(joints, symmetric.rig, side, hand)
        return posed_keypoints(symmetric, joints)

    one = keypoints(angles, {"L": left, "R": right})
    other = keypoints(flip_angles(angles), {"L": right, "R": left})
    middle = symmetric.heads[0][0]
    flipped = other[WHOLEBODY.flip_index] * (-1, 1, 1) + (2 * middle, 0, 0)
    # the mesh's joints are symmetric to a millimetre, not exactly
    np.testing.assert_allclose(one, flipped, atol=4e-3)


def test_elbows_knees_and_fingers_bend_the_right_way(symmetric: RiggedBody) -> None:
    straight = joint_rotations(angle_vector({}), symmetric.rig)
    before = posed_keypoints(symmetric, straight)
    elbows = posed_keypoints(symmetric, joint_rotations(angle_vector({"elbow": 80}), symmetric.rig))
    assert (elbows[[9, 10], 2] - before[[9, 10], 2] > 0.15).all()  # hands to the front
    knees = posed_keypoints(symmetric, joint_rotations(angle_vector({"knee": 80}), symmetric.rig))
    assert (knees[[15, 16], 2] - before[[15, 16], 2] < -0.25).all()  # feet to the back
    hips = posed_keypoints(symmetric, joint_rotations(angle_vector({"hip": 80}), symmetric.rig))
    assert (hips[[13, 14], 2] - before[[13, 14], 2] > 0.25).all()  # knees to the front
    for side, first, inwards in (("L", 91, -1.0), ("R", 112, 1.0)):
        joints = straight.copy()
        tips = [first + tip for tip in (8, 12, 16, 20)]
        set_fingers(joints, symmetric.rig, side, HANDS["relaxed"])
        relaxed = posed_keypoints(symmetric, joints)
        # in the zero pose the palms face the thighs
        assert ((relaxed[tips, 0] - before[tips, 0]) * inwards > 0.015).all()
        set_fingers(joints, symmetric.rig, side, HANDS["fist"])
        fist = posed_keypoints(symmetric, joints)
        to_wrist = np.linalg.norm(fist[tips] - fist[first], axis=1)
        assert (to_wrist < np.linalg.norm(before[tips] - before[first], axis=1) - 0.05).all()
