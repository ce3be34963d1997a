"""The right tensors are chosen, and what does not fit a model is listed."""

from __future__ import annotations

import json
import struct
import zipfile

import numpy as np
import pytest

from rtmpose3d.errors import WeightsError
from rtmpose3d.weights import match_weights, read_checkpoint, write_safetensors, write_torch_file
from rtmpose3d.weights.checkpoints.naming import model_names


def ones(*shape):
    return np.ones(shape, np.float32)


EXPECTED = {"stem.weight": (4, 3), "stem.bn.num_batches_tracked": (), "head.bias": (2,)}
FITTING = {
    "head.bias": ones(2),
    "stem.weight": ones(4, 3),
    "stem.bn.num_batches_tracked": np.array(5),
}


def match(tensors, expected=EXPECTED):
    return match_weights(tensors, expected, model="rtmw3d-l", path="a.pth")


def test_a_fitting_checkpoint_comes_back_in_the_models_order():
    weights = match(FITTING)
    assert list(weights) == list(EXPECTED)
    assert {name: array.shape for name, array in weights.items()} == EXPECTED
    assert weights["stem.weight"].dtype == np.float32
    assert weights["stem.bn.num_batches_tracked"].dtype == np.int64
    assert weights["stem.bn.num_batches_tracked"] == 5


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.float32])
def test_other_float_types_become_float32(dtype):
    weights = match({**FITTING, "head.bias": np.array([0.5, -2], dtype)})
    assert weights["head.bias"].dtype == np.float32
    assert weights["head.bias"].tolist() == [0.5, -2]


def test_training_only_tensors_are_skipped_and_counters_may_be_absent():
    extras = (
        "data_preprocessor.mean",
        "ema_state_dict.module.stem.weight",
        "teacher.backbone.stem.weight",
        "head.loss_module.weight",
        "distill_losses.loss_fea.align.weight",
        "other.bn.num_batches_tracked",
    )
    tensors = {**FITTING, **{name: ones(3) for name in extras}}
    del tensors["stem.bn.num_batches_tracked"]
    weights = match(tensors)
    assert list(weights) == list(EXPECTED)
    assert weights["stem.bn.num_batches_tracked"] == 0


@pytest.mark.parametrize(
    "name",
    [
        "backbone.ema_gate.weight",
        "head.loss_scale",
        "head.gloss_module.weight",
        "neck.teacher.weight",
        "neck.data_preprocessor.mean",
        "neck.distill_losses.weight",
        "bn.num_batches_tracked.weight",
    ],
)
def test_names_that_only_resemble_those_of_training_are_not_skipped(name):
    with pytest.raises(WeightsError, match=f"1 tensor is not part of the model: {name}"):
        match({**FITTING, name: ones(1)})


@pytest.mark.parametrize("shape", [(3, 4), (12,), (4, 3, 1), (2, 6)])
def test_a_tensor_of_the_right_size_and_another_shape_does_not_fit(shape):
    with pytest.raises(WeightsError, match=r"another shape: stem\.weight .* instead of 4x3"):
        match({**FITTING, "stem.weight": ones(*shape)})


def test_missing_unexpected_and_misshapen_tensors_are_counted_and_listed():
    tensors = {"head.bias": ones(3), **{f"extra.{i:02}.weight": ones(1) for i in range(25)}}
    with pytest.raises(WeightsError) as caught:
        match(tensors)
    text = str(caught.value)
    assert "a.pth does not fit rtmw3d-l (3 tensors expected, 26 found)" in text
    assert "1 tensor is missing: stem.weight" in text
    assert "25 tensors are not part of the model: extra.00.weight" in text
    assert "extra.09.weight, and 15 more" in text
    assert "extra.10.weight" not in text
    assert "1 tensor has another shape: head.bias 3 instead of 2" in text


def test_values_that_are_not_finite_name_the_tensor():
    for value in (np.nan, np.inf, 1e300):
        with pytest.raises(WeightsError, match=r"head\.bias holds values that are not finite"):
            match({**FITTING, "head.bias": np.array([1.0, value])})


