"""Draws the images of the documentation from a synthetic person: `python docs/make_images.py`.

Writes keypoints.png (the 133 numbered keypoints) and coordinates.png (the coordinate frames of
keypoints) to docs/images. Repeated runs on one machine give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from rtmpose3d.skeletons import HIPS
from rtmpose3d.structures.arrays import FloatArray, Image
from rtmpose3d.viz import keypoint_chart, standing_person
from rtmpose3d.viz.bodies import draw_bodies, draw_shadows, visible_bodies
from rtmpose3d.viz.capsules import capsules, paint_capsules
from rtmpose3d.viz.ground import INK, draw_arrow, draw_grid
from rtmpose3d.viz.palette import RGB
from rtmpose3d.viz.scene import View, fit_view
from rtmpose3d.viz.text import draw_text

IMAGES = Path(__file__).parent / "images"
PANEL_WH = (800, 700)
PAPER_BGR = (255, 252, 250)
QUIET: RGB = (110, 118, 132)
AXIS_RGB: tuple[RGB, RGB, RGB] = (214, 62, 54), (28, 145, 85), (40, 100, 215)
CAMERA_HEIGHT_M = 1.3
PERSON_M = (0.25, 2.6)  # right of the camera and away from it
FOCAL_LENGTH = 0.9  # of the drawn camera, times the height of its image

# Directions of each frame's x, y and z, in the world (x right, y away from the camera, z up).
FRAMES: dict[str, tuple[str, str, tuple[tuple[int, int, int], ...]]] = {
    "z-up": (
        'axes="z-up" (default)',
        "x right, y away from the camera, z up",
        ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ),
    "camera": (
        'axes="camera"',
        "x right, y down, z away from the camera (OpenCV)",
        ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    ),
    "root": (
        'axes="root"',
        "as camera, from the middle of the hips",
        ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    ),
    "rtmpose3d": (
        'axes="rtmpose3d"',
        "x left, y towards the camera, z up",
        ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    ),
}
FORMULAS = (
    ("From camera space (x, y, z):", ""),
    ("z-up", "(x, z, -y)"),
    ("camera", "(x, y, z)"),
    ("root", "(x, y, z) - middle of the hips"),
    ("rtmpose3d", "(-x, -z, -y)"),
    ("pixels", "(fx x / z + cx,  fy y / z + cy)"),
)


def coordinates_sheet() -> Image:
    """(1400, 2400, 3) uint8 BGR: the image's pixels and the four frames of 3D keypoints."""
    person = standing_person() * 0.97 + [*PERSON_M, 0.0]
    frames = {name: _frame_panel(name, person) for name in FRAMES}
    top = np.hstack([_image_panel(person), frames["camera"], frames["z-up"]])
    bottom = np.hstack([frames["root"], frames["rtmpose3d"], _formula_panel()])
    return np.vstack([top, bottom])


def _panel(title: str, subtitle: str) -> Image:
    panel = np.full((PANEL_WH[1], PANEL_WH[0], 3), PAPER_BGR, np.uint8)
    draw_text(panel, (50, 60), title, 38, (40, 46, 58))
    draw_text(panel, (50, 108), subtitle, 26, QUIET)
    return panel


def _write_into(panel: Image, part: Image) -> None:
    """Writes a drawing below a panel's two lines of text; its edges fade into the paper."""
    height, width = part.shape[:2]
    x, y = np.arange(width), np.arange(height)
    edge = np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y)[:, None])
    share = np.clip(edge / 70, 0, 1)[..., None]
    panel[panel.shape[0] - height :] = np.rint(part * share + np.array(PAPER_BGR) * (1 - share))


def _frame_panel(name: str, person: FloatArray) -> Image:
    """One frame: the camera, the person and the three axes at the frame's origin."""
    title, subtitle, directions = FRAMES[name]
    panel = _panel(title, subtitle)
    scene = np.full((PANEL_WH[1] - 130, PANEL_WH[0], 3), PAPER_BGR, np.uint8)
    camera = np.array([0.0, 0.0, CAMERA_HEIGHT_M])
    origin = person[list(HIPS)].mean(axis=0) if name == "root" else camera
    bodies = visible_bodies(person[None], np.ones((1, 133)), 0.5)
    reach = np.array([[-0.75, -0.3, 0.0], [0.9, 0.0, 2.0]])
    view = fit_view(
        np.concatenate([person, reach]),
        (scene.shape[1], scene.shape[0]),
        azimuth_deg=-52,
        elevation_deg=20,
        margin_px=45,
    )
    draw_grid(scene, view, np.array([[0.0, 0.0], PERSON_M]), 0.0, 0.8)
    draw_shadows(scene, view, bodies, 0.0)
    draw_bodies(scene, view, bodies, 0.0)  # in this view the person is behind the camera
    _draw_camera(scene, view, camera)
    for axis, direction, rgb in zip("xyz", directions, AXIS_RGB, strict=True):
        _draw_axis(scene, view, origin, 0.62 * np.array(direction), axis, rgb)
    _write_into(panel, scene)
    return panel


