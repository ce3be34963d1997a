"""Arm poses with hands on the own body (hips, face, knees, ...), in the terms of `pose.types`."""

from __future__ import annotations

from rtmpose3d.synth.pose.types import FAR_HANGS, ArmPose, both, reach, touch

TOUCHING_ARMS: dict[str, ArmPose] = {
    "hands_on_hips": ArmPose(
        goals=both(touch("near", "hip.near", (-0.3, -0.5, 0.9), lift=25)), hands=("flat",
        "flat"), weight=1.5
    ),
    "hand_on_hip": ArmPose(
        angles=FAR_HANGS, goals=(touch("near", "hip.near", (-0.3, -0.4, 0.9), lift=25),),
        weight=1.2
    ),
    "arms_crossed": ArmPose(
        goals=(touch("near", "biceps.far", (-1, 0.3, 0.2), gap_m=0.015), touch("far",
        "forearm.near", (-1, 0.1, 0.3), gap_m=0.03)), hands=("flat", "relaxed"), weight=1.8
    ),
    "hands_behind": ArmPose(
        goals=(touch("near", "small_of_back", (-1, -0.4, 0), part="wrist", gap_m=0.05),
        touch("far", "small_of_back", (-1, -0.4, 0), part="wrist", gap_m=0.08)), weight=0.8,
        upright_only=True
    ),
    "pockets": ArmPose(
        goals=both(touch("near", "pocket.near", (0, -0.9, 0.5), gap_m=0)), hands=("flat",
        "flat"), upright_only=True
    ),
    "phone_ear": ArmPose(
        angles=FAR_HANGS, goals=(touch("near", "ear.near", (0.15, 0.9, -0.2), gap_m=0.02),),
        hands=("phone", ""), weight=1.2
    ),
    "chin_rest": ArmPose(
        angles=FAR_HANGS, goals=(touch("near", "chin", (-0.3, 0.9, 0.2), part="fist",
        gap_m=0.015),), hands=("half_fist", ""), weight=1.2
    ),
    "think": ArmPose(
        goals=(touch("near", "jaw.near", (-0.5, 0.9, -0.2), part="fingers"), touch("far",
        "elbow.near", (-1, 0.1, 0.2), gap_m=0.03)), hands=("half_fist", "flat")
    ),
    "cheek_rest": ArmPose(
        angles=FAR_HANGS, goals=(touch("near", "cheek.near", (0.3, 0.95, -0.3)),),
        hands=("relaxed", "")
    ),
    "mouth": ArmPose(
        angles=FAR_HANGS, goals=(touch("near", "mouth", (-0.8, 0.5, 0), part="fingers",
        gap_m=0.015),), weight=1.5
    ),
    "drink": ArmPose(
        angles=FAR_HANGS, goals=(touch("near", "mouth", (-0.7, 0.2, 0.6), gap_m=0.05),),
        hands=("cup", "")
    ),
    "eyes_covered": ArmPose(
        goals=both(touch("near", "eye.near", (-0.4, 0.9, 0))), hands=("flat", "flat"),
        weight=0.6
    ),
    "cheeks_both": ArmPose(
        goals=both(touch("near", "cheek.near", (0.2, 0.95, -0.2))), hands=("loose", "loose"),
        weight=0.8
    ),
    "forehead": ArmPose(angles=FAR_HANGS, goals=(touch("near", "forehead", (-0.9, 0.5, 0)),)),
    "salute": ArmPose(
        angles=FAR_HANGS, goals=(touch("near", "brow.near", (-0.9, 0.3, 0.1), part="fingers",
        gap_m=0.02, lift=30),), hands=("flat", ""), weight=0.6
    ),
    "ear": ArmPose(
        angles=FAR_HANGS, goals=(touch("near", "ear.near", (-0.2, 0.9, -0.2), part="fingers"),),
        weight=0.7
    ),
    "ears_covered": ArmPose(
        goals=both(touch("near", "ear.near", (0, 0.9, -0.3))), hands=("flat", "flat"),
        weight=0.5
    ),
    "scratch_head": ArmPose(
        angles=FAR_HANGS, goals=(touch("near", "crown.near", (-0.7, 0.1, -0.6), part="fingers",
        lift=30),)
    ),
    "hands_behind_head": ArmPose(
        goals=(touch("near", "back_of_head.near", (-0.9, 0.3, 0), gap_m=0.02, lift=45),
        touch("far", "back_of_head.far", (-0.9, 0.3, 0), gap_m=0.035, lift=45)), hands=("relaxed",
        "relaxed"), weight=1.2
    ),
    "hands_on_head": ArmPose(
        goals=(touch("near", "crown.near", (-0.9, 0, -0.3), lift=35), touch("far", "crown.far",
        (-0.9, 0, -0.3), gap_m=0.025, lift=35)), weight=0.8
    ),
    "neck": ArmPose(
        angles=FAR_HANGS, goals=(touch("near", "neck.near", (-0.9, 0, 0.1), lift=30),), weight=0.8
    ),
    "heart": ArmPose(
        angles=FAR_HANGS, goals=(touch("near", "chest.far", (-0.95, 0.3, 0)),), hands=("flat", "")
    ),
    "belly": ArmPose(
        goals=(touch("near", "belly", (-0.95, -0.1, 0)), touch("far", "navel", (-0.95, 0.1, 0),
        gap_m=0.02)), weight=0.7
    ),
    "hug_self": ArmPose(
        goals=(touch("near", "shoulder.far", (-0.7, 0.3, -0.7)), touch("far", "biceps.near",
        (-0.9, 0.3, 0), gap_m=0.02)), weight=0.6
    ),
    "shoulder": ArmPose(
        angles=FAR_HANGS, goals=(touch("near", "shoulder.far", (-0.5, 0.2, -0.8)),), weight=0.6
    ),
    "back_ache": ArmPose(
        goals=both(touch("near", "kidney.near", (-0.8, -0.5, 0))), weight=0.4,
        upright_only=True
    ),
    "hands_on_thighs": ArmPose(
        goals=both(touch("near", "thigh.near", (-0.2, -0.9, 0))), weight=1.2
    ),
    "hands_on_knees": ArmPose(goals=both(touch("near", "knee.near", (-0.2, -0.9, 0)))),
    "guitar": ArmPose(
        goals=(touch("near", "belly", (-0.9, -0.4, 0.1), part="fingers", gap_m=0.12), reach("far",
        (0.55, -0.25, 0.4), (-0.2, 0.6, -0.8), (-0.5, 0.6, 0.5), spread=(0.1, 0.1, 0.08))),
        hands=("pinch", "claw"), weight=0.8
    ),
    "to_shins": ArmPose(goals=both(touch("near", "shin.near", (-0.2, -0.9, 0.1))), weight=0),
    "hug_knees": ArmPose(
        goals=(touch("near", "shin.far", (-0.9, -0.3, 0.1), part="wrist", gap_m=0.06),
        touch("far", "shin.near", (-0.9, -0.3, 0.1), part="wrist", gap_m=0.09)), weight=0
    ),
    "tie_shoe": ArmPose(
        goals=(touch("near", "ankle.near", (-0.4, -0.9, 0.2), part="fingers", gap_m=0.03),
        touch("far", "ankle.near", (-0.4, -0.9, 0.2), part="fingers", gap_m=0.03)),
        hands=("pinch", "pinch"), weight=0.25
    ),
    "hold_foot": ArmPose(
        angles=FAR_HANGS, goals=(touch("near", "foot.near", (-0.3, -0.3, 0.9), gap_m=0.02),),
        hands=("grip", ""), weight=0.3
    ),
}  # fmt: skip
