"""Sinks: opened, written to, closed; many results in one file, or one file for each."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from example_results import example_result
from rtmpose3d.errors import InputError, OutputError, UnknownNameError
from rtmpose3d.sinks import (
    FORMATS,
    FileSink,
    Format,
    load_result,
    load_results,
    open_sink,
    save_result,
)

ONE_EACH = [name for name, row in FORMATS.items() if not row.sink.holds_many]
MANY = [name for name, row in FORMATS.items() if row.sink.holds_many and row.sink.may_be_empty]
OF_IMAGES = [name for name, row in FORMATS.items() if not row.only_streams]


def stream(count: int, *, people: int = 2):
    for index in range(count):
        yield example_result(
            people, seed=index, frame_index=index, time_s=index / 25, track_ids=np.arange(people)
        )


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", OF_IMAGES)
def test_a_file_appears_when_its_sink_is_closed(tmp_path, name):
    path = tmp_path / f"a{FORMATS[name].suffixes[0]}"
    sink = open_sink(path)
    assert names_in(tmp_path) == []
    sink.open()
    sink.write(example_result(1, frame_index=0))
    assert not path.exists()
    sink.close()
    assert names_in(tmp_path) == [path.name]
    sink.close()
    assert path.stat().st_size > 0


@pytest.mark.parametrize("name", OF_IMAGES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError])
def test_an_error_in_the_block_leaves_the_old_file_and_nothing_else(tmp_path, name, error):
    path = tmp_path / f"a{FORMATS[name].suffixes[0]}"
    path.write_bytes(b"old")
    with pytest.raises((error, OutputError)), open_sink(path) as sink:  # noqa: PT012
        sink.write(example_result(1, frame_index=0))
        raise error
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == [path.name]
    sink.close()
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("name", MANY)
def test_many_results_fit_one_file_of_formats_for_many(tmp_path, name):
    path = tmp_path / f"a{FORMATS[name].suffixes[0]}"
    with open_sink(path) as sink:
        for result in stream(3):
            sink.write(result)
    assert len(path.read_bytes().splitlines()) >= 3
    with open_sink(path) as sink:
        pass
    assert path.read_bytes() == b"", "no results are a file, too"


@pytest.mark.parametrize("name", ONE_EACH)
def test_a_format_for_one_result_refuses_a_second_and_none(tmp_path, name):
    path = tmp_path / f"a{FORMATS[name].suffixes[0]}"
    with open_sink(path) as sink:
        sink.write(example_result(1))
        with pytest.raises(InputError, match="holds one result"):
            sink.write(example_result(1))
    assert names_in(tmp_path) == [path.name]
    path.unlink()
    with pytest.raises(InputError, match="no result was written"), open_sink(path):
        pass
    assert names_in(tmp_path) == []


def test_a_stream_is_read_back_in_order_and_lazily(tmp_path):
    path = tmp_path / "a.jsonl"
    with open_sink(path) as sink:
        for result in stream(5):
            sink.write(result)
    read = load_results(path)
    assert next(read).frame_index == 0
    rest = list(read)
    assert [result.frame_index for result in rest] == [1, 2, 3, 4]
    np.testing.assert_allclose([result.time_s for result in rest], [0.04, 0.08, 0.12, 0.16])
    assert [result.track_ids.tolist() for result in rest] == [[0, 1]] * 4


@pytest.mark.parametrize("suffix", [".json", ".npz", ".jsonl"])
def test_files_of_one_result_are_read_as_a_stream_of_one(tmp_path, suffix):
    path = save_result(example_result(2), tmp_path / f"a{suffix}")
    (one,) = load_results(path)
    assert one == load_result(path)


def test_a_result_that_is_refused_does_not_spoil_the_others(tmp_path):
    first, second, third = stream(3)
    with open_sink(tmp_path / "a.csv") as sink:
        sink.write(first)
        with pytest.raises(InputError, match="frame_index"):
            sink.write(example_result(1))
        with pytest.raises(InputError, match="columns"):
            sink.write(example_result(1, has_3d=False, frame_index=9))
        sink.write(second)
        sink.write(third)
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame_index"] for row in rows[:: 2 * 133]] == ["0", "1", "2"]
    assert len(rows) == 3 * 2 * 133


def test_a_sink_is_written_only_while_it_is_open(tmp_path):
    sink = open_sink(tmp_path / "a.jsonl")
    with pytest.raises(InputError, match="not open"):
        sink.write(example_result(1))
    sink.open()
    with pytest.raises(InputError, match="already"):
        sink.open()
    sink.close()
    with pytest.raises(InputError, match="not open"):
        sink.write(example_result(1))


def test_a_sink_can_be_opened_again_for_a_new_file(tmp_path):
    sink = open_sink(tmp_path / "a.csv")
    for index in (0, 1):
        with sink:
            sink.write(example_result(1, frame_index=index))
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["frame_index"] for row in rows} == {"1"}


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs folders closed to writing")
def test_a_folder_that_may_not_be_written_is_an_output_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="permission"):
        open_sink(tmp_path / "a.jsonl").open()


# -- one file for each result ------------------------------------------------------------------


@pytest.mark.parametrize("name", OF_IMAGES)
def test_each_result_gets_a_file_of_its_own_in_a_folder(tmp_path, name):
    ending = "_pose.jpg" if name == "image" else FORMATS[name].suffixes[0]
    with open_sink(tmp_path / "new" / "folder", format_name=name) as sink:
        for result in stream(2):
            sink.write(result)
        sink.write(example_result(1, source=Path("elsewhere") / "b.jpg"))
        sink.write(example_result(1, source=None))
    folder = tmp_path / "new" / "folder"
    assert names_in(folder) == sorted(
        f"{stem}{ending}" for stem in ("Grüße 人物_000000", "Grüße 人物_000001", "b", "image")
    )


def test_files_for_each_result_hold_that_result(tmp_path):
    many = list(stream(3))
    with open_sink(tmp_path, format_name="npz") as sink:
        for result in many:
            sink.write(result)
    for path, result in zip(sorted(tmp_path.iterdir()), many, strict=True):
        assert np.array_equal(load_result(path).keypoints_2d, result.keypoints_2d)


def test_two_results_of_one_name_are_refused_not_overwritten(tmp_path):
    with open_sink(tmp_path, format_name="json") as sink:
        sink.write(example_result(1))
        with pytest.raises(InputError, match="two results"):
            sink.write(example_result(2))
    assert len(load_result(*tmp_path.iterdir())) == 1


def test_an_unknown_format_is_named(tmp_path):
    with pytest.raises(UnknownNameError, match="jsonl"):
        open_sink(tmp_path, format_name="json5")


def test_a_folder_that_cannot_be_created_is_an_output_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="folder"):
        open_sink(tmp_path / "file" / "folder", format_name="json").open()


# -- the table ---------------------------------------------------------------------------------


def test_every_suffix_belongs_to_one_format_and_every_format_is_described():
    suffixes = [suffix for row in FORMATS.values() for suffix in row.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)
    assert all(row.description for row in FORMATS.values())


class NamesSink(FileSink):
    """A format of a test: the number of people of each result."""

    holds_many = True

    def start(self, path: Path) -> None:
        self._file = self.keep(path.open("w", encoding="utf-8"))

    def append(self, result) -> None:
        self._file.write(f"{len(result)}\n")


def test_a_format_is_one_class_and_one_row(tmp_path, monkeypatch):
    row = Format(suffixes=(".people",), description="number of people", sink=NamesSink)
    monkeypatch.setitem(FORMATS, "people", row)
    with open_sink(tmp_path / "a.people") as sink:
        for people in (2, 0, 3):
            sink.write(example_result(people))
    assert (tmp_path / "a.people").read_text("utf-8") == "2\n0\n3\n"
    save_result(example_result(1), tmp_path / "b.people")
    with open_sink(tmp_path / "folder", format_name="people") as sink:
        sink.write(example_result(4))
    assert (tmp_path / "folder" / "Grüße 人物.people").read_text("utf-8") == "4\n"
