"""Where results go: JSON, NPZ and CSV files and images; and back from JSON and NPZ.

The JSON document is described by `pose_result.schema.json` beside this file (JSON Schema draft
2020-12); `FORMAT_VERSION` is raised when the meaning of a field changes, not when one is added.
"""

from rtmpose3d.sinks.document import FORMAT_VERSION, result_to_dict
from rtmpose3d.sinks.reading import load_result, result_from_dict
from rtmpose3d.sinks.writing import FILE_ENDINGS, json_schema, save_result

__all__ = [
    "FILE_ENDINGS",
    "FORMAT_VERSION",
    "json_schema",
    "load_result",
    "result_from_dict",
    "result_to_dict",
    "save_result",
]
