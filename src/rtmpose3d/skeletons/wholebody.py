"""The 133 keypoints of COCO-WholeBody (Jin et al., ECCV 2020) as one frozen table.

Order: 17 body, 6 feet, 68 face (300-W's order), 21 left hand, 21 right hand. Left and right are
the person's own; in the face, 300-W's order starts on the person's right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.errors import InputError, UnknownNameError

Part = Literal["body", "feet", "face", "left_hand", "right_hand"]
Side = Literal["left", "right", "middle"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Skeleton:
    """A set of K keypoints. The arrays are read-only.

    Attributes:
        name: name of the set.
        keypoint_names: the K names, in order.
        parts: the range of keypoints of each part; together they cover all, in order.
        part_of_keypoint: the part of each keypoint.
        side_of_keypoint: the person's side that each keypoint is on.
        flip_index: (K,) int64; `keypoints[..., flip_index, :]` exchanges left and right, as in
            a flipped image. Keypoints in the middle have their own index.
        bones: (B, 2) int64, pairs of connected keypoints: the links of COCO-WholeBody, plus
            the contours of the face (jaw, brows, nose; eyes and lips are closed).
        bone_part: the part of each bone.
        sigmas: (K,) float64, tolerance of each keypoint in OKS, relative to the person's size.

    Raises:
        InputError: arrays of other shapes.
    """

    name: str
    keypoint_names: tuple[str, ...]
    parts: Mapping[Part, slice]
    part_of_keypoint: tuple[Part, ...]
    side_of_keypoint: tuple[Side, ...]
    flip_index: NDArray[np.int64]
    bones: NDArray[np.int64]
    bone_part: tuple[Part, ...]
    sigmas: NDArray[np.float64]

    def __post_init__(self) -> None:
        n, bones = len(self), len(self.bone_part)
        for field, shape in (
            ("part_of_keypoint", (n,)),
            ("side_of_keypoint", (n,)),
            ("flip_index", (n,)),
            ("sigmas", (n,)),
            ("bones", (bones, 2)),
        ):
            got = np.shape(getattr(self, field))
            if got != shape:
                raise InputError(f"skeleton: {field} must have shape {shape}, got {got}")
        for array in (self.flip_index, self.bones, self.sigmas):
            array.setflags(write=False)

    def __repr__(self) -> str:
        parts = ", ".join(
            f"{name} {part.start}-{part.stop - 1}" for name, part in self.parts.items()
        )
        return f"Skeleton({len(self)} keypoints: {parts})"

    def __len__(self) -> int:
        """Number of keypoints, K."""
        return len(self.keypoint_names)

    def index(self, name: str) -> int:
        """Index of the keypoint of that name.

        Raises:
            UnknownNameError: there is no such keypoint.
        """
        try:
            return self.keypoint_names.index(name)
        except ValueError:
            raise UnknownNameError("keypoint", name, self.keypoint_names) from None

    def part_bones(self, part: Part) -> NDArray[np.int64]:
        """(B', 2) int64, the bones of one part.

        Raises:
            UnknownNameError: there is no such part.
        """
        if part not in self.parts:
            raise UnknownNameError("part", part, self.parts)
        return self.bones[[p == part for p in self.bone_part]]


_BODY_PAIRS = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_BODY = ["nose", *(f"{side}_{name}" for name in _BODY_PAIRS for side in ("left", "right"))]
_FEET = [
    f"{side}_{name}" for side in ("left", "right") for name in ("big_toe", "small_toe", "heel")
]
_FACE = [f"face-{i}" for i in range(68)]
_HAND = [
    "hand_root",
    *(
        f"{finger}{i}"
        for finger in ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
        for i in range(1, 5)
    ),
]
_NAMES = (
    *_BODY,
    *_FEET,
    *_FACE,
    *(f"left_{name}" for name in _HAND),
    *(f"right_{name}" for name in _HAND),
)
_PART_SLICES: dict[Part, slice] = {
    "body": slice(0, 17),
    "feet": slice(17, 23),
    "face": slice(23, 91),
    "left_hand": slice(91, 112),
    "right_hand": slice(112, 133),
}

# The face's mirror partners, counted within the face: its contours read forwards on the person's
# right and backwards on the left.
_FACE_PAIRS = (
    *((i, 16 - i) for i in range(8)),  # jaw; 8 is the chin
    *((17 + i, 26 - i) for i in range(5)),  # brows
    (31, 35),  # nostrils; 27 to 30 and 33 are in the middle
    (32, 34),
    *zip(range(36, 42), (45, 44, 43, 42, 47, 46), strict=True),  # eyes
    *((48 + i, 54 - i) for i in range(3)),  # outer lips, upper edge; 51 is in the middle
    (58, 56),  # outer lips, lower edge; 57 is in the middle
    (59, 55),
    (60, 64),  # inner lips; 62 and 66 are in the middle
    (61, 63),
    (67, 65),
)

_BODY_BONES = (
    *((15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6)),  # legs, trunk
    *((5, 7), (6, 8), (7, 9), (8, 10)),  # arms
    *((1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6)),  # head
)
_FOOT_BONES = ((15, 17), (15, 18), (15, 19), (16, 20), (16, 21), (16, 22))

_OPEN_FACE_LINES = (range(17), range(17, 22), range(22, 27), range(27, 31), range(31, 36))
_CLOSED_FACE_LINES = (range(36, 42), range(42, 48), range(48, 60), range(60, 68))

# OKS tolerances published with COCO-WholeBody's evaluation, in the order of the keypoints.
_BODY_SIGMAS = (
    *(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062),
    *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
)
_FEET_SIGMAS = (0.068, 0.066, 0.066, 0.092, 0.094, 0.094)
_FACE_SIGMAS = (
    *(0.042, 0.043, 0.044, 0.043, 0.04, 0.035, 0.031, 0.025, 0.02, 0.023, 0.029, 0.032),
    *(0.037, 0.038, 0.043, 0.041, 0.045, 0.013, 0.012, 0.011, 0.011, 0.012, 0.012, 0.011),
    *(0.011, 0.013, 0.015, 0.009, 0.007, 0.007, 0.007, 0.012, 0.009, 0.008, 0.016, 0.01),
    *(0.017, 0.011, 0.009, 0.011, 0.009, 0.007, 0.013, 0.008, 0.011, 0.012, 0.01, 0.034),
    *(0.008, 0.008, 0.009, 0.008, 0.008, 0.007, 0.01, 0.008, 0.009, 0.009, 0.009, 0.007),
    *(0.007, 0.008, 0.011, 0.008, 0.008, 0.008, 0.01, 0.008),
)
_HAND_SIGMAS = (
    *(0.029, 0.022, 0.035, 0.037, 0.047, 0.026, 0.025, 0.024, 0.035, 0.018, 0.024, 0.022),
    *(0.026, 0.017, 0.021, 0.021, 0.032, 0.02, 0.019, 0.022, 0.031),
)


def _bones() -> Iterable[tuple[Part, int, int]]:
    """Every bone as (part, keypoint, keypoint)."""
    for a, b in _BODY_BONES:
        yield "body", a, b
    for a, b in _FOOT_BONES:
        yield "feet", a, b
    face = _PART_SLICES["face"].start
    for line in _OPEN_FACE_LINES:
        for i in line[:-1]:
            yield "face", face + i, face + i + 1
    for ring in _CLOSED_FACE_LINES:
        for i in ring:
            yield "face", face + i, face + (i + 1 if i + 1 in ring else ring[0])
    hands: tuple[Part, ...] = ("left_hand", "right_hand")
    for hand in hands:
        root = _PART_SLICES[hand].start
        for finger in range(1, 21, 4):
            yield hand, root, root + finger
            for i in range(finger, finger + 3):
                yield hand, root + i, root + i + 1


def _sides() -> tuple[Side, ...]:
    """The side of each keypoint: by its name, in the face by its position in the contours."""
    sides: list[Side] = [
        "left" if name.startswith("left_") else "right" if name.startswith("right_") else "middle"
        for name in _NAMES
    ]
    face = _PART_SLICES["face"].start
    for right, left in _FACE_PAIRS:
        sides[face + right], sides[face + left] = "right", "left"
    return tuple(sides)


def _flip_index() -> NDArray[np.int64]:
    """(133,) the mirror partner of each keypoint: by its name, in the face by its position."""
    index = np.arange(len(_NAMES))
    for i, name in enumerate(_NAMES):
        if name.startswith("left_"):
            j = _NAMES.index(name.replace("left_", "right_", 1))
            index[[i, j]] = j, i
    face = _PART_SLICES["face"].start
    for right, left in _FACE_PAIRS:
        index[[face + right, face + left]] = face + left, face + right
    return index.astype(np.int64)


def _wholebody() -> Skeleton:
    bones = tuple(_bones())
    sigmas = (*_BODY_SIGMAS, *_FEET_SIGMAS, *_FACE_SIGMAS, *_HAND_SIGMAS, *_HAND_SIGMAS)
    return Skeleton(
        name="coco-wholebody",
        keypoint_names=_NAMES,
        parts=_PART_SLICES,
        part_of_keypoint=tuple(part for part, s in _PART_SLICES.items() for _ in _NAMES[s]),
        side_of_keypoint=_sides(),
        flip_index=_flip_index(),
        bones=np.array([(a, b) for _, a, b in bones], np.int64),
        bone_part=tuple(part for part, _, _ in bones),
        sigmas=np.array(sigmas, np.float64),
    )


WHOLEBODY = _wholebody()
NUM_KEYPOINTS = len(WHOLEBODY)  # 133
LEFT_HIP, RIGHT_HIP = WHOLEBODY.index("left_hip"), WHOLEBODY.index("right_hip")
HIPS = (LEFT_HIP, RIGHT_HIP)  # their midpoint is the pelvis, the root of a pose


def _indices(*parts: Part) -> NDArray[np.int64]:
    """Indices of the keypoints of some parts, in order; read-only."""
    keypoints = np.arange(len(WHOLEBODY), dtype=np.int64)
    indices = np.concatenate([keypoints[WHOLEBODY.parts[part]] for part in parts])
    indices.setflags(write=False)
    return indices


PART_INDICES: Mapping[str, NDArray[np.int64]] = {
    "wholebody": _indices(*PARTS),
    "body": _indices("body"),
    "feet": _indices("feet"),
    "body_with_feet": _indices("body", "feet"),
    "face": _indices("face"),
    "left_hand": _indices("left_hand"),
    "right_hand": _indices("right_hand"),
    "hands": _indices("left_hand", "right_hand"),
}
"""Groups of keypoints that metrics report: name -> indices among the 133.

A metric selects and orders groups; the indices are defined only here.
"""
