"""The limits of everything that is read from untrusted files, in one table.

| what is read | limit |
|---|---|
| settings: config.json, latest.json, dataset.json, records of downloads | `SETTINGS_JSON` |
| boxes, results, annotation files | `BOXES_JSON`, `RESULT_JSON`, `ANNOTATION_JSON` |
| pickle of a checkpoint: steps | `CHECKPOINT_STEPS` |
| checkpoint: bytes of all arrays | the bytes of the file, each stored value once (`ARRAY_SLACK`) |
| pickle of a dataset: steps, values after unpacking, nesting | `DATASET_STEPS`, ... |
| .npz: bytes after unpacking | `unpacked_limit` of the packed bytes |
| HDF5: bytes of one array | `HDF5_ARRAY_BYTES` |
| text of a file in a message | `MESSAGE_CHARACTERS` |

Images and downloads have theirs in `sources` and `weights.download`, since those depend on
arguments.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20
GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class JsonLimits:
    """Limits of one kind of JSON file.

    Attributes:
        max_bytes: size of the file.
        max_depth: lists and objects within each other. Checked up to `DEPTH_CHECKED_BYTES`; a
            longer file may nest as deep as Python's parser allows, about 1,000 levels.
        finite: whether NaN, Infinity and -Infinity, which are no JSON, are refused.
        unique_keys: whether an object that has one key twice is refused.
    """

    max_bytes: int
    max_depth: int = 32
    finite: bool = True
    unique_keys: bool = True


DEPTH_CHECKED_BYTES = 16 * MIB

SETTINGS_JSON = JsonLimits(max_bytes=MIB)
BOXES_JSON = JsonLimits(max_bytes=64 * MIB)
RESULT_JSON = JsonLimits(max_bytes=256 * MIB)
RESULT_LINES_BYTES = 1024 * GIB  # of a .jsonl file, which is read line by line
# COCO's and UBody's files have up to 1.5 GB, and NaN for unknown coordinates in some of them. A
# check of their keys would double the time to read them.
ANNOTATION_JSON = JsonLimits(max_bytes=8 * GIB, max_depth=64, finite=False, unique_keys=False)

CHECKPOINT_STEPS = (
    2_000_000  # a training checkpoint of 837 tensors with optimizer has about 200,000
)
ARRAY_SLACK = 16 * MIB  # beyond the bytes of the file: tensors that share a storage

DATASET_STEPS = 50_000_000  # H3WB's boxes: 80,000 people of some 30 steps
DATASET_DEPTH = 12  # dictionaries within dictionaries; H3WB has 4

_UNPACKED_ALWAYS = 64 * MIB
_MAX_RATIO = 20  # keypoints of real files shrink to a tenth at best


def unpacked_limit(packed_bytes: int) -> int:
    """Bytes that a compressed file may have after unpacking."""
    return max(_UNPACKED_ALWAYS, _MAX_RATIO * packed_bytes)


HDF5_ARRAY_BYTES = 256 * MIB  # keypoints of a sequence: 2,000 frames x 190 x 4 float64 are 12 MB

MESSAGE_CHARACTERS = 200
