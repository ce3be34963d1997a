"""Anatomical joint angles, their limits, and the bone rotations that follow from them.

The angles of a pose are one vector, degrees, named by `ANGLES`; "arm_raise.L" is the left one. 0 is
the zero pose (`body.zero_pose`: upright, arms down, palms to the thighs). Sided angles have the
same meaning on both sides, so a horizontal flip exchanges them and negates sideways angles of the
trunk.

arm_raise is the angle of the upper arm from straight down, arm_plane the plane in which it is
raised: 0 to the front, 90 to the side, 180 to the back, below 0 across the body. Positive: neck
and spine bend forwards, side and twist are to the person's left; arm_twist and hip_twist are
inwards; forearm is pronation (palm down); wrist bends to the palm, wrist_side to the thumb; ankle
and toes bend up, ankle_roll lifts the inner edge of the foot.
"""

from __future__ import annotations

import numpy as np

from rtmpose3d.structures import FloatArray
from rtmpose3d.synth.assets import Rig
from rtmpose3d.synth.body import FINGERS, SIDES
from rtmpose3d.synth.rotations import axis_rotation, from_rotvec, shortest_arc, twist_about_y

# Limits in degrees: normal active ranges of adults (AAOS, Joint Motion, 1965), a little wider
# where sport and dance go further.
_MIDDLE: dict[str, tuple[float, float]] = {
    "root_pitch": (-180, 180),
    "root_roll": (-180, 180),
    "root_yaw": (-180, 180),
    "spine": (-32, 85),
    "spine_side": (-38, 38),
    "spine_twist": (-48, 48),
    "neck": (-55, 50),
    "neck_side": (-40, 40),
    "neck_twist": (-75, 75),
}
_SIDED: dict[str, tuple[float, float]] = {
    "shrug": (-8, 28),
    "shoulder_front": (-20, 25),
    "arm_raise": (0, 178),
    "arm_plane": (-55, 190),
    "arm_twist": (-95, 85),
    "elbow": (0, 150),
    "forearm": (-82, 82),
    "wrist": (-68, 78),
    "wrist_side": (-32, 22),
    "hip": (-28, 128),
    "hip_out": (-28, 78),
    "hip_twist": (-48, 45),
    "knee": (0, 150),
    "ankle": (-48, 28),
    "ankle_roll": (-20, 28),
    "toes": (-25, 60),
}
LIMITS: dict[str, tuple[float, float]] = dict(_MIDDLE)
for _name, _limit in _SIDED.items():
    for _side in SIDES:
        LIMITS[f"{_name}.{_side}"] = _limit
ANGLES: tuple[str, ...] = tuple(LIMITS)
INDEX: dict[str, int] = {name: i for i, name in enumerate(ANGLES)}
MIN_ANGLES = np.array([LIMITS[name][0] for name in ANGLES], np.float64)
MAX_ANGLES = np.array([LIMITS[name][1] for name in ANGLES], np.float64)

_SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
_SPINE_WEIGHTS = (0.24, 0.24, 0.22, 0.16, 0.14)
_NECK = ("neck01", "neck02", "neck03", "head")
_NECK_WEIGHTS = (0.26, 0.22, 0.22, 0.30)
_TOES = ("toe1-1", "toe2-1", "toe3-1", "toe4-1", "toe5-1")

_ODD = {"root_roll", "root_yaw", "spine_side", "spine_twist", "neck_side", "neck_twist"}
_FLIP_ROWS = np.array(
    [
        INDEX[name[:-1] + ("R" if name.endswith(".L") else "L")] if "." in name else INDEX[name]
        for name in ANGLES
    ]
)
_FLIP_SIGNS = np.array([-1.0 if name in _ODD else 1.0 for name in ANGLES])


def clip_angles(angles: FloatArray) -> FloatArray:
    """Clips angles (..., D) to their limits."""
    return np.clip(angles, MIN_ANGLES, MAX_ANGLES)


def flip_angles(angles: FloatArray) -> FloatArray:
    """Angles (..., D) of the horizontally flipped pose."""
    return angles[..., _FLIP_ROWS] * _FLIP_SIGNS


def joint_rotations(angles: FloatArray, rig: Rig) -> FloatArray:
    """Converts joint angles to rotations of all bones.

    Args:
        angles: (D,) degrees, named by `ANGLES`.
        rig: bones.

    Returns:
        (B, 3, 3) float64, in the zero pose's axes; identity for fingers and face.
    """
    joints = np.tile(np.eye(3), (len(rig.names), 1, 1))
    value = dict(zip(ANGLES, angles.tolist(), strict=True))
    joints[rig.index["root"]] = (
        axis_rotation("y", value["root_yaw"])
        @ axis_rotation("x", value["root_pitch"])
        @ axis_rotation("z", -value["root_roll"])
    )
    for part, bones, weights in (
        ("spine", _SPINE, _SPINE_WEIGHTS),
        ("neck", _NECK, _NECK_WEIGHTS),
    ):
        bend = np.array([value[part], value[f"{part}_twist"], -value[f"{part}_side"]])
        rotations = _rotations_about_axes(np.array(weights)[:, None] * bend)
        joints[[rig.index[bone] for bone in bones]] = rotations
    for side, sign in SIDES.items():
        _set_arm(joints, rig, {k[:-2]: v for k, v in value.items() if k.endswith(side)}, side, sign)
        _set_leg(joints, rig, {k[:-2]: v for k, v in value.items() if k.endswith(side)}, side, sign)
    return joints


