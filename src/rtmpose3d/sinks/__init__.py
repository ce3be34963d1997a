"""Result files: JSON, JSON Lines, NPZ, CSV and images, each a `Sink` and a row of `FORMATS`.

`json_schema()` describes the JSON document (JSON Schema draft 2020-12); `FORMAT_VERSION` is raised
when the meaning of a field changes, not when one is added.
"""

from rtmpose3d.sinks.document import FORMAT_VERSION, result_to_dict
from rtmpose3d.sinks.formats import (
    FORMATS,
    Format,
    load_result,
    load_results,
    open_sink,
    result_suffixes,
    save_result,
)
from rtmpose3d.sinks.images import is_drawing, write_image
from rtmpose3d.sinks.parsing import result_from_dict
from rtmpose3d.sinks.schema import json_lines_schema, json_schema
from rtmpose3d.sinks.sink import FileSink, Sink

__all__ = [
    "FORMATS",
    "FORMAT_VERSION",
    "FileSink",
    "Format",
    "Sink",
    "is_drawing",
    "json_lines_schema",
    "json_schema",
    "load_result",
    "load_results",
    "open_sink",
    "result_from_dict",
    "result_suffixes",
    "result_to_dict",
    "save_result",
    "write_image",
]
