"""Weights for the package: contents of the file, equality with the .pth, refusals."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from rtmpose3d import InputError, RTMPose3D, RTMPose3DInference, WeightsError
from rtmpose3d.export import bundle
from rtmpose3d.export.bundle import (
    find_checkpoint,
    half_precision_difference,
    stored_tensors,
    write_bundled,
)
from rtmpose3d.runtime import load_weights
from rtmpose3d.runtime.graph_files import graph_file
from rtmpose3d.sources import load_image
from rtmpose3d.weights import fetch, locate, read_checkpoint, write_torch_file
from rtmpose3d.zoo import DEMO_IMAGE, MODELS, BundledFile, resolve
from rtmpose3d.zoo.bundled import BUNDLED_FOLDER

pytestmark = pytest.mark.slow

NAMES = ("rtmw3d-n", "rtmdet-n")
FILES = (*NAMES, *(f"{name}-cc0" for name in NAMES))
CARD = "# A card\n\n<!-- facts: begin -->\nold\n<!-- facts: end -->\n\nText.\n"
BOXES = np.array([[80.0, 90, 290, 610], [650, 100, 850, 600]], np.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder instead of the package's own, with a card for each model."""
    monkeypatch.setattr("rtmpose3d.zoo.bundled.BUNDLED_FOLDER", tmp_path)
    for name in NAMES:
        (tmp_path / f"{name}.md").write_text(CARD, "utf-8")
    return tmp_path


def trained(name: str, path: Path, *, halves: bool = False, **changes: np.ndarray) -> Path:
    """A .pth as a training run writes it; the head's shared tensors are equal, as they must be."""
    rng = np.random.default_rng(7)
    shapes = graph_file(resolve(name)).shapes
    weights: dict[str, np.ndarray] = {}
    for key, shape in shapes.items():
        if key.endswith("num_batches_tracked"):
            weights[key] = np.array(5, np.int64)
        elif len(shape) < 2:
            weights[key] = rng.uniform(0.5, 1.5, shape).astype(np.float32)
        else:
            values = rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
            weights[key] = values.astype(np.float16 if halves else np.float32).astype(np.float32)
        for level in ("1", "2"):  # RTMDet's convolutions are shared, its norms are not
            first = key.replace(f"_convs.{level}.", "_convs.0.")
            if "bbox_head" in key and first != key and key.endswith("conv.weight"):
                weights[key] = weights[first]
    write_torch_file(path, {**weights, **changes}, {"meta": {"step": 90, "pck": 0.123456}})
    return path


@pytest.mark.parametrize("name", FILES)
def test_the_package_has_its_files_within_their_limits_and_they_fit(name):
    file = MODELS[name].file
    assert isinstance(file, BundledFile)
    assert file.path.stat().st_size <= file.max_bytes
    weights = load_weights(resolve(name), file.path)
    assert {array.dtype.str[1:] for array in weights.values()} <= {"f4", "i8"}
    parameters = sum(a.size for a in weights.values() if a.dtype.kind == "f")
    assert parameters >= MODELS[name].params


@pytest.mark.parametrize("name", FILES)
def test_the_card_lists_the_facts_in_the_files_header(name):
    card = (BUNDLED_FOLDER / f"{name}.md").read_text("utf-8")
    with safe_open(BUNDLED_FOLDER / f"{name}.safetensors", framework="np") as file:
        header = file.metadata()
    facts = {
        key: value for key, value in header.items() if key not in graph_file(resolve(name)).shapes
    }
    assert facts["model"] == name.removesuffix("-cc0")  # the name it had when it was written
    rows = [line.split("|")[2].strip() for line in card.splitlines() if line.startswith("| ")]
    assert set(facts.values()) <= set(rows)  # a card may name a fact in other words
    assert f"{(BUNDLED_FOLDER / f'{name}.safetensors').stat().st_size:,} bytes" in card
    trained = "rendered people only" if name.endswith("-cc0") else "rendered people and photographs"
    assert f"demonstration model trained on {trained}" in card


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_bundled_weights_give_what_the_same_weights_give_from_a_pth(
    folder, tmp_path_factory, backend, no_network
):
    if backend == "torch":
        pytest.importorskip("torch")
    made = tmp_path_factory.mktemp("trained")
    files = {name: trained(name, made / f"{name}.pth", halves=True) for name in NAMES}
    for name, file in files.items():
        report = write_bundled(name, file)
        assert report.weight_difference == 0
        assert set(report.output_difference.values()) == {0.0}
    image = load_image(DEMO_IMAGE)
    ours = RTMPose3D.from_pretrained("rtmw3d-n", backend=backend)
    theirs = RTMPose3D.from_pretrained(
        "rtmw3d-n",
        backend=backend,
        pose_checkpoint=files["rtmw3d-n"],
        detector_checkpoint=files["rtmdet-n"],
    )
    for boxes in (BOXES, None):
        a, b = (
            model(image, boxes=boxes, bbox_thr=0.05, single_person=boxes is None)
            for model in (ours, theirs)
        )
        assert len(a) > 0
        for key in a:
            np.testing.assert_array_equal(a[key], b[key], err_msg=key)


