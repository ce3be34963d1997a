"""Facial expressions: random mixes of MakeHuman's pose units, and the gaze."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rtmpose3d.structures import FloatArray
from rtmpose3d.synth.assets import PoseUnits, Rig
from rtmpose3d.synth.rotations import from_rotvec

# Mixes of pose units; a unit "Left..." implies its "Right..." with the same weight.
_MIXES: dict[str, dict[str, float]] = {
    "neutral": {},
    "smile": {"MouthLeftPullUp": 0.55, "MouthRightPullUp": 0.55, "LeftCheekUp": 0.3},
    "laugh": {
        "MouthLeftPullUp": 0.8,
        "MouthRightPullUp": 0.8,
        "JawDrop": 0.45,
        "LeftCheekUp": 0.6,
        "LeftLowerLidUp": 0.5,
        "UpperLipUp": 0.3,
    },
    "talk": {"JawDrop": 0.3, "lowerLipDown": 0.3},
    "kiss": {"LipsKiss": 0.9},
    "shout": {"JawDrop": 1.0, "UpperLipUp": 0.3, "LeftBrowDown": 0.4},
    "surprise": {"JawDropStretched": 0.6, "LeftInnerBrowUp": 0.8, "LeftOuterBrowUp": 0.8,
                 "LeftUpperLidOpen": 0.7},
    "anger": {"LeftBrowDown": 0.9, "NoseWrinkler": 0.5, "MouthLeftPullDown": 0.3,
              "MouthRightPullDown": 0.3},
    "sad": {"LeftInnerBrowUp": 0.8, "MouthLeftPullDown": 0.5, "MouthRightPullDown": 0.5},
    "disgust": {"NoseWrinkler": 0.9, "UpperLipUp": 0.6, "LeftBrowDown": 0.5},
    "effort": {"MouthLeftPullSide": 0.6, "MouthRightPullSide": 0.6, "LeftBrowDown": 0.6,
               "LeftLowerLidUp": 0.7, "UpperLipUp": 0.4, "lowerLipDown": 0.5},
    "pout": {"lowerLipUp": 0.6, "lowerLipForward": 0.5},
    "cheeks": {"CheeksPump": 0.9},
    "yawn": {"JawDropStretched": 1.0, "LeftUpperLidClosed": 0.8},
}  # fmt: skip
_MIX_WEIGHT = {"neutral": 4.0, "smile": 3.0, "talk": 2.0, "laugh": 1.5}
_SMALL = (
    "LeftBrowDown", "RightBrowDown", "LeftOuterBrowUp", "RightOuterBrowUp", "LeftInnerBrowUp",
    "RightInnerBrowUp", "LeftCheekUp", "RightCheekUp", "ChinLeft", "ChinRight", "MouthMoveLeft",
    "MouthMoveRight", "MouthLeftPullUp", "MouthRightPullUp", "MouthLeftPullSide",
    "MouthRightPullSide", "UpperLipUp", "lowerLipDown", "lowerLipBackward", "JawDrop",
)  # fmt: skip
_CLOSED = ("LeftUpperLidClosed", "RightUpperLidClosed")
_GAZE_DEG = (9.0, 14.0)  # standard deviation, vertical and horizontal
_GAZE_LIMIT_DEG = (22.0, 32.0)


def sample_face(rng: np.random.Generator) -> dict[str, float]:
    """Samples weights of pose units, 0 to 1, and "gaze_up" and "gaze_left" in degrees."""
    names = list(_MIXES)
    probability = np.array([_MIX_WEIGHT.get(name, 0.6) for name in names])
    strength = float(rng.uniform(0.4, 1.15))
    face: dict[str, float] = {}
    for unit, weight in _MIXES[str(rng.choice(names, p=probability / probability.sum()))].items():
        for name in (unit, unit.replace("Left", "Right", 1) if unit[:4] == "Left" else unit):
            face[name] = min(1.0, weight * strength)
    for name in rng.choice(_SMALL, size=3, replace=False):
        face[str(name)] = min(1.0, face.get(str(name), 0.0) + float(rng.beta(1.3, 4.0)))
    lids = rng.random()
    if lids < 0.07:
        face.update(dict.fromkeys(_CLOSED, 1.0))
    elif lids < 0.1:
        face[str(rng.choice(_CLOSED))] = 1.0
    else:
        face.update(dict.fromkeys(_CLOSED, max(face.get(_CLOSED[0], 0), 0.3 * rng.random())))
    for name, deviation, limit in zip(
        ("gaze_up", "gaze_left"), _GAZE_DEG, _GAZE_LIMIT_DEG, strict=True
    ):
        face[name] = float(np.clip(rng.normal(0.0, deviation), -limit, limit))
    return face


def set_face(joints: FloatArray, rig: Rig, units: PoseUnits, face: Mapping[str, float]) -> None:
    """Writes the rotations of the face's bones into `joints` (B, 3, 3)."""
    total: dict[str, FloatArray] = {}
    for name, weight in face.items():
        for bone, vector in units.rotations.get(name, {}).items():
            total[bone] = total.get(bone, np.zeros(3)) + weight * vector
    rows = [rig.index[bone] for bone in total if bone in rig.index]
    if rows:
        joints[rows] = from_rotvec(np.array([t for b, t in total.items() if b in rig.index]))
    up, left = np.radians(face.get("gaze_up", 0.0)), np.radians(face.get("gaze_left", 0.0))
    for side in "LR":
        if f"eye.{side}" in rig.index:
            joints[rig.index[f"eye.{side}"]] = from_rotvec(np.array([-up, left, 0.0]))
