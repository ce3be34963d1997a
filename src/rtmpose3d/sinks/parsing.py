"""Results from documents: JSON objects checked field by field, with errors that name the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TypeVar, cast

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera, Distortion
from rtmpose3d.geometry.axes import AXES, Axes, camera_from_axes
from rtmpose3d.geometry.distortion import DISTORTION_MODELS
from rtmpose3d.sinks.document import FORMAT, FORMAT_VERSION
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures.arrays import NumberArray
from rtmpose3d.structures.fields import PersonField, person_fields
from rtmpose3d.structures.result import PoseResult
from rtmpose3d.structures.runtime import Runtime
from rtmpose3d.untrusted import brief

Result = TypeVar("Result", bound=PoseResult)
Value = NumberArray | tuple[object, ...]

_MAX_FLOAT = 1e30  # well within float32
_MAX_INTEGER = 2**63 - 1


def result_from_dict(
    document: object, *, name: str = "the document", result_type: type[Result] = PoseResult
) -> Result:
    """The result that a document (see `result_to_dict`) describes.

    Args:
        document: as `json.load` returns it.
        name: name of the document in messages.
        result_type: `PoseResult`, or a dataclass derived from it that declares further fields.

    Returns:
        The result, without its image; null has become NaN.

    Raises:
        InputError: not of this format, of a newer version, or with a wrong field.
    """
    metadata = checked_metadata(document, name)
    people = metadata.get("people")
    if not isinstance(people, list):
        raise wrong_field(name, "people", "a list", people)
    for i, person in enumerate(people):
        if not isinstance(person, dict):
            raise wrong_field(name, f"people[{i}]", "an object", person)
    has_3d = metadata["axes"] is not None
    values = {
        field.name: _field_value(people, field, field.json_name, name)
        for field in person_fields(result_type)
        if field.json_name is not None
        and (has_3d or not field.only_3d)
        and not (field.optional and all(field.json_name not in person for person in people))
    }
    if has_3d:
        values["keypoints_camera"] = camera_from_axes(
            cast("np.ndarray", values.pop("keypoints_3d")),
            cast("Axes", metadata["axes"]),
            cast("np.ndarray", values.pop("origin_camera_m")),
        )
    return build_result(metadata, values, name, result_type)


def checked_metadata(document: object, name: str) -> dict[str, object]:
    """The document, after a check that its format, version, keypoints and axes are known.

    Raises:
        InputError: they are not; the message names the field.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(f'{name} is no result of this package: "format" is not "{FORMAT}"')
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise wrong_field(name, "version", "a whole number from 1", version)
    if version > FORMAT_VERSION:
        raise InputError(
            f"{name} has the format's version {version}; this package reads up to "
            f"{FORMAT_VERSION}; run: pip install --upgrade rtmpose3d"
        )
    if document.get("keypoint_names") != list(WHOLEBODY.keypoint_names):
        raise InputError(
            f"{name}: keypoint_names are not the {len(WHOLEBODY)} of COCO-WholeBody, in order"
        )
    axes = document.get("axes")
    if axes is not None and axes not in AXES:
        raise wrong_field(name, "axes", f"null or one of {', '.join(AXES)}", axes)
    return {**document, "axes": axes}


def build_result(
    metadata: Mapping[str, object],
    values: Mapping[str, Value],
    name: str,
    result_type: type[Result],
) -> Result:
    """A result from checked metadata and the values of its per-person fields.

    Raises:
        InputError: a field that concerns the image is wrong; the message names it.
    """
    image = metadata.get("image")
    if not isinstance(image, dict):
        raise wrong_field(name, "image", "an object", image)
    model, file = metadata.get("model"), image.get("file")
    if not isinstance(model, str):
        raise wrong_field(name, "model", "a string", model)
    if not isinstance(file, (str, type(None))):
        raise wrong_field(name, "image.file", "a string or null", file)
    path = image.get("path", file)
    if not isinstance(path, (str, type(None))):
        raise wrong_field(name, "image.path", "a string or null", path)
    facts: dict[str, object] = {
        "axes": metadata["axes"] or "z-up",
        "camera": _camera(metadata, name),
        "model": model,
        "runtime": _runtime(metadata, name),
        "image_size_wh": (_size(image, "width", name), _size(image, "height", name)),
        "source": Path(path) if path else None,
        "frame_index": metadata.get("frame_index"),
        "time_s": metadata.get("time_s"),
    }
    try:
        return result_type(**values, **facts)  # pyright: ignore[reportArgumentType] - it checks them
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def choices(values: Sequence[object], field: PersonField, name: str) -> tuple[object, ...]:
    """The value of a field of choices; none if it is null for all people.

    Raises:
        InputError: neither null nor one of the choices.
    """
    if all(value is None for value in values):
        return ()
    for i, value in enumerate(values):
        if value not in field.choices:
            where = f"people[{i}].{field.json_name}"
            raise wrong_field(name, where, f"one of {', '.join(field.choices)}", value)
    return tuple(values)