def _draw_axis(
    scene: Image, view: View, origin: FloatArray, step: FloatArray, name: str, rgb: RGB
) -> None:
    (a, b), _, _ = view.project(np.stack([origin, origin + step]))
    draw_arrow(scene, a, b, 3.2, rgb)
    label_xy = b + 24 * (b - a) / max(float(np.linalg.norm(b - a)), 1e-6)
    draw_text(scene, (label_xy[0], label_xy[1]), name, 34, rgb, anchor="middle")


def _draw_camera(scene: Image, view: View, position: FloatArray) -> None:
    """Draws a camera on a stand, as a pyramid that opens in its viewing direction."""
    half_width, half_height, depth = 0.22, 0.15, 0.3
    corners = np.array([[x, depth, z] for x, z in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    corners *= (half_width, 1.0, half_height)
    xy, _, _ = view.project(np.concatenate([position[None], position + corners]))
    stand, _, _ = view.project(np.array([position, [position[0], position[1], 0.0]]))
    paint_capsules(scene, capsules(stand[:1], stand[1:], 2.0, QUIET, 0.5))
    rays = capsules(np.repeat(xy[:1], 4, axis=0), xy[1:], 2.0, INK)
    rim = capsules(xy[1:], np.roll(xy[1:], -1, axis=0), 2.0, INK)
    paint_capsules(scene, rays)
    paint_capsules(scene, rim)
    middle = stand.mean(axis=0)
    draw_text(scene, (middle[0] + 14, middle[1] + 20), "camera", 24, QUIET)


def _image_panel(person: FloatArray) -> Image:
    """The image of the camera, with the origin and axes of pixel coordinates."""
    panel = _panel(
        "keypoints_2d, bboxes: pixels", "x right, y down; (0, 0) is the first pixel's middle"
    )
    left, top, width, height = 130, 190, 560, 420
    image = np.full((height, width, 3), (236, 228, 222), np.uint8)
    relative = person - [0, 0, CAMERA_HEIGHT_M]
    focal = FOCAL_LENGTH * height
    xy = np.column_stack([relative[:, 0], -relative[:, 2]]) / relative[:, 1:2] * focal
    xy += [width / 2, height / 2]
    flat = View(
        eye_from_world=np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]]),
        centre=np.array([0.0, relative[:, 1].mean(), 0.0]),
        distance_m=float(relative[:, 1].mean()),
        px_per_m=focal / float(relative[:, 1].mean()),
        centre_xy=np.array([width / 2, height / 2]),
    )
    draw_bodies(image, flat, visible_bodies(relative[None], np.ones((1, 133)), 0.5), 0.0)
    low, high = xy.min(axis=0) - 12, xy.max(axis=0) + np.array([12, 6])
    box = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
    paint_capsules(image, capsules(box, np.roll(box, -1, axis=0), 1.2, (90, 98, 112)))
    draw_text(image, (low[0], low[1] - 16), "x1, y1", 22, INK)
    draw_text(image, (high[0], min(high[1] + 4, height - 14)), " x2, y2", 22, INK)
    panel[top : top + height, left : left + width] = image
    origin = np.array([left, top], float)
    for step, name, rgb in (((200, 0), "x", AXIS_RGB[0]), ((0, 160), "y", AXIS_RGB[1])):
        draw_arrow(panel, origin, origin + step, 3.2, rgb)
        tip = origin + np.array(step) * 1.13
        draw_text(panel, (tip[0], tip[1]), name, 34, rgb, anchor="middle")
    draw_text(panel, (left - 14, top - 26), "(0, 0)", 26, INK, anchor="middle")
    draw_text(panel, (left + width / 2, top + height + 32), "width", 26, QUIET, anchor="middle")
    draw_text(panel, (left + width + 12, top + height / 2), "height", 26, QUIET)
    return panel


def _formula_panel() -> Image:
    panel = _panel("Between them", "metres; left and right are the person's own")
    for line, (name, formula) in enumerate(FORMULAS):
        y = 230 + 62 * line
        draw_text(panel, (50, y), name, 30, QUIET if formula else INK)
        draw_text(panel, (240, y), formula, 30, INK)
    return panel


def main() -> None:
    """Writes the images."""
    IMAGES.mkdir(exist_ok=True)
    for name, image in (("keypoints", keypoint_chart()), ("coordinates", coordinates_sheet())):
        path = IMAGES / f"{name}.png"
        if not cv2.imwrite(str(path), image, [cv2.IMWRITE_PNG_COMPRESSION, 9]):
            raise OSError(f"cannot write {path}")
        print(f"{path}: {image.shape[1]} x {image.shape[0]}")


if __name__ == "__main__":
    main()
