"""Figure of a result: its image with skeletons, next to the people in 3D: `draw_result`."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import cv2
import numpy as np
import PIL.Image

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.structures.arrays import Image
from rtmpose3d.structures.result import PoseResult
from rtmpose3d.viz.overlay import check_image_size, draw_2d
from rtmpose3d.viz.space import NO_PEOPLE, draw_3d
from rtmpose3d.viz.text import draw_label, label_size_wh
from rtmpose3d.zoo import default_confidence_thr

FigureView = Literal["auto", "2d", "3d", "both"]

_MIN_SIDE_PX = 720  # smaller images are enlarged, so that skeletons can be read
_MAX_SIDE_PX = 4096  # of the figure of both
_PANEL_SHAPE = (0.75, 1.0)  # width of the 3D panel, times its height
_PANEL_ALONE_WH = (960, 960)


def draw_result(
    result: PoseResult,
    *,
    image: Image | None = None,
    view: FigureView = "auto",
    confidence_thr: float | None = None,
    azimuth_deg: float | None = None,
) -> PIL.Image.Image:
    """Figure of the result of one image.

    Small images are enlarged before drawing, so lines and text stay sharp; the figure of both
    is at most 4096 pixels long.

    Args:
        result: poses of N people.
        image: (H, W, 3) uint8 BGR to draw on, instead of the one the result refers to.
        view: "2d" (on the image), "3d" (in space), "both" side by side, or "auto": both where
            there is 3D and an image, else the one that there is.
        confidence_thr: keypoints below it are not drawn; None takes the model's own, 0.3 for
            the published ones.
        azimuth_deg: side that the 3D view is seen from: 0 from behind the camera, positive from
            the right, negative from the left; None: from the right, the same side for all images.

    Returns:
        An RGB image.

    Raises:
        InputError: a 3D view of a 2D model, no image, or an image of another size than the
            one the poses are in.
        UnknownNameError: there is no such view.
    """
    if view not in get_args(FigureView):
        raise UnknownNameError("view", view, get_args(FigureView))
    if confidence_thr is None:
        confidence_thr = default_confidence_thr(result.model)
    background = result.image if image is None else image
    if view == "auto":
        view = "2d" if not result.has_3d else "3d" if background is None else "both"
    if view == "3d":
        return _pillow(
            draw_3d(result, _PANEL_ALONE_WH, confidence_thr=confidence_thr, azimuth_deg=azimuth_deg)
        )
    checked = _checked_image(background, result)
    if view == "2d":
        return _pillow(_draw_enlarged(checked, result, _enlargement(checked), confidence_thr))
    return _pillow(_side_by_side(checked, result, confidence_thr, azimuth_deg))


def _pillow(image: Image) -> PIL.Image.Image:
    return PIL.Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def _checked_image(image: Image | None, result: PoseResult) -> Image:
    if image is None:
        raise InputError(
            "the result no longer refers to its image; give it: result.plot(image=...), "
            'or look at the 3D view only: result.plot(view="3d")'
        )
    return check_image_size(image, result)


def _enlargement(image: Image) -> float:
    return max(1.0, _MIN_SIDE_PX / max(image.shape[:2]))


def _draw_enlarged(image: Image, result: PoseResult, factor: float, confidence_thr: float) -> Image:
    """The image, `factor` times as large, with its skeletons."""
    height, width = image.shape[:2]
    new_wh = max(1, round(factor * width)), max(1, round(factor * height))
    if new_wh != (width, height):
        interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        image = np.asarray(cv2.resize(image, new_wh, interpolation=interpolation), np.uint8)
        ratio = np.array(new_wh, np.float32) / (width, height)
        result = replace(
            result,
            keypoints_2d=(result.keypoints_2d + 0.5) * ratio - 0.5,
            bboxes=(result.bboxes + 0.5) * np.tile(ratio, 2) - 0.5,
            image_size_wh=new_wh,
        )
    drawn = draw_2d(image, result, confidence_thr=confidence_thr)
    if not len(result):
        text_px = float(np.clip(0.03 * min(new_wh), 10, 80))
        label_wh = label_size_wh(NO_PEOPLE, text_px)
        if label_wh[0] <= new_wh[0] and label_wh[1] <= new_wh[1]:
            draw_label(drawn, 0.6 * text_px, 0.6 * text_px, NO_PEOPLE, text_px)
    return drawn


def _side_by_side(
    image: Image, result: PoseResult, confidence_thr: float, azimuth_deg: float | None
) -> Image:
    """The image and the 3D view, of the same height."""
    height, width = image.shape[:2]
    factor = _enlargement(image)
    _, _, figure_wh = _layout(width * factor, height * factor)
    factor *= min(1.0, _MAX_SIDE_PX / max(figure_wh))
    panel_width, side, _ = _layout(width * factor, height * factor)
    factor = min(factor, (_MAX_SIDE_PX - panel_width) / width)  # next to a panel of minimum size
    left = _draw_enlarged(image, result, factor, confidence_thr)
    above = max(0, side - left.shape[0])
    framed = np.full((left.shape[0] + above, left.shape[1], 3), 255, np.uint8)
    framed[above // 2 : above // 2 + left.shape[0]] = left
    right = draw_3d(
        result,
        (panel_width, framed.shape[0]),
        confidence_thr=confidence_thr,
        azimuth_deg=azimuth_deg,
    )
    return np.hstack([framed, right])


def _layout(width: float, height: float) -> tuple[int, int, tuple[float, float]]:
    """Width of the 3D panel, height of the figure, and size of the figure, px."""
    side = max(height, _MIN_SIDE_PX / 2)
    panel = float(np.clip(width, _PANEL_SHAPE[0] * side, _PANEL_SHAPE[1] * side))
    return round(panel), round(side), (width + panel, side)
