"""The limits of everything that is read from untrusted files, in one table.

| what is read | limit |
|---|---|
| settings: config.json, latest.json, dataset.json, records of downloads | `SETTINGS_JSON` |
| calibration files | `CALIBRATION_BYTES`, `CALIBRATION_JSON` |
| boxes, results, annotation files | `BOXES_JSON`, `RESULT_JSON`, `ANNOTATION_JSON` |
| pickles of checkpoints, of datasets | `CHECKPOINT_PICKLE`, `DATASET_PICKLE`, `DATASET_DEPTH` |
| tensors of a checkpoint | `TENSOR_BASE_BYTES` + `TENSOR_GROWTH` x the file, `MAX_DIMENSIONS` |
| .npz: bytes after unpacking | `unpacked_limit` of the packed bytes |
| HDF5: bytes of one array | `HDF5_ARRAY_BYTES` |
| ONNX: size, also after unpacking from a zip | `ONNX_BYTES`, `ONNX_UNPACKED_BYTES` |
| ONNX: nodes, graphs in graphs, forbidden operators | `ONNX_NODES`, `ONNX_DEPTH`, `ONNX_ENDLESS` |
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
CALIBRATION_BYTES = MIB  # with the corners of 20 views of a board; YAML takes a second
CALIBRATION_JSON = JsonLimits(max_bytes=CALIBRATION_BYTES, max_depth=16)
BOXES_JSON = JsonLimits(max_bytes=64 * MIB)
RESULT_JSON = JsonLimits(max_bytes=256 * MIB)
RESULT_LINES_BYTES = 1024 * GIB  # of a .jsonl file, which is read line by line
# COCO's and UBody's files have up to 1.5 GB, and NaN for unknown coordinates in some of them. A
# check of their keys would double the time to read them.
ANNOTATION_JSON = JsonLimits(max_bytes=8 * GIB, max_depth=64, finite=False, unique_keys=False)


@dataclass(frozen=True, kw_only=True)
class PickleLimits:
    """Limits of one kind of pickle.

    Attributes:
        max_steps: opcodes that it may take.
        base_bytes, bytes_per_byte: memory of its objects, estimated from above: a fixed part, and
            one for each byte of the pickle.
        max_tuple_keys: keys that are tuples. Python does not randomise the hash of a tuple of
            integers, so that thousands can be chosen to collide, which takes quadratic time.
    """

    max_steps: int
    base_bytes: int
    bytes_per_byte: int
    max_tuple_keys: int

    def max_bytes(self, pickle_bytes: int) -> int:
        """Memory that the objects of a pickle of so many bytes may take."""
        return self.base_bytes + self.bytes_per_byte * pickle_bytes


# A training checkpoint of 837 tensors with optimizer has about 200,000 steps.
CHECKPOINT_PICKLE = PickleLimits(
    max_steps=2_000_000, base_bytes=128 * MIB, bytes_per_byte=8, max_tuple_keys=0
)
# H3WB's boxes: 80,000 people of some 30 steps; keys are (subject, camera) in other files.
DATASET_PICKLE = PickleLimits(
    max_steps=50_000_000, base_bytes=256 * MIB, bytes_per_byte=4, max_tuple_keys=5_000
)
DATASET_FILE_BYTES = 32 * GIB
DATASET_DEPTH = 12  # dictionaries within dictionaries; H3WB has 4

MAX_DIMENSIONS = 32  # of an array, numpy 1's limit
# Tensors of a checkpoint: bytes for each byte of the file. Tensors may share storages (RTMDet's
# three levels share their convolutions), and half precision doubles when it is widened.
TENSOR_GROWTH = 4
TENSOR_BASE_BYTES = 64 * MIB
SAFETENSORS_HEADER = JsonLimits(max_bytes=100 * MIB, max_depth=8)  # the format's own limit


def max_items(pickle_bytes: int) -> int:
    """Items of the tree of a dataset's pickle, those that are shared at each reference."""
    return max(100_000, 4 * pickle_bytes)


_UNPACKED_ALWAYS = 64 * MIB
_MAX_RATIO = 20  # keypoints of real files shrink to a tenth at best


def unpacked_limit(packed_bytes: int) -> int:
    """Bytes that a compressed file may have after unpacking."""
    return max(_UNPACKED_ALWAYS, _MAX_RATIO * packed_bytes)


HDF5_ARRAY_BYTES = 256 * MIB  # keypoints of a sequence: 2,000 frames x 190 x 4 float64 are 12 MB

ONNX_BYTES = 2 * GIB  # protobuf's own limit
ONNX_UNPACKED_BYTES = 512 * MIB  # of the one in a zip; the largest published one has 0.4 GB
ONNX_UNPACKED_RATIO = 20  # of its size to its packed size; weights hardly shrink
ONNX_NODES = 200_000  # the largest published model has about 1,000
ONNX_DEPTH = 16  # graphs within nodes
ONNX_ENDLESS = frozenset({"Loop", "Scan", "SequenceMap"})
"""Operators that repeat a graph as often as the file says; no pose model or detector has them."""

MESSAGE_CHARACTERS = 200
