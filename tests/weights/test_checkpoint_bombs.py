"""Small checkpoints that ask for much: each ends within seconds and 1 GiB."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torch_bytes import EMPTY_ORDERED_DICT, plain, tensor_pickle, torch_zip

from limited_process import read_limited
from rtmpose3d.errors import WeightsError
from rtmpose3d.weights import read_checkpoint, read_meta, write_safetensors

SaveBytes = Callable[..., Path]
_READ = ("from rtmpose3d.weights import read_checkpoint", "read_checkpoint(path)")


def test_records_that_overlap_are_refused(tmp_path: Path) -> None:
    """Every record of the directory is at the same megabyte."""
    path = tmp_path / "overlap.pth"
    data = torch_zip(tensor_pickle(4, 0, (4,), (1,)), {"0": bytes(16)})
    end = data.rindex(b"PK\x05\x06")
    start = data.index(b"PK\x01\x02")
    directory = data[start:end]
    first = directory.index(b"archive/data/0") - 46
    entry = directory[first : first + 46 + len("archive/data/0")]
    twin = entry.replace(b"archive/data/0", b"archive/data/1")
    count = len(zipfile.ZipFile(_saved(path, data)).infolist()) + 1
    directory += twin
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), start, 0)
    path.write_bytes(data[:start] + directory + tail)
    with pytest.raises(WeightsError, match="overlaps another record"):
        read_checkpoint(path)


def _saved(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("size", [15, 17 + 4, 2**20])
def test_a_storage_must_have_the_bytes_that_it_declares(save_pickle: SaveBytes, size: int) -> None:
    path = save_pickle(tensor_pickle(4, 0, (4,), (1,)), {"0": bytes(size)})
    with pytest.raises(WeightsError, match=f"has {size} bytes, 16 were declared"):
        read_checkpoint(path)


def test_another_name_of_a_stored_tensor_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "alias.safetensors"
    names = {f"name{i}": "w" for i in range(1000)}
    write_safetensors(path, {"w": np.ones(4, np.float32)}, names)
    arrays = read_checkpoint(path)
    assert len(arrays) == 1001
    assert all(array is arrays["w"] for array in arrays.values())


@pytest.mark.slow
def test_a_thousand_names_of_a_large_tensor_fit_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "alias.safetensors"
    write_safetensors(
        path, {"w": np.ones(5 * 2**20, np.float32)}, {f"name{i}": "w" for i in range(1000)}
    )
    assert read_limited(path, *_READ) == "read"


def _shared_shape(tensors: int, sides: int) -> bytes:
    """Tensors that all have the same tuple of sizes, of a million sides."""
    shape = b"(" + plain(1) * sides + b"tq\x01" + b"0"
    call = (
        b"ctorch._utils\n_rebuild_tensor_v2\n(("
        + plain("storage")
        + b"ctorch\nFloatStorage\n"
        + plain("0")
        + plain("cpu")
        + plain(1)
        + b"tQ"
        + plain(0)
        + b"h\x01h\x01\x89"
        + EMPTY_ORDERED_DICT
        + b"tR"
    )
    items = b"".join(plain(f"w{i}") + call for i in range(tensors))
    return b"\x80\x02" + shape + b"}(" + items + b"u."


def _same_long_key(tensors: int) -> bytes:
    """Lost tensors whose names are tuples of long texts."""
    text = plain("x" * 2**20) + b"q\x010"
    key = b"(" + b"h\x01" * 7 + plain(5) + b"t"
    lost = b"ctorch._utils\n_rebuild_qtensor\n)R"
    items = b"".join(key.replace(plain(5), plain(i)) + lost for i in range(tensors))
    return b"\x80\x02" + text + b"}(" + items + b"u."


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data_pkl", "words"),
    [
        (_shared_shape(2_000, 200_000), "type that is not read"),
        (_same_long_key(20_000), "type that is not read|holds no tensors"),
        (b"\x80\x02(" + b"\x8f" * 1_900_000 + b"t.", "more memory than its size"),
        (b"\x80\x02(" + b"]" * 1_900_000 + b"t.", "memory than its size|a tuple"),
        (b"\x80\x02(" + b"N" * 1_900_000 + b"t.", "a tuple"),
    ],
    ids=["shared shape", "long keys", "sets", "lists", "nulls"],
)
def test_a_pickle_that_asks_for_much_ends_soon(
    save_pickle: SaveBytes, data_pkl: bytes, words: str
) -> None:
    said = read_limited(save_pickle(data_pkl), *_READ)
    assert said.startswith("refused")
    assert any(word in said for word in words.split("|"))


def test_tuples_are_no_names_of_tensors(save_pickle: SaveBytes) -> None:
    """Thousands of tuples with one hash are quickly found, and take quadratic time."""
    meta = pickle.dumps({(1, 2, 3): 1, (4, 5, 6): 2, "epoch": 3}, protocol=2)[2:-1]
    path = save_pickle(b"\x80\x02}(" + plain("meta") + meta + b"u.")
    assert read_meta(path).get("epoch") == 3
    assert list(read_meta(path)) == ["epoch"]


@pytest.mark.parametrize("element_type", ["F8_E4M3", "F8_E5M2"])
def test_element_types_that_numpy_lacks_are_named(tmp_path: Path, element_type: str) -> None:
    header = json.dumps({"w": {"dtype": element_type, "shape": [4], "data_offsets": [0, 4]}})
    path = tmp_path / "eight.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(4))
    with pytest.raises(WeightsError, match=rf"w is of type {element_type}.*save it as float32"):
        read_checkpoint(path)
