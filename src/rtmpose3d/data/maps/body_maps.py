"""Keypoint maps of whole-body and body datasets, each with its source.

Necks, head tops, pelvises and bellies have no counterpart among the 133 keypoints. The resulting
indices are those of the reference (projects/rtmpose3d, rtmw3d-l_8xb64_cocktail14-384x288.py).
"""

from __future__ import annotations

from rtmpose3d.data.maps.keypoint_map import map_by_name, one_side, paired
from rtmpose3d.skeletons import WHOLEBODY

_OURS = WHOLEBODY.keypoint_names
_BODY = _OURS[:17]
_LIMBS = paired("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_FACE = _OURS[23:91]
_HANDS = _OURS[91:]
_ARM, _LEG = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")

COCO_WHOLEBODY = map_by_name(
    "COCO-WholeBody", "github.com/jin-s13/COCO-WholeBody, data_format.md", _OURS
)
COCO = map_by_name("COCO", "cocodataset.org, categories of its keypoint files", _BODY)
AIC = map_by_name(
    "AI Challenger",
    "github.com/AIChallenger/AI_Challenger_2017, keypoint annotations",
    (
        *one_side("right", _ARM),
        *one_side("left", _ARM),
        *one_side("right", _LEG),
        *one_side("left", _LEG),
        "head_top",
        "neck",
    ),
)
CROWDPOSE = map_by_name(
    "CrowdPose",
    "arXiv:1812.00324, section 4; categories of its files",
    (*_LIMBS, "head_top", "neck"),
)
MPII = map_by_name(
    "MPII",
    "human-pose.mpi-inf.mpg.de, annotation description, annopoints.point.id",
    (
        *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
        *("pelvis", "thorax", "upper_neck", "head_top"),
        *("right_wrist", "right_elbow", "right_shoulder"),
        *("left_shoulder", "left_elbow", "left_wrist"),
    ),
)
LSP = map_by_name(
    "LSP",
    "Johnson and Everingham, BMVC 2010; README of lspet_dataset",
    (
        *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
        *("right_wrist", "right_elbow", "right_shoulder"),
        *("left_shoulder", "left_elbow", "left_wrist"),
        *("neck", "head_top"),
    ),
)
JHMDB = map_by_name(
    "sub-JHMDB",
    "jhmdb.is.tue.mpg.de, README of joint_positions",
    (
        *("neck", "belly", "head", "right_shoulder", "left_shoulder", "right_hip", "left_hip"),
        *("right_elbow", "left_elbow", "right_knee", "left_knee"),
        *("right_wrist", "left_wrist", "right_ankle", "left_ankle"),
    ),
)
POSETRACK18 = map_by_name(  # its files have entries for the ears and never fill them
    "PoseTrack18",
    "categories of its files",
    ("nose", "head_bottom", "head_top", *paired("ear"), *_LIMBS),
)
HUMANART = map_by_name(
    "Human-Art",
    "arXiv:2303.02760, section 3; field keypoints_21 of its files",
    (*_BODY, "left_finger", "right_finger", "left_toe", "right_toe"),
    {
        "left_finger": "left_forefinger4",
        "right_finger": "right_forefinger4",
        "left_toe": "left_big_toe",
        "right_toe": "right_big_toe",
    },
)
H36M = map_by_name(
    "Human3.6M",
    "mmpose, configs/_base_/datasets/h36m.py",
    (
        *("pelvis", *one_side("right", _LEG), *one_side("left", _LEG)),
        *("spine", "thorax", "neck_base", "head"),
        *one_side("left", _ARM),
        *one_side("right", _ARM),
    ),
)
MPI_INF_3DHP = map_by_name(
    "MPI-INF-3DHP",
    "mmpose, configs/_base_/datasets/mpi_inf_3dhp.py",
    (
        *("head_top", "neck"),
        *(*one_side("right", _ARM), *one_side("left", _ARM)),
        *(*one_side("right", _LEG), *one_side("left", _LEG)),
        *("pelvis", "spine", "head"),
    ),
)
HALPE = map_by_name(
    "Halpe",
    "github.com/Fang-Haoshu/Halpe-FullBody, README, Keypoints format",
    (*_BODY, "head", "neck", "hip", *paired("big_toe", "small_toe", "heel"), *_FACE, *_HANDS),
)

_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_OUR_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
_SMPLX_HAND = tuple(f"{finger}_{i}" for finger in _FINGERS for i in range(1, 5))
_SMPLX_FINGERS = {
    f"{side}_{theirs}_{i}": f"{side}_{ours}{i}"
    for side in ("left", "right")
    for theirs, ours in zip(_FINGERS, _OUR_FINGERS, strict=True)
    for i in range(1, 5)
}
_SMPLX_HAND_ROOTS = {"left_wrist": "left_hand_root", "right_wrist": "right_hand_root"}
# 72 points of the face: four skeleton joints that repeat body keypoints (jaw, head, eyes), then
# 300-W's order without the jaw's contour, which comes last.
_SMPLX_FACE = ("jaw", "head", "left_eyeball", "right_eyeball", *_FACE[17:], *_FACE[:17])
_UBODY_NAMES = (
    *("pelvis", *paired("hip", "knee", "ankle"), "neck", *paired("shoulder", "elbow", "wrist")),
    *one_side("left", ("big_toe", "small_toe", "heel")),
    *one_side("right", ("big_toe", "small_toe", "heel")),
    *(*paired("ear", "eye"), "nose"),
    *one_side("left", _SMPLX_HAND),
    *one_side("right", _SMPLX_HAND),
    *_SMPLX_FACE,
)
UBODY3D = map_by_name(
    "UBody3D",
    "mmpose, configs/_base_/datasets/ubody3d.py; its tools' ubody_smplx_to_coco.py",
    _UBODY_NAMES,
    _SMPLX_FINGERS,
    _SMPLX_HAND_ROOTS,  # SMPL-X's hands start at its wrists
)
UBODY3D_TAIL = 133  # files with 133 keypoints hold the last ones of the 137
_TAIL_NAMES = _UBODY_NAMES[-UBODY3D_TAIL:]
UBODY3D_LAST_133 = map_by_name(
    "UBody3D, last 133", UBODY3D.source, _TAIL_NAMES, _SMPLX_FINGERS, _SMPLX_HAND_ROOTS
)
