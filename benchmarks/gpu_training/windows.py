"""Crops cut from canvases on the device: location, scale, rotation, flips, cuts.

A canvas is a person's image at the scale of the network's input, with room on every side, so that
a batch of crops is one bilinear sampling on the GPU. The rules are those of `crop_person`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from rtmpose3d.geometry.crop import PADDING
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.training.recipes.augmentation import GeometricAugmentation

ROOM = 1.4  # sides of a canvas relative to those of inference's crop
_UPPER_BODY, _LOWER_BODY = slice(0, 11), slice(11, 23)
_MIN_HALF_BODY_KEYPOINTS, _MIN_KEYPOINTS_LEFT = 9, 4
_CUT_SIDES = ((1, True), (1, True), (0, True), (0, False), (1, False))  # axis, beyond its end


@dataclass(frozen=True, kw_only=True, eq=False)
class People:
    """N people on canvases, all on one device.

    Attributes:
        canvases: (N, H, W, 3) uint8 BGR.
        keypoints_px: (N, K, 2) pixels of the canvas, finite.
        visible: (N, K) 1 where labelled.
        label_weight: (N, K) factor on the loss.
        relative_depth_m: (N, K), nan where unknown.
        metres_per_px: (N,) of the canvas, nan without 3D.
        boxes_xyxy: (N, 4) pixels of the canvas.
        image_xyxy: (N, 4) part of the canvas that the photograph covers.
        box_scale: (N, 2) minimum and maximum factor on the box.
    """

    canvases: Tensor
    keypoints_px: Tensor
    visible: Tensor
    label_weight: Tensor
    relative_depth_m: Tensor
    metres_per_px: Tensor
    boxes_xyxy: Tensor
    image_xyxy: Tensor
    box_scale: Tensor

    def __len__(self) -> int:
        return len(self.canvases)

    def clone(self) -> People:
        """A copy."""
        return People(**{name: value.clone() for name, value in vars(self).items()})

    def rows(self, index: Tensor) -> People:
        """Some of the people."""
        return People(**{name: value[index] for name, value in vars(self).items()})

    def to(self, device: torch.device) -> People:
        """The same on a device."""
        values = {k: v.to(device, non_blocking=True) for k, v in vars(self).items()}
        return People(**values)


def join(parts: list[People]) -> People:
    """Several groups of people as one."""
    names = vars(parts[0])
    return People(**{name: torch.cat([getattr(p, name) for p in parts]) for name in names})


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Windows of N canvases that become crops.

    Attributes:
        centre: (N, 2) px of the canvas.
        px: (N,) canvas pixels per pixel of the crop.
        angle: (N,) rotation, radians.
        flipped: (N,) bool.
        border: (N,) location of a cut along `axis`, px of the canvas; infinite on the side that is
            cut: none.
        axis: (N,) 0 or 1.
        beyond: (N,) +1 if what is larger is cut off, -1 if what is smaller.
    """

    centre: Tensor
    px: Tensor
    angle: Tensor
    flipped: Tensor
    border: Tensor
    axis: Tensor
    beyond: Tensor


def draw_windows(
    people: People, settings: GeometricAugmentation, size_wh: tuple[int, int]
) -> tuple[Windows, Tensor]:
    """Random windows, and the visibility that cuts leave."""
    count, device = len(people), people.visible.device
    box, visible, border, axis, beyond = _cut(people, settings)
    low, high = people.box_scale.unbind(dim=1)
    factor = (low + high) / 2 + _normal(count, device) * (high - low) / 2
    centre = (box[:, :2] + box[:, 2:]) / 2
    sides = (box[:, 2:] - box[:, :2]) * PADDING
    half_centre, half_sides, use = _half_body(people.keypoints_px, visible, settings)
    centre = torch.where(use[:, None], half_centre, centre)
    sides = torch.where(use[:, None], half_sides, sides)
    px = (sides / sides.new_tensor(size_wh)).amax(dim=1)
    px = torch.where(use, px, px * factor)
    shift = torch.stack([_normal(count, device) for _ in range(2)], dim=1) * settings.shift
    shift = shift * _random_mask(count, settings.shift_prob, device)[:, None]
    centre = centre + shift * px[:, None] * px.new_tensor(size_wh)
    smallest, largest = settings.scale
    px = px * ((smallest + largest) / 2 + _normal(count, device) * (largest - smallest) / 2)
    angle = _normal(count, device) * math.radians(settings.rotation_deg)
    angle = angle * _random_mask(count, settings.rotation_prob, device)
    windows = Windows(
        centre=centre,
        px=px,
        angle=angle,
        flipped=_random_mask(count, settings.flip_prob, device),
        border=border,
        axis=axis,
        beyond=beyond,
    )
    return windows, visible


