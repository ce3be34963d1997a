"""Results written to files: JSON, NPZ, CSV, or an image; the file's ending says which.

Each is made in memory first and then written through `atomic_write`, so that a file is there whole
or not at all, also on a full disk.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.sinks.document import (
    FORMAT,
    FORMAT_VERSION,
    M_DECIMALS,
    PX_DECIMALS,
    SCORE_DECIMALS,
    meta_of,
    result_to_dict,
)
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.structures.result import PoseResult

JPEG_QUALITY = 92


def save_result(result: PoseResult, path: str | Path) -> Path:
    """Write the result of one image to a file.

    Args:
        result: the poses.
        path: ends with .json (see `result_to_dict`), .npz (exact arrays, and `meta`, a JSON
            string), .csv (a row per person and keypoint, columns as `to_dataframe`), or .jpg,
            .jpeg, .png or .webp (the image that `plot` draws). Its folder must exist.

    Returns:
        The path.

    Raises:
        InputError: an ending that is not known; an image without an image to draw on.
        OutputError: the file cannot be written; what stood there is unchanged.
    """
    path = Path(path)
    encode = _ENCODERS.get(path.suffix.lower())
    if encode is None:
        raise InputError(
            f"cannot tell how to write {str(path)!r}: its ending is {path.suffix!r}; "
            f"expected one of {', '.join(FILE_ENDINGS)}"
        )
    data = encode(result)
    with atomic_write(path) as file:
        file.write(data)
    return path


def json_schema() -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of the document that `result_to_dict` makes."""
    text = files("rtmpose3d.sinks").joinpath("pose_result.schema.json").read_text("utf-8")
    return json.loads(text)


def _json(result: PoseResult) -> bytes:
    """One line per field and per person: small, and still readable and greppable."""
    document = result_to_dict(result)
    people = [_compact(person) for person in document.pop("people")]  # type: ignore[attr-defined]
    fields = [f'"{name}": {_compact(value)}' for name, value in document.items()]
    fields.append('"people": [' + ",".join(f"\n{person}" for person in people) + "]")
    return ("{" + ",\n".join(fields) + "}\n").encode("ascii")


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _npz(result: PoseResult) -> bytes:
    """All arrays of the result as they are, `keypoints_camera`, and what they mean as JSON."""
    arrays = {key: result[key] for key in result.keys()}  # noqa: SIM118 - int keys, too
    if result.keypoints_camera is not None:
        arrays["keypoints_camera"] = result.keypoints_camera
    meta = {"format": FORMAT, "version": FORMAT_VERSION, **meta_of(result)}
    meta["root_depth_source"] = list(result.root_depth_source)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, meta=np.array(json.dumps(meta, allow_nan=False)), **arrays)  # pyright: ignore[reportArgumentType] - a name is any array
    return buffer.getvalue()


def _csv(result: PoseResult) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    names = ["person", "index", "keypoint", "part", "x_px", "y_px", "score", "confidence"]
    writer.writerow([*names, "x_m", "y_m", "z_m"] if result.has_3d else names)
    keypoints_3d = result.keypoints_3d if result.has_3d else None
    for person in range(len(result)):
        for k, (name, part) in enumerate(
            zip(WHOLEBODY.keypoint_names, WHOLEBODY.part_of_keypoint, strict=True)
        ):
            row: list[object] = [person, k, name, part]
            row += _cells(result.keypoints_2d[person, k], PX_DECIMALS)
            row += _cells(result.scores[person, k], SCORE_DECIMALS)
            row += _cells(result.confidence[person, k], SCORE_DECIMALS)
            if keypoints_3d is not None:
                row += _cells(keypoints_3d[person, k], M_DECIMALS)
            writer.writerow(row)
    return buffer.getvalue().encode("utf-8")


def _cells(numbers: np.ndarray | np.floating, decimals: int) -> list[str]:
    """Cells of a table; an empty one where a number is not finite."""
    return [
        f"{number:.{decimals}f}" if np.isfinite(number) else ""
        for number in np.atleast_1d(numbers).tolist()
    ]


def _image(format_name: str) -> Callable[[PoseResult], bytes]:
    def encode(result: PoseResult) -> bytes:
        buffer = io.BytesIO()
        result.plot().convert("RGB").save(buffer, format_name, quality=JPEG_QUALITY)
        return buffer.getvalue()

    return encode


_ENCODERS: dict[str, Callable[[PoseResult], bytes]] = {
    ".json": _json,
    ".npz": _npz,
    ".csv": _csv,
    ".jpg": _image("JPEG"),
    ".jpeg": _image("JPEG"),
    ".png": _image("PNG"),
    ".webp": _image("WEBP"),
}
FILE_ENDINGS: tuple[str, ...] = tuple(_ENCODERS)
