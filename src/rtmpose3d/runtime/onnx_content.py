"""ONNX files by their content: recognised, read out of a zip, refused before they are run.

The runtime libraries run what a file says. Refused are files that can run without end (loops),
files that read memory or files outside their folder, and files beyond the limits of
`untrusted.limits`.
"""

from __future__ import annotations

import mmap
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from rtmpose3d.errors import BackendError
from rtmpose3d.runtime.onnx_weights import MEMORY
from rtmpose3d.runtime.protobuf import iterate_fields
from rtmpose3d.untrusted import brief, check_size, reading
from rtmpose3d.untrusted.limits import (
    ONNX_BYTES,
    ONNX_DEPTH,
    ONNX_ENDLESS,
    ONNX_NODES,
    ONNX_UNPACKED_BYTES,
    ONNX_UNPACKED_RATIO,
)

SUFFIX = ".onnx"
_START = re.compile(rb"\x08[\x01-\x14][\x12\x1a\x22\x28\x32\x3a\x42]")  # ir_version, next field
_ZIP_START = b"PK\x03\x04"

# Numbers of the fields of onnx.proto that are read here.
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_FUNCTION_NODE = 7
_NODE_OPERATOR, _NODE_ATTRIBUTE = 4, 5
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_ATTRIBUTE_SPARSE = (22, 23)
_SPARSE_PARTS = (1, 2)
_TENSOR_EXTERNAL = 13
_ENTRY_KEY, _ENTRY_VALUE = 1, 2


def is_onnx_file(path: Path) -> bool:
    """Whether a file is an ONNX model, or a zip with one, by its content.

    A file whose content is of no known kind, or that cannot be read, is judged by its ending.
    """
    head = b""
    with suppress(OSError):
        if path.is_file():  # a named pipe would be waited for
            with path.open("rb") as file:
                head = file.read(8)
    if head.startswith(_ZIP_START):
        return _zipped_name(path) is not None
    return _START.match(head) is not None or path.suffix.lower() == SUFFIX


def read_onnx(path: Path) -> Path | bytes:
    """Check an ONNX file; its path, or its content if it is in a zip (as mmdeploy packs it).

    Raises:
        BackendError: it cannot be read, or is refused.
    """
    size = check_size(path, ONNX_BYTES, "ONNX file", error=BackendError)
    with reading(path, "ONNX file", error=BackendError), path.open("rb") as file:
        if file.read(4) == _ZIP_START:
            content = _unzipped(path)
            check_onnx(content, path, folder=None)
            return content
        if size:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                check_onnx(mapped, path, folder=path.parent)
    return path


def check_onnx(content: bytes | mmap.mmap, path: Path, *, folder: Path | None) -> None:
    """Refuse a file that may run without end or reads other files.

    Args:
        content: the ONNX file.
        path: for messages.
        folder: folder that external weights may lie in; None if there may be none.

    Raises:
        BackendError: it is refused, or is no ONNX file.
    """
    _Check(content, path, folder).run()


