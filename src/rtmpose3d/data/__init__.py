"""Datasets: one checked record of a person for whatever dataset it comes from.

`DATASETS` is the table of what can be read, `read_dataset` reads a split of one,
`load_record_image` gives a record's image, `RecordTable` holds many records in little memory.
"""

from rtmpose3d.data.candidates import ReadOptions
from rtmpose3d.data.packed import RecordTable
from rtmpose3d.data.reading import BadLabel, OnBad, Reading, read_dataset
from rtmpose3d.data.records import PoseRecord, Shown, load_record_image
from rtmpose3d.data.specs import DatasetSpec, Split
from rtmpose3d.data.table import DATASETS

__all__ = [
    "DATASETS",
    "BadLabel",
    "DatasetSpec",
    "OnBad",
    "PoseRecord",
    "ReadOptions",
    "Reading",
    "RecordTable",
    "Shown",
    "Split",
    "load_record_image",
    "read_dataset",
]
