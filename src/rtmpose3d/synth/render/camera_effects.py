"""Camera effects: blur, noise, colour casts, JPEG compression, low resolution.

In: a clean (H, W, 3) uint8 BGR image and a random generator. Out: a new image of the same size.
The same generator state gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from rtmpose3d.structures.arrays import FloatArray, Image

_MIN_SIDE_PX = 16


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """Probabilities, 0 to 1, and maximum strengths of camera effects.

    Attributes:
        blur: probability of defocus.
        blur_px: maximum sigma of the defocus, px in an image 256 px high.
        motion: probability of motion blur.
        motion_px: maximum length of the motion blur, px in an image 256 px high.
        low_resolution: probability of downscaling and upscaling.
        tone: probability of a change of gamma, contrast and brightness.
        colour: probability of a colour cast and a change of saturation.
        grey: probability of a grey image.
        noise: probability of sensor noise.
        noise_levels: maximum sigma of the noise, grey levels.
        jpeg: probability of JPEG compression.
        jpeg_quality: minimum JPEG quality.
    """

    blur: float = 0.25
    blur_px: float = 1.6
    motion: float = 0.10
    motion_px: float = 9.0
    low_resolution: float = 0.15
    tone: float = 0.7
    colour: float = 0.5
    grey: float = 0.04
    noise: float = 0.4
    noise_levels: float = 14.0
    jpeg: float = 0.6
    jpeg_quality: int = 25


NO_DEGRADATION = Degradation(
    blur=0, motion=0, low_resolution=0, tone=0, colour=0, grey=0, noise=0, jpeg=0
)


def degrade(
    image: Image,
    rng: np.random.Generator,
    settings: Degradation,
    noise_rng: np.random.Generator | None = None,
) -> Image:
    """Applies random camera effects to a copy of an image.

    Args:
        image: (H, W, 3) uint8 BGR.
        rng: source of all randomness.
        settings: probabilities and strengths.
        noise_rng: separate source for the noise: the frames of a clip share all other effects.
    """
    draws = rng.random(8)
    scale = image.shape[0] / 256
    if draws[0] < settings.blur:
        sigma = scale * settings.blur_px * rng.random()
        image = _uint8(cv2.GaussianBlur(image, (0, 0), sigma)) if sigma > 0.2 else image
    if draws[1] < settings.motion:
        image = _motion_blur(image, rng, settings.motion_px * scale)
    if draws[2] < settings.low_resolution:
        image = _reduce_resolution(image, rng)
    if draws[3] < settings.tone or draws[4] < settings.colour:
        image = _shift_tone(image, rng, draws[3] < settings.tone, draws[4] < settings.colour)
    if draws[5] < settings.grey:
        image = _uint8(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR))
    if draws[6] < settings.noise:
        image = _add_noise(image, rng, settings.noise_levels, noise_rng or rng)
    if draws[7] < settings.jpeg:
        image = _compress(image, rng, settings.jpeg_quality)
    return np.ascontiguousarray(image)


def _motion_blur(image: Image, rng: np.random.Generator, max_length_px: float) -> Image:
    length = max_length_px * rng.random()
    angle = rng.uniform(0, np.pi)
    if length < 1.5:
        return image
    side = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((side, side), np.float32)
    half = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    steps = np.linspace(-1, 1, 4 * side)
    x, y = (np.round(side // 2 + steps * h).astype(int) for h in half)
    np.add.at(kernel, (y, x), 1.0)
    kernel /= kernel.sum()
    return _uint8(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE))


def _reduce_resolution(image: Image, rng: np.random.Generator) -> Image:
    height, width = image.shape[:2]
    factor = rng.uniform(0.3, 0.9)
    small = max(_MIN_SIDE_PX, round(width * factor)), max(_MIN_SIDE_PX, round(height * factor))
    down = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_NEAREST)[rng.integers(3)]
    up = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.integers(2)]
    shrunk = cv2.resize(image, small, interpolation=down)
    return _uint8(cv2.resize(shrunk, (width, height), interpolation=up))


def _shift_tone(image: Image, rng: np.random.Generator, tone: bool, colour: bool) -> Image:
    """Gamma, contrast, brightness and colour cast as one table per channel, then saturation."""
    levels = np.repeat(np.linspace(0, 1, 256)[:, None], 3, axis=1)
    if tone:
        levels = levels ** np.exp(rng.normal(0, 0.25))
        levels = (levels - 0.5) * rng.uniform(0.65, 1.25) + 0.5 + rng.normal(0, 0.06)
    if colour:
        levels = levels * (1 + rng.normal(0, 0.06, 3))
    table = (np.clip(levels, 0, 1) * 255 + 0.5).astype(np.uint8)
    toned = cv2.LUT(image, table.reshape(1, 256, 3))
    if colour:
        toned = cv2.transform(toned, _saturation(rng.uniform(0.4, 1.4)))
    return _uint8(toned)


def _saturation(factor: float) -> FloatArray:
    """(3, 3) matrix on BGR; factor 0 gives grey, 1 changes nothing."""
    luma = np.array([0.114, 0.587, 0.299])
    return np.eye(3) * factor + (1 - factor) * luma[None, :]


def _add_noise(
    image: Image, rng: np.random.Generator, max_sigma: float, noise_rng: np.random.Generator
) -> Image:
    """Gaussian noise, grey or coloured, per pixel or per block of 2 x 2 pixels."""
    sigma = max_sigma * rng.random() ** 2 + 0.5
    height, width = image.shape[:2]
    coarse = 2 if rng.random() < 0.3 else 1
    shape = -(-height // coarse), -(-width // coarse), 3 if rng.random() < 0.6 else 1
    noise = noise_rng.standard_normal(shape, np.float32) * np.float32(sigma)
    if coarse > 1:
        noise = cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
    noise = np.broadcast_to(noise.reshape(height, width, -1), image.shape)
    return _uint8(cv2.add(image, np.ascontiguousarray(noise), dtype=cv2.CV_8U))


def _compress(image: Image, rng: np.random.Generator, min_quality: int) -> Image:
    quality = int(rng.integers(min_quality, 96))
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return _uint8(decoded)


def _uint8(image: np.ndarray) -> Image:
    """Restores the type that OpenCV's annotations lose; copies nothing."""
    return np.asarray(image, np.uint8)
