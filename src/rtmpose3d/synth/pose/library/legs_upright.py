"""Leg poses: standing, walking, running, jumping, dancing, in the terms of `pose.types`."""

from __future__ import annotations

from rtmpose3d.synth.pose.types import LegPose

UPRIGHT_LEGS: dict[str, LegPose] = {
    "stand": LegPose(
        family="upright",
        weight=3.0,
        feet="both",
        angles={
            "hip": (-4, 8), "hip_out": (1, 8), "hip_twist": (-16, 4), "knee": (0, 10),
            "spine": (-6, 10), "root_roll": (-2, 2), "neck": (-12, 18),
        },
    ),
    "stand_wide": LegPose(
        family="upright",
        feet="both",
        angles={
            "hip": (-4, 10), "hip_out": (9, 24), "hip_twist": (-24, 0), "knee": (0, 18),
            "spine": (-8, 14), "neck": (-12, 18),
        },
    ),
    "stand_one_leg_loose": LegPose(
        family="upright",
        weight=2.0,
        feet="both",
        angles={
            "hip.near": (-4, 4), "hip_out.near": (-2, 5), "knee.near": (0, 5),
            "hip.far": (8, 28), "hip_out.far": (2, 16), "hip_twist.far": (-30, 5),
            "knee.far": (15, 45), "spine": (-8, 8), "spine_side": (-8, 8), "root_roll": (-5, 5),
        },
    ),
    "stand_crossed": LegPose(
        family="upright",
        weight=0.5,
        feet="near",
        angles={
            "hip.near": (-3, 3), "hip_out.near": (-2, 2), "hip.far": (6, 14),
            "hip_out.far": (-20, -12), "knee.far": (10, 25), "ankle.far": (-25, 0),
        },
    ),
    "step": LegPose(
        family="upright",
        feet="both",
        angles={
            "hip.near": (14, 32), "knee.near": (2, 22), "hip.far": (-18, -4), "knee.far": (4, 20),
            "hip_out": (-1, 8), "spine": (-4, 14), "spine_twist": (-14, 14),
        },
    ),
    "walk": LegPose(family="upright", weight=3.0, gait="walk", angles={"spine": (-2, 8)}),
    "lean_forward": LegPose(
        family="upright",
        feet="both",
        angles={
            "root_pitch": (14, 40), "hip": (18, 48), "knee": (3, 30), "hip_out": (2, 14),
            "spine": (5, 35), "neck": (-35, 12),
        },
    ),
    "lean_back": LegPose(
        family="upright",
        weight=0.4,
        feet="both",
        angles={
            "root_pitch": (-14, -4), "hip": (-14, 0), "knee": (5, 25), "spine": (-28, -8),
            "neck": (-25, 20),
        },
    ),
    "look_around": LegPose(
        family="upright",
        feet="both",
        angles={
            "hip_out": (2, 10), "hip_twist.near": (-30, 0), "hip_twist.far": (-10, 20),
            "knee": (0, 12), "spine_twist": (-42, 42), "neck_twist": (-65, 65), "spine": (-4, 12),
        },
    ),
    "stairs": LegPose(
        family="upright",
        feet="near",
        angles={
            "hip.near": (-8, 6), "knee.near": (0, 14), "hip.far": (40, 78), "knee.far": (55, 95),
            "root_pitch": (0, 16), "spine": (0, 14), "ankle.far": (-5, 15),
        },
    ),
}  # fmt: skip

