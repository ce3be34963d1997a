"""Views of a storage: any offset, shape, strides and element type is read as torch reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided
from torch_bytes import legacy_file, tensor_pickle, torch_zip, typed_tensor_pickle

from rtmpose3d.errors import WeightsError
from rtmpose3d.weights import read_checkpoint, write_safetensors, write_torch_file

STORAGES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
}
UNTYPED = {"uint16": "u2", "uint32": "u4", "uint64": "u8"}
sides = st.lists(st.integers(0, 4), max_size=4)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("views") / "a.pth"


@st.composite
def views(draw) -> tuple[int, tuple[int, ...], tuple[int, ...], int]:
    """An offset, shape and strides in elements, and the elements of a storage they fit into."""
    shape = tuple(draw(sides))
    strides = tuple(draw(st.integers(0, 9)) for _ in shape)
    offset = draw(st.integers(0, 7))
    last = offset + sum(
        (count - 1) * stride for count, stride in zip(shape, strides, strict=True) if count
    )
    return offset, shape, strides, last + 1 + draw(st.integers(0, 3))


def numbers(count: int, dtype: str) -> np.ndarray:
    """Different values, with different bytes in each of them."""
    values = np.random.default_rng(0).integers(1, 2**62, count, np.int64)
    if dtype.startswith("f"):
        return ((values >> 40) / 2**10).astype(dtype)
    return values.astype(dtype)


def viewed(base: np.ndarray, offset: int, shape, strides) -> np.ndarray:
    steps = [stride * base.itemsize for stride in strides]
    return as_strided(base[min(offset, base.size) :], shape, steps)


def assert_same(got: np.ndarray, expected: np.ndarray) -> None:
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    assert got.flags.c_contiguous
    np.testing.assert_array_equal(got, expected)


@settings(max_examples=150, deadline=None)
@given(view=views(), storage=st.sampled_from(sorted(STORAGES)), order=st.sampled_from("<>"))
def test_a_view_in_a_zip_is_read_in_either_byte_order(path, view, storage, order):
    offset, shape, strides, count = view
    base = numbers(count, STORAGES[storage])
    pickled = tensor_pickle(count, offset, shape, strides, f"torch\n{storage}")
    stored = base.astype(base.dtype.newbyteorder(order)).tobytes()
    byteorder = b"big" if order == ">" else b"little"
    path.write_bytes(torch_zip(pickled, {"0": stored}, byteorder=byteorder))
    assert_same(read_checkpoint(path)["w"], viewed(base, offset, shape, strides))


@settings(max_examples=150, deadline=None)
@given(
    view=views(),
    storage=st.sampled_from(sorted(STORAGES)),
    first=st.integers(0, 6),
    surplus=st.integers(0, 3),
)
def test_a_view_of_a_view_in_the_old_format_starts_where_both_say(
    path, view, storage, first, surplus
):
    offset, shape, strides, count = view
    base = numbers(first + count + surplus, STORAGES[storage])
    pickled = tensor_pickle(
        base.size, offset, shape, strides, f"torch\n{storage}", view=("1", first, count)
    )
    stored = base.astype(base.dtype.newbyteorder("<")).tobytes()
    path.write_bytes(legacy_file(pickled, {"0": (base.size, stored)}))
    part = base[first : first + count]
    assert_same(read_checkpoint(path)["w"], viewed(part, offset, shape, strides))


@given(view=views(), first=st.integers(0, 6))
@settings(max_examples=50, deadline=None)
def test_a_view_that_reaches_beyond_the_view_it_is_of_is_refused(path, view, first):
    """Even where the storage below holds enough bytes."""
    offset, shape, strides, _ = view
    assume(0 not in shape)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    base = numbers(first + 100, "f4")
    pickled = tensor_pickle(base.size, offset, shape, strides, view=("1", first, last))
    path.write_bytes(legacy_file(pickled, {"0": (base.size, base.tobytes())}))
    with pytest.raises(WeightsError, match="reaches beyond its storage"):
        read_checkpoint(path)


@pytest.mark.parametrize(("name", "dtype"), UNTYPED.items())
def test_types_without_a_storage_class_are_read(path, name, dtype):
    base = numbers(6, dtype)
    count = base.nbytes
    path.write_bytes(
        torch_zip(
            typed_tensor_pickle(count, "UntypedStorage", f"torch\n{name}", (6,)),
            {"0": base.tobytes()},
        )
    )
    assert_same(read_checkpoint(path)["w"], base)


@pytest.mark.parametrize(
    ("storage", "count"), [("UntypedStorage", 6), ("ByteStorage", 6), ("ShortStorage", 3)]
)
def test_a_type_wider_than_the_bytes_of_its_storage_is_refused(path, storage, count):
    pickled = typed_tensor_pickle(count, storage, "torch\nfloat64", (1,))
    path.write_bytes(torch_zip(pickled, {"0": bytes(8)}))
    with pytest.raises(WeightsError, match="reaches beyond its storage"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("dtype", "metadata"),
    [("elsewhere\nfloat32", b""), ("torch\ncomplex64", b""), ("torch\nfloat32", b"}(K\x01\x88u")],
    ids=["of another module", "complex", "negated"],
)
def test_types_and_marks_that_are_not_read_are_refused(path, dtype, metadata):
    pickled = typed_tensor_pickle(8, "UntypedStorage", dtype, (1,), metadata)
    path.write_bytes(torch_zip(pickled, {"0": bytes(8)}))
    with pytest.raises(WeightsError, match="of a type that is not read"):
        read_checkpoint(path)


def test_a_tensor_whose_sign_is_only_marked_is_refused(path):
    torch = pytest.importorskip("torch")
    tensor = torch.complex(torch.ones(3), torch.ones(3)).conj().imag
    assert tensor.is_neg()
    torch.save({"w": tensor}, path)
    with pytest.raises(WeightsError, match="of a type that is not read"):
        read_checkpoint(path)


@settings(max_examples=60, deadline=None)
@given(view=views(), name=st.sampled_from(["float64", "float32", "float16", "bfloat16", "int64"]))
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 1.6"])
def test_a_view_that_torch_saved_is_read_as_torch_reads_it(path, view, name, zipped):
    torch = pytest.importorskip("torch")
    offset, shape, strides, count = view
    base = torch.arange(1, count + 1).to(getattr(torch, name))
    tensor = base.as_strided(shape, strides, offset)
    torch.save({"w": tensor}, path, _use_new_zipfile_serialization=zipped)
    expected = tensor.float() if name == "bfloat16" else tensor
    assert_same(read_checkpoint(path)["w"], expected.numpy().copy())


@settings(max_examples=100, deadline=None)
@given(view=views(), dtype=st.sampled_from([*STORAGES.values(), "b1"]), order=st.sampled_from("<>"))
@pytest.mark.parametrize("write", [write_torch_file, write_safetensors])
def test_any_view_that_is_written_is_read_back(path, write, view, dtype, order):
    offset, shape, strides, count = view
    array = viewed(numbers(count, dtype), offset, shape, strides)
    write(path, {"w": array.astype(array.dtype.newbyteorder(order))})
    assert_same(read_checkpoint(path)["w"], np.array(array, order="C"))
