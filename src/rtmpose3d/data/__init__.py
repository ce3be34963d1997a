"""Datasets: every annotated person of any dataset as one checked record.

`DATASETS` is the table of datasets that can be read, `read_dataset` reads a split of one,
`read_coco_style` one's own annotations,
`load_record_image` loads a record's image, `group_by_image` groups records for evaluation, and
`RecordTable` stores many records compactly.
"""

from rtmpose3d.data.candidates import ReadOptions
from rtmpose3d.data.packed import RecordTable
from rtmpose3d.data.reading import BadLabel, OnBad, Reading, read_coco_style, read_dataset
from rtmpose3d.data.records import (
    AnnotatedImage,
    BoxKind,
    ImageKey,
    PoseRecord,
    group_by_image,
    load_record_image,
)
from rtmpose3d.data.specs import DatasetSpec, Split
from rtmpose3d.data.table import DATASETS

__all__ = [
    "DATASETS",
    "AnnotatedImage",
    "BadLabel",
    "BoxKind",
    "DatasetSpec",
    "ImageKey",
    "OnBad",
    "PoseRecord",
    "ReadOptions",
    "Reading",
    "RecordTable",
    "Split",
    "group_by_image",
    "load_record_image",
    "read_coco_style",
    "read_dataset",
]
