"""Checkpoints cut short or with changed bytes give an error or tensors, never anything else."""

import io
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_bytes import legacy_file, tensor_pickle

from rtmpose3d.errors import WeightsError
from rtmpose3d.weights import read_checkpoint, write_torch_file
from rtmpose3d.weights.checkpoints.inert_pickle import load
from rtmpose3d.weights.checkpoints.pickle_values import Opaque, PickleFormatError

SMALL = {
    "backbone.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "head.bias": np.array([1.5, -2.0], dtype=np.float16),
    "bn.num_batches_tracked": np.array(7),
}


@pytest.fixture(scope="module")
def small_zip(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("small") / "a.pth"
    write_torch_file(path, SMALL, {"meta": {"epoch": 3}})
    return path.read_bytes()


@pytest.fixture(scope="module")
def small_legacy() -> bytes:
    data = np.arange(6, dtype="<f4").tobytes()
    return legacy_file(tensor_pickle(6, 0, (3, 2), (1, 3)), {"0": (6, data)})


def read_or_refuse(folder: Path, data: bytes):
    path = folder / "x.pth"
    path.write_bytes(data)
    try:
        return read_checkpoint(path)
    except WeightsError:
        return None


def equal_to_small(tensors) -> bool:
    return list(tensors) == list(SMALL) and all(
        np.array_equal(tensors[name], SMALL[name]) for name in SMALL
    )


def test_every_truncation_of_a_zip_is_refused(small_zip, tmp_path):
    for length in range(0, len(small_zip), 7):
        assert read_or_refuse(tmp_path, small_zip[:length]) is None


def test_every_truncation_of_the_old_format_is_refused(small_legacy, tmp_path):
    assert read_or_refuse(tmp_path, small_legacy)["w"].tolist() == [[0, 3], [1, 4], [2, 5]]
    for length in range(len(small_legacy)):
        assert read_or_refuse(tmp_path, small_legacy[:length]) is None


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_changed_byte_of_a_zip_gives_an_error_or_the_same_tensors(
    small_zip, tmp_path_factory, data
):
    position = data.draw(st.integers(0, len(small_zip) - 1))
    value = data.draw(st.integers(0, 255))
    changed = bytearray(small_zip)
    changed[position] = value
    tensors = read_or_refuse(tmp_path_factory.getbasetemp(), bytes(changed))
    assert tensors is None or equal_to_small(tensors)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_changed_bytes_of_the_old_format_give_an_error_or_tensors(
    small_legacy, tmp_path_factory, data
):
    changed = bytearray(small_legacy)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(tmp_path_factory.getbasetemp(), bytes(changed))


@settings(max_examples=150, deadline=None)
@given(noise=st.binary(max_size=200))
def test_noise_as_pickle_is_refused_or_inert(noise, tmp_path_factory):
    with suppress(PickleFormatError):
        load(
            io.BytesIO(noise),
            len(noise),
            rebuild=lambda name, arguments: Opaque(name),
            persistent=lambda identity: Opaque("x"),
        )