def _zipped_name(path: Path) -> str | None:
    """Name of the ONNX file in a zip: mmdeploy's end2end.onnx, or the only one."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(SUFFIX)]
    except Exception:  # a damaged zip raises BadZipFile, struct.error, UnicodeDecodeError, ...
        return None
    named = [name for name in names if name.rsplit("/", 1)[-1] == "end2end.onnx"]
    names = named or names
    return names[0] if len(names) == 1 else None


def _unzipped(path: Path) -> bytes:
    name = _zipped_name(path)
    if name is None:
        raise BackendError(f"{path} is a zip, but does not contain exactly one .onnx file")
    with reading(path, "zip", error=BackendError), zipfile.ZipFile(path) as archive:
        info = archive.getinfo(name)
        size, packed = info.file_size, info.compress_size
        if size > ONNX_UNPACKED_BYTES or size > ONNX_UNPACKED_RATIO * max(packed, 1):
            raise BackendError(
                f"{path}: {brief(name)} unpacks from {packed:,} to {size:,} bytes; at most "
                f"{ONNX_UNPACKED_BYTES:,}, and {ONNX_UNPACKED_RATIO} times its packed size, are "
                "read"
            )
        with archive.open(info) as file:
            return file.read(size)


class _Check:
    """A walk over the nodes and tensors of an ONNX file's protocol buffer, which copies nothing."""

    def __init__(self, content: bytes | mmap.mmap, path: Path, folder: Path | None) -> None:
        self._content = content
        self._path = path
        self._folder = None if folder is None else folder.resolve()
        self._nodes = 0

    def run(self) -> None:
        """Raise BackendError if the file is refused."""
        try:
            for number, start, end in self._fields(0, len(self._content)):
                if number == _MODEL_GRAPH:
                    self._graph(start, end, 0)
                elif number == _MODEL_FUNCTIONS:
                    for inner, first, last in self._fields(start, end):
                        if inner == _FUNCTION_NODE:
                            self._node(first, last, 0)
        except (IndexError, UnicodeDecodeError) as error:
            raise BackendError(f"{self._path} is no ONNX file, or is damaged") from error

    def _graph(self, start: int, end: int, depth: int) -> None:
        if depth > ONNX_DEPTH:
            self._refuse(f"its graphs are nested more than {ONNX_DEPTH} deep")
        for number, first, last in self._fields(start, end):
            if number == _GRAPH_NODE:
                self._node(first, last, depth)
            elif number == _GRAPH_INITIALIZER:
                self._tensor(first, last)
            elif number == _GRAPH_SPARSE:
                self._sparse(first, last)

    def _node(self, start: int, end: int, depth: int) -> None:
        self._nodes += 1
        if self._nodes > ONNX_NODES:
            self._refuse(f"it has more than {ONNX_NODES:,} nodes")
        for number, first, last in self._fields(start, end):
            if number == _NODE_OPERATOR:
                operator = bytes(self._content[first:last]).decode("utf-8")
                if operator in ONNX_ENDLESS:
                    self._refuse(
                        f"it contains {operator}, which may run without end and which no pose "
                        "model or detector needs"
                    )
            elif number == _NODE_ATTRIBUTE:
                self._attribute(first, last, depth)

    def _attribute(self, start: int, end: int, depth: int) -> None:
        for number, first, last in self._fields(start, end):
            if number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                self._graph(first, last, depth + 1)
            elif number in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                self._tensor(first, last)
            elif number in _ATTRIBUTE_SPARSE:
                self._sparse(first, last)

    def _sparse(self, start: int, end: int) -> None:
        for number, first, last in self._fields(start, end):
            if number in _SPARSE_PARTS:
                self._tensor(first, last)

    def _tensor(self, start: int, end: int) -> None:
        for number, first, last in self._fields(start, end):
            if number == _TENSOR_EXTERNAL:
                entry = {
                    key: bytes(self._content[low:high]).decode("utf-8")
                    for key, low, high in self._fields(first, last)
                }
                if entry.get(_ENTRY_KEY) == "location":
                    self._location(entry.get(_ENTRY_VALUE, ""))

    def _location(self, location: str) -> None:
        """A file of weights next to the ONNX file; nothing else may be read."""
        if MEMORY in location:
            self._refuse("its weights are at an address in the memory of a process")
        if self._folder is None:
            self._refuse(f"its weights are in another file ({brief(location)!r})")
        elif "\0" in location or not (self._folder / location).resolve().is_relative_to(
            self._folder
        ):
            self._refuse(f"its weights are in {brief(location)!r}, outside its folder")

    def _refuse(self, reason: str) -> None:
        raise BackendError(f"the ONNX file {self._path} is refused: {reason}")

    def _fields(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Number, start and end of each field of a message that is no number."""
        for field in iterate_fields(self._content, start, end):
            if field.is_nested:
                yield field.number, field.start, field.end
