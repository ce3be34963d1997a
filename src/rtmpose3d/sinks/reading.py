"""Results read back from JSON and NPZ files, with their structure checked field by field."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn, cast, get_args

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.axes import AXES, Axes, camera_from_axes
from rtmpose3d.geometry.camera import Camera
from rtmpose3d.sinks.document import FORMAT, FORMAT_VERSION
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures.arrays import FloatArray
from rtmpose3d.structures.result import PoseResult, RootDepthSource

_K = len(WHOLEBODY)
# Field of a person in the document: its shape, and the array of the result that it belongs to.
_PERSON_2D: dict[str, tuple[tuple[int, ...], str]] = {
    "box_xyxy_px": ((4,), "bboxes"),
    "box_score": ((), "bbox_scores"),
    "keypoints_2d_px": ((_K, 2), "keypoints_2d"),
    "scores": ((_K,), "scores"),
    "confidence": ((_K,), "confidence"),
}
_PERSON_3D: dict[str, tuple[tuple[int, ...], str]] = {
    "keypoints_3d_m": ((_K, 3), "keypoints_3d"),
    "origin_camera_m": ((3,), "origin_camera_m"),
    "root_depth_m": ((), "root_depth_m"),
    "root_depth_std_m": ((), "root_depth_std_m"),
}
_LARGEST = 1e30  # well within float32
_SOURCES = get_args(RootDepthSource)


def load_result(path: str | Path) -> PoseResult:
    """Read a result that `save_result` wrote as .json or .npz.

    Returns:
        The result, without its image; `source` is the image's file name. From NPZ all numbers
        are exact; from JSON they are as rounded there, and null has become NaN.

    Raises:
        InputError: no such file, not one of ours, of a newer version, or damaged; the message
            names the field.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    ending = path.suffix.lower()
    if ending == ".npz":
        return _result_from_npz(data, str(path))
    if ending != ".json":
        raise InputError(f"cannot read {str(path)!r}: expected a .json or .npz file")
    try:
        document = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no valid JSON: {error}") from error
    return result_from_dict(document, name=str(path))


def result_from_dict(document: object, *, name: str = "the document") -> PoseResult:
    """The result that a document (see `result_to_dict`) describes.

    Args:
        document: as `json.load` gives it.
        name: what the messages call it.

    Raises:
        InputError: not of this format, of a newer version, or with a wrong field.
    """
    meta = _checked_meta(document, name)
    people = meta.get("people")
    if not isinstance(people, list):
        raise _wrong(name, "people", "a list", people)
    for i, person in enumerate(people):
        if not isinstance(person, dict):
            raise _wrong(name, f"people[{i}]", "an object", person)
    axes = _axes(meta, name)
    fields = _PERSON_2D if axes is None else _PERSON_2D | _PERSON_3D
    arrays = {key: _stack(people, field, shape, name) for field, (shape, key) in fields.items()}
    sources: list[object] = []
    if axes is not None:
        keypoints_3d, origin = arrays.pop("keypoints_3d"), arrays.pop("origin_camera_m")
        arrays["keypoints_camera"] = camera_from_axes(keypoints_3d, axes, origin)
        sources = [person.get("root_depth_source") for person in people]
    return _result(meta, arrays, _root_depth_source(sources, name), name)


def _result_from_npz(data: bytes, name: str) -> PoseResult:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        meta = _checked_meta(json.loads(str(arrays["meta"])), name)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name} is no result of this package: {error}") from error
    axes = _axes(meta, name)
    shapes = {key: shape for shape, key in _PERSON_2D.values()}
    if axes is not None:
        shapes |= {"keypoints_camera": (_K, 3), "root_depth_m": (), "root_depth_std_m": ()}
    people = len(arrays["bboxes"]) if "bboxes" in arrays and arrays["bboxes"].ndim else 0
    for key, shape in shapes.items():
        array = arrays.get(key)
        if array is None or array.shape != (people, *shape) or array.dtype.kind != "f":
            got = None if array is None else f"{array.dtype} {array.shape}"
            raise _wrong(name, key, f"floats of the shape {(people, *shape)}", got)
    sources = meta.get("root_depth_source")
    if not isinstance(sources, list):
        raise _wrong(name, "meta.root_depth_source", "a list", sources)
    return _result(
        meta, {key: arrays[key] for key in shapes}, _root_depth_source(sources, name), name
    )


