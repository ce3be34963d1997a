"""Random fabrics: colours and woven, printed or plain patterns as seamless tiles.

Tiles are (256, 256, 4) uint8 RGBA.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import cv2
import numpy as np

from rtmpose3d.structures import FloatArray, UInt8Array

TILE_PX = 256
Colour = tuple[float, float, float]
"""sRGB, 0 to 1."""

# Common colours of clothes and their weights: greys, denim and earth tones dominate.
_BASICS: tuple[tuple[Colour, float], ...] = (
    ((0.05, 0.05, 0.06), 3.0),
    ((0.16, 0.16, 0.18), 2.0),
    ((0.42, 0.42, 0.44), 1.5),
    ((0.72, 0.72, 0.72), 1.2),
    ((0.94, 0.94, 0.93), 2.6),
    ((0.12, 0.16, 0.30), 2.2),
    ((0.25, 0.36, 0.55), 2.0),
    ((0.50, 0.60, 0.74), 0.9),
    ((0.62, 0.52, 0.38), 1.2),
    ((0.36, 0.26, 0.18), 1.0),
    ((0.28, 0.32, 0.22), 0.9),
    ((0.86, 0.80, 0.68), 0.9),
    ((0.55, 0.10, 0.12), 0.9),
)


def sample_colour(rng: np.random.Generator) -> Colour:
    """A random colour of clothes: about half of the time a common one, otherwise any."""
    if rng.random() < 0.55:
        probability = np.array([weight for _, weight in _BASICS])
        base = np.array(
            _BASICS[int(rng.choice(len(_BASICS), p=probability / probability.sum()))][0]
        )
        r, g, b = np.clip(base * rng.uniform(0.8, 1.2) + rng.normal(0, 0.025, 3), 0.02, 0.98)
        return float(r), float(g), float(b)
    return colorsys.hsv_to_rgb(rng.random(), rng.beta(2.2, 1.6), rng.uniform(0.18, 1.0))


def sample_tile(rng: np.random.Generator) -> UInt8Array:
    """A random fabric; plain ones are the most frequent."""
    names = list(_PATTERNS)
    probability = np.array([_PATTERNS[name][1] for name in names])
    name = names[int(rng.choice(len(names), p=probability / probability.sum()))]
    first, second = (np.array(sample_colour(rng), np.float32) for _ in range(2))
    image = _PATTERNS[name][0](rng, first, second)
    return finish(rng, image)


def finish(rng: np.random.Generator, image: FloatArray) -> UInt8Array:
    """Adds weave and wear to an image (H, W, 3) of 0 to 1; returns (H, W, 4) uint8 RGBA."""
    h, w = image.shape[:2]
    weave = 1.0 + rng.uniform(0.0, 0.07) * rng.standard_normal((h, w)).astype(np.float32)
    worn = 1.0 + rng.uniform(0.0, 0.10) * _noise(rng, 6, (w, h))
    rgba = np.full((h, w, 4), 255, np.uint8)
    rgba[..., :3] = np.clip(image * (weave * worn)[..., None] * 255.0, 0, 255)
    return rgba


def _noise(rng: np.random.Generator, cells: int, size_wh: tuple[int, int]) -> FloatArray:
    """(H, W) smooth seamless noise of unit standard deviation."""
    grid = rng.standard_normal((cells, cells)).astype(np.float32)
    wrapped = np.tile(grid, (3, 3))
    big = cv2.resize(wrapped, (size_wh[0] * 3, size_wh[1] * 3), interpolation=cv2.INTER_CUBIC)
    w, h = size_wh
    return np.array(big[h : 2 * h, w : 2 * w], np.float32)


def _axes() -> tuple[FloatArray, FloatArray]:
    """Coordinates of columns and rows, 0 to 1."""
    line = (np.arange(TILE_PX, dtype=np.float32) + 0.5) / TILE_PX
    return np.broadcast_to(line, (TILE_PX, TILE_PX)), np.broadcast_to(
        line[:, None], (TILE_PX, TILE_PX)
    )


def _blend(first: FloatArray, second: FloatArray, fraction: FloatArray) -> FloatArray:
    return first * (1.0 - fraction[..., None]) + second * fraction[..., None]


def _plain(rng: np.random.Generator, first: FloatArray, second: FloatArray) -> FloatArray:
    return np.tile(first, (TILE_PX, TILE_PX, 1))


def _stripes(rng: np.random.Generator, first: FloatArray, second: FloatArray) -> FloatArray:
    u, v = _axes()
    along = v if rng.random() < 0.7 else u
    count, width = int(rng.integers(2, 22)), rng.uniform(0.15, 0.6)
    return _blend(first, second, ((along * count) % 1.0 < width).astype(np.float32))


def _diagonal(rng: np.random.Generator, first: FloatArray, second: FloatArray) -> FloatArray:
    u, v = _axes()
    count = int(rng.integers(2, 14))
    return _blend(
        first, second, (((u + v) * count) % 1.0 < rng.uniform(0.2, 0.6)).astype(np.float32)
    )


def _checks(rng: np.random.Generator, first: FloatArray, second: FloatArray) -> FloatArray:
    u, v = _axes()
    count, width = int(rng.integers(2, 12)), rng.uniform(0.25, 0.55)
    across = ((u * count) % 1.0 < width).astype(np.float32)
    down = ((v * count) % 1.0 < width).astype(np.float32)
    return _blend(first, second, 0.5 * across + 0.5 * down)


def _tartan(rng: np.random.Generator, first: FloatArray, second: FloatArray) -> FloatArray:
    third = np.array(sample_colour(rng), np.float32)
    u, v = _axes()
    image = _checks(rng, first, second)
    count, shift = int(rng.integers(1, 5)), rng.random()
    for axis in (u, v):
        line = ((axis * count + shift) % 1.0 < 0.06).astype(np.float32)
        image = _blend(image, third, 0.8 * line)
    return image


def _dots(rng: np.random.Generator, first: FloatArray, second: FloatArray) -> FloatArray:
    u, v = _axes()
    count, radius = int(rng.integers(2, 14)), rng.uniform(0.15, 0.42)
    x, y = (u * count) % 1.0 - 0.5, (v * count) % 1.0 - 0.5
    return _blend(first, second, (np.hypot(x, y) < radius).astype(np.float32))


def _print(rng: np.random.Generator, first: FloatArray, second: FloatArray) -> FloatArray:
    """Blobs as of flowers or camouflage: thresholded noise."""
    cells = int(rng.integers(4, 26))
    field = _noise(rng, cells, (TILE_PX, TILE_PX))
    image = _blend(first, second, (field > rng.uniform(-0.3, 0.9)).astype(np.float32))
    if rng.random() < 0.6:
        third = np.array(sample_colour(rng), np.float32)
        other = _noise(rng, cells, (TILE_PX, TILE_PX))
        image = _blend(image, third, (other > rng.uniform(0.3, 1.2)).astype(np.float32))
    return image


def _denim(rng: np.random.Generator, first: FloatArray, second: FloatArray) -> FloatArray:
    blue = np.array(
        colorsys.hsv_to_rgb(
            rng.uniform(0.58, 0.64), rng.uniform(0.25, 0.65), rng.uniform(0.2, 0.75)
        )
    )
    fade = 0.18 * _noise(rng, 5, (TILE_PX, TILE_PX)) + 0.05 * _noise(rng, 64, (TILE_PX, TILE_PX))
    return np.clip(blue * (1.0 + fade[..., None]), 0, 1).astype(np.float32)


def _knit(rng: np.random.Generator, first: FloatArray, second: FloatArray) -> FloatArray:
    u, v = _axes()
    count = int(rng.integers(20, 44))
    ribs = 0.82 + 0.18 * np.abs(np.sin(np.pi * count * u)) * (
        0.7 + 0.3 * np.sin(np.pi * 2 * count * v)
    )
    return (first * ribs[..., None]).astype(np.float32)


def _blocks(rng: np.random.Generator, first: FloatArray, second: FloatArray) -> FloatArray:
    _, v = _axes()
    third = np.array(sample_colour(rng), np.float32)
    image = _blend(first, second, (v > rng.uniform(0.3, 0.7)).astype(np.float32))
    middle = rng.uniform(0.2, 0.8)
    return _blend(image, third, (np.abs(v - middle) < rng.uniform(0.02, 0.12)).astype(np.float32))


_Painter = Callable[[np.random.Generator, FloatArray, FloatArray], FloatArray]
_PATTERNS: dict[str, tuple[_Painter, float]] = {
    "plain": (_plain, 7.0),
    "stripes": (_stripes, 2.5),
    "diagonal": (_diagonal, 0.5),
    "checks": (_checks, 1.5),
    "tartan": (_tartan, 1.2),
    "dots": (_dots, 1.0),
    "print": (_print, 2.2),
    "denim": (_denim, 1.8),
    "knit": (_knit, 1.5),
    "blocks": (_blocks, 1.0),
}


def linear_rgb(colour: Colour | FloatArray) -> Colour:
    """Converts an sRGB colour to linear light, 0 to 1."""
    value = np.asarray(colour, np.float64)
    low = value / 12.92
    high = ((value + 0.055) / 1.055) ** 2.4
    r, g, b = np.where(value <= 0.04045, low, high)
    return float(r), float(g), float(b)
