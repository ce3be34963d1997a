"""The JSON Schema (draft 2020-12) of the document of one image."""

from __future__ import annotations

from rtmpose3d.geometry.axes import AXES
from rtmpose3d.geometry.camera import CAMERA_SOURCES
from rtmpose3d.geometry.distortion import DISTORTION_MODELS
from rtmpose3d.sinks.document import FORMAT, FORMAT_VERSION
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures.fields import PersonField, person_fields
from rtmpose3d.structures.result import PoseResult

Schema = dict[str, object]
_SIZE: Schema = {"type": "integer", "minimum": 0}


def json_schema(result_type: type[PoseResult] = PoseResult) -> Schema:
    """The JSON Schema (draft 2020-12) of the document that `result_to_dict` makes.

    The part about people follows from the per-person fields that the result declares.

    Args:
        result_type: `PoseResult`, or a dataclass derived from it that declares further fields.
    """
    image_fields = _image_fields()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:rtmpose3d:pose_result:{FORMAT_VERSION}",
        "title": f"rtmpose3d pose result, version {FORMAT_VERSION}",
        "description": "Whole-body poses of the people in one image. Left and right are the "
        "person's own. Readers ignore fields that they do not know; `version` is raised when the "
        "meaning of a field changes.",
        "type": "object",
        "required": [name for name in image_fields if name not in ("frame_index", "time_s")],
        "properties": image_fields,
        "$defs": {"person": _person(person_fields(result_type))},
    }


def json_lines_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of each line of the JSON Lines file of a stream.

    The first line is the header. The fields of a later line, with those of the header where it
    has none of its own, are the document that `json_schema` describes.
    """
    document = json_schema()
    fields = _image_fields()
    of_frame = ("frame_index", "time_s", "people")
    header = {name: value for name, value in fields.items() if name not in of_frame}
    return {
        **{name: document[name] for name in ("$schema", "$defs")},
        "$id": f"urn:rtmpose3d:pose_stream:{FORMAT_VERSION}",
        "title": f"line of a rtmpose3d stream, version {FORMAT_VERSION}",
        "oneOf": [
            {
                "type": "object",
                "required": [*header, "stream"],
                "properties": {**header, "stream": {"const": True}},
                "not": {"required": ["people"]},
            },
            {
                "type": "object",
                "required": ["frame_index", "people"],
                "properties": fields,
                "not": {"required": ["stream"]},
            },
        ],
    }


def _image_fields() -> Schema:
    return {
        "format": {"const": FORMAT},
        "version": {"const": FORMAT_VERSION},
        "model": {"description": "Name of the pose model.", "type": "string"},
        "image": {
            "description": "The image that the poses are in, upright (EXIF orientation applied).",
            "type": "object",
            "required": ["file", "width", "height"],
            "properties": {
                "file": {
                    "description": "File name without its folder; null if the image came from "
                    "memory.",
                    "type": ["string", "null"],
                },
                "path": {
                    "description": "The file with its folders, separated by /: as given, or below "
                    "the input folder of rtmpose3d predict, whose outputs mirror it; null if the "
                    "image came from memory.",
                    "type": ["string", "null"],
                },
                "width": {"description": "Pixels.", **_SIZE},
                "height": {"description": "Pixels.", **_SIZE},
            },
        },
        "frame_index": {
            "description": "Number of the image in its stream, from 0; absent for single images.",
            **_SIZE,
        },
        "time_s": {
            "description": "Time since the start of the stream in seconds; absent if unknown.",
            "type": "number",
        },
        "camera": _camera(),
        "axes": {
            "description": "Frame of keypoints_3d_m. z-up: x right, y away from the camera, z up, "
            "camera at the origin. camera: x right, y down, z forward, camera at the origin. root: "
            "camera's axes, origin in the middle of the hips. rtmpose3d: z-up rotated by 180 "
            "degrees about the vertical. null if the model gives 2D only.",
            "enum": [*AXES, None],
        },
        "runtime": {
            "description": "What the pose network ran on; null if unknown.",
            "type": ["object", "null"],
            "required": ["backend", "device", "precision"],
            "properties": {
                "backend": {"description": "Such as openvino.", "type": "string"},
                "device": {"description": "Such as cpu or cuda:0.", "type": "string"},
                "precision": {
                    "description": "Of the convolutions: fp32, bf16 or fp16.",
                    "type": "string",
                },
                "precision_reason": {
                    "description": "requested, or why it was selected; empty if unknown.",
                    "type": "string",
                },
            },
        },
        "units": {
            "type": "object",
            "properties": {
                "keypoints_2d": {"const": "px"},
                "boxes": {"const": "px"},
                "keypoints_3d": {"const": "m"},
            },
        },
        "keypoint_names": {
            "description": "Names of the keypoints, in the order of every list of keypoints below "
            "(COCO-WholeBody).",
            **_list({"type": "string"}, len(WHOLEBODY)),
        },
        "parts": {
            "description": "First index of each part, and the index after its last.",
            "type": "object",
            "required": list(WHOLEBODY.parts),
            "additionalProperties": _list({**_SIZE, "maximum": len(WHOLEBODY)}, 2),
        },
        "people": {
            "description": "Best detection first.",
            "type": "array",
            "items": {"$ref": "#/$defs/person"},
        },
    }


def _camera() -> Schema:
    focal: Schema = {"description": "Focal length in pixels.", "type": "number"}
    principal: Schema = {"description": "Principal point in pixels.", "type": "number"}
    properties = {
        **{"fx": focal, "fy": focal, "cx": principal, "cy": principal},
        **{"width": _SIZE, "height": _SIZE},
    }
    source: Schema = {
        "description": "Origin of the focal length: given, a calibration file, the EXIF block of "
        "the photo, or assumed (the default field of view).",
        "enum": list(CAMERA_SOURCES),
    }
    distortion: Schema = {
        "description": "Distortion of the lens, as OpenCV orders its coefficients; absent for a "
        "pinhole camera.",
        "type": "object",
        "required": ["model", "coefficients"],
        "properties": {
            "model": {"enum": list(DISTORTION_MODELS)},
            "coefficients": {
                "type": "array",
                "items": {"type": "number"},
                "minItems": 4,
                "maxItems": 14,
            },
        },
    }
    return {
        "description": "Camera used for 3D, in pixels; null if the model gives 2D only.",
        "type": ["object", "null"],
        "required": list(properties),
        "properties": {**properties, "source": source, "distortion": distortion},
    }


def _person(fields: tuple[PersonField, ...]) -> Schema:
    written = {field.json_name: field for field in fields if field.json_name is not None}
    in_3d = [name for name, field in written.items() if field.only_3d]
    first, *others = [name for name in in_3d if not written[name].optional]
    return {
        "type": "object",
        "required": [name for name, field in written.items() if not field.may_be_absent],
        "dependentRequired": {first: others}
        | {name: [first] for name in in_3d if written[name].optional},
        "properties": {name: _value(field) for name, field in written.items()},
    }


def _value(field: PersonField) -> Schema:
    """One person's value of a field: nested lists of its shape."""
    if field.type == "choice":
        schema: Schema = {"enum": [*field.choices, None]}
    elif field.type == "integer":
        schema = {"type": "integer"}
    else:
        bounds = {"minimum": field.minimum, "maximum": field.maximum}
        schema = {
            "type": ["number", "null"],
            **{name: bound for name, bound in bounds.items() if bound is not None},
        }
    for length in reversed(field.shape):
        schema = _list(schema, length)
    return {"description": field.description, **schema}


def _list(items: Schema, length: int) -> Schema:
    return {"type": "array", "items": items, "minItems": length, "maxItems": length}
