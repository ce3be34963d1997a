"""Files of torch.save are read as torch reads them, and ours are read by torch."""

from __future__ import annotations

import collections
import json
import pathlib
import pickle
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_bytes import torch_zip

from rtmpose3d.errors import WeightsError
from rtmpose3d.weights import open_torch_file, read_checkpoint, write_torch_file

TENSORS = {
    "f4": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "f8": np.array([[1.5, -2.0]]),
    "f2": np.array([1, 65504], np.float16),
    "i8": np.array([2**62, -1]),
    "i4": np.array([-(2**31)], np.int32),
    "i2": np.array([3], np.int16),
    "i1": np.array([-128], np.int8),
    "u1": np.array([255], np.uint8),
    "bool": np.array([True, False]),
    "scalar": np.array(7.0, np.float32),
    "empty": np.zeros((0, 3), np.float32),
    "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
}


def assert_equal(got, expected):
    assert list(got) == list(expected)
    for name, array in expected.items():
        assert got[name].dtype == array.dtype, name
        assert got[name].shape == array.shape, name
        np.testing.assert_array_equal(got[name], array, err_msg=name)


def test_what_we_write_we_read(tmp_path):
    write_torch_file(tmp_path / "a.pth", TENSORS, {"meta": {"epoch": 3, "name": "é", "x": None}})
    assert_equal(read_checkpoint(tmp_path / "a.pth"), TENSORS)
    with open_torch_file(tmp_path / "a.pth") as file:
        assert file.root["meta"] == {"epoch": 3, "name": "é", "x": None}


def test_equal_tensors_make_equal_files(tmp_path):
    for name in ("a.pth", "b.pth"):
        write_torch_file(tmp_path / name, TENSORS)
    assert (tmp_path / "a.pth").read_bytes() == (tmp_path / "b.pth").read_bytes()


def test_an_element_type_without_a_torch_storage_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="complex128, which torch files do not have"):
        write_torch_file(tmp_path / "a.pth", {"c": np.zeros(2, complex)})
    assert list(tmp_path.iterdir()) == []


def test_torch_reads_what_we_write(tmp_path):
    torch = pytest.importorskip("torch")
    write_torch_file(
        tmp_path / "a.pth", TENSORS, {"meta": {"v": [1, 2.5, None, True, "x", 2**40, -(2**70)]}}
    )
    saved = torch.load(tmp_path / "a.pth", weights_only=True)
    assert saved["meta"] == {"v": [1, 2.5, None, True, "x", 2**40, -(2**70)]}
    assert isinstance(saved["state_dict"], collections.OrderedDict)
    assert_equal({k: v.numpy() for k, v in saved["state_dict"].items()}, TENSORS)