ACTIVE_LEGS: dict[str, LegPose] = {
    "run": LegPose(
        family="active",
        weight=3.0,
        gait="run",
        airborne=True,
        angles={"root_pitch": (4, 16), "spine": (2, 14), "neck": (-15, 5)},
    ),
    "lunge": LegPose(
        family="active",
        weight=1.5,
        feet="near",
        angles={
            "hip.near": (60, 105), "knee.near": (55, 110), "hip.far": (-22, 8),
            "knee.far": (8, 60), "ankle.far": (-10, 25), "toes.far": (10, 50),
            "root_pitch": (-4, 25), "spine": (-8, 20), "hip_out": (0, 10),
        },
    ),
    "side_lunge": LegPose(
        family="active",
        feet="both",
        angles={
            "hip.near": (60, 100), "hip_out.near": (18, 40), "knee.near": (65, 115),
            "hip.far": (25, 50), "hip_out.far": (35, 60), "knee.far": (0, 12),
            "root_pitch": (15, 40), "spine": (5, 25), "hip_twist": (-35, -10),
        },
    ),
    "ready": LegPose(  # goalkeeper, tennis, boxing
        family="active",
        weight=1.5,
        feet="both",
        angles={
            "root_pitch": (8, 30), "hip": (25, 60), "knee": (25, 60), "hip_out": (8, 26),
            "hip_twist": (-25, 0), "spine": (5, 30), "neck": (-35, -5),
        },
    ),
    "fight": LegPose(
        family="active",
        feet="both",
        angles={
            "hip.near": (22, 40), "knee.near": (20, 45), "hip.far": (-5, 18), "knee.far": (25, 50),
            "hip_out": (6, 18), "hip_twist.far": (-45, -15), "spine": (4, 22),
            "spine_twist": (-35, 35), "neck_twist": (-30, 30),
        },
    ),
    "kick_front": LegPose(
        family="active",
        feet="near",
        angles={
            "hip.near": (-8, 8), "knee.near": (5, 25), "hip.far": (50, 118), "knee.far": (2, 50),
            "hip_out.far": (-10, 25), "ankle.far": (-40, 5), "root_pitch": (-24, 5),
            "spine": (0, 35), "spine_twist": (-25, 25),
        },
    ),
    "kick_back": LegPose(
        family="active",
        feet="near",
        angles={
            "hip.near": (5, 30), "knee.near": (5, 30), "hip.far": (-28, -8), "knee.far": (20, 110),
            "ankle.far": (-40, 0), "root_pitch": (5, 30), "spine": (-15, 20),
        },
    ),
    "kick_side": LegPose(
        family="active",
        weight=0.7,
        feet="near",
        angles={
            "hip_out.near": (-10, 12), "hip_twist.near": (-40, -10), "knee.near": (4, 25),
            "hip_out.far": (48, 78), "hip.far": (10, 50), "knee.far": (2, 60),
            "spine_side": (-30, 30), "ankle.far": (-30, 10),
        },
    ),
    "jump": LegPose(
        family="active",
        weight=1.2,
        airborne=True,
        angles={
            "hip.near": (5, 95), "knee.near": (10, 115), "hip.far": (5, 95), "knee.far": (10, 115),
            "hip_out": (0, 30), "ankle": (-45, 0), "spine": (-15, 30), "root_pitch": (-15, 25),
            "root_yaw": (-20, 20), "root_roll": (-12, 12),
        },
    ),
    "jump_star": LegPose(
        family="active",
        weight=0.7,
        airborne=True,
        angles={
            "hip_out": (22, 55), "hip": (-15, 35), "knee": (0, 40), "ankle": (-45, -10),
            "hip_twist": (-35, 0), "spine": (-25, 10), "neck": (-25, 10),
        },
    ),
    "leap": LegPose(
        family="active",
        weight=0.7,
        airborne=True,
        angles={
            "hip.near": (45, 100), "knee.near": (0, 60), "hip.far": (-28, -10), "knee.far": (0, 70),
            "ankle": (-48, -10), "spine": (-25, 12), "root_pitch": (-5, 20), "hip_out": (0, 25),
        },
    ),
    "balance": LegPose(  # arabesque, airplane
        family="active",
        weight=0.7,
        feet="near",
        angles={
            "root_pitch": (25, 75), "hip.near": (30, 78), "knee.near": (0, 20),
            "hip.far": (-28, -10), "knee.far": (0, 45), "ankle.far": (-45, -5),
            "spine": (-30, 5), "neck": (-45, 0),
        },
    ),
    "tree": LegPose(
        family="active",
        weight=0.6,
        feet="near",
        angles={
            "knee.near": (0, 5), "hip.far": (45, 80), "hip_out.far": (35, 60),
            "hip_twist.far": (-45, -20), "knee.far": (95, 135), "ankle.far": (-25, 0),
        },
    ),
    "high_knee": LegPose(
        family="active",
        feet="near",
        angles={
            "knee.near": (0, 20), "hip.near": (-10, 8), "hip.far": (70, 115), "knee.far": (70, 125),
            "hip_out.far": (-5, 25), "ankle.far": (-25, 15), "spine": (-5, 20),
        },
    ),
    "dance": LegPose(
        family="active",
        weight=1.6,
        feet="near",
        angles={
            "hip.near": (0, 35), "knee.near": (5, 50), "hip_out.near": (-5, 18),
            "hip.far": (-15, 60), "knee.far": (5, 90), "hip_out.far": (0, 40),
            "hip_twist": (-40, 10), "spine": (-20, 20), "spine_side": (-28, 28),
            "spine_twist": (-35, 35), "root_roll": (-8, 8), "ankle.far": (-40, 5),
        },
    ),
    "handstand": LegPose(
        family="active",
        weight=0.35,
        arms=("overhead_straight",),
        hands_free=False,
        angles={
            "root_pitch": (172, 188), "hip.near": (-20, 40), "hip.far": (-25, 40),
            "knee": (0, 50), "hip_out": (0, 35), "ankle": (-45, -15), "neck": (-45, -20),
            "spine": (-20, 5),
        },
    ),
}  # fmt: skip
