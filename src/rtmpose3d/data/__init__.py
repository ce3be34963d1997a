"""Data sets: one checked record of a person for whatever data set it comes from.

`DATA_SETS` is the table of what can be read, `read_data_set` reads a split of one,
`load_picture` gives a record's picture, `RecordTable` holds many records in little memory.
"""

from rtmpose3d.data.candidates import ReadOptions
from rtmpose3d.data.packed import RecordTable
from rtmpose3d.data.reading import BadLabel, OnBad, Reading, read_data_set
from rtmpose3d.data.records import PoseRecord, Shown, load_picture
from rtmpose3d.data.specs import DataSetSpec, Split
from rtmpose3d.data.table import DATA_SETS

__all__ = [
    "DATA_SETS",
    "BadLabel",
    "DataSetSpec",
    "OnBad",
    "PoseRecord",
    "ReadOptions",
    "Reading",
    "RecordTable",
    "Shown",
    "Split",
    "load_picture",
    "read_data_set",
]
