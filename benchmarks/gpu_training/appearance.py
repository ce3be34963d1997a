"""Changes of the appearance of crops on the device: colours, loss of quality, occlusion.

The strengths are those of the recipes' augmentation, drawn for each crop.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from rtmpose3d.training.recipes.augmentation import PhotometricAugmentation

_GREY = (0.114, 0.587, 0.299)  # BGR
_RESOLUTIONS = 5  # different ones per batch
_KERNEL_PX = 13
_LUMINANCE = (  # ITU-T T.81, table K.1
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56), (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
_CHROMINANCE = (  # table K.2
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99), (47, 66, 99, 99, 99, 99, 99, 99),
    (99,) * 8, (99,) * 8, (99,) * 8, (99,) * 8,
)  # fmt: skip


def change_appearance(crops: Tensor, settings: PhotometricAugmentation) -> Tensor:
    """(N, 3, h, w) BGR crops, 0 to 255, with random changes."""
    crops = _change_colours(crops)
    loss = settings.degradation
    if loss is not None:
        crops = _apply(crops, loss.grey_prob, _grey)
        crops = _lower_resolution(crops, loss.low_resolution_prob, loss.low_resolution)
        crops = _apply(crops, settings.blur_prob + settings.median_blur_prob, _blur)
        crops = _apply(crops, loss.motion_blur_prob, _motion_blur)
        noise = loss.noise
        crops = _apply(crops, loss.noise_prob, lambda x: _add_noise(x, noise))
        quality = loss.jpeg_quality
        crops = _apply(crops, loss.jpeg_prob, lambda x: _compress(x, quality))
    crops = _occlude(crops, crops.roll(1, dims=0), settings.patch_prob, settings.dropout_size)
    black = torch.zeros_like(crops)
    return _occlude(crops, black, settings.dropout_prob, settings.dropout_size)


def _apply(crops: Tensor, fraction: float, change: Callable[[Tensor], Tensor]) -> Tensor:
    """A change of a random fraction of the crops; always as many, so that shapes stay the same."""
    count = round(fraction * len(crops))
    if not count:
        return crops
    index = torch.randperm(len(crops), device=crops.device)[:count]
    return crops.index_copy(0, index, change(crops[index]))


def _uniform(count: int, low: float, high: float, device: torch.device) -> Tensor:
    return (low + (high - low) * torch.rand(count, device=device)).view(-1, 1, 1, 1)


def _maybe(values: Tensor, probability: float, neutral: float) -> Tensor:
    use = torch.rand_like(values) < probability
    return torch.where(use, values, torch.full_like(values, neutral))


def _change_colours(crops: Tensor) -> Tensor:
    """Hue, saturation, contrast, gamma, brightness and a colour cast."""
    count, device = len(crops), crops.device
    grey = (crops * crops.new_tensor(_GREY).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    saturation = _maybe(_uniform(count, 0.4, 1.6, device), 0.6, 1.0)
    chroma = (crops - grey) * saturation
    angle = _maybe(_uniform(count, -0.35, 0.35, device), 0.4, 0.0)
    # Rotation of the chroma about the grey axis (Rodrigues, axis (1, 1, 1) / sqrt(3)).
    cos, sin = torch.cos(angle), torch.sin(angle) / math.sqrt(3)
    chroma = cos * chroma + sin * (chroma.roll(1, dims=1) - chroma.roll(-1, dims=1))
    crops = (grey + chroma).clamp(0, 255)
    gamma = _maybe(torch.exp(_uniform(count, -0.5, 0.5, device)), 0.4, 1.0)
    crops = 255 * (crops / 255).clamp(min=1e-4) ** gamma
    contrast = _maybe(_uniform(count, 0.5, 1.5, device), 0.6, 1.0)
    middle = crops.mean(dim=(1, 2, 3), keepdim=True)
    offset = _maybe(_uniform(count, -32, 32, device), 0.6, 0.0)
    cast = 1 + (torch.rand(count, 3, 1, 1, device=device) - 0.5) * 0.3
    cast = torch.where(torch.rand(count, 1, 1, 1, device=device) < 0.4, cast, torch.ones_like(cast))
    return (((crops - middle) * contrast + middle + offset) * cast).clamp(0, 255)


def _grey(crops: Tensor) -> Tensor:
    grey = (crops * crops.new_tensor(_GREY).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    return grey.expand_as(crops)


def _lower_resolution(crops: Tensor, probability: float, factors: tuple[float, float]) -> Tensor:
    size = crops.shape[2:]
    for _ in range(_RESOLUTIONS):
        factor = float(torch.empty(()).uniform_(*factors))
        small = [max(round(side * factor), 2) for side in size]

        def change(x: Tensor, small: list[int] = small) -> Tensor:
            reduced = functional.interpolate(x, small, mode="bilinear", antialias=True)
            mode = "bilinear" if torch.rand(()) < 0.7 else "nearest-exact"
            return functional.interpolate(reduced, size, mode=mode)

        crops = _apply(crops, probability / _RESOLUTIONS, change)
    return crops


def _filter(crops: Tensor, kernels: Tensor) -> Tensor:
    """Each crop filtered with a kernel (N, k, k) of its own."""
    count, channels, height, width = crops.shape
    side = kernels.shape[1]
    weight = kernels.repeat_interleave(channels, dim=0)[:, None]
    padded = functional.pad(crops, [side // 2] * 4, mode="reflect")
    images = padded.reshape(1, -1, *padded.shape[2:])
    filtered = functional.conv2d(images, weight, groups=len(weight))
    return filtered.reshape(count, channels, height, width)


def _blur(crops: Tensor) -> Tensor:
    sigma = _uniform(len(crops), 0.4, 2.5, crops.device)[:, :, 0]
    at = torch.arange(_KERNEL_PX, device=crops.device) - _KERNEL_PX // 2
    row = torch.exp(-at.square() / (2 * sigma.square()))[:, 0]
    kernels = row[:, :, None] * row[:, None, :]
    return _filter(crops, kernels / kernels.sum(dim=(1, 2), keepdim=True))


def _motion_blur(crops: Tensor) -> Tensor:
    device = crops.device
    half = _uniform(len(crops), 1.0, _KERNEL_PX / 2, device)[:, :, 0]
    angle = _uniform(len(crops), 0, math.pi, device)[:, :, 0]
    at = torch.arange(_KERNEL_PX, device=device, dtype=torch.float32) - _KERNEL_PX // 2
    x, y = at[None, None, :], at[None, :, None]
    along = x * torch.cos(angle) + y * torch.sin(angle)
    across = y * torch.cos(angle) - x * torch.sin(angle)
    kernels = (1 - across.abs()).clamp(min=0) * (half + 0.5 - along.abs()).clamp(0, 1)
    return _filter(crops, kernels / kernels.sum(dim=(1, 2), keepdim=True))


def _add_noise(crops: Tensor, highest: float) -> Tensor:
    strength = _uniform(len(crops), 0, highest, crops.device)
    return (crops + torch.randn_like(crops) * strength).clamp(0, 255)


def _cosines(device: torch.device) -> Tensor:
    """(8, 8) matrix of the discrete cosine transform."""
    n = torch.arange(8, device=device, dtype=torch.float32)
    matrix = torch.cos((2 * n[None] + 1) * n[:, None] * math.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix


def _quantise(plane: Tensor, table: tuple[tuple[int, ...], ...], scale: Tensor) -> Tensor:
    """(N, h, w) of which 8x8 blocks lose what a JPEG of this scale of its table loses."""
    count, height, width = plane.shape
    steps = ((plane.new_tensor(table) * scale.view(-1, 1, 1) + 50) / 100).floor().clamp(1, 255)
    blocks = plane.reshape(count, height // 8, 8, width // 8, 8).transpose(2, 3)
    cosines = _cosines(plane.device)
    steps = steps[:, None, None]
    rounded = (cosines @ blocks @ cosines.T / steps).round() * steps
    restored = cosines.T @ rounded @ cosines
    return restored.transpose(2, 3).reshape(count, height, width)


def _compress(crops: Tensor, quality: tuple[int, int]) -> Tensor:
    """JPEG with chroma at half the resolution. Sides must be multiples of 16."""
    q = _uniform(len(crops), *quality, crops.device).flatten().round()
    scale = torch.where(q < 50, 5000 / q, 200 - 2 * q)
    blue, green, red = crops.unbind(dim=1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    chroma = torch.stack([(blue - luma) * 0.564, (red - luma) * 0.713], dim=1)
    small = functional.avg_pool2d(chroma, 2)
    luma = _quantise(luma - 128, _LUMINANCE, scale) + 128
    planes = [_quantise(small[:, i], _CHROMINANCE, scale) for i in range(2)]
    chroma = functional.interpolate(torch.stack(planes, dim=1), scale_factor=2, mode="bilinear")
    blue, red = luma + chroma[:, 0] / 0.564, luma + chroma[:, 1] / 0.713
    green = (luma - 0.299 * red - 0.114 * blue) / 0.587
    return torch.stack([blue, green, red], dim=1).clamp(0, 255)


def _occlude(
    crops: Tensor, other: Tensor, probability: float, sizes: tuple[float, float]
) -> Tensor:
    """A rectangle of each crop replaced by that of another image."""
    count, device = len(crops), crops.device
    inside = (torch.rand(count, device=device) < probability).view(-1, 1, 1, 1)
    for axis in (2, 3):
        side = crops.shape[axis]
        length = _uniform(count, *sizes, device) * side
        start = torch.rand_like(length) * (side - length)
        at = torch.arange(side, device=device).view([-1 if i == axis else 1 for i in range(4)])
        inside = inside & (at >= start) & (at < start + length)
    return torch.where(inside, other, crops)
