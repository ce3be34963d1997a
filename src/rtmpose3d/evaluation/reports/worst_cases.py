"""The worst cases as an image sheet: truth and prediction side by side on each person's crop."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.matching import ComparedPeople
from rtmpose3d.evaluation.reports.tiles import GAP_PX, lay_out
from rtmpose3d.sources import load_image
from rtmpose3d.structures import FloatArray, Image, PoseResult
from rtmpose3d.viz import draw_2d
from rtmpose3d.viz.text import draw_label, draw_text

TILE_WH = (300, 400)  # of each of the two images of a case
MARGIN = 0.15  # about the person, of the box's longer side
LABEL_PX = 15
CAPTION_PX = 44
INK, QUIET = (40, 46, 58), (110, 118, 132)
MIDDLE_PX = 2  # between the two images of a case
COLUMNS = 4  # of cases
CASES = 24
MOST_MISSED = 0.5  # of the cases may be people who were not found: they show nothing of the pose


def worst_rows(errors: FloatArray, missed: np.ndarray, count: int = CASES) -> list[int]:
    """The people with the largest errors, worst first.

    Args:
        errors: (N,), larger is worse; nan for people without a figure, who are left out.
        missed: (N,) bool, people who were not found; at most half of the cases are theirs.
        count: how many.
    """
    known = np.flatnonzero(np.isfinite(errors) | missed)
    order = known[np.argsort(np.where(missed, np.inf, -errors)[known], kind="stable")].tolist()
    found = [row for row in order if not missed[row]]
    lost = [row for row in order if missed[row]]
    room = max(count - len(found), int(MOST_MISSED * count))
    lost = lost[:room]
    return lost + found[: count - len(lost)]


def draw_worst(people: ComparedPeople, rows: Sequence[int], texts: Sequence[str]) -> Image:
    """A sheet of some people, two images each: the truth left, what was found right.

    Only annotated keypoints are drawn, so that the two images can be compared.

    Args:
        people: with their images.
        rows: which of them, in the order to show.
        texts: what to write of each, e.g. its error.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        InputError: nobody, or an image that cannot be read.
    """
    tiles = [_case(people, row, text) for row, text in zip(rows, texts, strict=True)]
    columns = min(COLUMNS, max(len(tiles), 1))
    return lay_out(tiles, width_px=GAP_PX + columns * (2 * TILE_WH[0] + MIDDLE_PX + GAP_PX))


def _case(people: ComparedPeople, row: int, text: str) -> Image:
    path = people.image_paths[row]
    if path is None:
        raise InputError(f"{people.names[row]}: its image is not at hand; give --images")
    image = load_image(path)
    image_from_tile = _tile_to_image(people, row)
    tile = _warped(image, image_from_tile)
    truth = _drawn(tile, image_from_tile, people.true[row], people.annotated[row])
    draw_label(truth, 6, 6, "truth", LABEL_PX)
    found = np.isfinite(people.found[row]).all(axis=1) & people.annotated[row]
    guess = _drawn(tile, image_from_tile, people.found[row], found)
    draw_label(guess, 6, 6, "found" if found.any() else "not found", LABEL_PX)
    pair = np.hstack([truth, np.full((TILE_WH[1], MIDDLE_PX, 3), 255, np.uint8), guess])
    caption = np.full((CAPTION_PX, pair.shape[1], 3), 255, np.uint8)
    draw_text(caption, (4, 12), text, 16, INK)
    draw_text(caption, (4, 32), people.names[row], 13, QUIET)
    return np.vstack([pair, caption]).astype(np.uint8)


def _tile_to_image(people: ComparedPeople, row: int) -> FloatArray:
    """(2, 3) from pixels of the tile to pixels of the image: box and truth, with a margin."""
    box = people.boxes_xyxy[row]
    places = people.true[row][people.annotated[row]]
    low, high = box[:2], box[2:]
    if len(places):
        low, high = np.minimum(low, places.min(axis=0)), np.maximum(high, places.max(axis=0))
    size = np.maximum(high - low, 1.0) + 2 * MARGIN * float((high - low).max())
    scale = float((size / TILE_WH).max())
    corner = (low + high) / 2 - scale * np.array(TILE_WH) / 2
    return np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])


def _warped(image: Image, image_from_tile: FloatArray) -> Image:
    """The tile's part of the image; shrunk images are averaged first, against flicker."""
    factor = int(image_from_tile[0, 0])
    if factor >= 2:
        height, width = image.shape[:2]
        size = max(width // factor, 1), max(height // factor, 1)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        image_from_tile = image_from_tile * (np.array([size]).T / [[width], [height]])
    return cv2.warpAffine(
        image,
        image_from_tile,
        TILE_WH,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderValue=(70, 66, 64),
    ).astype(np.uint8)


def _drawn(
    tile: Image, image_from_tile: FloatArray, points: FloatArray, shown: np.ndarray
) -> Image:
    """The skeleton of some keypoints on the tile."""
    places = (np.nan_to_num(points) - image_from_tile[:, 2]) / image_from_tile[0, 0]
    use = places[shown]
    if not len(use):
        return tile.copy()
    box = np.concatenate([use.min(axis=0), use.max(axis=0)])
    trust = shown.astype(np.float32)[None]
    result = PoseResult(
        keypoints_2d=places.astype(np.float32)[None],
        scores=trust,
        confidence=trust,
        bboxes=box.astype(np.float32)[None],
        bbox_scores=np.ones(1, np.float32),
        image_size_wh=TILE_WH,
    )
    return draw_2d(tile, result, boxes=False, labels=False)
