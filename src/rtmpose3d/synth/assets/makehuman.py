"""MakeHuman's data in a directory given by the user: `MakeHumanAssets.open(folder)`.

Expected: `3dobjs/base.obj`, `rigs/`, `targets/` or `targets.tar.xz`, `poseunits/`, `eyes/`, and
`assets/` (or the same directories at the top level) with clothes, hair, eyebrows, eyelashes. All
of it is available from MakeHuman's public repositories (CC0); none of it is part of this package.
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

BASE_VERTICES = 19158  # of the hm08 mesh, which the keypoint anchors refer to
BODY_VERTICES = 13380  # the first vertices are skin, the others helpers and joint cubes


@dataclass(frozen=True, kw_only=True, eq=False)
class KeypointAnchors:
    """Anchors of the 133 keypoints on the base mesh.

    Attributes:
        vertices: per keypoint, the vertices whose mean it is.
        bones: per keypoint, the bone that carries that mean rigidly; "" if the vertices are
            skinned like the mesh.
        inside: (133,) whether it is the centre of a joint rather than a point of the skin.
    """

    vertices: tuple[tuple[int, ...], ...]
    bones: tuple[str, ...]
    inside: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class MakeHumanAssets:
    """Contents of the directory. Clothes and hair are read when first used.

    Attributes:
        folder: the directory.
        base: base mesh, including helpers and joint cubes.
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
        """Reads the files that every body needs.

        Args:
            folder: directory of MakeHuman's data.
            cache: directory for the packed morphs; by default as in `open_targets`.

        Raises:
            InputError: the directory or a file in it is missing or damaged; the message names it.
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

    def proxies(self, category: str) -> Sequence[Proxy]:
        """All proxies of a category, sorted by name; empty if the category does not exist.

        Args:
            category: name of a directory: "clothes", "hair", "eyebrows", "eyelashes", "eyes", ...

        Raises:
            InputError: a file is damaged.
        """
        if category not in self._proxies:
            files = {file for folder in self._folders(category) for file in folder.rglob("*.mhclo")}
            ordered = sorted(files, key=lambda file: (file.name, file.as_posix()))
            self._proxies[category] = [read_proxy(file) for file in ordered]
        return self._proxies[category]

    def textures(self, category: str) -> Sequence[Path]:
        """Texture files of a category, sorted by name (eyes: one per colour)."""
        files = {file for folder in self._folders(category) for file in folder.rglob("*.png")}
        return sorted(files, key=lambda file: file.name)

    @cached_property
    def poses(self) -> dict[str, dict[str, np.ndarray]]:
        """MakeHuman's whole-body poses: name to bone to (3, 3) rotation."""
        files = sorted(
            {file for folder in self._folders("poses") for file in folder.glob("*.bvh")},
            key=lambda file: file.name,
        )
        return {file.stem: read_bvh(file)[0] for file in files}

    @cached_property
    def _proxies(self) -> dict[str, list[Proxy]]:
        return {}

    def _folders(self, category: str) -> list[Path]:
        both = (self.folder / "assets" / category, self.folder / category)
        return [folder for folder in both if folder.is_dir()]

    def group_vertices(self, *groups: str) -> IntArray:
        """Vertices of some groups of the base mesh, sorted."""
        faces = self.base.faces[self.base.faces_in(*groups)]
        return np.unique(faces[faces >= 0]).astype(np.int32)


def read_keypoint_anchors() -> KeypointAnchors:
    """Reads the anchors that come with the package."""
    text = (
        resources.files("rtmpose3d.synth.assets").joinpath("keypoint_map.json").read_text("utf-8")
    )
    rows = sorted(json.loads(text)["keypoints"], key=lambda row: row["index"])
    assert [row["index"] for row in rows] == list(range(133))
    rigid = [row["how"].startswith("bone_head") or "skin with" in row["how"] for row in rows]
    return KeypointAnchors(
        vertices=tuple(tuple(row["vertices"]) for row in rows),
        bones=tuple(row["bone"] if r else "" for row, r in zip(rows, rigid, strict=True)),
        inside=tuple(row["how"].startswith("bone_head") for row in rows),
    )
