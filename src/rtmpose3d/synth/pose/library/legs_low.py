"""Leg poses: bending, kneeling, sitting, lying, in the terms of `pose.types`."""

from __future__ import annotations

from rtmpose3d.synth.pose.types import LegPose

LOW_LEGS: dict[str, LegPose] = {
    "bend_over": LegPose(
        family="low",
        weight=2.0,
        feet="both",
        arms=("hang_down", "to_floor", "to_shins", "hang_down"),
        angles={
            "root_pitch": (35, 80), "hip": (38, 85), "knee": (0, 40), "hip_out": (2, 18),
            "spine": (10, 60), "neck": (-40, 25),
        },
    ),
    "half_squat": LegPose(
        family="low",
        feet="both",
        angles={
            "root_pitch": (15, 45), "hip": (60, 95), "knee": (55, 90), "hip_out": (5, 24),
            "hip_twist": (-20, 0), "spine": (0, 30), "neck": (-35, 0),
        },
    ),
    "squat": LegPose(
        family="low",
        weight=1.5,
        feet="both",
        angles={
            "root_pitch": (12, 40), "hip": (105, 128), "knee": (115, 145), "hip_out": (8, 32),
            "hip_twist": (-30, 0), "spine": (10, 45), "neck": (-35, 10), "ankle": (5, 28),
        },
    ),
    "kneel_one": LegPose(
        family="low",
        weight=1.5,
        feet="near",
        angles={
            "hip.near": (75, 112), "knee.near": (80, 115), "hip_out.near": (0, 22),
            "hip.far": (-12, 25), "knee.far": (80, 115), "ankle.far": (-45, 20),
            "toes.far": (0, 50), "root_pitch": (-4, 20), "spine": (-2, 30),
        },
    ),
    "kneel": LegPose(
        family="low",
        angles={
            "hip": (-8, 25), "knee": (75, 110), "ankle": (-45, -20), "hip_out": (2, 16),
            "root_pitch": (-5, 15), "spine": (-8, 25),
        },
    ),
    "sit_on_heels": LegPose(
        family="low",
        angles={
            "root_pitch": (0, 20), "hip": (75, 98), "knee": (136, 150), "ankle": (-48, -35),
            "hip_out": (3, 18), "spine": (0, 35),
        },
    ),
    "all_fours": LegPose(
        family="low",
        weight=1.3,
        arms=("prop_down", "prop_down", "prop_one"),
        hands_free=False,
        angles={
            "root_pitch": (76, 96), "hip": (78, 104), "knee": (80, 105), "ankle": (-45, -25),
            "spine": (-12, 22), "neck": (-45, 20), "hip_out": (0, 12),
        },
    ),
    "crawl": LegPose(
        family="low",
        weight=0.6,
        arms=("prop_down", "prop_one"),
        hands_free=False,
        angles={
            "root_pitch": (78, 98), "hip.near": (95, 125), "knee.near": (85, 120),
            "hip.far": (45, 80), "knee.far": (50, 90), "ankle": (-45, -15), "spine": (-10, 25),
            "spine_side": (-20, 20), "neck": (-50, 0),
        },
    ),
    "plank": LegPose(
        family="low",
        weight=0.8,
        arms=("prop_down",),
        hands_free=False,
        angles={
            "root_pitch": (68, 84), "hip": (-5, 12), "knee": (0, 6), "ankle": (0, 20),
            "toes": (35, 60), "spine": (-8, 8), "neck": (-30, 10), "hip_out": (0, 10),
        },
    ),
    "downward_dog": LegPose(
        family="low",
        weight=0.5,
        arms=("overhead_straight",),
        hands_free=False,
        angles={
            "root_pitch": (115, 135), "hip": (70, 100), "knee": (0, 25), "ankle": (0, 25),
            "spine": (-5, 12), "neck": (-5, 25),
        },
    ),
}  # fmt: skip

