"""Arm poses that hang, swing, reach, hold or carry, in the terms of `pose.types`."""

from __future__ import annotations

from rtmpose3d.synth.pose.types import FAR_HANGS, HANG, ArmPose, both, near_only, reach

FREE_ARMS: dict[str, ArmPose] = {
    "hang": ArmPose(angles=HANG, hands=("relaxed", "relaxed"), weight=11),
    "hang_bent": ArmPose(
        angles={"arm_raise": (0, 30), "arm_plane": (10, 150), "arm_twist": (-20, 50),
        "elbow": (30, 100), "forearm": (-20, 60), "wrist": (-20, 30)}, weight=5
    ),
    "swing": ArmPose(
        angles={"arm_raise.near": (8, 40), "arm_plane.near": (0, 25), "elbow.near": (5, 75),
        "arm_raise.far": (8, 38), "arm_plane.far": (155, 180), "elbow.far": (5, 75),
        "arm_twist": (-10, 25), "forearm": (-10, 40)}, weight=2
    ),
    "loose": ArmPose(
        angles={"arm_raise": (10, 75), "arm_plane": (-10, 150), "arm_twist": (-40, 45),
        "elbow": (5, 110), "forearm": (-50, 70), "wrist": (-30, 40)}, weight=6
    ),
    "wild": ArmPose(
        angles={"arm_raise": (20, 175), "arm_plane": (-40, 170), "arm_twist": (-80, 70),
        "elbow": (0, 140), "forearm": (-75, 75), "wrist": (-45, 55), "wrist_side": (-25, 18),
        "shoulder_front": (-15, 20)}, weight=3
    ),
    "hands_folded": ArmPose(
        goals=(reach("near", (0.05, -0.72, 0.36), (-0.8, 0, -0.6), (-0.7, -0.6, 0.4)),
        reach("far", (0.03, -0.7, 0.42), (-0.6, 0, -0.8), (-0.8, -0.5, 0.2))), hands=("half_fist",
        "half_fist"), weight=1.5, both_from_one=True
    ),
    "phone_look": ArmPose(
        angles=FAR_HANGS, goals=(reach("near", (0.08, -0.28, 0.5), (-0.4, 0.5, -0.8),
        (-0.6, 0.6, 0.5), spread=(0.12, 0.15, 0.12)),), hands=("phone", ""), head="down",
        weight=1.5
    ),
    "phone_both": ArmPose(
        goals=both(reach("near", (0.07, -0.33, 0.5), (-0.7, 0.5, -0.5), (-0.4, 0.6, 0.7))),
        hands=("phone", "phone"), head="down", both_from_one=True
    ),
    "selfie": ArmPose(
        angles=FAR_HANGS, goals=(reach("near", (0.25, 0.28, 0.82), (-0.2, 0, -1),
        (-0.5, 0.8, 0.2), spread=(0.2, 0.15, 0.1)),), hands=("phone", ""), head="up", weight=0.7
    ),
    "camera": ArmPose(
        goals=both(reach("near", (0.13, 0.12, 0.36), (-0.9, 0.2, -0.3), (-0.4, 0.6, 0.7),
        spread=(0.03, 0.03, 0.06))), hands=("wide_grip", "wide_grip"), weight=0.7,
        both_from_one=True
    ),
    "shade_eyes": ArmPose(
        angles=FAR_HANGS, goals=(reach("near", (0.02, 0.36, 0.28), (0, -1, 0.2), (-1, 0, 0.2),
        spread=(0.05, 0.03, 0.04), lift=30),), hands=("flat", ""), weight=0.6
    ),
    "pray": ArmPose(
        goals=both(reach("near", (0.035, -0.22, 0.42), (-1, 0, 0), (-0.05, 0.9, 0.4),
        spread=(0, 0.1, 0.08))), hands=("flat", "flat"), both_from_one=True
    ),
    "clap": ArmPose(
        goals=both(reach("near", (0.1, -0.2, 0.55), (-0.95, 0.2, 0), (-0.3, 0.5, 0.8),
        spread=(0.08, 0.25, 0.12))), hands=("loose", "flat"), both_from_one=True
    ),
    "clasp": ArmPose(
        goals=(reach("near", (0.045, -0.3, 0.48), (-1, 0, -0.1), (-0.5, 0.5, 0.7),
        spread=(0.01, 0.25, 0.12)), reach("far", (0.045, -0.29, 0.49), (-1, 0, -0.1),
        (-0.5, 0.4, 0.7), spread=(0.01, 0.25, 0.12))), hands=("half_fist", "half_fist"),
        both_from_one=True
    ),
    "carry": ArmPose(
        goals=both(reach("near", (0.27, -0.42, 0.52), (-0.9, 0.4, 0), (-0.1, 0.1, 1),
        spread=(0.1, 0.25, 0.12))), hands=("cup", "cup"), both_from_one=True
    ),
    "hold_up": ArmPose(
        goals=both(reach("near", (0.24, 0.75, 0.3), (-0.5, 0.8, 0.2), (-0.3, 0.4, 0.5),
        spread=(0.12, 0.2, 0.25))), hands=("wide_grip", "wide_grip"), both_from_one=True
    ),
    "type": ArmPose(
        goals=both(reach("near", (0.14, -0.48, 0.62), (0, -1, 0), (-0.2, 0, 1),
        spread=(0.08, 0.1, 0.12))), hands=("loose", "loose"), head="down"
    ),
    "write": ArmPose(
        goals=(reach("near", (0.14, -0.52, 0.55), (-0.6, -0.8, 0), (-0.6, -0.1, 0.8),
        spread=(0.08, 0.08, 0.1)), reach("far", (0.18, -0.52, 0.52), (0, -1, 0), (-0.5, 0, 0.9),
        spread=(0.08, 0.08, 0.1))), hands=("pen", "flat"), head="down", weight=0.7
    ),
    "wheel": ArmPose(
        goals=both(reach("near", (0.24, -0.2, 0.72), (-0.6, -0.2, 0.8), (-0.6, 0.8, 0.2),
        spread=(0.08, 0.15, 0.1))), hands=("grip", "grip"), weight=0.7
    ),
    "handlebar": ArmPose(
        goals=both(reach("near", (0.32, -0.45, 0.78), (0, -0.9, 0.3), (-0.2, -0.2, 0.9),
        spread=(0.06, 0.12, 0.08))), hands=("grip", "grip"), weight=0
    ),
    "violin": ArmPose(
        goals=(reach("near", (0.42, 0.08, 0.55), (-0.5, 0.5, -0.7), (-0.7, 0.7, 0),
        spread=(0.08, 0.06, 0.06)), reach("far", (0.15, -0.02, 0.45), (0, -0.8, -0.5),
        (-0.9, -0.3, 0.3), spread=(0.2, 0.1, 0.1))), hands=("claw", "pinch"), weight=0.4
    ),
    "bat": ArmPose(
        goals=(reach("near", (0.3, -0.05, 0.38), (-0.8, 0, -0.4), (-0.5, 0.2, 0.8),
        spread=(0.3, 0.4, 0.2)), reach("far", (-0.22, -0.08, 0.42), (-0.8, 0, -0.4),
        (-0.5, 0.2, 0.8), spread=(0.3, 0.4, 0.2))), hands=("fist", "fist"), weight=1.2,
        both_from_one=True
    ),
    "club_down": ArmPose(
        goals=(reach("near", (0.04, -0.72, 0.5), (-1, 0, 0), (0, -0.7, 0.7),
        spread=(0.25, 0.15, 0.15)), reach("far", (0.04, -0.78, 0.52), (-1, 0, 0), (0, -0.7, 0.7),
        spread=(0.25, 0.15, 0.15))), hands=("fist", "fist"), head="down", weight=0.8,
        both_from_one=True
    ),
    "guard": ArmPose(
        goals=(reach("near", (0.13, 0.06, 0.55), (-0.9, -0.2, -0.3), (-0.2, 0.8, 0.5),
        spread=(0.08, 0.1, 0.12)), reach("far", (0.12, 0.02, 0.38), (-0.9, -0.2, -0.3),
        (-0.2, 0.8, 0.5), spread=(0.08, 0.1, 0.1))), hands=("fist", "fist"), weight=1.2
    ),
    "punch": ArmPose(
        goals=(reach("near", (0.05, 0.1, 0.95), (0, -1, 0), (-0.1, 0, 1),
        spread=(0.25, 0.25, 0.05)), reach("far", (0.13, -0.02, 0.36), (-0.9, -0.2, -0.3),
        (-0.2, 0.8, 0.5))), hands=("fist", "fist")
    ),
    "point": ArmPose(
        angles=FAR_HANGS, goals=(reach("near", (0.3, 0.15, 0.85), (-0.4, -0.9, 0), (0.2, 0.1, 1),
        spread=(0.5, 0.5, 0.2)),), hands=("point", ""), weight=1.5
    ),
    "offer": ArmPose(
        angles=FAR_HANGS, goals=(reach("near", (0.15, -0.25, 0.75), (-0.6, 0.8, 0), (0, 0.1, 1),
        spread=(0.2, 0.2, 0.12)),), hands=("flat", ""), weight=1.2
    ),
    "shake": ArmPose(
        angles=FAR_HANGS, goals=(reach("near", (0.05, -0.35, 0.72), (-1, 0, 0), (-0.1, 0.1, 1),
        spread=(0.1, 0.1, 0.08)),), hands=("loose", ""), weight=0.6
    ),
    "thumb_up": ArmPose(
        angles=FAR_HANGS, goals=(reach("near", (0.2, -0.15, 0.6), (-1, 0, 0), (-0.7, 0.1, 0.7),
        spread=(0.15, 0.2, 0.15)),), hands=("thumb_up", ""), weight=0.8
    ),
    "sign": ArmPose(
        angles=FAR_HANGS, goals=(reach("near", (0.28, 0.12, 0.5), (0, 0.1, 1), (0, 1, 0.1),
        spread=(0.15, 0.25, 0.15)),), weight=1.5
    ),
    "wave": ArmPose(
        angles=FAR_HANGS, goals=(reach("near", (0.42, 0.4, 0.3), (0, 0, 1), (0.2, 1, 0),
        spread=(0.2, 0.25, 0.2)),), hands=("spread", ""), weight=1.5
    ),
    "gesture": ArmPose(
        goals=both(reach("near", (0.25, -0.25, 0.48), (-0.6, 0.5, 0.2), (0, 0.5, 0.8),
        spread=(0.2, 0.25, 0.2))), weight=2.5
    ),
    "stop": ArmPose(
        goals=(reach("near", (0.15, 0, 0.7), (0, 0, 1), (0, 1, 0.2), spread=(0.15, 0.2, 0.15)),
        reach("far", (0.2, -0.05, 0.6), (0, 0, 1), (0, 1, 0.2), spread=(0.15, 0.2, 0.15))),
        hands=("spread", "flat"), weight=0.8
    ),
    "arms_open": ArmPose(
        angles={"arm_raise": (55, 105), "arm_plane": (50, 110), "arm_twist": (-60, 0),
        "elbow": (0, 40), "forearm": (-60, 30), "wrist": (-25, 15)}, hands=("flat", "flat"),
        weight=1.5
    ),
    "hands_up": ArmPose(
        angles={"arm_raise": (70, 120), "arm_plane": (60, 100), "arm_twist": (-95, -55),
        "elbow": (60, 115), "forearm": (-20, 40), "wrist": (-25, 10)}, hands=("spread", "spread")
    ),
    "overhead": ArmPose(
        angles={"arm_raise": (130, 176), "arm_plane": (20, 110), "arm_twist": (-70, 10),
        "elbow": (0, 70), "forearm": (-50, 60), "wrist": (-30, 30)}, weight=2
    ),
    "overhead_straight": ArmPose(
        angles={"arm_raise": (158, 178), "arm_plane": (10, 70), "arm_twist": (-60, -20),
        "elbow": (0, 10), "forearm": (-20, 50), "wrist": (-65, -30), "shrug": (5, 22)},
        hands=("flat", "flat"), weight=0.4
    ),
    "one_up": ArmPose(
        angles=near_only(arm_raise=(120, 176), arm_plane=(10, 120), arm_twist=(-60, 20),
        elbow=(0, 70), forearm=(-60, 60), wrist=(-30, 30)), weight=1.5
    ),
    "throw": ArmPose(
        angles={"arm_raise.near": (85, 130), "arm_plane.near": (90, 140),
        "arm_twist.near": (-95, -50), "elbow.near": (60, 130), "forearm.near": (-30, 60),
        "arm_raise.far": (50, 110), "arm_plane.far": (-10, 60), "elbow.far": (5, 70),
        "spine_twist": (-35, 35)}, hands=("wide_grip", ""), weight=1.2
    ),
    "biceps": ArmPose(
        angles={"arm_raise": (75, 105), "arm_plane": (75, 100), "arm_twist": (-90, -50),
        "elbow": (95, 140), "forearm": (-80, -30), "wrist": (10, 50)}, hands=("fist", "fist"),
        weight=0.5
    ),
    "archer": ArmPose(
        angles={"arm_raise.near": (82, 96), "arm_plane.near": (80, 100), "elbow.near": (0, 12),
        "arm_raise.far": (80, 96), "arm_plane.far": (60, 100), "elbow.far": (125, 148),
        "arm_twist": (-30, 20), "spine_twist": (-20, 20), "neck_twist": (-60, 60)}, hands=("grip",
        "hook"), weight=0.6
    ),
    "fly": ArmPose(
        angles={"arm_raise": (70, 100), "arm_plane": (70, 120), "arm_twist": (-30, 30),
        "elbow": (0, 15), "forearm": (-20, 70), "wrist": (-30, 30)}, weight=1.2
    ),
    "swim": ArmPose(
        angles={"arm_raise.near": (140, 176), "arm_plane.near": (0, 50), "elbow.near": (0, 30),
        "arm_raise.far": (10, 60), "arm_plane.far": (120, 180), "elbow.far": (0, 90),
        "arm_twist": (-20, 40), "forearm": (0, 60)}
    ),
    "hang_down": ArmPose(
        angles={"arm_raise": (35, 85), "arm_plane": (-15, 25), "arm_twist": (-15, 20),
        "elbow": (0, 40), "forearm": (-10, 40), "wrist": (-10, 25)}, weight=0
    ),
    "to_floor": ArmPose(
        angles={"arm_raise": (60, 110), "arm_plane": (-10, 25), "elbow": (0, 20),
        "forearm": (0, 60), "wrist": (-40, 10)}, weight=0
    ),
    "prop_down": ArmPose(
        angles={"arm_raise": (74, 96), "arm_plane": (-2, 14), "arm_twist": (-10, 20),
        "elbow": (0, 30), "forearm": (40, 75), "wrist": (-68, -50)}, hands=("flat", "flat"),
        head="up", weight=0
    ),
    "prop_one": ArmPose(
        angles={"arm_raise.near": (76, 94), "arm_plane.near": (0, 12), "elbow.near": (0, 20),
        "forearm.near": (40, 75), "wrist.near": (-68, -50), "arm_raise.far": (90, 165),
        "arm_plane.far": (0, 60), "elbow.far": (0, 60), "forearm.far": (-20, 60)}, hands=("flat",
        ""), weight=0
    ),
    "prop_behind": ArmPose(
        angles={"arm_raise": (24, 48), "arm_plane": (140, 180), "arm_twist": (-30, 0),
        "elbow": (0, 20), "forearm": (-20, 30), "wrist": (-66, -40)}, hands=("flat", "flat"),
        weight=0
    ),
    "prop_side": ArmPose(
        angles=near_only(arm_raise=(18, 42), arm_plane=(85, 140), elbow=(0, 15), forearm=(-10, 50),
        wrist=(-66, -40)), hands=("flat", ""), weight=0
    ),
    "prop_elbows": ArmPose(
        angles={"arm_raise": (78, 100), "arm_plane": (0, 20), "arm_twist": (0, 40),
        "elbow": (75, 110), "forearm": (0, 60)}, head="up", weight=0
    ),
}  # fmt: skip
