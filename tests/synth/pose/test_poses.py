"""Sampled poses: limits, reach of hands, feet on the ground, determinism."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtmpose3d.synth.body.rigged_body import (
    body_keypoints,
    bone_matrices,
    skin_vertices,
)
from rtmpose3d.synth.people.cast import Cast
from rtmpose3d.synth.pose.hands import (
    HANDS,
    MAX_FINGER_ANGLES,
    MIN_FINGER_ANGLES,
)
from rtmpose3d.synth.pose.ik import two_bone_ik
from rtmpose3d.synth.pose.joints import (
    LIMITS,
    clip_angles,
)
from rtmpose3d.synth.pose.library import ARMS, GAIT_CYCLES, LEGS
from rtmpose3d.synth.pose.posing import pose_body, sample_pose, world_from_person
from rtmpose3d.synth.pose.target import sample_target_pose
from rtmpose3d.synth.rotations import (
    axis_rotation,
)

pytestmark = pytest.mark.slow

vectors = st.tuples(*[st.floats(-3.0, 3.0)] * 3).map(np.array)


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
