"""Motion: smooth pose sequences of a body, with the standing foot fixed on the ground.

Walking and running follow gait cycles; other motion interpolates between poses, each joint along
the shortest arc with smooth start and end. The person moves over the ground such that the lower
foot does not slide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtmpose3d.structures import FloatArray
from rtmpose3d.synth.body import RiggedBody
from rtmpose3d.synth.pose.collision import BodyVolume
from rtmpose3d.synth.pose.face import set_face
from rtmpose3d.synth.pose.hands import set_fingers
from rtmpose3d.synth.pose.joints import clip_angles, joint_rotations
from rtmpose3d.synth.pose.library import LEGS
from rtmpose3d.synth.pose.posing import Pose, PosingData, pose_body, put_on_ground, sample_pose
from rtmpose3d.synth.pose.target import TargetPose, gait_angles, gait_arms, sample_target_pose
from rtmpose3d.synth.rotations import axis_rotation, from_quaternion, slerp, to_quaternion

_STEP_S = 1.0 / 30.0  # integration step of the path over the ground
_CONTACT_M = 0.07  # maximum height of an ankle above its standing height in contact
_CYCLE_S = {"walk": 1.08, "run": 0.72}  # adults at normal speed


@dataclass(frozen=True, kw_only=True, eq=False)
class Keyframe:
    """A pose at a time; `quaternions` (B, 4) are its joints."""

    time_s: float
    pose: Pose
    quaternions: FloatArray


class PoseSequence:
    """Motion of a body.

    Args:
        body: the body.
        posing: data from `prepare_posing`.
        keyframes: poses in order of time, at least one; in a gait only the first is used, for
            head, trunk and hands.
        gait: "", "walk" or "run".
        cycle_s: duration of a gait cycle.
        yaw_deg_s: angular speed of the person to the left.
        strength: stride of the gait, 1 is normal.
    """

    def __init__(
        self,
        body: RiggedBody,
        posing: PosingData,
        keyframes: Sequence[Keyframe],
        *,
        gait: str = "",
        cycle_s: float = 1.0,
        yaw_deg_s: float = 0.0,
        strength: float = 1.0,
    ) -> None:
        self._body, self._posing, self._keyframes = body, posing, tuple(keyframes)
        self.gait, self._cycle_s = gait, cycle_s
        self._yaw_deg_s, self._strength = yaw_deg_s, strength
        self._path = [np.zeros(3)]  # position of the root on the ground after each step

    def at(self, time_s: float) -> Pose:
        """The pose at a time, from 0."""
        pose = self._stationary_pose(time_s)
        step = max(time_s, 0.0) / _STEP_S
        low = int(step)
        self._extend_path(low + 1)
        shift = self._path[low] + (step - low) * (self._path[low + 1] - self._path[low])
        return replace(pose, heads=pose.heads + shift)

    def _extend_path(self, steps: int) -> None:
        """Extends the path such that the standing foot does not slide."""
        while len(self._path) <= steps:
            first = (len(self._path) - 1) * _STEP_S
            before, after = self._ankles(first), self._ankles(first + _STEP_S)
            lower = int(np.argmin(before[:, 1]))
            moved = after[lower] - before[lower]
            in_contact = before[lower, 1] < _CONTACT_M
            shift = np.array([-moved[0], 0.0, -moved[2]]) if in_contact else self._last_shift()
            self._path.append(self._path[-1] + shift)

    def _last_shift(self) -> FloatArray:
        """Shift of the previous step, which continues while both feet are in the air."""
        return self._path[-1] - self._path[-2] if len(self._path) > 1 else np.zeros(3)

    def _ankles(self, time_s: float) -> FloatArray:
        """(2, 3) both ankles, with heights relative to standing."""
        pose = self._stationary_pose(time_s)
        rows = [self._body.bone(f"foot.{side}") for side in "LR"]
        ankles = pose.heads[rows].copy()
        ankles[:, 1] -= self._body.heads[rows, 1]
        return ankles

    def _stationary_pose(self, time_s: float) -> Pose:
        """The pose without movement over the ground."""
        if self.gait:
            target, joints, lift = self._gait_joints(time_s)
        else:
            target, joints, lift = self._interpolated_joints(time_s)
        joints[0] = axis_rotation("y", self._yaw_deg_s * time_s) @ joints[0]
        return put_on_ground(self._body, self._posing, target, joints, 0.0, lift)

    def _interpolated_joints(self, time_s: float) -> tuple[TargetPose, FloatArray, float]:
        """Target pose, joints and height above the ground between the keyframes."""
        times = [frame.time_s for frame in self._keyframes]
        after = int(np.searchsorted(times, time_s, side="right"))
        first = self._keyframes[max(after - 1, 0)]
        second = self._keyframes[min(after, len(times) - 1)]
        fraction = 0.0
        if second.time_s > first.time_s:
            fraction = (time_s - first.time_s) / (second.time_s - first.time_s)
            fraction = fraction * fraction * (3.0 - 2.0 * fraction)
        joints = from_quaternion(slerp(first.quaternions, second.quaternions, fraction))
        low, high = first.pose.target.lift_m, second.pose.target.lift_m
        near = first.pose if fraction < 0.5 else second.pose
        return near.target, joints, low + fraction * (high - low)

    def _gait_joints(self, time_s: float) -> tuple[TargetPose, FloatArray, float]:
        """Legs and arms of the cycle with head, trunk and hands of the first keyframe."""
        style = self._keyframes[0].pose.target
        phase = time_s / self._cycle_s
        angles = style.angles + gait_angles(self.gait, phase, self._strength, style.near)
        angles = angles + gait_arms(self.gait, phase, self._strength, style.near)
        joints = joint_rotations(clip_angles(angles), self._body.rig)
        for side, hand in style.hands.items():
            set_fingers(joints, self._body.rig, side, hand)
        set_face(joints, self._body.rig, self._posing.units, style.face)
        lift = 0.05 * abs(float(np.sin(2.0 * np.pi * phase))) if self.gait == "run" else 0.0
        return style, joints, lift


def sample_sequence(
    rng: np.random.Generator,
    body: RiggedBody,
    volume: BodyVolume,
    posing: PosingData,
    length_s: float,
) -> PoseSequence:
    """Samples a motion: two of five walk or run, the others move from pose to pose.

    Args:
        rng: source of all randomness.
        body: the body.
        volume: its capsules.
        posing: data from `prepare_posing`.
        length_s: minimum duration; the last pose is held after the end.
    """
    if rng.random() < 0.4:
        gait = "walk" if rng.random() < 0.7 else "run"
        style = _gait_style(rng)
        pose = pose_body(body, volume, posing, style)
        return PoseSequence(
            body,
            posing,
            [Keyframe(time_s=0.0, pose=pose, quaternions=to_quaternion(pose.joints))],
            gait=gait,
            cycle_s=_CYCLE_S[gait] * float(rng.uniform(0.85, 1.25)),
            yaw_deg_s=float(rng.normal(0.0, 12.0)),
            strength=float(rng.uniform(0.7, 1.1)),
        )
    legs = sample_target_pose(rng).legs
    family = [name for name, leg_pose in LEGS.items() if leg_pose.family == LEGS[legs].family]
    time, keyframes = 0.0, []
    while not keyframes or keyframes[-1].time_s < length_s:
        chosen = legs if rng.random() < 0.6 else str(rng.choice(family))
        pose = sample_pose(rng, body, volume, posing, legs=chosen)
        keyframes.append(Keyframe(time_s=time, pose=pose, quaternions=to_quaternion(pose.joints)))
        time += float(rng.uniform(0.5, 1.6))
    return PoseSequence(body, posing, keyframes)


def _gait_style(rng: np.random.Generator) -> TargetPose:
    """Target pose of trunk, head, hands and face for a gait; other angles are noise."""
    style = sample_target_pose(rng, "walk", "hang")
    noise = rng.normal(0.0, 2.5, len(style.angles))
    noise[:3] = 0.0
    return replace(style, angles=noise, goals=(), feet=())
