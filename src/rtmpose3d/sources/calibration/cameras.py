"""Cameras among the values of a calibration file, whatever its format.

A camera is a mapping with a matrix: OpenCV's and ROS's whole file, a table of Pose2Sim's and
anipose's TOML; or a pair of keys such as K_01 and dist_01 (EasyMocap), M1 and D1 (stereo).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Distortion
from rtmpose3d.geometry.distortion import DistortionModel
from rtmpose3d.sources.calibration.calibration import Calibration
from rtmpose3d.untrusted import brief

_MATRIX = ("cameramatrix", "matrix", "k", "intrinsicmatrix", "intrinsics", "mtx")
_DISTORTION = (
    *("distortioncoefficients", "distcoeffs", "distcoeff", "distortions", "distortion"),
    *("dist", "d"),
)
_MODELS: dict[str, DistortionModel] = {
    "plumb_bob": "opencv",
    "rational_polynomial": "opencv",
    "opencv": "opencv",
    "equidistant": "fisheye",
    "fisheye": "fisheye",
}
_NUMBERED_MATRIX = re.compile(r"(?:K|M|cameraMatrix|camera_matrix)_?(\w+)")
_NUMBERED_DISTORTION = ("dist_{}", "D{}", "D_{}", "distCoeffs{}", "distortion_coefficients{}")
_SHARED_KEYS = ("image_width", "image_height", "fisheye_model", "distortion_model")
_MAX_NUMBERS = 64  # of a matrix or of coefficients
_MAX_CAMERAS = 1000
_MAX_SIDE = 1_000_000  # px


def find_cameras(document: object, path: Path) -> dict[str, Calibration]:
    """The cameras of a file by name; at least one.

    Args:
        document: its values, as parsed.
        path: its name, for messages and as the name of a camera that has none.

    Raises:
        InputError: no camera, or one whose values are unusable.
    """
    if not isinstance(document, Mapping):
        raise InputError(f"{path}: expected named values, got {brief(document)}")
    if _value(document, _MATRIX) is not None:
        name = _text(document, ("cameraname", "name")) or path.stem
        return {name: _calibration(document, name, str(path))}
    tables = {
        str(key): value
        for key, value in document.items()
        if isinstance(value, Mapping) and _value(value, _MATRIX) is not None
    } or _numbered_cameras(document)
    if not tables:
        raise InputError(
            f"{path} has no camera: expected a 3x3 camera_matrix (OpenCV, ROS), or a table with a "
            "matrix for each camera (Pose2Sim, anipose)"
        )
    if len(tables) > _MAX_CAMERAS:
        raise InputError(f"{path} has {len(tables)} cameras, more than {_MAX_CAMERAS}")
    named = {key: _text(table, ("name", "cameraname")) or key for key, table in tables.items()}
    if len(set(named.values())) < len(named):
        named = {key: key for key in tables}
    return {
        named[key]: _calibration(table, named[key], f"{path}: {named[key]}")
        for key, table in tables.items()
    }


def _numbered_cameras(document: Mapping[object, object]) -> dict[str, Mapping[object, object]]:
    """Pairs of keys of a matrix and its distortion as tables, by what follows in the keys."""
    tables: dict[str, Mapping[object, object]] = {}
    shared = {key: document[key] for key in _SHARED_KEYS if key in document}
    for key, value in document.items():
        match = _NUMBERED_MATRIX.fullmatch(key) if isinstance(key, str) else None
        if match is None or isinstance(value, (str, int, float)):
            continue
        suffix = match.group(1)
        keys = (pattern.format(suffix) for pattern in _NUMBERED_DISTORTION)
        found = next((document[other] for other in keys if other in document), None)
        tables[suffix] = {**shared, "matrix": value, "distortion": found, "name": suffix}
    return tables


def _calibration(table: Mapping[object, object], name: str, where: str) -> Calibration:
    """The camera of one mapping."""
    matrix = _numbers(_value(table, _MATRIX), f"{where}: camera matrix")
    if matrix.size != 9:
        raise InputError(f"{where}: the camera matrix has {matrix.size} numbers, expected 3x3")
    return Calibration(
        name=name,
        matrix=matrix.reshape(3, 3),
        size_wh=_size(table, where),
        distortion=_distortion(table, where),
        origin=where,
    )


def _distortion(table: Mapping[object, object], where: str) -> Distortion | None:
    value = _value(table, _DISTORTION)
    if value is None:
        return None
    coefficients = _numbers(value, f"{where}: distortion").ravel()
    if not coefficients.any():
        return None
    try:
        return Distortion(coefficients=tuple(coefficients.tolist()), model=_model(table, where))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _model(table: Mapping[object, object], where: str) -> DistortionModel:
    if _value(table, ("fisheye", "fisheyemodel")) in (True, 1, "true", "True"):
        return "fisheye"
    stated = _text(table, ("distortionmodel",))
    if stated is None:
        return "opencv"
    if stated.lower() not in _MODELS:
        known = ", ".join(_MODELS)
        raise InputError(f"{where}: unknown distortion_model {brief(stated)!r}; known: {known}")
    return _MODELS[stated.lower()]


def _size(table: Mapping[object, object], where: str) -> tuple[int, int] | None:
    """Width and height of the images, px; None where they are not stated."""
    both = _value(table, ("size", "imagesize", "resolution"))
    sides = [_value(table, (f"image{side}", side)) for side in ("width", "height")]
    if both is None and None in sides:
        return None
    stated = sides if both is None else both
    sizes = _numbers(stated, f"{where}: image size").ravel()
    if sizes.shape != (2,) or not ((sizes >= 1) & (sizes <= _MAX_SIDE)).all() or (sizes % 1).any():
        raise InputError(f"{where}: expected width and height in whole pixels, got {brief(stated)}")
    return int(sizes[0]), int(sizes[1])


def _numbers(value: object, where: str) -> NDArray[np.float64]:
    """The numbers of a list, of lists of them, or of a matrix of OpenCV."""
    if isinstance(value, Mapping):
        value = value.get("data")
    flat: list[object] = [value]
    while any(isinstance(item, list) for item in flat) and len(flat) <= _MAX_NUMBERS:
        flat = [part for item in flat for part in (item if isinstance(item, list) else [item])]
    if len(flat) > _MAX_NUMBERS:
        raise InputError(f"{where}: more than {_MAX_NUMBERS} numbers")
    try:
        numbers = [float(item) for item in flat if not isinstance(item, bool)]  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError, OverflowError):
        numbers = []
    if len(numbers) < len(flat) or not np.isfinite(numbers).all():
        raise InputError(f"{where}: expected finite numbers, got {brief(value)}")
    return np.array(numbers, np.float64)


def _value(table: Mapping[object, object], names: tuple[str, ...]) -> object:
    """The value of the first of several keys, whatever their case and underscores."""
    plain = {
        key.replace("_", "").lower(): value for key, value in table.items() if isinstance(key, str)
    }
    return next((plain[name] for name in names if plain.get(name) is not None), None)


def _text(table: Mapping[object, object], names: tuple[str, ...]) -> str | None:
    value = _value(table, names)
    return brief(value) if isinstance(value, str) and value else None
