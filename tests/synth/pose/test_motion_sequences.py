"""Motion: walking, feet on the ground, smoothness."""

from __future__ import annotations

import numpy as np
import pytest

from rtmpose3d.synth.body.rigged_body import (
    RiggedBody,
    body_keypoints,
    bone_matrices,
)
from rtmpose3d.synth.people.cast import Cast
from rtmpose3d.synth.pose.motion import PoseSequence, sample_sequence
from rtmpose3d.synth.pose.posing import Pose


def walk(cast: Cast, number: int) -> PoseSequence:
    """The first sampled sequence in which an actor walks."""
    actor = cast.actor(number)
    sequences = (
        sample_sequence(np.random.default_rng(seed), actor.body, actor.volume, cast.posing, 2.0)
        for seed in range(40)
    )
    return next(sequence for sequence in sequences if sequence.gait == "walk")


def test_walking_people_face_their_direction_of_motion(cast: Cast) -> None:
    sequence = walk(cast, 2)
    first, later = sequence.at(0.0), sequence.at(0.5)
    moved = (later.heads[0] - first.heads[0])[[0, 2]]
    ahead = first.rotations[0][[0, 2], 2]
    assert np.linalg.norm(moved) > 0.3
    assert moved @ ahead / np.linalg.norm(moved) > 0.85


def test_the_foot_on_the_ground_does_not_slide(cast: Cast) -> None:
    sequence = walk(cast, 3)
    rows = [cast.actor(3).body.bone(f"foot.{side}") for side in "LR"]
    slips = []
    for k in range(30):
        before, after = (sequence.at(t / 30.0).heads[rows] for t in (k, k + 1))
        lower = int(np.argmin(before[:, 1]))
        slips.append(np.linalg.norm((after - before)[lower][[0, 2]]))
    assert np.median(slips) < 1e-3


@pytest.mark.slow
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
