"""The zero pose: the common pose from which the joint angles of every body are measured.

MakeHuman's rest pose has bent arms that differ from body to body. In the zero pose the body
stands upright facing +z, arms and fingers hang straight down (-y), palms face the thighs, legs
are vertical and parallel, soles are flat. `zero_rotations` computes, for each bone, the rotation
from rest to zero. In the zero pose joints rotate about main axes: elbows and knees about x, wrists
and fingers about z, twists about y.
"""

from __future__ import annotations

import numpy as np

from rtmpose3d.structures import FloatArray
from rtmpose3d.synth.assets import Rig
from rtmpose3d.synth.rotations import axis_rotation, orthonormal_frame, twist_about_y, unit

SIDES = {"L": 1.0, "R": -1.0}  # the sign of x on the person's left and right
FINGERS = ("finger1", "finger2", "finger3", "finger4", "finger5")  # thumb to little finger
_DOWN, _LEFT, _FRONT = np.array([0.0, -1.0, 0]), np.array([1.0, 0, 0]), np.array([0, 0, 1.0])


def zero_rotations(rig: Rig, heads: FloatArray, tails: FloatArray) -> FloatArray:
    """Computes the rotations from the rest pose to the zero pose.

    Args:
        rig: bones.
        heads: (B, 3) heads of the bones at rest, any unit.
        tails: (B, 3) tails.

    Returns:
        (B, 3, 3) float64, in world axes; bones without a rotation of their own have their
        parent's.
    """
    own: dict[str, FloatArray] = {}
    for side, sign in SIDES.items():
        own.update(_arm(rig, heads, side))
        own.update(_hand(rig, heads, tails, side, sign))
        own.update(_leg(rig, heads, side))
        below = _half_twist(own[f"lowerarm01.{side}"], own[f"wrist.{side}"])
        own[f"lowerarm02.{side}"] = below
    zero = np.tile(np.eye(3), (len(rig.names), 1, 1))
    for i, name in enumerate(rig.names):
        if name in own:
            zero[i] = own[name]
        elif rig.parents[i] >= 0:
            zero[i] = zero[rig.parents[i]]
    return zero


def _head(rig: Rig, heads: FloatArray, bone: str) -> FloatArray:
    return heads[rig.index[bone]]


def _onto(
    along: FloatArray, across: FloatArray, to_along: FloatArray, to_across: FloatArray
) -> FloatArray:
    """The rotation that maps one pair of directions to another (the first exactly)."""
    return orthonormal_frame(to_along, to_across) @ orthonormal_frame(along, across).T


def _arm(rig: Rig, heads: FloatArray, side: str) -> dict[str, FloatArray]:
    """Upper arm down; the elbow bends the forearm to the front, so its axis goes to -x."""
    shoulder, elbow, wrist = (
        _head(rig, heads, f"{bone}.{side}") for bone in ("upperarm01", "lowerarm01", "wrist")
    )
    upper, fore = elbow - shoulder, wrist - elbow
    hinge = np.cross(upper, fore)
    upper_zero = _onto(upper, hinge, _DOWN, -_LEFT)
    fore_zero = _onto(fore, hinge, _DOWN, -_LEFT)
    return {
        f"upperarm01.{side}": upper_zero,
        f"upperarm02.{side}": upper_zero,
        f"lowerarm01.{side}": fore_zero,
    }


def _hand(
    rig: Rig, heads: FloatArray, tails: FloatArray, side: str, sign: float
) -> dict[str, FloatArray]:
    """Fingers down, thumb to the front, palm to the thigh; each phalanx straight."""
    wrist = _head(rig, heads, f"wrist.{side}")
    knuckles = [_head(rig, heads, f"{finger}-1.{side}") for finger in FINGERS]
    along = knuckles[2] - wrist
    across = knuckles[1] - knuckles[4]
    hand = _onto(along, across, _DOWN, _FRONT)
    own = {f"wrist.{side}": hand}
    bend_axis = -sign * _FRONT  # fingers bend about this in the zero pose, towards the palm
    for finger in FINGERS[1:]:
        joints = [_head(rig, heads, f"{finger}-{k}.{side}") for k in (1, 2, 3)]
        joints.append(tails[rig.index[f"{finger}-3.{side}"]])
        bones = [unit(joints[k + 1] - joints[k]) for k in range(3)]
        curl = unit(np.cross(bones[0], bones[2]))
        for k, bone in enumerate(bones, 1):
            own[f"{finger}-{k}.{side}"] = _onto(bone, curl, _DOWN, bend_axis)
    return own


def _leg(rig: Rig, heads: FloatArray, side: str) -> dict[str, FloatArray]:
    """Thigh and shank vertical as seen from the side, hip to ankle vertical from the front."""
    hip, knee, ankle = (
        _head(rig, heads, f"{bone}.{side}") for bone in ("upperleg01", "lowerleg01", "foot")
    )
    leg = unit(ankle - hip)
    lean = axis_rotation("z", np.degrees(np.arctan2(-leg[0], -leg[1])))
    own: dict[str, FloatArray] = {}
    for names, bone in (
        (("upperleg01", "upperleg02"), knee - hip),
        (("lowerleg01", "lowerleg02"), ankle - knee),
    ):
        direction = lean @ unit(bone)
        upright = axis_rotation("x", np.degrees(np.arctan2(direction[2], -direction[1])))
        own.update({f"{name}.{side}": upright @ lean for name in names})
    own[f"foot.{side}"] = np.eye(3)  # the sole is flat at rest
    return own


def _half_twist(first: FloatArray, second: FloatArray) -> FloatArray:
    """The first rotation with half of the twist about y that leads to the second."""
    _, twist = twist_about_y(second @ first.T)
    return axis_rotation("y", np.degrees(twist) / 2.0) @ first
