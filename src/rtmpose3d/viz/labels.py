"""Labels of people: names and colours, and positions off all faces and off each other."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rtmpose3d.structures.arrays import FloatArray
from rtmpose3d.structures.result import PoseResult
from rtmpose3d.viz.palette import RGB
from rtmpose3d.viz.text import label_size_wh

_STEPS = 6  # distances from the box that are tried, each a label's height further away
_OVER_LABEL, _OVER_FACE = 1000.0, 300.0  # cost of covering another label or a face wholly
_OTHER_SIDE, _FURTHER = 1.0, 3.0  # cost of a position that is not the preferred one
_WHITE: RGB = (255, 255, 255)
_HUE_STEP = 0.618034  # golden ratio: consecutive ids are far apart on the colour wheel


def person_name(result: PoseResult, person: int) -> str:
    """Short text for a person: `#` and the id of the track, or the index in the result."""
    return f"#{person if result.track_ids is None else int(result.track_ids[person])}"


def person_rgb(result: PoseResult, person: int) -> RGB:
    """Colour of a person's track; white without tracks."""
    return _WHITE if result.track_ids is None else track_rgb(int(result.track_ids[person]))


def track_rgb(track_id: int) -> RGB:
    """A light colour for a track, always the same for the same id."""
    hue = (0.33 + _HUE_STEP * track_id) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.55, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


@dataclass(frozen=True, kw_only=True)
class Label:
    """A label and where it is drawn.

    Attributes:
        index: index of the person.
        text: one line.
        left, top: of the tag, px.
        size_wh: of the tag, px.
        text_px: size of the font.
    """

    index: int
    text: str
    left: float
    top: float
    size_wh: tuple[int, int]
    text_px: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the tag, px."""
        width, height = self.size_wh
        return self.left, self.top, self.left + width, self.top + height


def position_labels(
    boxes: FloatArray,
    texts: Sequence[Sequence[str]],
    text_px: Sequence[float],
    image_size_wh: tuple[int, int],
    *,
    faces: FloatArray,
    centred: bool = False,
) -> list[Label]:
    """Position a label at each box, in the order of the boxes; the first have the better positions.

    Preferred is the position above the box. Where another label or a face is in the way, a label is
    next to, below or in a corner of its box, or further away; where nothing is free, it covers as
    little as possible.

    Args:
        boxes: (N, 4) px; a box that is not finite has no label.
        texts: of each box, the preferred first; a shorter one is taken where the first has no free
            position.
        text_px: size of the font for each box.
        image_size_wh: of the image, px; labels are within it.
        faces: (F, 4) px, boxes that labels should not cover.
        centred: whether labels above are centred, rather than aligned to the left edge.

    Returns:
        The labels; boxes without one are missing.
    """
    placed: list[Label] = []
    for index, box in enumerate(np.asarray(boxes, float)):
        if not np.isfinite(box).all():
            continue
        best: tuple[float, Label] | None = None
        for text in texts[index]:
            size_wh = label_size_wh(text, text_px[index])
            if size_wh[0] > image_size_wh[0] or size_wh[1] > image_size_wh[1]:
                continue
            taken = np.array([label.box for label in placed]).reshape(-1, 4)
            cost, left, top = _best_position(
                box,
                size_wh,
                image_size_wh,
                taken,
                faces,
                gap=0.15 * text_px[index],
                centred=centred,
            )
            label = Label(
                index=index,
                text=text,
                left=left,
                top=top,
                size_wh=size_wh,
                text_px=text_px[index],
            )
            if best is None or cost < best[0]:
                best = cost, label
            if cost < min(_OVER_LABEL, _OVER_FACE) / 100:  # it covers nothing
                break
        if best is not None:
            placed.append(best[1])
    return placed


def _best_position(
    box: FloatArray,
    tag_wh: tuple[int, int],
    image_size_wh: tuple[int, int],
    labels: FloatArray,
    faces: FloatArray,
    *,
    gap: float,
    centred: bool,
) -> tuple[float, float, float]:
    """Cost, left and top of the best position of a tag."""
    offers = np.array(list(_positions(box, tag_wh, gap, centred)))
    limit = np.maximum(np.subtract(image_size_wh, tag_wh), 0)
    inside = np.clip(offers[:, 1:], 0, limit)
    moved = np.abs(inside - offers[:, 1:]).sum(axis=1) / max(tag_wh)
    tags = np.hstack([inside, inside + tag_wh])
    area = float(tag_wh[0] * tag_wh[1])
    costs = (
        offers[:, 0]
        + _OTHER_SIDE * moved
        + _OVER_LABEL * _covered(tags, labels) / area
        + _OVER_FACE * _covered(tags, faces) / area
    )
    best = int(costs.argmin())
    return float(costs[best]), float(inside[best, 0]), float(inside[best, 1])


def _positions(
    box: FloatArray, tag_wh: tuple[int, int], gap: float, centred: bool
) -> Iterator[tuple[float, float, float]]:
    """Cost, left and top of positions around and in a box, also beyond the image."""
    x1, y1, x2, y2 = box.tolist()
    width, height = tag_wh
    middle = (x1 + x2 - width) / 2
    columns = [middle, x1, x2 - width] if centred else [x1, middle, x2 - width]
    rows = [y1, (y1 + y2 - height) / 2, y2 - height]
    for step in range(_STEPS):
        away, further = gap + step * (height + gap), _FURTHER * step
        for rank, x in enumerate(columns):
            yield further + 0.3 * rank, x, y1 - away - height
        for rank, y in enumerate(rows):
            yield further + _OTHER_SIDE * (1 + rank), x2 + away, y
            yield further + _OTHER_SIDE * (1.1 + rank), x1 - away - width, y
        for rank, x in enumerate(columns):
            yield further + _OTHER_SIDE * (2 + rank), x, y2 + away
    for rank, y in enumerate((y1 + gap, y2 - gap - height)):
        yield _OTHER_SIDE * (2.5 + rank), x1 + gap, y
        yield _OTHER_SIDE * (2.6 + rank), x2 - gap - width, y


def _covered(tags: FloatArray, boxes: FloatArray) -> FloatArray:
    """(P,) px, area of each tag (P, 4) within the boxes (B, 4), each box counted."""
    low = np.maximum(tags[:, None, :2], boxes[None, :, :2])
    high = np.minimum(tags[:, None, 2:], boxes[None, :, 2:])
    return np.maximum(high - low, 0).prod(axis=-1).sum(axis=-1)