def inference_windows(people: People, size_wh: tuple[int, int]) -> Windows:
    """Windows as inference cuts them."""
    box = people.boxes_xyxy
    sides = (box[:, 2:] - box[:, :2]) * PADDING
    zero = torch.zeros_like(box[:, 0])
    return Windows(
        centre=(box[:, :2] + box[:, 2:]) / 2,
        px=(sides / sides.new_tensor(size_wh)).amax(dim=1) * people.box_scale.mean(dim=1),
        angle=zero,
        flipped=zero.bool(),
        border=zero + math.inf,
        axis=zero.long(),
        beyond=zero + 1,
    )


def cut_crops(people: People, windows: Windows, size_wh: tuple[int, int]) -> Tensor:
    """(N, 3, h, w) float crops, 0 to 255; black outside the canvas and beyond cuts."""
    width, height = size_wh
    device = windows.px.device
    x = torch.arange(width, device=device, dtype=torch.float32).expand(len(people), width)
    x = torch.where(windows.flipped[:, None], width - 1 - x, x) - width / 2
    y = torch.arange(height, device=device, dtype=torch.float32) - height / 2
    cos, sin = torch.cos(windows.angle), torch.sin(windows.angle)
    cos, sin = ((v * windows.px)[:, None, None] for v in (cos, sin))
    at_x = cos * x[:, None, :] - sin * y[None, :, None] + windows.centre[:, 0, None, None]
    at_y = sin * x[:, None, :] + cos * y[None, :, None] + windows.centre[:, 1, None, None]
    high, wide = people.canvases.shape[1:3]
    grid = torch.stack([at_x * 2 / (wide - 1) - 1, at_y * 2 / (high - 1) - 1], dim=3)
    pixels = people.canvases.permute(0, 3, 1, 2).float()
    crops = functional.grid_sample(pixels, grid, align_corners=True)
    along = torch.where((windows.axis == 0)[:, None, None], at_x, at_y)
    gone = (along - windows.border[:, None, None]) * windows.beyond[:, None, None] > 0
    return crops.masked_fill(gone[:, None], 0.0)


def to_crop(points: Tensor, windows: Windows, size_wh: tuple[int, int]) -> Tensor:
    """(N, K, 2) pixels of the canvas -> pixels of the crop; left and right are not exchanged."""
    cos, sin = torch.cos(windows.angle)[:, None], torch.sin(windows.angle)[:, None]
    x, y = ((points - windows.centre[:, None]) / windows.px[:, None, None]).unbind(dim=2)
    x, y = cos * x + sin * y + size_wh[0] / 2, cos * y - sin * x + size_wh[1] / 2
    x = torch.where(windows.flipped[:, None], size_wh[0] - 1 - x, x)
    return torch.stack([x, y], dim=2)


def to_canvas(points: Tensor, windows: Windows, size_wh: tuple[int, int]) -> Tensor:
    """Inverse of `to_crop`."""
    x, y = points.unbind(dim=2)
    x = torch.where(windows.flipped[:, None], size_wh[0] - 1 - x, x)
    x, y = x - size_wh[0] / 2, y - size_wh[1] / 2
    cos, sin = torch.cos(windows.angle)[:, None], torch.sin(windows.angle)[:, None]
    rotated = torch.stack([cos * x - sin * y, sin * x + cos * y], dim=2)
    return rotated * windows.px[:, None, None] + windows.centre[:, None]


