"""Chart of the 133 keypoints with their numbers, for the documentation."""

from __future__ import annotations

import numpy as np

from rtmpose3d.skeletons import WHOLEBODY, Part, Side
from rtmpose3d.structures.arrays import FloatArray, Image
from rtmpose3d.viz.capsules import capsules, concatenate, outlined, paint_capsules
from rtmpose3d.viz.palette import KEYPOINT_RGB, OUTLINE, PART_COLOURS, RGB, mix
from rtmpose3d.viz.skeleton_lines import LINKS, add_neck
from rtmpose3d.viz.synthetic_person import standing_person
from rtmpose3d.viz.text import draw_text, text_size_wh

_SIZE_WH = (2400, 1840)
_PAPER_BGR = (255, 252, 250)
_INK: RGB = (40, 46, 58)
_MUTED: RGB = (110, 118, 132)
_FACE_PARTS = (
    *("jaw 23-39", "right brow 40-44", "left brow 45-49", "nose 50-58", "right eye 59-64"),
    *("left eye 65-70", "outer lips 71-82", "inner lips 83-90"),
)
_FINGERS = ("thumb", "forefinger", "middle finger", "ring finger", "pinky finger")
_LIPS = slice(23 + 48, 23 + 68)
_PANELS: dict[tuple[Part, ...], tuple[str, tuple[float, float, float, float], float, float]] = {
    # parts: title; panel (left, top, right, bottom), px; radius of a line, px; size of numbers, px
    ("body", "feet"): ("body 0-16, feet 17-22", (40, 150, 900, 1800), 9, 28),
    ("face",): ("face 23-90", (940, 150, 2360, 1120), 3.2, 22),
    ("right_hand",): ("right hand 112-132", (940, 1180, 1640, 1800), 6, 21),
    ("left_hand",): ("left hand 91-111", (1660, 1180, 2360, 1800), 6, 21),
}


def keypoint_chart() -> Image:
    """A drawing of all keypoints with their numbers: the body from the front, face and hands large.

    Returns:
        (1840, 2400, 3) uint8 BGR.
    """
    sheet = np.full((_SIZE_WH[1], _SIZE_WH[0], 3), _PAPER_BGR, np.uint8)
    draw_text(sheet, (60, 70), "The 133 keypoints of COCO-WholeBody", 46, _INK)
    _draw_legend(sheet)
    person = standing_person()
    front = np.column_stack([person[:, 0], -person[:, 2]])  # the person faces the viewer
    front[_LIPS] = _open_mouth(front[_LIPS])
    for parts, (title, panel, radius, text_px) in _PANELS.items():
        draw_text(sheet, (panel[0] + 20, panel[1] + 10), title, 32, _INK)
        _draw_panel(sheet, front, parts, panel, radius, text_px)
    for line, text in enumerate(_FACE_PARTS):
        draw_text(sheet, (960, 225 + 38 * line), text, 24, _MUTED)
    return sheet


def _draw_legend(sheet: Image) -> None:
    x = 2340.0
    sides: tuple[Side, ...] = ("left", "right")
    for side in sides:
        text = f"the person's {side}"
        draw_text(sheet, (x, 72), text, 30, _MUTED, anchor="right")
        x -= text_size_wh(text, 30)[0] + 28
        dot = np.array([[x, 72.0]])
        paint_capsules(sheet, outlined(capsules(dot, dot, 13, PART_COLOURS["body", side]), 2))
        x -= 50


def _open_mouth(lips: FloatArray) -> FloatArray:
    """The 20 points of the lips, opened so that the numbers of the inner ones fit."""
    stretch = np.where(np.arange(20) < 12, 1.75, 3.6)
    middle = lips.mean(axis=0)
    return middle + (lips - middle) * np.column_stack([np.ones(20), stretch])


