"""Keypoint maps of face and hand datasets and of DNA-Rendering, each with its source.

Face indices count within the 68 points of 300-W, which is the order of our face. The indices are
those of the reference (projects/rtmpose3d, rtmw3d-l_8xb64_cocktail14-384x288.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from rtmpose3d.data.maps.keypoint_map import KeypointMap, map_by_name, one_side
from rtmpose3d.skeletons import WHOLEBODY

_FACE = WHOLEBODY.parts["face"].start
_FACE_NAMES = WHOLEBODY.keypoint_names[WHOLEBODY.parts["face"]]


def _face_map(
    name: str, source: str, count: int, *runs: tuple[Iterable[int], Iterable[int]]
) -> KeypointMap:
    """A map from runs of (their indices, indices within 300-W)."""
    pairs = [(a, b) for theirs, ours in runs for a, b in zip(theirs, ours, strict=True)]
    names = {a: _FACE_NAMES[b] for a, b in pairs}
    return KeypointMap(
        name=name,
        source=source,
        names=tuple(names.get(i, f"point-{i}") for i in range(count)),
        pairs=tuple((a, _FACE + b) for a, b in pairs),
    )


W300 = _face_map("300W", "ibug.doc.ic.ac.uk/resources/300-W", 68, (range(68), range(68)))

# The jaw in steps half as long, brows with a lower edge besides, eyes with a point in the middle
# of each lid besides, pupils; nose and lips as in 300-W.
WFLW = _face_map(
    "WFLW",
    "wywu.github.io/projects/LAB/WFLW.html, 98 landmarks",
    98,
    (range(0, 33, 2), range(17)),
    (range(33, 38), range(17, 22)),
    (range(42, 47), range(22, 27)),
    (range(51, 60), range(27, 36)),
    ((60, 61, 63, 64, 65, 67), range(36, 42)),
    ((68, 69, 71, 72, 73, 75), range(42, 48)),
    (range(76, 96), range(48, 68)),
)

# As WFLW, the nose with five points more.
LAPA = _face_map(
    "LaPa",
    "github.com/JDAI-CV/lapa-dataset, 106 landmarks",
    106,
    (range(0, 33, 2), range(17)),
    (range(33, 38), range(17, 22)),
    (range(42, 47), range(22, 27)),
    ((*range(51, 55), *range(58, 63)), range(27, 36)),
    ((66, 67, 69, 70, 71, 73), range(36, 42)),
    ((75, 76, 78, 79, 80, 82), range(42, 48)),
    (range(84, 104), range(48, 68)),
)

# Corners and middles of brows, eyes, nose, lips; the chin.
COFW = _face_map(
    "COFW",
    "Burgos-Artizzu et al., ICCV 2013, figure 2",
    29,
    ((0, 4, 2), (17, 19, 21)),
    ((1, 3, 6), (26, 22, 24)),
    ((8, 10, 11, 9), (36, 39, 42, 45)),
    ((18, 19, 20, 21), (31, 35, 30, 33)),
    ((22, 24, 23, 25, 26, 27), (48, 51, 54, 62, 66, 57)),
    ((28,), (8,)),
)

_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
_FROM_THE_TIP = tuple(f"{finger}{i}" for finger in _FINGERS for i in (4, 3, 2, 1))
INTERHAND = map_by_name(
    "InterHand2.6M",
    "skeleton.txt of its annotations: each finger from the tip inwards, then the wrist",
    (
        *one_side("right", (*_FROM_THE_TIP, "hand_root")),
        *one_side("left", (*_FROM_THE_TIP, "hand_root")),
    ),
)

# DNA-Rendering's 190 keypoints: the first 144 of mmhuman3d's HUMAN_DATA are SMPL-X's joints and
# landmarks; what follows repeats them in other conventions. The set has no hand roots.
_SMPLX_FINGERS = ("index", "middle", "pinky", "ring", "thumb")
_SMPLX_SIDE = tuple(f"{finger}_{i}" for finger in _SMPLX_FINGERS for i in (1, 2, 3))
_TIPS = ("thumb", "index", "middle", "ring", "pinky")
_FEET = ("big_toe", "small_toe", "heel")
_HUMAN_DATA = (
    *("pelvis", "left_hip", "right_hip", "spine_1", "left_knee", "right_knee", "spine_2"),
    *("left_ankle", "right_ankle", "spine_3", "left_foot", "right_foot", "neck"),
    *("left_collar", "right_collar", "head", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("jaw", "left_eyeball", "right_eyeball"),
    *one_side("left", _SMPLX_SIDE),
    *one_side("right", _SMPLX_SIDE),
    *("nose", "right_eye", "left_eye", "right_ear", "left_ear"),
    *one_side("left", _FEET),
    *one_side("right", _FEET),
    *one_side("left", _TIPS),
    *one_side("right", _TIPS),
    *_FACE_NAMES[17:],
    *_FACE_NAMES[:17],
    *(f"other_{i}" for i in range(144, 190)),
)
_OUR_FINGER = dict(
    zip(_TIPS, ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger"), strict=True)
)
_SAME_AS = {
    f"{side}_{theirs}{ending}": f"{side}_{ours}{number}"
    for side in ("left", "right")
    for theirs, ours in _OUR_FINGER.items()
    for ending, number in (("_1", 1), ("_2", 2), ("_3", 3), ("", 4))
}
DNA_RENDERING = map_by_name(
    "DNA-Rendering",
    "github.com/DNA-Rendering/DNA-Rendering/issues/2; mmhuman3d, keypoints_mapping/human_data.py",
    _HUMAN_DATA,
    _SAME_AS,
)