EDGES = [sign * 2**bits + d for sign in (1, -1) for bits in (7, 8, 31, 32, 63) for d in (-1, 0, 1)]
plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from(EDGES)
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(value=plain_values)
def test_any_plain_value_of_the_header_is_read_back_by_us_and_by_pickle(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "plain.pth"
    write_torch_file(path, {}, {"meta": value})
    with zipfile.ZipFile(path) as archive:
        assert pickle.loads(archive.read("archive/data.pkl"))["meta"] == value
    with open_torch_file(path) as file:
        assert file.root["meta"] == value


def awkward(torch):
    base = torch.arange(60.0).reshape(3, 4, 5)
    return {
        "permuted": base.permute(2, 0, 1)[1:, :, ::2],
        "row of it": base[1, 2],
        "one of it": base[1, 2, 3],
        "counter": torch.tensor(3),
        "empty": torch.zeros(0, 3),
        "expanded": torch.ones(1).expand(5),
        "parameter": torch.nn.Parameter(torch.tensor([1.5, -2.5])),
        "half": torch.tensor([1.0, 65504.0]).half(),
        "double": torch.tensor([1e300]).double(),
        "bfloat16": torch.tensor([1.0, -3.140625, 1e38]).bfloat16(),
        "bool": torch.tensor([True, False]),
        "uint8": torch.tensor([200], dtype=torch.uint8),
        "int16": torch.tensor([-200], dtype=torch.int16),
    }


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 1.6"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_type_of_tensor_is_read_as_torch_reads_it(tmp_path, zipped, protocol):
    torch = pytest.importorskip("torch")
    tensors = awkward(torch)
    if zipped:
        tensors["uint16"] = torch.tensor([65535], dtype=torch.uint16)
    module = torch.nn.BatchNorm2d(2)
    tensors |= module.state_dict()
    torch.save(
        {"state_dict": collections.OrderedDict(tensors)},
        tmp_path / "a.pth",
        _use_new_zipfile_serialization=zipped,
        pickle_protocol=protocol,
    )
    expected = {
        name: (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).detach().numpy()
        for name, tensor in tensors.items()
    }
    assert_equal(read_checkpoint(tmp_path / "a.pth"), expected)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 1.6"])
def test_a_training_checkpoint_is_read_past_everything_else_in_it(tmp_path, zipped):
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    torch.save(
        {
            "meta": {
                "time": np.float64(3.5),
                "path": pathlib.PurePosixPath("/a/b"),
                "seed": np.random.default_rng(0).bit_generator.state,
                "size": torch.Size([1, 2]),
                "device": torch.device("cpu"),
                "type": torch.float32,
                "classes": {"a", "b"},
            },
            "message_hub": {"history": np.arange(1000.0), "counts": collections.Counter("aab")},
            "optimizer": optimizer.state_dict(),
            "param_schedulers": [torch.optim.lr_scheduler.StepLR(optimizer, 1).state_dict()],
            "ema_state_dict": {"module.weight": torch.zeros(2, 3), "steps": torch.tensor(5)},
            "state_dict": layer.state_dict(),
        },
        tmp_path / "a.pth",
        _use_new_zipfile_serialization=zipped,
    )
    expected = {name: tensor.numpy() for name, tensor in layer.state_dict().items()}
    assert_equal(read_checkpoint(tmp_path / "a.pth"), expected)
    with open_torch_file(tmp_path / "a.pth") as file:
        assert file.root["meta"]["size"] == (1, 2)
        assert file.root["meta"]["classes"] == {"a", "b"}


def test_storages_that_are_not_wanted_are_not_read(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save(
        {"state_dict": {"w": torch.ones(3)}, "optimizer": {"big": torch.full((10_000,), 2.0)}},
        tmp_path / "a.pth",
    )
    data = bytearray((tmp_path / "a.pth").read_bytes())
    data[data.find(np.full(4, 2, np.float32).tobytes()) + 100] ^= 1  # would fail its checksum
    (tmp_path / "a.pth").write_bytes(data)
    assert read_checkpoint(tmp_path / "a.pth")["w"].tolist() == [1, 1, 1]


def test_shared_storages_are_read_once_and_right(tmp_path):
    torch = pytest.importorskip("torch")
    weight = torch.arange(6.0)
    torch.save({"a": weight, "b": weight[2:4], "c": weight.reshape(2, 3).t()}, tmp_path / "a.pth")
    tensors = read_checkpoint(tmp_path / "a.pth")
    assert tensors["b"].tolist() == [2, 3]
    assert tensors["c"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert tensors["a"].tolist() == [0, 1, 2, 3, 4, 5]


def test_files_without_checksums_are_read(tmp_path):
    torch = pytest.importorskip("torch")
    if not hasattr(torch.serialization, "set_crc32_options"):
        pytest.skip("this torch always writes checksums")
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"w": torch.ones(3)}, tmp_path / "a.pth")
    finally:
        torch.serialization.set_crc32_options(True)
    assert read_checkpoint(tmp_path / "a.pth")["w"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("order", ["big", "little"])
def test_the_byte_order_of_the_file_is_honoured(tmp_path, order):
    write_torch_file(tmp_path / "a.pth", {"w": np.zeros(3, np.float32)})
    with zipfile.ZipFile(tmp_path / "a.pth") as archive:
        data_pkl = archive.read("archive/data.pkl")
    values = np.array([1.5, -2, 3], ">f4" if order == "big" else "<f4")
    data = torch_zip(data_pkl, {"0": values.tobytes()}, byteorder=order.encode())
    (tmp_path / "b.pth").write_bytes(data)
    tensor = read_checkpoint(tmp_path / "b.pth")["w"]
    assert tensor.tolist() == [1.5, -2, 3]
    assert tensor.dtype == np.float32


def test_an_unknown_byte_order_is_refused(save_pickle):
    with pytest.raises(WeightsError, match="byte order"):
        read_checkpoint(save_pickle(b"\x80\x02}.", byteorder=b"middle"))


def test_a_storage_shorter_than_declared_is_refused(tmp_path):
    write_torch_file(tmp_path / "a.pth", {"w": np.zeros(3, np.float32)})
    with zipfile.ZipFile(tmp_path / "a.pth") as archive:
        data_pkl = archive.read("archive/data.pkl")
    (tmp_path / "b.pth").write_bytes(torch_zip(data_pkl, {"0": b"\0" * 8}))
    with pytest.raises(WeightsError, match=r"has 8 bytes, 12 were declared.*\(at w\)"):
        read_checkpoint(tmp_path / "b.pth")


def test_a_compressed_zip_is_refused_before_anything_is_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 10_000_000)
    with pytest.raises(WeightsError, match="compressed zip"):
        read_checkpoint(tmp_path / "a.pth")


def change_entry(data: bytes, offset: int, value: bytes) -> bytes:
    """A zip with other bytes at an offset in its directory's entry of the first tensor."""
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"archive/data/0"))
    return data[: entry + offset] + value + data[entry + offset + len(value) :]


