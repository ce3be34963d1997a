"""ONNX files made to run for ever, to read other files or to unpack without end are refused."""

from __future__ import annotations

import random
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from foreign_onnx import save_foreign

from rtmpose3d import BackendError, RTMPose3DError, WeightsError
from rtmpose3d.runtime import RuntimeOptions, open_detector
from rtmpose3d.runtime.onnx_content import check_onnx, is_onnx_file, read_onnx
from rtmpose3d.untrusted.limits import ONNX_DEPTH
from rtmpose3d.zoo import resolve_detector

NANO = resolve_detector("rtmdet-nano")
CPU = RuntimeOptions(device="cpu", threads=1)
DETS = {
    "dets": np.array([[[10, 20, 110, 220, 0.9]]], np.float32),
    "labels": np.zeros((1, 1), np.int64),
}


def loop(onnx, depth: int = 0):
    """A Loop of 2^62 rounds, inside `depth` branches."""
    helper, kind = onnx.helper, onnx.TensorProto
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["again"]),
            helper.make_node("Identity", ["state"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", kind.INT64, []),
            helper.make_tensor_value_info("go", kind.BOOL, []),
            helper.make_tensor_value_info("state", kind.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("again", kind.BOOL, []),
            helper.make_tensor_value_info("next", kind.FLOAT, []),
        ],
    )
    count = helper.make_tensor("count_value", kind.INT64, [], [2**62])
    nodes = [
        helper.make_node("Constant", [], ["count"], value=count),
        helper.make_node(
            "Constant", [], ["yes"], value=helper.make_tensor("y", kind.BOOL, [], [True])
        ),
        helper.make_node("Loop", ["count", "yes", "start"], ["end"], body=body),
    ]
    for level in range(depth):
        output = helper.make_tensor_value_info("end", kind.FLOAT, [])
        branch = helper.make_graph(nodes, f"branch{level}", [], [output])
        nodes = [helper.make_node("If", ["yes"], ["end"], then_branch=branch, else_branch=branch)]
    return nodes


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_loop_is_refused_wherever_it_is(tmp_path: Path, depth: int) -> None:
    onnx = pytest.importorskip("onnx")
    file = save_foreign(tmp_path / "loop.onnx", DETS, (1, 3, 320, 416), nodes=loop(onnx, depth))
    with pytest.raises(BackendError, match=r"loop\.onnx is refused: it contains Loop"):
        open_detector(NANO, file, CPU)


def test_a_loop_in_a_function_of_the_file_is_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    file = save_foreign(tmp_path / "f.onnx", DETS, (1, 3, 320, 416))
    model = onnx.load(file)
    model.functions.append(
        onnx.helper.make_function("own", "F", ["start"], ["end"], loop(onnx), [])
    )
    with pytest.raises(BackendError, match="contains Loop"):
        check_onnx(model.SerializeToString(), file, folder=tmp_path)


def test_graphs_nested_too_deep_are_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    nodes = [onnx.helper.make_node("Identity", ["a"], ["end"])]
    for level in range(ONNX_DEPTH + 2):
        output = onnx.helper.make_tensor_value_info("end", onnx.TensorProto.FLOAT, [])
        graph = onnx.helper.make_graph(nodes, f"g{level}", [], [output])
        nodes = [onnx.helper.make_node("If", ["yes"], ["end"], then_branch=graph)]
    file = save_foreign(tmp_path / "deep.onnx", DETS, (1, 3, 320, 416), nodes=nodes)
    with pytest.raises(BackendError, match="nested more than"):
        open_detector(NANO, file, CPU)


def with_external_weights(file: Path, location: str) -> Path:
    onnx = pytest.importorskip("onnx")
    save_foreign(file, DETS, (1, 3, 320, 416))
    model = onnx.load(file)
    tensor = next(t for t in model.graph.initializer if t.name == "dets_constant")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    file.write_bytes(model.SerializeToString())
    return file


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "link.bin", "a/../../x"])
def test_weights_outside_the_folder_are_refused_by_us(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(64))
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    file = with_external_weights(folder / "x.onnx", location)
    with pytest.raises(BackendError, match="outside its folder"):
        open_detector(NANO, file, CPU)


def test_weights_in_the_folder_are_read(tmp_path: Path) -> None:
    file = with_external_weights(tmp_path / "x.onnx", "x.data")
    (tmp_path / "x.data").write_bytes(DETS["dets"].tobytes())
    session = open_detector(NANO, file, CPU)
    (candidates,) = session.run(np.zeros((1, 320, 416, 3), np.uint8))
    assert candidates.scores[0] == pytest.approx(0.9, abs=0.01)


def test_a_zip_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bomb.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("end2end.onnx", bytes(50_000_000))
    with pytest.raises(BackendError, match=r"unpacks from .* to 50,000,000 bytes"):
        open_detector(NANO, file, CPU)


def test_other_zips_are_no_onnx_files(tmp_path: Path) -> None:
    file = tmp_path / "other.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.onnx", b"1")
        archive.writestr("b.onnx", b"2")
    assert not is_onnx_file(file)
    with pytest.raises(RTMPose3DError, match=r"other\.zip"):
        open_detector(NANO, file, CPU)


@pytest.mark.parametrize("inputs", [0, 2])
def test_a_file_without_exactly_one_input_is_refused(tmp_path: Path, inputs: int) -> None:
    onnx = pytest.importorskip("onnx")
    kind = onnx.TensorProto.FLOAT
    names = [f"in{i}" for i in range(inputs)]
    tensors = [onnx.helper.make_tensor_value_info(n, kind, [1, 3, 320, 320]) for n in names]
    value = onnx.numpy_helper.from_array(np.ones(3, np.float32))
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Constant", [], ["dets"], value=value)],
        "g",
        tensors,
        [onnx.helper.make_tensor_value_info("dets", kind, [3])],
    )
    file = tmp_path / "inputs.onnx"
    opset = [onnx.helper.make_opsetid("", 13)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), file)
    with pytest.raises(WeightsError, match="expected an ONNX file with one input"):
        open_detector(NANO, file, CPU)


def test_a_name_that_is_no_text_is_an_error_of_ours(tmp_path: Path) -> None:
    file = save_foreign(tmp_path / "x.onnx", DETS, (1, 3, 320, 416))
    file.write_bytes(file.read_bytes().replace(b"input", b"inp\xabt"))
    with pytest.raises(BackendError, match=r"x\.onnx"):
        open_detector(NANO, file, CPU)


def test_errors_are_raised_and_not_written_to_stderr_too(tmp_path: Path, capfd) -> None:
    onnx = pytest.importorskip("onnx")
    file = save_foreign(tmp_path / "x.onnx", DETS, (1, 3, 320, 416))
    model = onnx.load(file)
    next(t for t in model.graph.initializer if t.name == "dets_constant").dims[1] = 2
    file.write_bytes(model.SerializeToString())
    with pytest.raises(BackendError, match="cannot open"):
        open_detector(NANO, file, CPU)
    assert capfd.readouterr().err == ""


def test_damaged_files_are_refused_or_read_and_never_a_foreign_error(tmp_path: Path) -> None:
    file = save_foreign(tmp_path / "x.onnx", DETS, (1, 3, 320, 416))
    content = file.read_bytes()
    rng = random.Random(0)
    for _ in range(2000):
        damaged = bytearray(content[: rng.choice([len(content), rng.randrange(len(content))])])
        for _ in range(rng.randrange(4)):
            if damaged:
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        file.write_bytes(damaged)
        is_onnx_file(file)
        with suppress(BackendError):
            read_onnx(file)