def test_both_backends_read_the_package_alike():
    pytest.importorskip("torch")
    image = load_image(DEMO_IMAGE)
    onnx, torch = (
        RTMPose3D.from_pretrained("rtmw3d-n", backend=backend, detector=None)(image, boxes=BOXES)
        for backend in ("onnxruntime", "torch")
    )
    np.testing.assert_allclose(onnx.scores, torch.scores, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_file_holds_halves_and_no_counters_and_each_tensor_once(folder, tmp_path_factory, name):
    checkpoint = trained(name, tmp_path_factory.mktemp("trained") / "a.pth")
    report = write_bundled(name, checkpoint, facts={"commit": "1a2b3c4"})
    assert report.path == folder / f"{name}.safetensors"
    assert report.size_bytes == report.path.stat().st_size <= report.max_bytes
    assert 0 < report.weight_difference <= 2.0**-11
    graph = graph_file(resolve(name))
    with safe_open(report.path, framework="np") as file:
        stored = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        header = file.metadata()
    assert set(stored) == set(graph.initialisers)
    assert not any(key.endswith("num_batches_tracked") for key in stored)
    assert all(
        array.dtype == (np.float32 if array.ndim < 2 else np.float16) for array in stored.values()
    )
    assert (header["commit"], header["step"], header["pck"]) == ("1a2b3c4", "90", "0.1235")
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert header["built from"] == f"sha256 {digest}"
    assert report.output_difference["scores, largest"] > 0
    unstored = {key for key in graph.shapes if key not in stored}
    assert set(report.skipped) == unstored

    before, after = (
        load_weights(resolve(name), checkpoint),
        load_weights(resolve(name), report.path),
    )
    assert list(before) == list(after)
    for key, array in before.items():
        if key.endswith("num_batches_tracked"):
            assert after[key] == 0
            continue
        assert after[key].dtype == np.float32
        assert np.abs(after[key] - array).max() <= 2.0**-11 * np.abs(array).max()
    if name == "rtmdet-n":
        shared = [key for key in after if key not in stored and key.endswith("weight")]
        assert len(shared) == 8


def test_facts_replace_those_of_the_card(folder, tmp_path_factory):
    checkpoint = trained("rtmdet-n", tmp_path_factory.mktemp("trained") / "a.pth")
    write_bundled("rtmdet-n", checkpoint, facts={"hours": "2.1 on two cores"})
    card = (folder / "rtmdet-n.md").read_text("utf-8")
    assert "| hours | 2.1 on two cores |" in card
    assert "old" not in card
    assert card.startswith("# A card\n")
    assert card.endswith("<!-- facts: end -->\n\nText.\n")


def test_what_cannot_go_into_the_package_is_refused_and_the_old_file_stays(
    folder, tmp_path_factory, monkeypatch
):
    made = tmp_path_factory.mktemp("trained")
    target = folder / "rtmdet-n.safetensors"
    target.write_bytes(b"as it was")
    shapes = graph_file(resolve("rtmdet-n")).shapes
    key = "backbone.stem.0.conv.weight"

    huge = np.ones(shapes[key], np.float32)
    huge[0, 0, 0, 0] = 7e4
    with pytest.raises(WeightsError, match=rf"{key} has values up to 7e\+04, beyond float16"):
        write_bundled("rtmdet-n", trained("rtmdet-n", made / "huge.pth", **{key: huge}))
    tiny = np.full(shapes[key], 1e-8, np.float32)
    with pytest.raises(WeightsError, match="loses 1 of its largest value"):
        write_bundled("rtmdet-n", trained("rtmdet-n", made / "tiny.pth", **{key: tiny}))
    broken = np.full(shapes[key], np.nan, np.float32)
    with pytest.raises(WeightsError, match="not finite"):
        write_bundled("rtmdet-n", trained("rtmdet-n", made / "nan.pth", **{key: broken}))
    other = "bbox_head.cls_convs.1.0.conv.weight"
    with pytest.raises(WeightsError, match="should hold the same values as another"):
        write_bundled(
            "rtmdet-n",
            trained("rtmdet-n", made / "head.pth", **{other: np.ones(shapes[other], np.float32)}),
        )
    with pytest.raises(WeightsError, match="does not fit rtmdet-n"):
        write_bundled("rtmdet-n", trained("rtmw3d-n", made / "pose.pth"))
    with pytest.raises(InputError, match="rtmw3d-l is not in the package; those are: rtmw3d-n"):
        write_bundled("rtmw3d-l", made / "pose.pth")
    with pytest.raises(InputError, match=r"is one line without \|"):
        write_bundled("rtmdet-n", trained("rtmdet-n", made / "a.pth"), facts={"note": "a | b"})
    small = BundledFile(name=target.name, max_bytes=1_000_000)
    spec = replace(MODELS["rtmdet-n"], file=small)
    monkeypatch.setitem(MODELS, "rtmdet-n", spec)
    with pytest.raises(WeightsError, match="at most 1,000,000; nothing was written"):
        write_bundled("rtmdet-n", made / "a.pth")
    assert target.read_bytes() == b"as it was"
    assert sorted(path.name for path in folder.iterdir()) == [
        "rtmdet-n.md", "rtmdet-n.safetensors", "rtmw3d-n.md"
    ]  # fmt: skip


def test_the_folder_of_a_training_run_stands_for_its_finished_weights(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    step = tmp_path / "checkpoints" / "step_00000500.pth"
    step.touch()
    with pytest.raises(WeightsError, match=r"no rtmw3d-n\.pth of a finished.*step_00000500\.pth"):
        find_checkpoint(tmp_path, "rtmw3d-n")
    (tmp_path / "rtmw3d-n.pth").touch()
    assert find_checkpoint(tmp_path, "rtmw3d-n") == tmp_path / "rtmw3d-n.pth"
    assert find_checkpoint(step, "rtmw3d-n") == step


def test_the_command_reports_its_results_and_errors(folder, tmp_path_factory, capsys):
    checkpoint = trained("rtmw3d-n", tmp_path_factory.mktemp("trained") / "a.pth")
    facts = ["--card-facts", "commit=1a2b3c4", "hours=2", "--card-facts", "crops=7"]
    bundle.main(["rtmw3d-n", str(checkpoint), *facts])
    printed = capsys.readouterr().out
    for words in ("bytes, at most 12,000,000", "keypoints, mean (px)", "depth, mean (mm)"):
        assert words in printed
    card = (folder / "rtmw3d-n.md").read_text("utf-8")
    for row in ("| commit | 1a2b3c4 |", "| hours | 2 |", "| crops | 7 |"):
        assert row in card
    with pytest.raises(SystemExit, match=r"error: .*gone\.pth"):
        bundle.main(["rtmw3d-n", "gone.pth"])


@pytest.mark.parametrize(("units", "fits"), [(2**10 + 0.5, True), (2**9 + 0.5, False)])
def test_a_tensor_may_lose_as_much_as_rounding_to_eleven_bits_does(tmp_path, units, fits):
    """Small numbers of float16 are multiples of 2**-24; these lie half of that between two."""
    weights = {"w": np.array([[units * 2.0**-24, 0]], np.float32), "zero": np.zeros((2, 2))}
    stored = {key: array.astype(np.float16) for key, array in weights.items()}
    if fits:
        loss = half_precision_difference(weights, stored, tmp_path)
        assert loss == pytest.approx(0.5 / units)
    else:
        with pytest.raises(WeightsError, match=r"w loses 0\.00098 of its largest value"):
            half_precision_difference(weights, stored, tmp_path)


def test_stored_tensors_leave_their_arguments_alone(tmp_path):
    weights = load_weights(resolve("rtmdet-n"), trained("rtmdet-n", tmp_path / "a.pth"))
    before = {key: array.copy() for key, array in weights.items()}
    stored_tensors(weights, graph_file(resolve("rtmdet-n")))
    for key, array in weights.items():
        np.testing.assert_array_equal(array, before[key])


# -- the package's own files, as a user meets them -------------------------------------------------


def test_naming_the_model_is_enough_and_touches_no_network(no_network, tmp_path):
    for model in (
        RTMPose3D.from_pretrained("rtmw3d-n", cache_dir=tmp_path),
        RTMPose3D.from_pretrained(model_size="n", cache_dir=tmp_path),
        RTMPose3DInference(model="rtmw3d-n", cache_dir=tmp_path),
        RTMPose3DInference(model_size="n", cache_dir=tmp_path),
    ):
        assert (model.config.model, model.config.detector) == ("rtmw3d-n", "rtmdet-n")
        result = model(DEMO_IMAGE)
        assert result.model == "rtmw3d-n"
        assert result.keypoints_3d.shape[1:] == (133, 3)
    assert list(tmp_path.iterdir()) == []


def test_a_detector_that_is_asked_for_wins(made_checkpoint):
    model = RTMPose3D.from_pretrained(
        "rtmw3d-n",
        detector="rtmdet-nano",
        detector_checkpoint=made_checkpoint("rtmdet-nano"),
    )
    assert model.config.detector == "rtmdet-nano"
    model(DEMO_IMAGE)
    assert RTMPose3D.from_pretrained("rtmw3d-n", detector=None).config.detector is None


def test_a_saved_folder_holds_the_packages_weights(tmp_path, no_network):
    model = RTMPose3D.from_pretrained("rtmw3d-n")
    model.save_pretrained(tmp_path / "mine")
    names = {path.name for path in (tmp_path / "mine").iterdir()}
    assert names == {"config.json", "rtmw3d-n.safetensors", "rtmdet-n.safetensors"}
    content = json.loads((tmp_path / "mine" / "config.json").read_text("utf-8"))
    assert (content["model"], content["detector"]) == ("rtmw3d-n", "rtmdet-n")
    again = RTMPose3D.from_pretrained(tmp_path / "mine")
    a, b = model(DEMO_IMAGE), again(DEMO_IMAGE)
    np.testing.assert_array_equal(a.keypoints_3d, b.keypoints_3d)


def test_a_file_that_is_missing_from_the_package_is_reported(folder, no_network):
    file = MODELS["rtmw3d-n"].file
    assert locate(file) is None
    with pytest.raises(WeightsError, match=r"rtmw3d-n\.safetensors is missing, though.*install"):
        fetch(file)
    with pytest.raises(WeightsError, match="part of the package"):
        RTMPose3D.from_pretrained("rtmw3d-n")


def test_a_damaged_file_of_the_package_is_reported(folder):
    whole = (BUNDLED_FOLDER / "rtmw3d-n.safetensors").read_bytes()
    (folder / "rtmw3d-n.safetensors").write_bytes(whole[:100_000])
    with pytest.raises(WeightsError, match="cannot be read"):
        RTMPose3D.from_pretrained("rtmw3d-n")


def test_export_takes_the_packages_weights(tmp_path, no_network):
    pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    from rtmpose3d.export import export_onnx

    report = export_onnx("rtmdet-n", tmp_path / "a.onnx")
    shutil.copy(report.path, tmp_path / "b.onnx")
    model = RTMPose3D.from_pretrained("rtmw3d-n", detector_checkpoint=tmp_path / "b.onnx")
    own = RTMPose3D.from_pretrained("rtmw3d-n")
    np.testing.assert_allclose(
        model(DEMO_IMAGE).bbox_scores, own(DEMO_IMAGE).bbox_scores, atol=1e-3
    )


def test_reading_keeps_tensors_that_are_stored_once_under_all_their_names(folder, tmp_path_factory):
    checkpoint = trained("rtmdet-n", tmp_path_factory.mktemp("trained") / "a.pth", halves=True)
    path = write_bundled("rtmdet-n", checkpoint).path
    read, expected = read_checkpoint(path), read_checkpoint(checkpoint)
    assert set(read) == {key for key in expected if not key.endswith("num_batches_tracked")}
    for key, array in read.items():
        np.testing.assert_array_equal(array.astype(np.float32), expected[key], err_msg=key)