def test_an_entry_that_calls_itself_compressed_is_refused_whatever_its_size(tmp_path):
    write_torch_file(tmp_path / "a.pth", {"w": np.zeros(3, np.float32)})
    data = change_entry((tmp_path / "a.pth").read_bytes(), 10, b"\x08\0")
    (tmp_path / "a.pth").write_bytes(data)
    with pytest.raises(WeightsError, match="compressed zip"):
        read_checkpoint(tmp_path / "a.pth")


def test_a_record_larger_than_the_file_is_refused_before_memory_is_taken(tmp_path):
    write_torch_file(tmp_path / "a.pth", {"w": np.zeros(3, np.float32)})
    size = (2**30).to_bytes(4, "little")
    data = change_entry((tmp_path / "a.pth").read_bytes(), 20, size + size)
    (tmp_path / "a.pth").write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match="reaches beyond the end of the file"):
            read_checkpoint(tmp_path / "a.pth")
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


WRONG = {
    "empty": (b"", "is empty"),
    "html": (b"\n <!DOCTYPE html><html>404", "web page"),
    "xml": (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "web page"),
    "json": (b'{"error": "not found"}', "JSON text"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
    "onnx": (b"\x08\x08\x12\x07pytorch\x1a\x05", "an ONNX model"),
    "gzip": (b"\x1f\x8b\x08" + b"\0" * 20, "unpack it first"),
    "tar": (b"a" * 257 + b"ustar\0" + b"0" * 250, "a tar archive"),
    "pickle": (b"\x80\x04\x95" + b"\0" * 20, "torch.save did not write"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + b"\0" * 20, "HDF5"),
    "zeros": (b"\0" * 2000, "all zeros"),
    "noise": (b"abcdefgh" * 10, "not a PyTorch or safetensors checkpoint"),
    "png": (b"\x89PNG\r\n\x1a\n" + b"\0" * 20, "a PNG image"),
    "cut zip": (b"PK\x03\x04" + b"\0" * 100, "cut short or damaged"),
    "empty zip": (b"PK\x05\x06" + b"\0" * 18, "an empty zip"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_of_another_type_is_called_what_it_is(tmp_path, name):
    data, text = WRONG[name]
    path = tmp_path / "rtmw3d-l.pth"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=text) as caught:
        read_checkpoint(path)
    assert str(path) in str(caught.value)
    assert f"({len(data)} bytes)" in str(caught.value)


def test_a_missing_file_and_a_folder_are_distinguished(tmp_path):
    with pytest.raises(WeightsError, match="there is no checkpoint at"):
        read_checkpoint(tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="is a folder"):
        read_checkpoint(tmp_path)


def test_torchscript_and_foreign_zips_are_called_what_they_are(tmp_path):
    for names, text in (
        (["m/data.pkl", "m/constants.pkl", "m/code/x.py"], "TorchScript"),
        (["a.npy", "b.npy"], "numpy .npz"),
        (["word/document.xml"], "torch.save did not write"),
        (["a/data.pkl", "b/data.pkl"], "torch.save did not write"),
    ):
        with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
            for name in names:
                archive.writestr(name, b"x")
        with pytest.raises(WeightsError, match=text):
            read_checkpoint(tmp_path / "a.pth")


def test_a_torchscript_file_of_torch_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(tmp_path / "a.pt"))
    with pytest.raises(WeightsError, match="TorchScript"):
        read_checkpoint(tmp_path / "a.pt")


def test_a_whole_pickled_module_is_refused_by_its_class(tmp_path):
    torch = pytest.importorskip("torch")
    for zipped in (True, False):
        torch.save(torch.nn.Linear(2, 2), tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
        with pytest.raises(WeightsError, match=r"torch\.nn\.modules\.linear\.Linear.*state_dict"):
            read_checkpoint(tmp_path / "a.pth")


def test_the_recorded_models_go_through_a_file_unchanged(tmp_path, golden, recipe):
    shapes = json.loads((golden / "keys" / "rtmdet-nano_320.json").read_text())
    weights = recipe.state_dict({name: tuple(shape) for name, shape in shapes.items()})
    write_torch_file(tmp_path / "a.pth", weights)
    assert_equal(read_checkpoint(tmp_path / "a.pth"), weights)
