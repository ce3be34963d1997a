"""Joint angles: flips, and the directions in which joints bend."""

from __future__ import annotations

import numpy as np
import pytest
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
    LIMITS,
    clip_angles,
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


NOSE, LEFT_EAR, RIGHT_EAR = 0, 3, 4
SHOULDERS, WRISTS, KNEES = [5, 6], [9, 10], [13, 14]
BIG_TOES = [17, 20]
INDEX_KNUCKLES, LITTLE_KNUCKLES, MIDDLE_TIPS = [96, 117], [108, 129], [103, 124]
X, Y, Z = range(3)  # left, up, front


def moved(body: RiggedBody, angles: dict[str, float], base: dict[str, float]) -> np.ndarray:
    """(133, 3) displacement of keypoints by some joint angles, from a base pose, metres."""
    after = posed_keypoints(body, joint_rotations(angle_vector({**base, **angles}), body.rig))
    return after - posed_keypoints(body, joint_rotations(angle_vector(base), body.rig))


@pytest.mark.parametrize(
    ("angle", "keypoint", "axis", "sign"),
    [
        ({"spine": 40}, NOSE, Z, 1),
        ({"neck": 40}, NOSE, Y, -1),
        ({"spine_side": 30}, NOSE, X, 1),
        ({"neck_side": 30}, LEFT_EAR, Y, -1),
        ({"neck_side": 30}, RIGHT_EAR, X, 1),
        ({"spine_twist": 40}, NOSE, X, 1),
        ({"neck_twist": 40}, NOSE, X, 1),
    ],
)
def test_trunk_and_neck_bend_to_the_front_and_to_the_left(
    symmetric: RiggedBody, angle: dict[str, float], keypoint: int, axis: int, sign: int
) -> None:
    assert moved(symmetric, angle, {})[keypoint, axis] * sign > 0.01


@pytest.mark.parametrize(
    ("angle", "base", "keypoints", "axis", "outwards"),
    [
        ({"arm_raise": 80, "arm_plane": 0}, {}, WRISTS, Z, 0),
        ({"arm_raise": 80, "arm_plane": 90}, {}, WRISTS, X, 1),
        ({"arm_raise": 40, "arm_plane": 180}, {}, WRISTS, Z, -2),
        ({"arm_twist": 60}, {"elbow": 90}, WRISTS, X, -1),
        ({"shrug": 25}, {}, SHOULDERS, Y, 0),
        ({"shoulder_front": 25}, {}, SHOULDERS, Z, 0),
        ({"wrist": 60}, {}, MIDDLE_TIPS, X, -1),
        ({"wrist_side": 20}, {}, MIDDLE_TIPS, Z, 0),
        ({"hip_out": 40}, {}, KNEES, X, 1),
        ({"hip_twist": 40}, {}, BIG_TOES, X, -1),
        ({"ankle": 25}, {}, BIG_TOES, Y, 0),
        ({"ankle_roll": 25}, {}, BIG_TOES, Y, 0),
        ({"toes": 50}, {}, BIG_TOES, Y, 0),
    ],
)
def test_sided_angles_move_both_sides_as_documented(
    symmetric: RiggedBody,
    angle: dict[str, float],
    base: dict[str, float],
    keypoints: list[int],
    axis: int,
    outwards: int,
) -> None:
    # outwards: 1 away from the other side, -1 towards it, 0 along the axis, -2 against it
    directions = {0: (1, 1), -2: (-1, -1), 1: (1, -1), -1: (-1, 1)}[outwards]
    steps = moved(symmetric, angle, base)[keypoints, axis] * directions
    assert (steps > 0.008).all(), steps
    assert steps[0] == pytest.approx(steps[1], abs=4e-3)


def test_pronation_rotates_the_hand_by_its_angle_until_the_palm_faces_down(
    symmetric: RiggedBody,
) -> None:
    across = []
    for degrees in (0, 80):
        angles = angle_vector({"elbow": 90, "forearm": degrees})
        points = posed_keypoints(symmetric, joint_rotations(angles, symmetric.rig))
        across.append(points[INDEX_KNUCKLES] - points[LITTLE_KNUCKLES])
    before, after = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in across)
    assert (before[:, Y] > 0.8).all()  # thumbs up
    assert (after[:, X] * (1, -1) < -0.8).all()  # thumbs towards each other
    rotation = np.degrees(np.arccos((before * after).sum(axis=1)))
    assert rotation == pytest.approx([80, 80], abs=8)


def test_shoulder_blades_follow_a_raised_arm(symmetric: RiggedBody) -> None:
    steps = moved(symmetric, {"arm_raise": 170, "arm_plane": 90}, {})
    assert (steps[SHOULDERS, Y] > 0.01).all()


@pytest.mark.parametrize("name", ["elbow", "knee"])
def test_hinges_do_not_overextend(name: str) -> None:
    for side in "LR":
        low, high = LIMITS[f"{name}.{side}"]
        assert low == 0
        assert 120 < high < 170
    assert (
        clip_angles(np.full(len(ANGLES), -400.0))[[INDEX["elbow.L"], INDEX["knee.R"]]] == 0
    ).all()
