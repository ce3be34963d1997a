"""JSON files of one result, and JSON Lines files of many: one document per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NoReturn

from rtmpose3d.errors import InputError
from rtmpose3d.sinks.document import result_to_dict
from rtmpose3d.sinks.parsing import result_from_dict
from rtmpose3d.sinks.sink import FileSink
from rtmpose3d.structures.result import PoseResult


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
    yield _parse(path.read_bytes(), str(path))


def read_json_lines(path: Path) -> Iterator[PoseResult]:
    """The results of a .jsonl file, read line by line; blank lines are skipped.

    Raises:
        InputError: a line is no JSON, or no result of this package; the message names the line.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _parse(line, f"{path}, line {number}")


def _parse(data: bytes, name: str) -> PoseResult:
    try:
        document = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} is no valid JSON: {error}") from error
    return result_from_dict(document, name=name)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON; numbers that are not finite are null")
