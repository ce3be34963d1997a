"""People's boxes of the images of a folder, for detectors: `read_box_labels`.

They are another detector's boxes: pseudo-labels. Confident ones count as people, doubtful ones
neither as people nor as background.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures import BoolArray, FloatArray

MIN_PERSON_SCORE = 0.5  # of the detector that made the boxes; below, a box is ignored
_FILE = "labels.npz"
_ARRAYS = ("names", "detector_boxes", "detector_scores", "detector_counts")


@dataclass(frozen=True, kw_only=True, eq=False)
class BoxLabels:
    """The boxes of one image file.

    Attributes:
        path: the image file.
        boxes_xyxy: (M, 4) float32 px.
        ignored: (M,) bool, boxes that count neither as people nor as background.
    """

    path: Path
    boxes_xyxy: FloatArray
    ignored: BoolArray


def read_box_labels(folder: Path, *, min_score: float = MIN_PERSON_SCORE) -> list[BoxLabels]:
    """Reads `labels.npz` in a folder of images.

    Its arrays: `names` (N), `detector_boxes` (M, 4) x1, y1, x2, y2 px and `detector_scores` (M) of
    all images in a row, `detector_counts` (N) boxes per image.

    Args:
        folder: folder of the images and of the file.
        min_score: minimum score of a person; boxes below it are ignored.

    Raises:
        InputError: the file is missing or broken, or its arrays do not fit each other.
    """
    path = folder / _FILE
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            names, boxes, scores, counts = (data[name] for name in _ARRAYS)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check the folder") from error
    except KeyError as error:
        raise InputError(f"{path} has no boxes of people: {error}") from error
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise InputError(f"{path} is no .npz file of plain arrays: {error}") from error
    fits = (
        counts.shape == names.shape
        and counts.dtype.kind in "iu"
        and bool((counts >= 0).all())
        and boxes.shape == (int(counts.sum()), 4)
        and scores.shape == boxes.shape[:1]
        and bool(np.isfinite(boxes).all())
    )
    if not fits:
        raise InputError(
            f"{path}: {counts.shape} counts, {boxes.shape} boxes and {scores.shape} scores of "
            f"{names.shape} images do not fit each other"
        )
    ends = np.cumsum(counts)
    return [
        BoxLabels(
            path=folder / str(name),
            boxes_xyxy=boxes[end - count : end].astype(np.float32),
            ignored=np.asarray(scores[end - count : end] < min_score),
        )
        for name, count, end in zip(names, counts.tolist(), ends.tolist(), strict=True)
    ]
