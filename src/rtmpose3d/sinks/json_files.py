"""JSON files of one result, and JSON Lines files of many: one document per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

from rtmpose3d.sinks.document import result_to_dict
from rtmpose3d.sinks.parsing import result_from_dict
from rtmpose3d.sinks.record_sink import RecordSink
from rtmpose3d.sinks.sink import FileSink
from rtmpose3d.structures.result import PoseResult
from rtmpose3d.untrusted import check_size, parse_json, read_json, reading
from rtmpose3d.untrusted.limits import RESULT_JSON, RESULT_LINES_BYTES

_FRAME_FIELDS = ("frame_index", "time_s", "people", "stream")


class JsonSink(FileSink):
    """A .json file of one result: small, and still readable and greppable.

    There is one line for each field of the image and for each person.
    """

    _file: IO[bytes]

    def start(self, path: Path) -> None:
        """Open the file."""
        self._file = self.keep(path.open("wb"))

    def append(self, result: PoseResult) -> None:
        """Write the document."""
        document = result_to_dict(result)
        people = document.pop("people")
        assert isinstance(people, list)
        fields = [f'"{name}": {_compact(value)}' for name, value in document.items()]
        lines = ",".join(f"\n{_compact(person)}" for person in people)
        fields.append(f'"people": [{lines}]')
        self._file.write(("{" + ",\n".join(fields) + "}\n").encode("ascii"))


class JsonLinesSink(RecordSink):
    """A .jsonl file of any number of results: the document of each on a line of its own.

    A stream, whose first result has a frame index, starts with a header line: the fields that all
    results share. The lines of its results then have their index, time and people, and fields
    that differ from the header.
    """

    _header: dict[str, object] | None

    def start(self, path: Path) -> None:
        """Open the file."""
        super().start(path)
        self._header = None

    def append(self, result: PoseResult) -> None:
        """Write one line, and the header before the first result of a stream."""
        document = result_to_dict(result)
        lines = b""
        if not self.count and result.frame_index is not None:
            self._header = shared_fields(document)
            lines = _line({**self._header, "stream": True})
        if self._header is not None:
            document = {
                name: value
                for name, value in document.items()
                if name not in self._header or self._header[name] != value
            }
        self.write_lines(lines + _line(document))


def shared_fields(document: dict[str, object]) -> dict[str, object]:
    """The fields of a document that do not belong to one frame: the header of a stream."""
    return {name: value for name, value in document.items() if name not in _FRAME_FIELDS}


def read_json_result(path: Path) -> Iterator[PoseResult]:
    """The one result of a .json file.

    Raises:
        InputError: no JSON, or no result of this package.
    """
    document = read_json(path, limits=RESULT_JSON)
    yield _result(document, str(path))


def read_json_lines(path: Path) -> Iterator[PoseResult]:
    """The results of a .jsonl file, read line by line; blank lines are skipped.

    Raises:
        InputError: a line is no JSON, or no result of this package; the message names the line.
    """
    check_size(path, RESULT_LINES_BYTES)
    header: dict[str, object] = {}
    with path.open("rb") as file:
        lines = iter(partial(file.readline, RESULT_JSON.max_bytes + 1), b"")
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            name = f"{path}, line {number}"
            document = parse_json(line, name, limits=RESULT_JSON)
            if isinstance(document, dict) and "stream" in document and "people" not in document:
                header = shared_fields(document)
                continue
            if header and isinstance(document, dict):
                document = {**header, **document}
            yield _result(document, name)


def _result(document: object, name: str) -> PoseResult:
    with reading(name, "result"):
        return result_from_dict(document, name=name)


def _line(document: dict[str, object]) -> bytes:
    return _compact(document).encode("ascii") + b"\n"


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
