"""Arrays out of pickles, without running anything."""

import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtmpose3d.data.readers.array_files import read_pickle, read_pickled_npz
from rtmpose3d.errors import InputError

CONTENT = {
    "S1": {"Walk 1": {"frame_id": np.arange(3), "5": {"pose_2d": np.ones((3, 4, 2), np.float32)}}},
    ("S1", "Walk 1", "5", 2190): {"x_min": np.int64(7), "y": np.float32(2.5), "n": -1},
    "order": np.arange(6, dtype=">f8").reshape(2, 3),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "flags": np.array([True, False]),
    "list": [1, 2.5, None, "text", (3, 4)],
}


def same(a, b):
    if isinstance(b, np.ndarray):
        return np.array_equal(a, b) and a.shape == b.shape
    if isinstance(b, dict):
        return set(a) == set(b) and all(same(a[key], b[key]) for key in b)
    return a == b


def npz_with_pickle(path, data):
    """An .npz whose entry `x` holds the given pickle."""
    header = io.BytesIO()
    header_of_object = {"descr": "|O", "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(header, header_of_object)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue() + data)
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_dictionaries_of_arrays_come_back(tmp_path, protocol):
    array = np.empty((), object)
    array[()] = CONTENT
    path = npz_with_pickle(tmp_path / "a.npz", pickle.dumps(array, protocol=protocol))
    assert same(read_pickled_npz(path)["x"], CONTENT)


def test_what_numpy_writes_comes_back(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array(CONTENT, dtype=object), y=np.arange(4).reshape(2, 2))
    read = read_pickled_npz(tmp_path / "a.npz")
    assert same(read["x"], CONTENT)
    np.testing.assert_array_equal(read["y"], [[0, 1], [2, 3]])


class Trap:
    def __reduce__(self):
        return (exec, ("raise SystemExit('the pickle was run')",))


class TrapInState:
    def __reduce__(self):
        return (np.ndarray, ((1,),), {"state": Trap()})


@pytest.mark.parametrize("trap", [Trap(), {"a": Trap()}, [Trap()], TrapInState()])
def test_a_pickle_that_would_run_something_is_refused_and_not_run(tmp_path, trap):
    path = npz_with_pickle(tmp_path / "a.npz", pickle.dumps(trap))
    with pytest.raises(
        InputError, match=r"a\.npz cannot be read: .* is no array|a\.npz cannot be read: a state"
    ):
        read_pickled_npz(path)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255), st.integers(0, 10_000))
def test_a_damaged_file_is_an_input_error_or_reads(tmp_path_factory, position, value, cut):
    data = bytearray(pickle.dumps(np.array(CONTENT, dtype=object), protocol=3))
    data[position % len(data)] = value
    data = bytes(data)[: len(data) - cut % 50]
    path = npz_with_pickle(tmp_path_factory.mktemp("damaged") / "a.npz", data)
    try:
        read_pickled_npz(path)
    except InputError as error:
        assert "a.npz" in str(error)  # noqa: PT017 - most damages raise, some only change a number


def test_missing_and_other_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"no.npz does not exist"):
        read_pickled_npz(tmp_path / "no.npz")
    (tmp_path / "text.npz").write_text("text")
    with pytest.raises(InputError, match=r"text\.npz cannot be read"):
        read_pickled_npz(tmp_path / "text.npz")


def test_a_pickle_file_of_cameras_comes_back(tmp_path):
    (tmp_path / "cameras.pkl").write_bytes(pickle.dumps(CONTENT))
    assert same(read_pickle(tmp_path / "cameras.pkl"), CONTENT)
    (tmp_path / "trap.pkl").write_bytes(pickle.dumps({"a": Trap()}))
    with pytest.raises(InputError, match=r"trap\.pkl cannot be read: it asks for"):
        read_pickle(tmp_path / "trap.pkl")
    with pytest.raises(InputError, match="does not exist"):
        read_pickle(tmp_path / "none.pkl")
