"""Reader of MakeHuman's .bvh files: face pose units and whole-body poses as bone rotations.

The files are Z-up; the rotations returned are in the mesh's axes (x left, y up, z front), about
each bone's head and relative to its parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures import FloatArray
from rtmpose3d.synth.assets.rig import read_json_object
from rtmpose3d.synth.rotations import from_rotvec, to_rotvec

_MESH_FROM_BVH = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
_AXES = {"X": (1.0, 0.0, 0.0), "Y": (0.0, 1.0, 0.0), "Z": (0.0, 0.0, 1.0)}
_MIN_ROTATION_RAD = 1e-4  # smaller rotations are dropped


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseUnits:
    """Elementary movements of the face, to be mixed.

    Attributes:
        rotations: name of a unit to bone to (3,) rotation vector, radians, mesh axes.
    """

    rotations: Mapping[str, Mapping[str, FloatArray]]


def read_bvh(file: Path) -> list[dict[str, FloatArray]]:
    """Reads the rotations of each frame: bone to (3, 3) float64, mesh axes.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        words = file.read_text(encoding="utf-8", errors="replace").split()
    except OSError as error:
        raise InputError(f"cannot read the pose {file}: {error.strerror or error}") from error
    try:
        motion = words.index("MOTION")
        channels = _channels(words[:motion])
        frames = int(words[motion + 2])
        start = next(i for i in range(motion, len(words)) if words[i] == "Time:") + 2
        values = np.array(words[start:], np.float64).reshape(frames, len(channels))
    except (ValueError, IndexError, StopIteration, KeyError) as error:
        raise InputError(f"{file} is not a readable .bvh file: {error}") from error
    return [_frame_rotations(channels, row) for row in values]


def _channels(words: list[str]) -> list[tuple[str, str]]:
    """(bone, channel) of each value of a frame."""
    channels: list[tuple[str, str]] = []
    bone = ""
    for i, word in enumerate(words):
        if word in ("ROOT", "JOINT"):
            bone = words[i + 1]
        elif word == "CHANNELS":
            channels += [(bone, name) for name in words[i + 2 : i + 2 + int(words[i + 1])]]
    return channels


def _frame_rotations(channels: list[tuple[str, str]], row: FloatArray) -> dict[str, FloatArray]:
    rotations: dict[str, FloatArray] = {}
    for (bone, channel), value in zip(channels, row, strict=True):
        if channel.endswith("rotation"):
            axis = np.array(_AXES[channel[0].upper()])
            step = from_rotvec(axis * np.radians(value))
            rotations[bone] = rotations.get(bone, np.eye(3)) @ step
    return {
        bone: _MESH_FROM_BVH @ rotation @ _MESH_FROM_BVH.T for bone, rotation in rotations.items()
    }


def read_pose_units(folder: Path) -> PoseUnits:
    """Reads the face movements of a directory (face-poseunits.json and .bvh).

    Raises:
        InputError: a file is missing or damaged, or the two do not match.
    """
    names = read_json_object(folder / "face-poseunits.json").get("framemapping")
    if not isinstance(names, list):
        raise InputError(f"{folder / 'face-poseunits.json'} has no list 'framemapping'")
    frames = read_bvh(folder / "face-poseunits.bvh")
    if len(frames) != len(names):
        raise InputError(
            f"{folder}: face-poseunits.json names {len(names)} movements, "
            f"face-poseunits.bvh has {len(frames)}"
        )
    rest = frames[0]
    rotations: dict[str, dict[str, FloatArray]] = {}
    for name, frame in zip(names[1:], frames[1:], strict=True):
        vectors = {bone: to_rotvec(rest[bone].T @ matrix) for bone, matrix in frame.items()}
        rotations[str(name)] = {
            bone: vector
            for bone, vector in vectors.items()
            if np.linalg.norm(vector) > _MIN_ROTATION_RAD
        }
    return PoseUnits(rotations=rotations)
