"""Untrusted files: one table of limits, one boundary of errors, one reader of JSON.

Every reader of files works inside `reading`, which converts whatever a library raises to an error
of this package, and within the limits of `limits`: any file may be damaged, or built to exhaust
memory or time.
"""

from rtmpose3d.untrusted.boundary import brief, check_size, reading
from rtmpose3d.untrusted.json_files import parse_json, read_json
from rtmpose3d.untrusted.npz_files import read_arrays, read_npz_entries

__all__ = [
    "brief",
    "check_size",
    "parse_json",
    "read_arrays",
    "read_json",
    "read_npz_entries",
    "reading",
]
