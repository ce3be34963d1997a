"""Files of streams: JSON Lines with a header that survive a kill, Parquet."""

from __future__ import annotations

import json
import os

import jsonschema
import numpy as np
import pytest

from example_results import example_result
from rtmpose3d.errors import InputError, OutputError
from rtmpose3d.sinks import json_lines_schema, load_results, open_sink, result_to_dict
from rtmpose3d.sinks.csv_files import CsvSink
from rtmpose3d.sinks.json_files import JsonLinesSink
from rtmpose3d.sinks.table import table_columns


def stream(count: int, *, people: int = 2, **facts):
    return [
        example_result(
            people,
            seed=index,
            frame_index=index,
            time_s=index / 25,
            track_ids=np.arange(people) + 1,
            **facts,
        ).without_image()
        for index in range(count)
    ]


def test_the_first_line_of_a_stream_has_what_all_results_share(tmp_path):
    path = tmp_path / "a.jsonl"
    results = stream(3)
    with open_sink(path) as sink:
        for result in results:
            sink.write(result)
    header, *lines = [json.loads(line) for line in path.read_text().splitlines()]
    validator = jsonschema.Draft202012Validator(json_lines_schema())
    for document in (header, *lines):
        validator.validate(document)
    assert header["stream"] is True
    assert "people" not in header
    assert [sorted(line) for line in lines] == [["frame_index", "people", "time_s"]] * 3
    merged = [{**header, **line} for line in lines]
    for document, result in zip(merged, results, strict=True):
        del document["stream"]
        assert document == result_to_dict(result)
    assert not validator.is_valid({**header, **lines[0]})


def test_a_stream_is_read_back_as_it_was_written(tmp_path):
    path = tmp_path / "a.jsonl"
    results = [
        *stream(2),
        *stream(4, people=1, image_size_wh=(320, 200), camera=None, has_3d=False)[2:],
    ]
    with open_sink(path) as sink:
        for result in results:
            sink.write(result)
    again = list(load_results(path))
    assert [result_to_dict(result) for result in again] == [
        result_to_dict(result) for result in results
    ]


def test_line_by_line_every_complete_line_is_in_the_file_before_it_is_closed(tmp_path):
    path = tmp_path / "a.jsonl"
    sink = JsonLinesSink(path, line_by_line=True)
    sink.open()
    for count, result in enumerate(stream(4), start=1):
        sink.write(result)
        assert len(list(load_results(path))) == count
    sink.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_line_by_line_nothing_is_lost_after_an_error(tmp_path, error):
    path = tmp_path / "a.jsonl"
    with pytest.raises(error), JsonLinesSink(path, line_by_line=True) as sink:  # noqa: PT012
        sink.write(stream(1)[0])
        raise error
    assert len(list(load_results(path))) == 1


def test_a_disk_that_fills_leaves_complete_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    results = stream(2)
    sink = JsonLinesSink(path, line_by_line=True)
    sink.open()
    sink.write(results[0])
    whole = sink._file

    class Full:
        def write(self, data: bytes) -> None:
            os.write(whole.fileno(), data[:50])
            raise OSError(28, "No space left on device")

    sink._file = Full()  # type: ignore[assignment]
    with pytest.raises(OutputError, match="the disk is full"):
        sink.write(results[1])
    assert len(list(load_results(path))) == 1


def test_csv_of_a_stream_keeps_the_rows_of_whole_results_when_a_disk_fills(tmp_path):
    path = tmp_path / "a.csv"
    results = stream(2)
    sink = CsvSink(path, line_by_line=True)
    sink.open()
    sink.write(results[0])
    whole = sink._file
    before = path.read_bytes()
    assert len(before.splitlines()) == 1 + 2 * 133

    class Full:
        written = 0

        def write(self, data: bytes) -> int:
            if self.written:
                raise OSError(28, "No space left on device")
            self.written = os.write(whole.fileno(), data[:500])
            return self.written

    sink._file = Full()  # type: ignore[assignment]
    with pytest.raises(OutputError, match="the disk is full"):
        sink.write(results[1])
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("people", [0, 2])
def test_a_stream_that_starts_and_ends_without_people_has_the_columns_of_those(
    tmp_path, suffix, people
):
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    path = tmp_path / f"a{suffix}"
    results = [
        *stream(2, people=0, keypoints_2d_std=None, depth_std_m=None),
        *stream(4, people=people)[2:],
        *stream(6, people=0, keypoints_2d_std=None, depth_std_m=None)[4:],
    ]
    with open_sink(path) as sink:
        for result in results:
            sink.write(result)
    table = pandas.read_csv(path) if suffix == ".csv" else pandas.read_parquet(path)
    assert list(table.columns) == [column.name for column in table_columns(results[3])]
    assert len(table) == 2 * 133 * people


def test_parquet_has_the_columns_and_rows_of_the_table(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    results = stream(3)
    results[1] = results[1][:0]  # a frame without people has no rows
    with open_sink(path) as sink:
        for result in results:
            sink.write(result)
    table = parquet.read_table(path)
    assert table.num_rows == 2 * 2 * 133
    for column in table_columns(results[0]):
        cells = table.column(column.name).to_pylist()[: 2 * 133]
        expected = list(column.values)
        assert [None if cell is None else cell for cell in cells] == expected
    assert table.column("frame_index").to_pylist()[-1] == 2


def test_parquet_needs_frame_indices_the_same_columns_and_a_result(tmp_path):
    pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    with open_sink(path) as sink:
        sink.write(stream(1)[0])
        with pytest.raises(InputError, match="distinguished by their frame_index"):
            sink.write(example_result(1))
        with pytest.raises(InputError, match="has the columns"):
            sink.write(stream(1, has_3d=False)[0])
    with pytest.raises(InputError, match="no result was written"), open_sink(path):
        pass
