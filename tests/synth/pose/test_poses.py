"""Poses: joints bend the right way, hands reach, feet stand, flips agree, seeds decide."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makehuman_data import angle_vector, assets_at, cast_at

from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.synth.body.rigged_body import (
    RiggedBody,
    body_keypoints,
    bone_matrices,
    forward_kinematics,
    make_body,
    skin_vertices,
)
from rtmpose3d.synth.body.shape import sample_traits
from rtmpose3d.synth.people.cast import Cast
from rtmpose3d.synth.pose.collision import overlap_m, segment_distance
from rtmpose3d.synth.pose.hands import (
    HANDS,
    MAX_FINGER_ANGLES,
    MIN_FINGER_ANGLES,
    sample_hand,
    set_fingers,
)
from rtmpose3d.synth.pose.ik import two_bone_ik
from rtmpose3d.synth.pose.joints import (
    ANGLES,
    INDEX,
    LIMITS,
    clip_angles,
    flip_angles,
    joint_rotations,
)
from rtmpose3d.synth.pose.library import ARMS, GAIT_CYCLES, LEGS
from rtmpose3d.synth.pose.motion import sample_sequence
from rtmpose3d.synth.pose.posing import Pose, pose_body, sample_pose, world_from_person
from rtmpose3d.synth.pose.target import sample_target_pose
from rtmpose3d.synth.rotations import (
    axis_rotation,
    from_quaternion,
    from_rotvec,
    shortest_arc,
    slerp,
    to_quaternion,
    to_rotvec,
    twist_about_y,
)


@pytest.fixture(scope="module")
def cast(shared: Path) -> Cast:
    return cast_at(shared)


@pytest.fixture(scope="module")
def symmetric(shared: Path, cast: Cast) -> RiggedBody:
    """A body whose two sides are equal."""
    traits = sample_traits(np.random.default_rng(3))
    return make_body(
        dataclasses.replace(traits, details={}), assets_at(shared), cast.keypoint_anchors
    )


def posed(body: RiggedBody, joints: np.ndarray) -> np.ndarray:
    return body_keypoints(body, bone_matrices(body, *forward_kinematics(body, joints)))


vectors = st.tuples(*[st.floats(-3.0, 3.0)] * 3).map(np.array)


@given(vectors)
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


@given(vectors)
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


def test_flipping_twice_changes_nothing() -> None:
    angles = np.random.default_rng(0).normal(0, 20, len(ANGLES))
    np.testing.assert_array_equal(flip_angles(flip_angles(angles)), angles)
    assert flip_angles(angle_vector({"elbow.L": 40}))[INDEX["elbow.R"]] == 40
    assert flip_angles(angle_vector({"spine_twist": 15}))[INDEX["spine_twist"]] == -15


def test_the_pose_library_names_only_existing_angles() -> None:
    stems = {name.partition(".")[0] for name in LIMITS}
    for angles in [kind.angles for kind in LEGS.values()] + [a.angles or {} for a in ARMS.values()]:
        for name in angles:
            stem, _, side = name.partition(".")
            assert stem in stems, name
            assert side in ("", "near", "far"), name
    assert all(arms in ARMS or not arms for kind in LEGS.values() for arms in kind.arms)
    assert all(hand in HANDS or not hand for arms in ARMS.values() for hand in arms.hands)
    assert set(GAIT_CYCLES) == {kind.gait for kind in LEGS.values()} - {""}


@pytest.mark.parametrize("number", range(40))
def test_sampled_poses_respect_the_joint_limits(number: int) -> None:
    target = sample_target_pose(np.random.default_rng(number))
    np.testing.assert_array_equal(clip_angles(target.angles), target.angles)
    for hand in target.hands.values():
        assert (hand >= MIN_FINGER_ANGLES).all()
        assert (hand <= MAX_FINGER_ANGLES).all()


def test_at_least_three_of_ten_poses_are_upright() -> None:
    rng = np.random.default_rng(0)
    families = [LEGS[sample_target_pose(rng).legs].family for _ in range(800)]
    assert 0.3 < families.count("upright") / 800 < 0.5
    assert min(families.count(name) for name in set(families)) > 40


@given(
    goal=st.tuples(*[st.floats(-0.5, 0.5)] * 3).map(np.array),
    pole=vectors.filter(lambda v: np.linalg.norm(v) > 0.5),
)
@settings(max_examples=60, deadline=None)
def test_two_bones_reach_what_is_within_reach(goal: np.ndarray, pole: np.ndarray) -> None:
    first, second = np.array([0.01, -0.3, 0.0]), np.array([-0.01, -0.28, 0.0])
    distance = np.linalg.norm(goal)
    if not 0.2 < distance < 0.57 or np.linalg.norm(np.cross(goal, pole)) < 1e-2:
        return
    rotation, bend = two_bone_ik(first, second, True, goal, pole)
    reached = rotation @ (first + axis_rotation("x", float(bend)) @ second)
    np.testing.assert_allclose(reached, goal, atol=1e-6)


def test_segments_that_cross_have_no_distance() -> None:
    a, b = np.array([[-1.0, 0, 0]]), np.array([[1.0, 0, 0]])
    c, d = np.array([[0.0, -1, 0]]), np.array([[0.0, 1, 0]])
    up, aside = np.array([0, 0, 2.0]), np.array([4.0, 0, 0])
    assert segment_distance(a, b, c, d)[0] == pytest.approx(0.0)
    assert segment_distance(a, b, c + up, d + up)[0] == pytest.approx(2.0)
    assert segment_distance(a, b, c + aside, d + aside)[0] == pytest.approx(3.0)


def test_a_flipped_pose_gives_flipped_keypoints(symmetric: RiggedBody) -> None:
    rng = np.random.default_rng(11)
    angles = sample_target_pose(rng).angles
    left, right = sample_hand(rng, "grip"), sample_hand(rng, "victory")

    def keypoints(angles: np.ndarray, hands: dict[str, np.ndarray]) -> np.ndarray:
        joints = joint_rotations(angles, symmetric.rig)
        for side, hand in hands.items():
            set_fingers(joints, symmetric.rig, side, hand)
        return posed(symmetric, joints)

    one = keypoints(angles, {"L": left, "R": right})
    other = keypoints(flip_angles(angles), {"L": right, "R": left})
    middle = symmetric.heads[0][0]
    flipped = other[WHOLEBODY.flip_index] * (-1, 1, 1) + (2 * middle, 0, 0)
    # the mesh's joints are symmetric to a millimetre, not exactly
    np.testing.assert_allclose(one, flipped, atol=4e-3)


def test_elbows_knees_and_fingers_bend_the_right_way(symmetric: RiggedBody) -> None:
    straight = joint_rotations(angle_vector({}), symmetric.rig)
    before = posed(symmetric, straight)
    elbows = posed(symmetric, joint_rotations(angle_vector({"elbow": 80}), symmetric.rig))
    assert (elbows[[9, 10], 2] - before[[9, 10], 2] > 0.15).all()  # hands to the front
    knees = posed(symmetric, joint_rotations(angle_vector({"knee": 80}), symmetric.rig))
    assert (knees[[15, 16], 2] - before[[15, 16], 2] < -0.25).all()  # feet to the back
    hips = posed(symmetric, joint_rotations(angle_vector({"hip": 80}), symmetric.rig))
    assert (hips[[13, 14], 2] - before[[13, 14], 2] > 0.25).all()  # knees to the front
    for side, first, inwards in (("L", 91, -1.0), ("R", 112, 1.0)):
        joints = straight.copy()
        tips = [first + tip for tip in (8, 12, 16, 20)]
        set_fingers(joints, symmetric.rig, side, HANDS["relaxed"])
        relaxed = posed(symmetric, joints)
        # in the zero pose the palms face the thighs
        assert ((relaxed[tips, 0] - before[tips, 0]) * inwards > 0.015).all()
        set_fingers(joints, symmetric.rig, side, HANDS["fist"])
        fist = posed(symmetric, joints)
        to_wrist = np.linalg.norm(fist[tips] - fist[first], axis=1)
        assert (to_wrist < np.linalg.norm(before[tips] - before[first], axis=1) - 0.05).all()


def test_the_zero_pose_is_upright_with_straight_limbs(symmetric: RiggedBody) -> None:
    keypoints = posed(symmetric, joint_rotations(angle_vector({}), symmetric.rig))
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


@pytest.mark.parametrize("number", range(12))
def test_a_sampled_pose_is_rigid_and_touches_the_ground(cast: Cast, number: int) -> None:
    rng = np.random.default_rng([5, number])
    actor = cast.actor(number % cast.size)
    pose = sample_pose(rng, actor.body, actor.volume, cast.posing)
    assert np.isfinite(pose.heads).all()
    np.testing.assert_allclose(
        pose.joints @ np.swapaxes(pose.joints, 1, 2),
        np.tile(np.eye(3), (len(pose.joints), 1, 1)),
        atol=1e-6,
    )
    parents = actor.body.rig.parents[1:]
    lengths = np.linalg.norm(pose.heads[1:] - pose.heads[parents], axis=1)
    np.testing.assert_allclose(lengths, np.linalg.norm(actor.body.offsets[1:], axis=1), atol=1e-6)
    points = skin_vertices(
        actor.body, bone_matrices(actor.body, pose.rotations, pose.heads), cast.posing.ground_ids
    )
    assert points[:, 1].min() == pytest.approx(pose.target.lift_m, abs=1e-6)


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


@pytest.mark.parametrize(
    ("arms", "hands", "targets"),
    [
        ("phone_ear", (9, 10), (3, 4)),
        ("heart", (9, 10), (5, 6)),
        ("hands_on_knees", (9, 10), (13, 14)),
    ],
)
def test_hands_reach_their_targets(
    cast: Cast, arms: str, hands: tuple[int, int], targets: tuple[int, int]
) -> None:
    actor = cast.actor(1)
    rng = np.random.default_rng(4)
    legs = "sit_forward" if arms == "hands_on_knees" else "stand"
    pose = sample_pose(rng, actor.body, actor.volume, cast.posing, legs, arms)
    points = body_keypoints(actor.body, bone_matrices(actor.body, pose.rotations, pose.heads))
    gaps = [np.linalg.norm(points[k] - points[p]) for k in hands for p in targets]
    assert min(gaps) < 0.26  # a hand's length


@pytest.mark.parametrize("legs", ["stand", "step", "stand_wide", "lean_forward"])
def test_standing_feet_are_flat_on_the_ground(cast: Cast, legs: str) -> None:
    for number in range(3):
        actor = cast.actor(number)
        pose = sample_pose(
            np.random.default_rng(number), actor.body, actor.volume, cast.posing, legs, "hang"
        )
        points = body_keypoints(actor.body, bone_matrices(actor.body, pose.rotations, pose.heads))
        assert (points[17:23, 1] < 0.045).all(), points[17:23, 1]


def test_walking_people_face_their_direction_of_motion(cast: Cast) -> None:
    actor = cast.actor(2)
    for seed in range(40):
        sequence = sample_sequence(
            np.random.default_rng(seed), actor.body, actor.volume, cast.posing, 2.0
        )
        first, later = sequence.at(0.0), sequence.at(0.5)
        if first.target.legs == "walk" and sequence.gait == "walk":
            break
    moved = (later.heads[0] - first.heads[0])[[0, 2]]
    ahead = first.rotations[0][[0, 2], 2]
    assert np.linalg.norm(moved) > 0.3
    assert moved @ ahead / np.linalg.norm(moved) > 0.85


def test_the_foot_on_the_ground_does_not_slide(cast: Cast) -> None:
    actor = cast.actor(3)
    for seed in range(30):
        sequence = sample_sequence(
            np.random.default_rng(seed), actor.body, actor.volume, cast.posing, 2.0
        )
        if sequence.gait == "walk":
            break
    rows = [actor.body.bone(f"foot.{side}") for side in "LR"]
    slips = []
    for k in range(30):
        before, after = (sequence.at(t / 30.0).heads[rows] for t in (k, k + 1))
        lower = int(np.argmin(before[:, 1]))
        slips.append(np.linalg.norm((after - before)[lower][[0, 2]]))
    assert np.median(slips) < 1e-3


def test_motion_is_smooth_and_may_be_evaluated_in_any_order(cast: Cast) -> None:
    actor = cast.actor(0)
    for seed in range(4):
        sequences = [
            sample_sequence(np.random.default_rng(seed), actor.body, actor.volume, cast.posing, 3.0)
            for _ in range(2)
        ]
        times = np.arange(0.0, 3.0, 1 / 15)
        forwards = [_points(actor.body, sequences[0].at(float(t))) for t in times]
        backwards = [_points(actor.body, sequences[1].at(float(t))) for t in times[::-1]]
        np.testing.assert_array_equal(forwards, backwards[::-1])
        step = np.linalg.norm(np.diff(forwards, axis=0), axis=2)
        assert step.max() < 0.9  # metres in a fifteenth of a second: hands of a throw


def _points(body: RiggedBody, pose: Pose) -> np.ndarray:
    return body_keypoints(body, bone_matrices(body, pose.rotations, pose.heads))


def test_the_same_seed_gives_the_same_pose(cast: Cast) -> None:
    actor = cast.actor(0)
    poses = [
        sample_pose(np.random.default_rng(9), actor.body, actor.volume, cast.posing)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(poses[0].joints, poses[1].joints)
    np.testing.assert_array_equal(poses[0].heads, poses[1].heads)


def test_posing_twice_gives_the_same(cast: Cast) -> None:
    actor = cast.actor(0)
    target = sample_target_pose(np.random.default_rng(1), "stand", "arms_crossed")
    first = pose_body(actor.body, actor.volume, cast.posing, target)
    second = pose_body(actor.body, actor.volume, cast.posing, target)
    np.testing.assert_array_equal(first.joints, second.joints)


def test_a_person_with_heading_0_faces_minus_y_of_the_world() -> None:
    transform = world_from_person(2.0, 3.0, 0.0)
    np.testing.assert_allclose(transform[:, :3] @ [0, 0, 1], [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(transform[:, :3] @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(transform[:, 3], [2, 3, 0])
    rotated = world_from_person(facing_deg=90.0)
    np.testing.assert_allclose(rotated[:, :3] @ [0, 0, 1], [1, 0, 0], atol=1e-12)