def test_a_weight_of_integers_is_refused():
    with pytest.raises(WeightsError, match=r"head\.bias is of type int64; float32 is expected"):
        match({**FITTING, "head.bias": np.array([1, 2])})


def test_the_arguments_are_not_changed():
    tensors = {**FITTING, "head.bias": np.array([0.5, -2], np.float16), "ema_x": ones(1)}
    before = dict(tensors)
    match(tensors)
    assert all(tensors[name] is array for name, array in before.items())
    assert tensors["head.bias"].dtype == np.float16


@pytest.mark.parametrize("wrapped", ["state_dict", "model", None])
def test_the_weights_are_found_whatever_wraps_them(tmp_path, save_pickle, wrapped):
    write_torch_file(tmp_path / "a.pth", {"w": ones(2)})
    with zipfile.ZipFile(tmp_path / "a.pth") as archive:
        pickle, data = archive.read("archive/data.pkl"), archive.read("archive/data/0")
    if wrapped == "model":
        pickle = pickle.replace(b"X\n\0\0\0state_dict", b"X\5\0\0\0model")
    if wrapped is None:
        inner = pickle.index(b"ccollections")
        pickle = b"\x80\x02" + pickle[inner:-2] + b"."
    assert list(read_checkpoint(save_pickle(pickle, {"0": data}))) == ["w"]