def _checked_meta(document: object, name: str) -> dict[str, object]:
    """The document, once its format, version and keypoints are known to be ours."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(f'{name} is no result of this package: "format" is not "{FORMAT}"')
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _wrong(name, "version", "a whole number from 1", version)
    if version > FORMAT_VERSION:
        raise InputError(
            f"{name} has the format's version {version}; this package reads up to "
            f"{FORMAT_VERSION}; run: pip install --upgrade rtmpose3d"
        )
    if document.get("keypoint_names") != list(WHOLEBODY.keypoint_names):
        raise InputError(f"{name}: keypoint_names are not the {_K} of COCO-WholeBody, in order")
    return document


def _axes(meta: Mapping[str, object], name: str) -> Axes | None:
    axes = meta.get("axes")
    if axes is not None and axes not in AXES:
        raise _wrong(name, "axes", f"null or one of {', '.join(AXES)}", axes)
    return cast("Axes | None", axes)


def _result(
    meta: Mapping[str, object],
    arrays: Mapping[str, FloatArray],
    sources: tuple[RootDepthSource, ...],
    name: str,
) -> PoseResult:
    image = meta.get("image")
    if not isinstance(image, dict):
        raise _wrong(name, "image", "an object", image)
    model, file = meta.get("model"), image.get("file")
    if not isinstance(model, str):
        raise _wrong(name, "model", "a string", model)
    if not isinstance(file, (str, type(None))):
        raise _wrong(name, "image.file", "a string or null", file)
    return PoseResult(
        keypoints_2d=arrays["keypoints_2d"],
        scores=arrays["scores"],
        confidence=arrays["confidence"],
        bboxes=arrays["bboxes"],
        bbox_scores=arrays["bbox_scores"],
        keypoints_camera=arrays.get("keypoints_camera"),
        root_depth_m=arrays.get("root_depth_m"),
        root_depth_std_m=arrays.get("root_depth_std_m"),
        root_depth_source=sources,
        axes=_axes(meta, name) or "z-up",
        camera=_camera(meta, name),
        model=model,
        image_size_wh=(_size(image, "width", name), _size(image, "height", name)),
        source=Path(file) if file else None,
    )


def _camera(meta: Mapping[str, object], name: str) -> Camera | None:
    camera = meta.get("camera")
    if camera is None:
        return None
    if not isinstance(camera, dict):
        raise _wrong(name, "camera", "an object or null", camera)
    fx, fy, cx, cy = (
        _number(camera.get(key), f"{name}: camera.{key}") for key in ("fx", "fy", "cx", "cy")
    )
    return Camera(
        fx=fx,
        fy=fy,
        cx=cx,
        cy=cy,
        width=_size(camera, "width", name),
        height=_size(camera, "height", name),
    )


def _root_depth_source(sources: list[object], name: str) -> tuple[RootDepthSource, ...]:
    if all(source is None for source in sources):
        return ()
    for i, source in enumerate(sources):
        if source not in _SOURCES:
            raise _wrong(
                name, f"people[{i}].root_depth_source", f"one of {', '.join(_SOURCES)}", source
            )
    return tuple(cast("list[RootDepthSource]", sources))


def _size(parent: Mapping[str, object], key: str, name: str) -> int:
    value = parent.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _wrong(name, key, "a whole number of pixels", value)
    return value


def _stack(
    people: list[Mapping[str, object]], field: str, shape: tuple[int, ...], name: str
) -> FloatArray:
    """(N, *shape) float32 of one field of all people."""
    arrays = [
        _numbers(person.get(field), shape, f"{name}: people[{i}].{field}")
        for i, person in enumerate(people)
    ]
    return np.array(arrays, np.float32).reshape(len(people), *shape)


def _numbers(value: object, shape: tuple[int, ...], where: str) -> np.ndarray:
    """Nested lists of that shape as float64; null becomes NaN.

    Raises:
        InputError: another shape, or something that is no number; the message says where.
    """
    if not shape:
        return np.array(_number(value, where))
    if not isinstance(value, list) or len(value) != shape[0]:
        got = f"{len(value)}" if isinstance(value, list) else _short(value)
        raise InputError(f"{where}: expected a list of {shape[0]}, got {got}")
    if len(shape) == 1:
        return np.array([_number(item, where) for item in value])
    return np.array([_numbers(item, shape[1:], f"{where}[{i}]") for i, item in enumerate(value)])


def _number(value: object, where: str) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"{where}: expected a number or null, got {_short(value)}")
    if not -_LARGEST < value < _LARGEST:
        raise InputError(f"{where}: {_short(value)} is too large for a float32")
    return float(value)


def _wrong(name: str, field: str, expected: str, got: object) -> InputError:
    return InputError(f"{name}: {field}: expected {expected}, got {_short(got)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON; numbers that are not finite are null")