def _draw_panel(
    sheet: Image,
    front: FloatArray,
    parts: tuple[Part, ...],
    panel: tuple[float, float, float, float],
    radius: float,
    text_px: float,
) -> None:
    """Draw parts of the body with their numbers, as large as fits.

    Args:
        sheet: drawn on in place.
        front: (133, 2) metres, x right, y down.
        parts: the parts to draw.
        panel: left, top, right, bottom, px.
        radius: of a line, px.
        text_px: size of the numbers.
    """
    members = np.concatenate([np.arange(133)[WHOLEBODY.parts[part]] for part in parts])
    points, _ = add_neck(front, np.ones(133))
    low, high = points[members].min(axis=0), points[members].max(axis=0)
    left, top, right, bottom = panel
    size = np.array([right - left - 160, bottom - top - 170])
    scale = float((size / (high - low)).min())
    middle = np.array([(left + right) / 2, (top + 60 + bottom) / 2])
    xy = middle + scale * (points - (low + high) / 2)

    drawn = np.append(members, [133, 134]) if "body" in parts else members
    lines = np.isin(LINKS.ends, drawn).all(axis=1)
    a, b = LINKS.ends[lines].T
    pale = mix(LINKS.rgb[lines], OUTLINE, np.where(LINKS.group[lines] == "face", 0.3, 0.0))
    limbs = capsules(xy[a], xy[b], radius, pale)
    dots = capsules(
        xy[members], xy[members], 1.35 * radius, mix(KEYPOINT_RGB[members], (255, 255, 255), 0.3)
    )
    paint_capsules(sheet, outlined(concatenate([limbs, dots]), 0.25 * radius + 0.5))
    for i in members.tolist():
        direction = _label_direction(i, xy)
        reach = np.array(text_size_wh(str(i), text_px)) / 2
        centre = xy[i] + direction * (1.6 * radius + 0.2 * text_px + np.abs(direction) @ reach)
        draw_text(sheet, (centre[0], centre[1]), str(i), text_px, _INK, anchor="middle")
        finger, joint = divmod(i - 92 if i < 112 else i - 113, 4)
        if i > 91 and i != 112 and joint == 3:
            name_xy = centre + direction * 1.3 * text_px
            _draw_finger_name(sheet, name_xy, direction, _FINGERS[finger], text_px)


def _draw_finger_name(
    sheet: Image, xy: FloatArray, direction: FloatArray, name: str, text_px: float
) -> None:
    """Draw the name of a finger beyond its tip, in as many lines as it has words."""
    sideways = abs(direction[0]) > 0.8
    anchor = "middle" if not sideways else "left" if direction[0] > 0 else "right"
    x = xy[0] + (0.3 * text_px * np.sign(direction[0]) if sideways else 0)
    for line, word in enumerate(name.split()):
        draw_text(sheet, (x, xy[1] + line * text_px), word, text_px, _MUTED, anchor=anchor)


def _label_direction(i: int, xy: FloatArray) -> FloatArray:
    """(2,) unit vector from a keypoint to its number, away from the lines around it."""
    face = WHOLEBODY.parts["face"].start
    if face <= i < face + 68:
        direction = _face_direction(i - face, xy[face : face + 68])
    elif i >= 91:
        root = 91 if i < 112 else 112
        direction = _hand_direction(i - root, xy[root : root + 21])
    else:
        direction = _body_direction(i)
    return direction / max(float(np.linalg.norm(direction)), 1e-9)


def _face_direction(point: int, xy: FloatArray) -> FloatArray:
    """Outwards from the eye, the lips, ...; inwards for the inner lips."""
    centres = {range(36, 42): 1.0, range(42, 48): 1.0, range(48, 60): 1.0, range(60, 68): -1.0}
    for ring, sign in centres.items():
        if point in ring:
            return sign * (xy[point] - xy[ring].mean(axis=0)) * [1.0, 2.0]
    if point < 17:
        return xy[point] - xy[27:31].mean(axis=0)
    if point < 27:
        return np.array([0.0, -1.0])
    return np.array([1.0, 0.0]) if point < 31 else np.array([0.0, 1.0])


def _hand_direction(point: int, xy: FloatArray) -> FloatArray:
    """Across the finger, towards the thumb's side for the thumb, else the other."""
    if point == 0:
        return xy[0] - xy[9]
    first = 1 + (point - 1) // 4 * 4
    if point == first + 3:
        return xy[point] - xy[point - 1]  # fingertips: beyond the tip
    along = xy[first + 3] - xy[first]
    across = np.array([along[1], -along[0]])
    thumbwards = np.sign(across @ (xy[1] - xy[17]))
    return across * thumbwards


def _body_direction(i: int) -> FloatArray:
    """Outwards from the body, but clear of crowded lines."""
    outward = 1.0 if WHOLEBODY.side_of_keypoint[i] == "left" else -1.0
    special = {
        **{0: (0.9, 0.8), 1: (0.5, -1.0), 2: (-0.5, -1.0)},  # nose and eyes
        **{9: (-1.0, 0.0), 10: (1.0, 0.0), 15: (1.0, -0.6), 16: (-1.0, -0.6)},  # wrists, ankles
    }
    toes = {17: (-0.8, 1.0), 20: (0.8, 1.0), 18: (1.0, 0.4), 21: (-1.0, 0.4)}
    heels = {19: (-1.0, -0.2), 22: (1.0, -0.2)}
    return np.array((special | toes | heels).get(i, (outward, 0.0)))