def test_state_dict_wins_over_the_raw_copies_next_to_it(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save(
        {
            "ema_state_dict": {"module.w": torch.zeros(2), "steps": torch.tensor(3)},
            "model": {"x": torch.zeros(1)},
            "state_dict": {"w": torch.ones(2)},
        },
        tmp_path / "a.pth",
    )
    assert read_checkpoint(tmp_path / "a.pth")["w"].tolist() == [1, 1]


def test_a_prefix_of_all_names_goes_and_one_of_some_stays():
    assert model_names({"module.a": (), "module.b": ()}) == {"a": "module.a", "b": "module.b"}
    assert model_names({"module.a": (), "b": ()}) == {"module.a": "module.a", "b": "b"}


@pytest.mark.parametrize(
    "prefix",
    ["_orig_mod.", "model.", "module._orig_mod.", "model.module.", "net.", "distill.student."],
)
def test_prefixes_of_wrappers_are_removed_where_all_names_have_them(prefix):
    assert model_names({f"{prefix}backbone.a": (), f"{prefix}head.b": ()}) == {
        "backbone.a": f"{prefix}backbone.a",
        "head.b": f"{prefix}head.b",
    }


def test_a_distillation_below_a_prefix_gives_the_student():
    names = ("student.backbone.a", "teacher.backbone.a", "distill_losses.loss_fea.w")
    found = model_names({f"module.distill.{name}": () for name in names})
    assert found == {"backbone.a": "module.distill.student.backbone.a"}


@pytest.mark.parametrize(
    "entries", [("model_state_dict",), ("ema",), ("net",), ("params",), ("ema", "module")]
)
def test_entries_of_other_trainings_are_read(tmp_path, entries):
    torch = pytest.importorskip("torch")
    content = {"w": torch.arange(3.0)}
    for entry in reversed(entries):
        content = {entry: content, "epoch": 3, "optimizer": {"w": torch.zeros(9)}}
    torch.save(content, tmp_path / "other.pth")
    assert read_checkpoint(tmp_path / "other.pth")["w"].tolist() == [0, 1, 2]


def distillation(teacher_width, *, feature_loss=False):
    names = {
        "teacher.backbone.stem.weight": (teacher_width, 3),
        "teacher.neck.weight": (2,),
        "teacher.head.weight": (5,),
        "student.backbone.stem.weight": (4, 3),
        "student.neck.weight": (2,),
        "student.head.weight": (5,),
    }
    return names | ({"distill_losses.loss_fea.align.weight": (1,)} if feature_loss else {})


@pytest.mark.parametrize("prefix", ["", "module."])
def test_stage_one_of_a_distillation_gives_the_student(prefix):
    for shapes in (distillation(8), distillation(4, feature_loss=True)):
        names = model_names({prefix + name: shape for name, shape in shapes.items()})
        assert names == {
            "backbone.stem.weight": prefix + "student.backbone.stem.weight",
            "neck.weight": prefix + "student.neck.weight",
            "head.weight": prefix + "student.head.weight",
        }


def test_stage_two_gives_the_teachers_body_and_the_students_head():
    expected = {
        "backbone.stem.weight": "teacher.backbone.stem.weight",
        "neck.weight": "teacher.neck.weight",
        "head.weight": "student.head.weight",
    }
    shapes = distillation(4)
    assert model_names(shapes) == expected
    head_only = {n: s for n, s in shapes.items() if not n.startswith("student.b")}
    assert model_names(head_only) == expected


def test_safetensors_go_through_a_file_unchanged(tmp_path):
    tensors = {
        "f": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "h": np.array([1.5], np.float16),
        "n": np.array(3),
        "reversed": np.arange(4.0)[::-1],
    }
    write_safetensors(tmp_path / "a.safetensors", tensors, {"model": "rtmw3d-n"})
    got = read_checkpoint(tmp_path / "a.safetensors")
    assert set(got) == set(tensors)
    for name, array in tensors.items():
        assert got[name].dtype == array.dtype
        assert got[name].shape == array.shape
        np.testing.assert_array_equal(got[name], array)


def test_a_text_of_the_header_does_not_replace_a_tensor(tmp_path):
    """Only a name without a tensor of its own is another name of the one that the text names."""
    tensors = {"a": ones(2), "b": ones(3)}
    write_safetensors(tmp_path / "a.safetensors", tensors, {"a": "b", "c": "b", "model": "d"})
    read = read_checkpoint(tmp_path / "a.safetensors")
    assert {name: array.shape for name, array in read.items()} == {"a": (2,), "b": (3,), "c": (3,)}


def bfloat16_file(values) -> bytes:
    data = (np.array(values, "<f4").view("<u4") >> 16).astype("<u2").tobytes()
    header = {"w": {"dtype": "BF16", "shape": [1, len(values)], "data_offsets": [0, len(data)]}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_bfloat16_of_safetensors_becomes_float32_and_the_ending_does_not_matter(tmp_path):
    (tmp_path / "renamed.pth").write_bytes(bfloat16_file([1.0, -2.5]))
    got = read_checkpoint(tmp_path / "renamed.pth")["w"]
    assert got.dtype == np.float32
    assert got.tolist() == [[1.0, -2.5]]


def test_damaged_safetensors_are_refused(tmp_path):
    data = bfloat16_file([1.0, -2.5])
    path = tmp_path / "a.safetensors"
    for damaged in (data[:-1], data[:40], data.replace(b"BF16", b"XX99"), data + b"12"):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError):
            read_checkpoint(path)


def test_a_recorded_model_fits_its_own_keys_and_no_others(golden, recipe):
    keys = {
        name: {
            key: tuple(shape)
            for key, shape in json.loads((golden / "keys" / f"{name}.json").read_text()).items()
        }
        for name in ("rtmdet-nano_320", "rtmpose-m_256x192")
    }
    weights = recipe.state_dict(keys["rtmdet-nano_320"])
    matched = match(weights, keys["rtmdet-nano_320"])
    assert list(matched) == list(keys["rtmdet-nano_320"])
    assert all(np.array_equal(matched[name], weights[name]) for name in weights)
    with pytest.raises(WeightsError, match="does not fit rtmw3d-l"):
        match(weights, keys["rtmpose-m_256x192"])


def test_tensors_that_safetensors_stored_once_are_read_under_every_name(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_model

    shared = torch.nn.Linear(3, 2)
    network = torch.nn.ModuleDict({"first": shared, "again": shared, "own": torch.nn.Linear(2, 2)})
    save_model(network, str(tmp_path / "a.safetensors"))
    read = read_checkpoint(tmp_path / "a.safetensors")
    expected = network.state_dict()
    assert set(read) == set(expected)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(read[name], tensor.numpy(), err_msg=name)
