"""The result of one image as plain lists and numbers: the JSON document, version 1.

Numbers are rounded, so that files stay small and readable: pixels to 0.001, metres to 0.00001,
scores to 0.00001; reading a document back gives each number within half of that (3D within all
of it). Numbers that are not finite become null. `json_schema` describes every field.
"""

from __future__ import annotations

import os
from dataclasses import asdict

import numpy as np

from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures.arrays import NumberArray
from rtmpose3d.structures.fields import PersonField, person_fields
from rtmpose3d.structures.result import PoseResult

FORMAT = "rtmpose3d"
FORMAT_VERSION = 1


def result_to_dict(result: PoseResult) -> dict[str, object]:
    """The document of one image, as `json_schema` describes it.

    Models without 3D have null for camera and axes, and people without the fields of 3D.
    """
    values = {
        field.json_name: _person_values(result, field)
        for field in person_fields(type(result))
        if field.json_name is not None and _is_written(result, field)
    }
    people = [{name: column[i] for name, column in values.items()} for i in range(len(result))]
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        **result_metadata(result),
        "people": people,
    }


def result_metadata(result: PoseResult) -> dict[str, object]:
    """The fields of the document that concern the image, and the units and names of the rest."""
    width, height = result.image_size_wh
    units = {"keypoints_2d": "px", "boxes": "px"}
    metadata: dict[str, object] = {
        "model": result.model,
        "image": {
            "file": _file_text(result.source.name) if result.source else None,
            "path": _file_text(result.source.as_posix()) if result.source else None,
            "width": int(width),
            "height": int(height),
        },
        "camera": _camera(result),
        "axes": result.axes if result.has_3d else None,
        "runtime": None if result.runtime is None else asdict(result.runtime),
        "units": units | ({"keypoints_3d": "m"} if result.has_3d else {}),
        "keypoint_names": list(WHOLEBODY.keypoint_names),
        "parts": {name: [part.start, part.stop] for name, part in WHOLEBODY.parts.items()},
    }
    if result.frame_index is not None:
        metadata["frame_index"] = int(result.frame_index)
    if result.time_s is not None:
        metadata["time_s"] = float(result.time_s)
    return metadata


def rounded(array: NumberArray, decimals: int) -> list[object]:
    """Nested lists of rounded numbers; None where a number is not finite."""
    exact = np.asarray(array, np.float64)
    numbers = np.round(exact, decimals) + 0.0  # + 0.0 makes -0.0 a 0.0
    if np.isfinite(numbers).all():
        return numbers.tolist()
    nullable = numbers.astype(object)
    nullable[~np.isfinite(numbers)] = None
    return nullable.tolist()


def _file_text(name: str) -> str:
    """A file name as text, also where the locale has no code for its characters."""
    try:
        return os.fsencode(name).decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # it is text already
        return name


def _is_written(result: PoseResult, field: PersonField) -> bool:
    return (result.has_3d if field.only_3d else True) and (
        result.has(field) if field.optional else True
    )


def _person_values(result: PoseResult, field: PersonField) -> list[object]:
    """The value of a field for each person; null where a 3D result lacks it."""
    if not result.has(field):
        return [None] * len(result)
    values = getattr(result, field.name)
    if field.type == "float":
        return rounded(values, field.decimals)
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


def _camera(result: PoseResult) -> dict[str, object] | None:
    camera = result.camera
    if camera is None or not result.has_3d:
        return None
    lens = camera.distortion
    document: dict[str, object] = {
        "fx": float(camera.fx),
        "fy": float(camera.fy),
        "cx": float(camera.cx),
        "cy": float(camera.cy),
        "width": int(camera.width),
        "height": int(camera.height),
        "source": camera.source,
    }
    if lens is not None:
        coefficients = list(lens.coefficients)
        document["distortion"] = {"model": lens.model, "coefficients": coefficients}
    return document
