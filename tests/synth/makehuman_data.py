"""MakeHuman's data in the shared folder, opened once for all tests that need it."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from rtmpose3d.synth.assets.makehuman import MakeHumanAssets
from rtmpose3d.synth.body.rigged_body import (
    RiggedBody,
    body_keypoints,
    bone_matrices,
    forward_kinematics,
)
from rtmpose3d.synth.people.cast import Cast, pose_person, sample_held_objects
from rtmpose3d.synth.pose import sample_pose, world_from_person
from rtmpose3d.synth.pose.joints import ANGLES, INDEX
from rtmpose3d.synth.scene import Person

ACTORS = 6


@cache
def assets_at(shared: Path) -> MakeHumanAssets:
    folder = shared / "people" / "makehuman"
    if not folder.is_dir():
        pytest.skip(f"MakeHuman's data is not at {folder}")
    # the packed morphs are kept between runs: reading 1,200 text files takes seconds
    return MakeHumanAssets.open(folder, cache=Path(tempfile.gettempdir()) / "rtmpose3d-tests")


@cache
def cast_at(shared: Path) -> Cast:
    return Cast(assets_at(shared), seed=7, size=ACTORS)


def make_person(
    rng: np.random.Generator,
    cast: Cast,
    *,
    legs: str | None = None,
    position: np.ndarray | None = None,
    identity: int = 0,
) -> Person:
    """A random actor in a random pose, at the origin facing anywhere unless a position is given."""
    actor = cast.actor(int(rng.integers(cast.size)))
    pose = sample_pose(rng, actor.body, actor.volume, cast.posing, legs=legs)
    if position is None:
        position = world_from_person(facing_deg=float(rng.uniform(-180.0, 180.0)))
    held_objects = sample_held_objects(rng, actor, pose)
    return pose_person(actor, pose, position, identity=identity, held_objects=held_objects)


def angle_vector(named: dict[str, float]) -> np.ndarray:
    """Joint angles by name; the others are 0. A name without side sets both sides."""
    vector = np.zeros(len(ANGLES))
    for name, value in named.items():
        for full in (name,) if name in INDEX else (f"{name}.L", f"{name}.R"):
            vector[INDEX[full]] = value
    return vector


def posed_keypoints(body: RiggedBody, joints: np.ndarray) -> np.ndarray:
    """(133, 3) keypoints of a body with the given joint rotations (B, 3, 3)."""
    return body_keypoints(body, bone_matrices(body, *forward_kinematics(body, joints)))
