"""MakeHuman's own files in a folder that the user names: `MakeHumanAssets.open(folder)`.

Expected: `3dobjs/base.obj`, `rigs/`, `targets/` or `targets.tar.xz`, `poseunits/`, `eyes/`, and
`assets/` (or the same folders at the top) with clothes, hair, eyebrows, eyelashes. All of it can
be had from MakeHuman's public repositories (CC0); none of it is part of this package.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures import IntArray
from rtmpose3d.synth.assets.bvh import PoseUnits, read_bvh, read_pose_units
from rtmpose3d.synth.assets.obj import ObjMesh, read_obj
from rtmpose3d.synth.assets.proxy import Proxy, read_proxy
from rtmpose3d.synth.assets.rig import Rig, read_rig
from rtmpose3d.synth.assets.targets import Targets, open_targets

BASE_VERTICES = 19158  # the hm08 mesh; the keypoint map names its vertices
BODY_VERTICES = 13380  # the first ones are skin, the rest helpers and joint cubes


@dataclass(frozen=True, kw_only=True, eq=False)
class KeypointMap:
    """Where the 133 keypoints are on the mesh.

    Attributes:
        vertices: per keypoint, the vertices whose mean it is.
        bones: per keypoint, the bone that carries that mean rigidly; "" where the vertices are
            skinned as the mesh is.
        inside: (133,) whether it is the middle of a joint rather than a point of the skin.
    """

    vertices: tuple[tuple[int, ...], ...]
    bones: tuple[str, ...]
    inside: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class MakeHumanAssets:
    """What the folder holds. Clothes and hair are read when first used.

    Attributes:
        folder: as given.
        base: the mesh, helpers and joint cubes included.
        rig: bones and weights.
        targets: shape morphs.
        pose_units: movements of the face.
    """

    folder: Path
    base: ObjMesh
    rig: Rig
    targets: Targets
    pose_units: PoseUnits

    @staticmethod
    def open(folder: Path | str, *, cache: Path | None = None) -> MakeHumanAssets:
        """Read what every body needs.

        Args:
            folder: MakeHuman's data.
            cache: folder for the compact morphs; see `open_targets`.

        Raises:
            InputError: the folder or a file in it is missing or damaged; the message names it.
        """
        folder = Path(folder).expanduser()
        if not folder.is_dir():
            raise InputError(
                f"no folder {folder}; name the folder of MakeHuman's data (with 3dobjs/, rigs/, "
                "targets/ and poseunits/)"
            )
        base = read_obj(folder / "3dobjs" / "base.obj")
        if len(base.positions) != BASE_VERTICES:
            raise InputError(
                f"{folder / '3dobjs' / 'base.obj'} has {len(base.positions)} vertices; the hm08 "
                f"mesh with {BASE_VERTICES} was expected"
            )
        rigs = folder / "rigs"
        return MakeHumanAssets(
            folder=folder,
            base=base,
            rig=read_rig(rigs / "default.mhskel", rigs / "default_weights.mhw", BASE_VERTICES),
            targets=open_targets(folder, cache),
            pose_units=read_pose_units(folder / "poseunits"),
        )

    def proxies(self, kind: str) -> Sequence[Proxy]:
        """All things of a kind, by name.

        Args:
            kind: "clothes", "hair", "eyebrows", "eyelashes", "eyes", ...: a folder's name.

        Raises:
            InputError: a file in it is damaged. A kind that is not there gives an empty list.
        """
        if kind not in self._proxies:
            found = {file for place in self._places(kind) for file in place.rglob("*.mhclo")}
            ordered = sorted(found, key=lambda file: (file.name, file.as_posix()))
            self._proxies[kind] = [read_proxy(file) for file in ordered]
        return self._proxies[kind]

    def textures(self, kind: str) -> Sequence[Path]:
        """Images of a kind's materials, by name (eyes: one for each colour)."""
        found = {file for place in self._places(kind) for file in place.rglob("*.png")}
        return sorted(found, key=lambda file: file.name)

    @cached_property
    def poses(self) -> dict[str, dict[str, np.ndarray]]:
        """The whole-body poses that are there: name to bone to (3, 3) rotation."""
        files = sorted(
            {file for place in self._places("poses") for file in place.glob("*.bvh")},
            key=lambda file: file.name,
        )
        return {file.stem: read_bvh(file)[0] for file in files}

    @cached_property
    def _proxies(self) -> dict[str, list[Proxy]]:
        return {}

    def _places(self, kind: str) -> list[Path]:
        both = (self.folder / "assets" / kind, self.folder / kind)
        return [place for place in both if place.is_dir()]

    def group_vertices(self, *groups: str) -> IntArray:
        """Vertices of the base mesh's groups, sorted."""
        faces = self.base.faces[self.base.faces_of(*groups)]
        return np.unique(faces[faces >= 0]).astype(np.int32)


def read_keypoint_map() -> KeypointMap:
    """The map that comes with the package."""
    text = (
        resources.files("rtmpose3d.synth.assets").joinpath("keypoint_map.json").read_text("utf-8")
    )
    rows = sorted(json.loads(text)["keypoints"], key=lambda row: row["index"])
    assert [row["index"] for row in rows] == list(range(133))
    rigid = [row["how"].startswith("bone_head") or "skin with" in row["how"] for row in rows]
    return KeypointMap(
        vertices=tuple(tuple(row["vertices"]) for row in rows),
        bones=tuple(row["bone"] if r else "" for row, r in zip(rows, rigid, strict=True)),
        inside=tuple(row["how"].startswith("bone_head") for row in rows),
    )