def exchange_sides(people: People, windows: Windows) -> People:
    """Left and right exchanged in the labels of flipped people."""
    flip = torch.from_numpy(WHOLEBODY.flip_index.copy()).to(windows.px.device)

    def swap(values: Tensor) -> Tensor:
        mask = windows.flipped.view(-1, *[1] * (values.dim() - 1))
        return torch.where(mask, values[:, flip], values)

    names = ("keypoints_px", "visible", "label_weight", "relative_depth_m")
    return replace(people, **{name: swap(getattr(people, name)) for name in names})


def _cut(
    people: People, settings: GeometricAugmentation
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Boxes, visibility, border, axis and direction of random cuts through people."""
    count, device = len(people), people.visible.device
    choice = torch.randint(len(_CUT_SIDES), (count,), device=device)
    axis = torch.tensor([axis for axis, _ in _CUT_SIDES], device=device)[choice]
    upper = torch.tensor([upper for _, upper in _CUT_SIDES], device=device)[choice]
    low, high = (people.boxes_xyxy.gather(1, (axis + end)[:, None])[:, 0] for end in (0, 2))
    smallest, largest = settings.cut_fraction
    share = smallest + (largest - smallest) * torch.rand(count, device=device)
    border = torch.where(upper, high - share * (high - low), low + share * (high - low))
    index = axis[:, None, None].expand(-1, people.visible.shape[1], 1)
    along = people.keypoints_px.gather(2, index)
    beyond = torch.where(upper, 1.0, -1.0)
    gone = (along[..., 0] - border[:, None]) * beyond[:, None] > 0
    left = people.visible.masked_fill(gone, 0.0)
    use = _random_mask(count, settings.cut_prob, device)
    use &= (left > 0).sum(dim=1) >= _MIN_KEYPOINTS_LEFT
    box = people.boxes_xyxy.clone()
    index = torch.where(upper, axis + 2, axis)[:, None]
    box.scatter_(1, index, torch.where(use[:, None], border[:, None], box.gather(1, index)))
    visible = torch.where(use[:, None], left, people.visible)
    return box, visible, torch.where(use, border, beyond * math.inf), axis, beyond


def _half_body(
    points: Tensor, visible: Tensor, settings: GeometricAugmentation
) -> tuple[Tensor, Tensor, Tensor]:
    """Centre and sides of the window of half a body, and where it is used."""
    count, device = len(points), points.device
    seen = visible > 0
    upper, lower = seen.clone(), seen.clone()
    upper[:, _UPPER_BODY.stop :] = False
    lower[:, : _LOWER_BODY.start] = lower[:, _LOWER_BODY.stop :] = False
    enough_upper, enough_lower = upper.sum(dim=1) >= 2, lower.sum(dim=1) >= 3
    prefer = _random_mask(count, settings.upper_body_prob, device)
    take_upper = ~enough_lower | (enough_upper & prefer)
    chosen = torch.where(take_upper[:, None], upper, lower)[..., None]
    largest = points.masked_fill(~chosen, -1e6).amax(dim=1)
    smallest = points.masked_fill(~chosen, 1e6).amin(dim=1)
    sides = (largest - smallest).clamp(min=0)
    centre = (points * chosen).sum(dim=1) / chosen.sum(dim=1).clamp(min=1)
    use = _random_mask(count, settings.half_body_prob, device) & (enough_upper | enough_lower)
    use &= (seen.sum(dim=1) >= _MIN_HALF_BODY_KEYPOINTS) & (sides > 8).all(dim=1)
    return centre, sides * settings.half_body_padding, use


def _normal(count: int, device: torch.device) -> Tensor:
    """Standard normal numbers, truncated to [-1, 1]."""
    reach = math.erf(1 / math.sqrt(2))
    uniform = (torch.rand(count, device=device) * 2 - 1) * reach
    return torch.erfinv(uniform) * math.sqrt(2)


def _random_mask(count: int, probability: float, device: torch.device) -> Tensor:
    return torch.rand(count, device=device) < probability