SITTING_LEGS: dict[str, LegPose] = {
    "sit": LegPose(
        family="sitting",
        weight=2.5,
        angles={
            "root_pitch": (-16, 8), "hip": (72, 100), "knee": (65, 108), "hip_out": (-2, 18),
            "hip_twist": (-16, 10), "spine": (-2, 32), "neck": (-15, 25), "ankle": (-15, 15),
        },
    ),
    "sit_wide": LegPose(
        family="sitting",
        angles={
            "root_pitch": (-20, 5), "hip": (75, 98), "knee": (75, 105), "hip_out": (20, 42),
            "hip_twist": (-25, 0), "spine": (0, 45), "neck": (-20, 20),
        },
    ),
    "sit_forward": LegPose(
        family="sitting",
        angles={
            "root_pitch": (10, 38), "hip": (85, 118), "knee": (75, 105), "hip_out": (2, 25),
            "spine": (10, 50), "neck": (-35, 15),
        },
    ),
    "sit_legs_crossed": LegPose(
        family="sitting",
        weight=1.5,
        angles={
            "root_pitch": (-14, 4), "hip.near": (78, 92), "knee.near": (75, 95),
            "hip_out.near": (0, 6), "hip.far": (96, 112), "hip_out.far": (-20, -8),
            "hip_twist.far": (0, 15), "knee.far": (70, 105), "ankle.far": (-30, 5),
            "spine": (0, 26),
        },
    ),
    "sit_ankle_on_knee": LegPose(
        family="sitting",
        weight=0.8,
        angles={
            "root_pitch": (-16, 0), "hip.near": (80, 92), "knee.near": (80, 98),
            "hip_out.near": (2, 10), "hip.far": (92, 102), "hip_out.far": (32, 46),
            "hip_twist.far": (-48, -36), "knee.far": (92, 112), "spine": (0, 28),
        },
    ),
    "sit_stretched": LegPose(
        family="sitting",
        angles={
            "root_pitch": (-34, -12), "hip": (55, 82), "knee": (5, 50), "hip_out": (0, 14),
            "spine": (5, 32), "neck": (-5, 30), "ankle": (-25, 10),
        },
    ),
    "cycle": LegPose(
        family="sitting",
        weight=0.7,
        arms=("handlebar",),
        angles={
            "root_pitch": (15, 45), "hip.near": (85, 118), "knee.near": (85, 115),
            "hip.far": (50, 75), "knee.far": (25, 60), "spine": (10, 35), "neck": (-45, -15),
        },
    ),
    "sit_floor_crossed": LegPose(
        family="sitting",
        weight=1.2,
        angles={
            "root_pitch": (-12, 10), "hip.near": (94, 108), "hip.far": (100, 114),
            "hip_out": (38, 52), "hip_twist": (-48, -38), "knee": (124, 142), "spine": (5, 38),
            "ankle": (-35, -10),
        },
    ),
    "sit_floor_long": LegPose(
        family="sitting",
        angles={
            "root_pitch": (-22, 10), "hip": (72, 95), "knee": (0, 25), "hip_out": (0, 28),
            "spine": (0, 35), "ankle": (-25, 10),
        },
        arms=("prop_behind", "", "", ""),
    ),
    "sit_floor_knees_up": LegPose(
        family="sitting",
        weight=1.2,
        angles={
            "root_pitch": (-28, -4), "hip": (98, 122), "knee": (90, 130), "hip_out": (0, 20),
            "spine": (8, 42),
        },
        arms=("prop_behind", "hug_knees", "", ""),
    ),
    "sit_floor_side": LegPose(
        family="sitting",
        weight=0.8,
        angles={
            "root_roll": (-12, -4), "hip.near": (85, 105), "hip_out.near": (25, 45),
            "hip_twist.near": (-45, -25), "knee.near": (105, 135), "hip.far": (70, 90),
            "hip_out.far": (-5, 15), "hip_twist.far": (25, 44), "knee.far": (100, 130),
            "spine_side": (5, 25), "spine": (0, 22),
        },
        arms=("prop_side", "prop_side", ""),
    ),
}  # fmt: skip

LYING_LEGS: dict[str, LegPose] = {
    "lie_back": LegPose(
        family="lying",
        weight=1.5,
        angles={
            "root_pitch": (-98, -84), "hip.near": (0, 45), "knee.near": (0, 70),
            "hip.far": (0, 70), "knee.far": (0, 100), "hip_out": (0, 25), "hip_twist": (-35, 5),
            "spine": (-4, 10), "neck": (-10, 30), "neck_twist": (-50, 50), "ankle": (-35, -5),
        },
    ),
    "lie_front": LegPose(
        family="lying",
        angles={
            "root_pitch": (84, 96), "hip": (-8, 8), "knee.near": (0, 30), "knee.far": (0, 95),
            "hip_out": (2, 22), "spine": (-22, 5), "neck": (-45, 10), "neck_twist": (-70, 70),
            "ankle": (-48, -30),
        },
        arms=("prop_elbows", "", ""),
    ),
    "lie_side": LegPose(
        family="lying",
        weight=1.3,
        angles={
            "root_roll": (76, 102), "hip.near": (5, 70), "knee.near": (10, 100),
            "hip.far": (10, 85), "knee.far": (15, 105), "spine": (-5, 35),
            "spine_side": (-20, 5), "neck_side": (-25, 5), "ankle": (-35, 0),
        },
    ),
    "sit_up": LegPose(
        family="lying",
        weight=0.8,
        angles={
            "root_pitch": (-75, -30), "hip": (45, 85), "knee": (40, 110), "spine": (10, 50),
            "neck": (-5, 40), "hip_out": (0, 14),
        },
    ),
    "bridge": LegPose(
        family="lying",
        weight=0.4,
        angles={
            "root_pitch": (-128, -105), "hip": (-12, 10), "knee": (85, 110), "hip_out": (2, 14),
            "spine": (-15, 5), "neck": (10, 45), "ankle": (-5, 20),
        },
    ),
    "legs_up": LegPose(
        family="lying",
        weight=0.5,
        angles={
            "root_pitch": (-98, -82), "hip": (60, 110), "knee": (0, 95), "hip_out": (0, 30),
            "neck": (0, 40), "ankle": (-40, 10),
        },
    ),
}  # fmt: skip