def wrong_field(name: str, field: str, expected: str, got: object) -> InputError:
    """The error of a field that holds something else than expected."""
    return InputError(f"{name}: {field}: expected {expected}, got {_short(got)}")


def _runtime(metadata: Mapping[str, object], name: str) -> Runtime | None:
    """Backend, device and precision; None where a file does not state them."""
    values = metadata.get("runtime")
    if values is None:
        return None
    if not isinstance(values, dict):
        raise wrong_field(name, "runtime", "an object or null", values)
    texts: dict[str, str] = {}
    for field in fields(Runtime):
        text = values.get(field.name, None if field.default is MISSING else field.default)
        if not isinstance(text, str):
            raise wrong_field(name, f"runtime.{field.name}", "a string", text)
        texts[field.name] = text
    return Runtime(**texts)


def _field_value(
    people: Sequence[Mapping[str, object]], field: PersonField, key: str, name: str
) -> Value:
    """One field of all people: (N, *shape) float32 or int64, or N choices."""
    if field.type == "choice":
        return choices([person.get(key) for person in people], field, name)
    dtype = np.int64 if field.type == "integer" else np.float32
    values = [
        _numbers(person.get(key), field, field.shape, f"{name}: people[{i}].{key}")
        for i, person in enumerate(people)
    ]
    return np.array(values, dtype).reshape(len(people), *field.shape)


def _numbers(
    value: object, field: PersonField, shape: tuple[int, ...], where: str
) -> float | list[object]:
    """Nested lists of numbers, checked to have the shape; null becomes NaN.

    Raises:
        InputError: another shape, or no numbers; the message names the position.
    """
    if not shape:
        return _integer(value, where) if field.type == "integer" else _number(value, where)
    if not isinstance(value, list) or len(value) != shape[0]:
        got = f"{len(value)}" if isinstance(value, list) else _short(value)
        raise InputError(f"{where}: expected a list of {shape[0]}, got {got}")
    inner = shape[1:]
    return [
        _numbers(item, field, inner, f"{where}[{i}]" if inner else where)
        for i, item in enumerate(value)
    ]


def _number(value: object, where: str) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"{where}: expected a number or null, got {_short(value)}")
    if not -_MAX_FLOAT < value < _MAX_FLOAT:
        raise InputError(f"{where}: {_short(value)} is too large for a float32")
    return float(value)


def _integer(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MAX_INTEGER:
        raise InputError(f"{where}: expected a whole number, got {_short(value)}")
    return value


def _camera(metadata: Mapping[str, object], name: str) -> Camera | None:
    camera = metadata.get("camera")
    if camera is None:
        return None
    if not isinstance(camera, dict):
        raise wrong_field(name, "camera", "an object or null", camera)
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
        source=camera.get("source", "given"),
        distortion=_distortion(camera.get("distortion"), f"{name}: camera.distortion"),
    )


def _distortion(value: object, where: str) -> Distortion | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("coefficients"), list):
        raise InputError(f"{where}: expected model and coefficients, got {_short(value)}")
    numbers = [_number(number, f"{where}.coefficients") for number in value["coefficients"]]
    model = value.get("model")
    if model not in DISTORTION_MODELS:
        raise InputError(
            f"{where}.model: expected one of {', '.join(DISTORTION_MODELS)}, got {_short(model)}"
        )
    return Distortion(coefficients=tuple(numbers), model=model)


def _size(parent: Mapping[str, object], key: str, name: str) -> int:
    value = parent.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise wrong_field(name, key, "a whole number of pixels", value)
    return value


def _short(value: object) -> str:
    text = brief(value)
    return repr(text) if isinstance(value, str) else text
