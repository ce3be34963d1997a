"""Small pickles and .npz files that ask for much: each ends within seconds and 1 GiB."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limited_process import read_limited
from rtmpose3d.data.readers.array_files import read_pickle, read_pickled_npz
from rtmpose3d.errors import InputError

_PICKLE = ("from rtmpose3d.data.readers.array_files import read_pickle", "read_pickle(path)")
_NPZ = ("from rtmpose3d.data.readers.array_files import read_pickled_npz", "read_pickled_npz(path)")
_RESULT = ("from rtmpose3d.sinks import load_result", "load_result(path)")
_OBJECT_HEADER = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"


def laughs(levels: int, width: int) -> object:
    """Lists that hold the same list `width` times, `levels` deep: width ** levels items."""
    value: object = [1.0]
    for _ in range(levels):
        value = [value] * width
    return value


def save_npz(path: Path, pickled: bytes) -> Path:
    """An entry of Python objects."""
    header = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(_OBJECT_HEADER)) + _OBJECT_HEADER
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header + pickled)
    return path


@pytest.mark.parametrize("array", [False, True])
def test_a_container_shared_again_and_again_is_refused(tmp_path: Path, array: bool) -> None:
    content = laughs(8, 10)
    if array:
        held = np.empty((), dtype=object)
        held[()] = content
        content = held
    path = tmp_path / "laughs.pkl"
    path.write_bytes(pickle.dumps(content))
    assert path.stat().st_size < 1000
    with pytest.raises(InputError, match="again and again"):
        read_pickle(path)


def test_a_shared_container_is_one_object_after_reading(tmp_path: Path) -> None:
    path = tmp_path / "shared.pkl"
    camera = {"K": np.eye(3)}
    path.write_bytes(pickle.dumps({"a": camera, "b": [camera, camera]}))
    read = read_pickle(path)
    assert isinstance(read, dict)
    assert read["a"] is read["b"][0] is read["b"][1]
    np.testing.assert_array_equal(read["a"]["K"], np.eye(3))


def test_a_container_that_holds_itself_is_refused(tmp_path: Path) -> None:
    content: list[object] = []
    content.append(content)
    path = tmp_path / "loop.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match="too deeply"):
        read_pickle(path)


def test_keys_that_are_thousands_of_tuples_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tuples.pkl"
    path.write_bytes(pickle.dumps({(i, 0): 1 for i in range(5_001)}))
    with pytest.raises(InputError, match="keys are tuples"):
        read_pickle(path)
    path.write_bytes(pickle.dumps({(i, 0): 1 for i in range(1_000)}))
    assert read_pickle(path) == {(i, 0): 1 for i in range(1_000)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "pickled",
    [b"\x80\x02(" + b"\x8f" * 40_000_000 + b"t.", b"\x80\x02]" + b"0]" * 20_000_000 + b"."],
    ids=["sets", "lists"],
)
def test_a_zip_of_millions_of_containers_ends_soon(tmp_path: Path, pickled: bytes) -> None:
    path = save_npz(tmp_path / "sets.npz", pickled)
    assert path.stat().st_size < 200_000
    assert read_limited(path, *_NPZ).startswith("refused")


@pytest.mark.slow
@pytest.mark.parametrize("reader", [_NPZ, _RESULT])
def test_a_zip_that_unpacks_to_gigabytes_is_refused(
    tmp_path: Path, reader: tuple[str, str]
) -> None:
    path = tmp_path / "zeros.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("scores.npy", "w", force_zip64=True) as entry,
    ):
        np.lib.format.write_array_header_1_0(
            entry, {"descr": "<f4", "fortran_order": False, "shape": (2**28,)}
        )
        for _ in range(2**10):
            entry.write(bytes(2**20))
    assert "far more than its size" in read_limited(path, *reader)


def _npz() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, x=np.arange(300.0), y=np.array({"a": [np.eye(3), "text", 3]}, dtype=object)
    )
    return buffer.getvalue()


_INTACT = _npz()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    positions=st.lists(st.integers(0, len(_INTACT) - 1), min_size=1, max_size=4),
    value=st.integers(0, 255),
    cut=st.integers(0, 40),
)
def test_a_damaged_npz_is_read_or_refused(
    tmp_path: Path, positions: list[int], value: int, cut: int
) -> None:
    data = bytearray(_INTACT)
    for position in positions:
        data[position] = value
    (tmp_path / "a.npz").write_bytes(data[: len(data) - cut])
    try:
        read_pickled_npz(tmp_path / "a.npz")
    except InputError:
        return
