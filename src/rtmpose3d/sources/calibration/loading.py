"""Loads calibration files: `load_calibration` for one camera, `load_calibrations` for all."""

from __future__ import annotations

import sys
from pathlib import Path

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.sources.calibration.calibration import Calibration
from rtmpose3d.sources.calibration.cameras import find_cameras
from rtmpose3d.untrusted import check_size, parse_json, reading
from rtmpose3d.untrusted.limits import CALIBRATION_BYTES, CALIBRATION_JSON

_WHAT = "calibration file"
_MAX_KEY_DOTS = 16  # tomllib takes quadratic time for a key of many parts
_MAX_LISTED = 20  # names of cameras in a message


def load_calibration(path: str | Path, name: str | None = None) -> Calibration:
    """Load the intrinsics of one camera.

    Args:
        path: a .yml, .yaml, .json or .toml file.
        name: of the camera; may be None if the file has one.

    Raises:
        InputError: the file is unusable, or has several cameras and none is chosen.
        UnknownNameError: it has no camera of this name.
    """
    known = load_calibrations(path)
    if name is None:
        if len(known) > 1:
            names = ", ".join(list(known)[:_MAX_LISTED])
            raise InputError(f"{path} has {len(known)} cameras; choose one by its name: {names}")
        return next(iter(known.values()))
    if name not in known:
        raise UnknownNameError(f"camera of {path}", name, list(known)[:_MAX_LISTED])
    return known[name]


def load_calibrations(path: str | Path) -> dict[str, Calibration]:
    """Load the intrinsics of all cameras of a file, by name; at least one.

    Args:
        path: a .yml, .yaml, .json or .toml file.

    Raises:
        InputError: the file is missing, of another format, damaged, too large, or has no camera.
    """
    path = Path(path).expanduser()
    return find_cameras(_read_document(path), path)


def _read_document(path: Path) -> object:
    ending = path.suffix.lower()
    if ending not in (".yml", ".yaml", ".json", ".toml"):
        hint = "; load it with cv2.FileStorage and write it as .yml" if ending == ".xml" else ""
        raise InputError(
            f"{_WHAT} {path}: expected .yml, .yaml, .json (OpenCV, ROS) or .toml (Pose2Sim, "
            f"anipose){hint}"
        )
    check_size(path, CALIBRATION_BYTES, _WHAT)
    with reading(path, _WHAT):
        text = path.read_bytes().decode("utf-8-sig")
        if ending == ".json":
            return parse_json(text, f"{_WHAT} {path}", limits=CALIBRATION_JSON)
        if ending == ".toml":
            return _parse_toml(text)
        from rtmpose3d.sources.calibration.yaml_text import parse_yaml

        return parse_yaml(text)


def _parse_toml(text: str) -> object:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # pyright: ignore[reportMissingImports]
    for line in text.splitlines():
        key = line.partition("=")[0]
        if "," not in key and key.count(".") > _MAX_KEY_DOTS:
            raise ValueError("a key has too many parts")
    return tomllib.loads(text)
