"""Bone lengths of adults: the table that root depth is solved with.

Lengths are between keypoints of COCO-WholeBody as annotated, at a stature of 1.70 m. Where the
published distance is between other landmarks (joint centres, bony points) the comment says what
was done. Nothing is fitted; but how far annotated hips and shoulders lie from their joints (trunk,
shoulders, hips) was judged after a look at some annotated people (Panoptic, H36M, 3DHP).
"""

from __future__ import annotations

from dataclasses import dataclass

from rtmpose3d.skeletons import HIPS

# Sources. [DC] Drillis & Contini 1966, fractions of stature in Winter, Biomechanics and Motor
# Control of Human Movement. [dL] de Leva 1996, J. Biomech. 29: men 1.741 m, women 1.735 m, between
# joint centres. [AN] US Army anthropometric surveys (ANSUR). [DO] Dodgson 2004, Variation and
# extrema of human interpupillary distance. [FA] Farkas, Anthropometry of the Head and Face.

MEAN_STATURE_M = 1.70  # middle of men's and women's means over Europe and North America
STATURE_STD = 0.07  # of log stature: 5 to 6 % among adults of both sexes [AN], and populations

_HEAD_EXPONENT = 0.4  # heads grow less than bodies: between adults about 0.25 [AN], from children
# to adults about 0.5 (interpupillary distance 50 mm at 1.1 m, 63 mm at 1.7 m [DO])
_BODY_NOISE_M, _HEAD_NOISE_M, _HAND_NOISE_M, _FOOT_NOISE_M = 0.04, 0.012, 0.02, 0.03


@dataclass(frozen=True, kw_only=True)
class Bone:
    """A distance between two keypoints that is much the same in all adults.

    Attributes:
        name: name of the distance.
        keypoints: the pairs of keypoints at its ends; left and right are two pairs.
        length_m: at a stature of MEAN_STATURE_M.
        std: of its log among people of one stature, where keypoints sit on the body included.
        stature_exponent: length grows as stature to this power.
        depth_noise_m: expected error of a keypoint's relative depth against its neighbour's; the
            networks report about 5 cm over the body (H3WB), less within a rigid part.
    """

    name: str
    keypoints: tuple[tuple[int, int], ...]
    length_m: float
    std: float
    stature_exponent: float = 1.0
    depth_noise_m: float = _BODY_NOISE_M


BONES: tuple[Bone, ...] = (
    # [DC] 0.186 H (from the glenohumeral axis), [dL] 0.160 H: the middle.
    Bone(name="upper arm", keypoints=((5, 7), (6, 8)), length_m=0.294, std=0.07),
    # [DC] 0.146 H, [dL] 0.153 H: the middle.
    Bone(name="forearm", keypoints=((7, 9), (8, 10)), length_m=0.254, std=0.07),
    # [DC] 0.245 H (from the trochanter), [dL] men 0.243 H, women 0.212 H: the middle of the two
    # sources; the surface point annotated as the hip is higher than the women's joint centre.
    Bone(name="thigh", keypoints=((11, 13), (12, 14)), length_m=0.405, std=0.07),
    # [DC] 0.246 H, [dL] 0.249 H.
    Bone(name="shank", keypoints=((13, 15), (14, 16)), length_m=0.421, std=0.07),
    # [dL] mid-shoulder to mid-hip 0.29 H and [DC] 0.288 H between joint centres, standing straight;
    # less 3 cm for bent trunks and for hips annotated above their joint.
    Bone(name="side of the trunk", keypoints=((5, 11), (6, 12)), length_m=0.46, std=0.11),
    # [AN] between the acromia 0.39 m, less 3 cm on each side for the middle of the joint.
    Bone(name="shoulders", keypoints=((5, 6),), length_m=0.33, std=0.12),
    # Joint centres lie 0.18 m apart (Bell et al. 1989: 72 % of the distance between the iliac
    # spines), the outer pelvis is 0.28 m wide [AN]; annotated hips lie between the two.
    Bone(name="hips", keypoints=(HIPS,), length_m=0.235, std=0.15),
    # [DC] foot 0.152 H = 0.258 m; the keypoints sit a little inside heel and toe tip.
    Bone(
        name="foot",
        keypoints=((17, 19), (20, 22)),
        length_m=0.245,
        std=0.10,
        depth_noise_m=_FOOT_NOISE_M,
    ),
    # [dL] wrist to the third knuckle: 0.047 H.
    Bone(
        name="palm",
        keypoints=((91, 100), (112, 121)),
        length_m=0.080,
        std=0.12,
        depth_noise_m=_HAND_NOISE_M,
    ),
    # [DO] 63 mm, 6 % among adults.
    Bone(
        name="pupils",
        keypoints=((1, 2),),
        length_m=0.063,
        std=0.09,
        stature_exponent=_HEAD_EXPONENT,
        depth_noise_m=_HEAD_NOISE_M,
    ),
    # [FA] outer corners of the eyes 91 mm men, 88 mm women, 4 %.
    Bone(
        name="outer corners of the eyes",
        keypoints=((59, 68),),
        length_m=0.089,
        std=0.09,
        stature_exponent=_HEAD_EXPONENT,
        depth_noise_m=_HEAD_NOISE_M,
    ),
    # [AN] between the tragia 145 mm men, 133 mm women; the ear's middle sits 8 mm further out.
    Bone(
        name="ears",
        keypoints=((3, 4),),
        length_m=0.155,
        std=0.12,
        stature_exponent=_HEAD_EXPONENT,
        depth_noise_m=_HEAD_NOISE_M,
    ),
    # [AN] width over the cheekbones 140 mm men, 130 mm women.
    Bone(
        name="width of the face",
        keypoints=((23, 39),),
        length_m=0.135,
        std=0.12,
        stature_exponent=_HEAD_EXPONENT,
        depth_noise_m=_HEAD_NOISE_M,
    ),
    # [AN] chin to the root of the nose 122 mm men, 112 mm women; an open mouth adds to it.
    Bone(
        name="height of the face",
        keypoints=((31, 50),),
        length_m=0.117,
        std=0.12,
        stature_exponent=_HEAD_EXPONENT,
        depth_noise_m=_HEAD_NOISE_M,
    ),
)
