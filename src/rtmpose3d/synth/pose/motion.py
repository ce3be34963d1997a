"""Motion: a body's pose at any time, smooth, with the standing foot kept in place.

Walking and running follow their cycles; everything else goes from pose to pose, each joint along
the shortest arc, starting and ending softly. The person moves over the ground as the lower foot
stays where it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtmpose3d.structures import FloatArray
from rtmpose3d.synth.body import RiggedBody
from rtmpose3d.synth.pose.attitude import Attitude, gait_angles, gait_arms, sample_attitude
from rtmpose3d.synth.pose.collision import Volume
from rtmpose3d.synth.pose.face import set_face
from rtmpose3d.synth.pose.hands import set_fingers
from rtmpose3d.synth.pose.joints import clamp, joint_rotations
from rtmpose3d.synth.pose.library.legs import LEGS
from rtmpose3d.synth.pose.posing import Pose, PoseSpace, grounded, pose_body, sample_pose
from rtmpose3d.synth.rotations import axis_rotation, from_quaternion, slerp, to_quaternion

_STEP_S = 1.0 / 30.0  # the path over the ground is summed up in such steps
_CONTACT_M = 0.07  # an ankle this much above its standing height still stands
_CYCLE_S = {"walk": 1.08, "run": 0.72}  # of adults at usual speed


@dataclass(frozen=True, kw_only=True, eq=False)
class Key:
    """A pose at a time; `turns` are its joints as quaternions (B, 4)."""

    time_s: float
    pose: Pose
    turns: FloatArray


class PoseSequence:
    """A body's motion.

    Args:
        body: whose motion.
        space: see `pose_space`.
        keys: poses in time, at least one; in a gait they give head, arms and hands only.
        gait: "", "walk" or "run".
        cycle_s: length of a cycle of the gait.
        turn_deg_s: how fast the person turns to the left.
        strength: of the gait's stride.
    """

    def __init__(
        self,
        body: RiggedBody,
        space: PoseSpace,
        keys: Sequence[Key],
        *,
        gait: str = "",
        cycle_s: float = 1.0,
        turn_deg_s: float = 0.0,
        strength: float = 1.0,
    ) -> None:
        self._body, self._space, self._keys = body, space, tuple(keys)
        self.gait, self._cycle_s = gait, cycle_s
        self._turn_deg_s, self._strength = turn_deg_s, strength
        self._path = [np.zeros(3)]  # of the root over the ground, one for each step

    def at(self, time_s: float) -> Pose:
        """The pose at a time from 0 on."""
        pose = self._standing(time_s)
        step = max(time_s, 0.0) / _STEP_S
        low = int(step)
        self._walk_to(low + 1)
        shift = self._path[low] + (step - low) * (self._path[low + 1] - self._path[low])
        return replace(pose, heads=pose.heads + shift)

    def _walk_to(self, steps: int) -> None:
        """Extend the path so that the standing foot stays."""
        while len(self._path) <= steps:
            first = (len(self._path) - 1) * _STEP_S
            before, after = self._feet(first), self._feet(first + _STEP_S)
            lower = int(np.argmin(before[:, 1]))
            moved = after[lower] - before[lower]
            stands = before[lower, 1] < _CONTACT_M
            shift = np.array([-moved[0], 0.0, -moved[2]]) if stands else self._last_move()
            self._path.append(self._path[-1] + shift)

    def _last_move(self) -> FloatArray:
        """In the air the body flies on."""
        return self._path[-1] - self._path[-2] if len(self._path) > 1 else np.zeros(3)

    def _feet(self, time_s: float) -> FloatArray:
        """(2, 3) both ankles, height measured from where they stand."""
        pose = self._standing(time_s)
        rows = [self._body.bone(f"foot.{side}") for side in "LR"]
        ankles = pose.heads[rows].copy()
        ankles[:, 1] -= self._body.heads[rows, 1]
        return ankles

    def _standing(self, time_s: float) -> Pose:
        """The pose without the path."""
        if self.gait:
            attitude, joints, lift = self._gait_joints(time_s)
        else:
            attitude, joints, lift = self._between(time_s)
        joints[0] = axis_rotation("y", self._turn_deg_s * time_s) @ joints[0]
        return grounded(self._body, self._space, attitude, joints, 0.0, lift)

    def _between(self, time_s: float) -> tuple[Attitude, FloatArray, float]:
        """Attitude, joints and height above the ground between the keys."""
        times = [key.time_s for key in self._keys]
        after = int(np.searchsorted(times, time_s, side="right"))
        first = self._keys[max(after - 1, 0)]
        second = self._keys[min(after, len(times) - 1)]
        share = 0.0
        if second.time_s > first.time_s:
            share = (time_s - first.time_s) / (second.time_s - first.time_s)
            share = share * share * (3.0 - 2.0 * share)
        joints = from_quaternion(slerp(first.turns, second.turns, share))
        low, high = first.pose.attitude.lift_m, second.pose.attitude.lift_m
        near = first.pose if share < 0.5 else second.pose
        return near.attitude, joints, low + share * (high - low)

    def _gait_joints(self, time_s: float) -> tuple[Attitude, FloatArray, float]:
        """Legs and arms of the cycle over the head, trunk and hands of the first key."""
        style = self._keys[0].pose.attitude
        phase = time_s / self._cycle_s
        angles = style.angles + gait_angles(self.gait, phase, self._strength, style.near)
        angles = angles + gait_arms(self.gait, phase, self._strength, style.near)
        joints = joint_rotations(clamp(angles), self._body.rig)
        for side, hand in style.hands.items():
            set_fingers(joints, self._body.rig, side, hand)
        set_face(joints, self._body.rig, self._space.units, style.face)
        lift = 0.05 * abs(float(np.sin(2.0 * np.pi * phase))) if self.gait == "run" else 0.0
        return style, joints, lift


def sample_sequence(
    rng: np.random.Generator, body: RiggedBody, volume: Volume, space: PoseSpace, length_s: float
) -> PoseSequence:
    """Draw a motion: a walk or run (two of five), else poses one after the other.

    Args:
        rng: source of chance.
        body: whose motion.
        volume: its capsules.
        space: see `pose_space`.
        length_s: how long it shall last at least; longer times hold the last pose.
    """
    if rng.random() < 0.4:
        gait = "walk" if rng.random() < 0.7 else "run"
        style = _gait_style(rng)
        pose = pose_body(body, volume, space, style)
        return PoseSequence(
            body,
            space,
            [Key(time_s=0.0, pose=pose, turns=to_quaternion(pose.joints))],
            gait=gait,
            cycle_s=_CYCLE_S[gait] * float(rng.uniform(0.85, 1.25)),
            turn_deg_s=float(rng.normal(0.0, 12.0)),
            strength=float(rng.uniform(0.7, 1.1)),
        )
    legs = sample_attitude(rng).legs
    family = [name for name, kind in LEGS.items() if kind.family == LEGS[legs].family]
    time, keys = 0.0, []
    while not keys or keys[-1].time_s < length_s:
        chosen = legs if rng.random() < 0.6 else str(rng.choice(family))
        pose = sample_pose(rng, body, volume, space, legs=chosen)
        keys.append(Key(time_s=time, pose=pose, turns=to_quaternion(pose.joints)))
        time += float(rng.uniform(0.5, 1.6))
    return PoseSequence(body, space, keys)


def _gait_style(rng: np.random.Generator) -> Attitude:
    """Trunk, head, hands and face of a walker; the legs' and arms' angles are only noise."""
    style = sample_attitude(rng, "walk", "hang")
    drawn = rng.normal(0.0, 2.5, len(style.angles))
    drawn[:3] = 0.0
    return replace(style, angles=drawn, goals=(), feet=())
