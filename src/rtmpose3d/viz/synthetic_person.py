"""A synthetic person of 133 keypoints, standing upright, for images, examples and tests."""

from __future__ import annotations

import numpy as np

from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures.arrays import FloatArray

_HEAD_MIDDLE_M = (0.0, -0.005, 1.605)
# Body and feet, metres, of the left side; the right one mirrors x.
_MIDDLE = {"nose": (0.0, -0.118, 1.592)}
_LEFT = {
    "eye": (0.032, -0.088, 1.632),
    "ear": (0.076, 0.004, 1.612),
    "shoulder": (0.185, 0.01, 1.432),
    "elbow": (0.292, 0.03, 1.165),
    "wrist": (0.385, -0.03, 0.93),
    "hip": (0.098, 0.0, 0.93),
    "knee": (0.118, -0.025, 0.51),
    "ankle": (0.132, 0.02, 0.085),
    "big_toe": (0.158, -0.185, 0.02),
    "small_toe": (0.222, -0.14, 0.015),
    "heel": (0.128, 0.075, 0.025),
}
# A hand: along the forearm and across it towards the thumb, in hand lengths.
_FINGERS = (
    ((0.13, 0.17), (0.28, 0.32), (0.40, 0.41), (0.50, 0.48)),
    ((0.46, 0.17), (0.65, 0.225), (0.77, 0.25), (0.87, 0.27)),
    ((0.48, 0.035), (0.70, 0.045), (0.84, 0.055), (0.95, 0.06)),
    ((0.45, -0.09), (0.65, -0.115), (0.78, -0.13), (0.88, -0.14)),
    ((0.40, -0.20), (0.54, -0.255), (0.63, -0.29), (0.71, -0.32)),
)
_HAND_M = 0.19


def standing_person() -> FloatArray:
    """(133, 3) float64, metres, z up: a person 1.75 m tall who faces the camera (towards -y).

    Arms hang a little apart from the trunk, palms forward. The person's left is at positive x.
    The point between the feet is (0, 0, 0).
    """
    points = np.zeros((133, 3))
    for name, position in _MIDDLE.items():
        points[WHOLEBODY.index(name)] = position
    for name, position in _LEFT.items():
        points[WHOLEBODY.index(f"left_{name}")] = position
        points[WHOLEBODY.index(f"right_{name}")] = np.multiply(position, (-1, 1, 1))
    points[WHOLEBODY.parts["face"]] = _face()
    left = _left_hand()
    points[WHOLEBODY.parts["left_hand"]] = left
    points[WHOLEBODY.parts["right_hand"]] = left * (-1, 1, 1)
    return points


def _left_hand() -> FloatArray:
    elbow, wrist = np.array(_LEFT["elbow"]), np.array(_LEFT["wrist"])
    along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    front = np.array([0.0, -1.0, 0.0])
    across = np.cross(along, front)
    across *= np.sign(across[0]) / np.linalg.norm(across)  # the thumb points outwards
    bend = np.cross(across, along)
    root = wrist + 0.01 * along
    hand = [root]
    for finger in _FINGERS:
        for i, (far, wide) in enumerate(finger):
            curl = 0.015 * i * i * -np.sign(bend[1])
            hand.append(root + _HAND_M * (far * along + wide * across + curl * bend))
    return np.array(hand)


def _face() -> FloatArray:
    """(68, 3) metres, 300-W's order: from the person's right (negative x) to the left."""
    # Across (x) and up (z) from the middle of the head, metres; y follows the head's curve.
    angle = np.linspace(-np.pi / 2, np.pi / 2, 17)
    jaw = np.column_stack([0.07 * np.sin(angle), -0.105 * np.cos(angle) ** 0.9])
    brow_x = np.linspace(0.057, 0.014, 5)
    brow = np.column_stack([-brow_x, 0.046 + 0.010 * np.sin(np.linspace(0.3, 2.8, 5))])
    bridge = np.column_stack([np.zeros(4), np.linspace(0.026, -0.008, 4)])
    nostrils = np.column_stack(
        [np.linspace(-0.016, 0.016, 5), [-0.019, -0.022, -0.024, -0.022, -0.019]]
    )
    eye = np.array([[-15, 0], [-6, 5], [5, 5], [14, -1], [5, -4], [-6, -4]]) / 1000
    eye += [-0.032, 0.026]
    outer = np.array([
        [-25, 0], [-16, 7], [-6, 11], [0, 9], [6, 11], [16, 7],
        [25, 0], [16, -9], [6, -13], [0, -14], [-6, -13], [-16, -9],
    ]) / 1000  # fmt: skip
    inner = (
        np.array([[-20, 0], [-7, 3], [0, 3], [7, 3], [20, 0], [7, -3], [0, -4], [-7, -3]]) / 1000
    )
    mouth = np.array([0.0, -0.055])
    flip_x = (-1, 1)
    left_eye = (eye * flip_x)[[3, 2, 1, 0, 5, 4]]
    flat = np.concatenate(
        [
            jaw, brow, (brow * flip_x)[::-1], bridge, nostrils,
            eye, left_eye, outer + mouth, inner + mouth,
        ]
    )  # fmt: skip
    depth = -0.098 * np.sqrt(np.clip(1 - (flat[:, 0] / 0.085) ** 2, 0, 1))
    depth[:17] *= np.cos(angle) ** 0.5 * 0.9  # the jaw runs back to the ears
    depth[27:31] -= np.linspace(0.0, 0.02, 4)  # the nose sticks out
    depth[31:36] -= (0.002, 0.006, 0.01, 0.006, 0.002)
    face = np.column_stack([flat[:, 0], depth, flat[:, 1]])
    return face + _HEAD_MIDDLE_M