def _rotations_about_axes(degrees: FloatArray) -> FloatArray:
    """Rotations (..., 3, 3) of rotation vectors (..., 3) in degrees."""
    return from_rotvec(np.radians(degrees))


def _set_arm(joints: FloatArray, rig: Rig, value: dict[str, float], side: str, sign: float) -> None:
    index = rig.index
    upper = arm_rotation(value["arm_raise"], value["arm_plane"], value["arm_twist"], sign)
    lift = value["shrug"] + 0.16 * max(0.0, value["arm_raise"] - 35.0)  # the shoulder blade follows
    reach = value["shoulder_front"]
    joints[index[f"clavicle.{side}"]] = _rotations_about_axes(
        np.array([0.0, -sign * reach, sign * lift])
    )
    relax = _rotations_about_axes(np.array([0.0, sign * reach * 0.4, -sign * lift * 0.8]))
    set_upper_arm(joints, rig, side, relax @ upper)
    set_forearm(joints, rig, side, value["elbow"], value["forearm"], sign)
    set_wrist(joints, rig, side, value["wrist"], value["wrist_side"], sign)


def arm_rotation(raise_deg: float, plane_deg: float, twist_deg: float, sign: float) -> FloatArray:
    """Rotation of the upper arm: raised along the shortest arc, then twisted about itself."""
    lift, plane = np.radians(raise_deg), np.radians(plane_deg)
    along = np.array(
        [sign * np.sin(lift) * np.sin(plane), -np.cos(lift), np.sin(lift) * np.cos(plane)]
    )
    swing = shortest_arc(np.array([0.0, -1.0, 0.0]), along)
    return swing @ axis_rotation("y", -sign * twist_deg)


def set_upper_arm(joints: FloatArray, rig: Rig, side: str, rotation: FloatArray) -> None:
    """Sets the rotation of the upper arm; its lower half takes half of the twist."""
    swing, twist = twist_about_y(rotation)
    half = axis_rotation("y", np.degrees(twist) / 2.0)
    joints[..., rig.index[f"upperarm01.{side}"], :, :] = swing @ half
    joints[..., rig.index[f"upperarm02.{side}"], :, :] = half


def set_forearm(
    joints: FloatArray, rig: Rig, side: str, elbow_deg: float, pronation_deg: float, sign: float
) -> None:
    """Sets elbow and forearm; lower forearm and wrist take half of the pronation each."""
    joints[rig.index[f"lowerarm01.{side}"]] = axis_rotation("x", -elbow_deg)
    joints[rig.index[f"lowerarm02.{side}"]] = axis_rotation("y", -sign * pronation_deg * 0.5)


def set_wrist(
    joints: FloatArray, rig: Rig, side: str, bend_deg: float, side_deg: float, sign: float
) -> None:
    """Sets the wrist: the second half of the pronation, then bends to the palm and the thumb."""
    half = joints[rig.index[f"lowerarm02.{side}"]]
    bend = axis_rotation("z", -sign * bend_deg) @ axis_rotation("x", -side_deg)
    joints[rig.index[f"wrist.{side}"]] = half @ bend


def _set_leg(joints: FloatArray, rig: Rig, value: dict[str, float], side: str, sign: float) -> None:
    thigh = (
        axis_rotation("x", -value["hip"])
        @ axis_rotation("z", sign * value["hip_out"])
        @ axis_rotation("y", -sign * value["hip_twist"])
    )
    set_thigh(joints, rig, side, thigh)
    joints[rig.index[f"lowerleg01.{side}"]] = axis_rotation("x", value["knee"])
    joints[rig.index[f"foot.{side}"]] = axis_rotation("x", -value["ankle"]) @ axis_rotation(
        "z", -sign * value["ankle_roll"]
    )
    toes = axis_rotation("x", -value["toes"])
    for toe in _TOES:
        joints[rig.index[f"{toe}.{side}"]] = toes


def set_thigh(joints: FloatArray, rig: Rig, side: str, rotation: FloatArray) -> None:
    """Sets the rotation of the thigh; its lower half takes half of the twist."""
    swing, twist = twist_about_y(rotation)
    half = axis_rotation("y", np.degrees(twist) / 2.0)
    joints[..., rig.index[f"upperleg01.{side}"], :, :] = swing @ half
    joints[..., rig.index[f"upperleg02.{side}"], :, :] = half


def finger_bones(side: str) -> tuple[tuple[str, str, str], ...]:
    """Names of the three bones of each finger, thumb first."""
    return tuple(tuple(f"{finger}-{k}.{side}" for k in (1, 2, 3)) for finger in FINGERS)  # pyright: ignore[reportReturnType]
