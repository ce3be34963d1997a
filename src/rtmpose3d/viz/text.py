"""Text on images, measured and drawn in Pillow's own font at any size."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from rtmpose3d.structures.arrays import Image, UInt8Array
from rtmpose3d.viz.palette import RGB

Anchor = Literal["left", "middle", "right"]
_PADDING = 0.35  # of a label, times the text's size
_CORNER = 0.35  # radius of a label's corners, times the text's size


@lru_cache(maxsize=64)
def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.load_default(size_px)
    except (ImportError, OSError):  # Pillow without FreeType has one small bitmap font
        return ImageFont.load_default()


@lru_cache(maxsize=512)
def _mask(text: str, size_px: int) -> UInt8Array:
    """(h, w) uint8, coverage of each pixel by the text; h is the height of a line."""
    font = _font(size_px)
    left, _, right, _ = font.getbbox(text)
    _, top, _, bottom = font.getbbox("Afgjl0")
    size = max(1, int(np.ceil(right - left))), max(1, int(np.ceil(bottom - top)))
    canvas = PillowImage.new("L", size)
    ImageDraw.Draw(canvas).text((-left, -top), text, fill=255, font=font)
    return np.asarray(canvas)


def text_size_wh(text: str, size_px: float) -> tuple[int, int]:
    """Width and height of a text, px."""
    height, width = _mask(text, max(1, round(size_px))).shape
    return width, height


def label_size_wh(text: str, size_px: float) -> tuple[int, int]:
    """Width and height of a label, px."""
    width, height = text_size_wh(text, size_px)
    pad = round(_PADDING * size_px)
    return width + 2 * pad, height + 2 * pad


def draw_text(
    image: Image,
    xy: tuple[float, float],
    text: str,
    size_px: float,
    rgb: RGB,
    *,
    anchor: Anchor = "left",
    opacity: float = 1.0,
) -> None:
    """Draw text onto an image, in place, clipped to the image.

    Args:
        image: (H, W, 3) uint8 BGR, changed.
        xy: px, position of the anchor, at half the height of the text.
        text: one line.
        size_px: size of the font.
        rgb: colour.
        anchor: whether xy is at the left end, the middle or the right end of the text.
        opacity: 0 to 1.
    """
    mask = _mask(text, max(1, round(size_px)))
    height, width = mask.shape
    shift = {"left": 0.0, "middle": width / 2, "right": float(width)}[anchor]
    _stamp(image, round(xy[0] - shift), round(xy[1] - height / 2), mask, rgb, opacity)


def draw_label(
    image: Image,
    left: float,
    top: float,
    text: str,
    size_px: float,
    *,
    rgb: RGB = (255, 255, 255),
    back_rgb: RGB = (18, 22, 30),
    opacity: float = 0.8,
) -> None:
    """Draw text on a rounded tag, in place, moved into the image if it fits.

    Args:
        image: (H, W, 3) uint8 BGR, changed.
        left: left edge of the tag, px.
        top: top edge of the tag, px.
        text: one line.
        size_px: size of the font.
        rgb: colour of the text.
        back_rgb: colour of the tag.
        opacity: of the tag.
    """
    width, height = label_size_wh(text, size_px)
    x = round(max(0, min(left, image.shape[1] - width)))
    y = round(max(0, min(top, image.shape[0] - height)))
    _stamp(image, x, y, _tag(width, height, max(1, round(_CORNER * size_px))), back_rgb, opacity)
    pad = round(_PADDING * size_px)
    _stamp(image, x + pad, y + pad, _mask(text, max(1, round(size_px))), rgb, 1.0)


@lru_cache(maxsize=128)
def _tag(width: int, height: int, radius: int) -> UInt8Array:
    """(height, width) uint8, a filled rounded rectangle with smooth corners."""
    finer = 4
    canvas = PillowImage.new("L", (width * finer, height * finer))
    ImageDraw.Draw(canvas).rounded_rectangle(
        (0, 0, width * finer - 1, height * finer - 1), radius * finer, fill=255
    )
    return np.asarray(canvas.resize((width, height), PillowImage.Resampling.BOX))


def _stamp(image: Image, x: int, y: int, mask: UInt8Array, rgb: RGB, opacity: float) -> None:
    """Blend a colour into an image through a mask, clipped to the image."""
    x1, y1 = max(x, 0), max(y, 0)
    x2 = min(x + mask.shape[1], image.shape[1])
    y2 = min(y + mask.shape[0], image.shape[0])
    if x1 >= x2 or y1 >= y2:
        return
    amount = mask[y1 - y : y2 - y, x1 - x : x2 - x, None] * (opacity / 255)
    view = image[y1:y2, x1:x2]
    view[:] = np.rint(view * (1 - amount) + np.asarray(rgb[::-1]) * amount)
