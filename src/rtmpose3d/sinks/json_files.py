"""JSON files of one result, and JSON Lines files of many: one document per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

from rtmpose3d.sinks.document import result_to_dict
from rtmpose3d.sinks.parsing import result_from_dict
from rtmpose3d.sinks.sink import FileSink
from rtmpose3d.structures.result import PoseResult
from rtmpose3d.untrusted import check_size, parse_json, read_json, reading
from rtmpose3d.untrusted.limits import RESULT_JSON, RESULT_LINES_BYTES


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


class JsonLinesSink(FileSink):
    """A .jsonl file of any number of results: the document of each on a line of its own."""

    holds_many = True
    _file: IO[bytes]

    def start(self, path: Path) -> None:
        """Open the file."""
        self._file = self.keep(path.open("wb"))

    def append(self, result: PoseResult) -> None:
        """Write one line."""
        self._file.write(_compact(result_to_dict(result)).encode("ascii") + b"\n")


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
    with path.open("rb") as file:
        lines = iter(partial(file.readline, RESULT_JSON.max_bytes + 1), b"")
        for number, line in enumerate(lines, start=1):
            if line.strip():
                name = f"{path}, line {number}"
                yield _result(parse_json(line, name, limits=RESULT_JSON), name)


def _result(document: object, name: str) -> PoseResult:
    with reading(name, "result"):
        return result_from_dict(document, name=name)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
