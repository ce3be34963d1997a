"""`RTMPose3D` from its name to its results: arguments, shapes, equivalences, errors."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from rtmpose3d import (
    BackendError,
    Camera,
    DownloadError,
    InputError,
    PoseResult,
    RTMPose3D,
    RTMPose3DConfig,
    RTMPose3DInference,
    UnknownNameError,
    WeightsError,
)
from rtmpose3d.zoo import MODELS

pytestmark = pytest.mark.slow

Maker = Callable[[str], Path]
BOXES = np.array([[120.0, 40, 260, 400], [300, 60, 420, 380], [20, 90, 110, 470]], np.float32)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """A smooth image, neither square nor grey."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return np.asarray(
        PillowImage.fromarray(coarse).resize((640, 480), PillowImage.Resampling.BICUBIC)
    )


@pytest.fixture(scope="module")
def model(bundled: RTMPose3D) -> RTMPose3D:
    return bundled


@pytest.fixture(scope="module")
def small_model(made_checkpoint: Maker) -> RTMPose3D:
    return RTMPose3D.from_pretrained(
        "dwpose-t-256x192", pose_checkpoint=made_checkpoint("dwpose-t-256x192"), detector=None
    )


def assert_same(a: PoseResult, b: PoseResult, atol: float = 0.0) -> None:
    assert a.keys() == b.keys()
    for key in a:
        np.testing.assert_allclose(a[key], b[key], atol=atol, err_msg=key)


def test_result_has_the_documented_keys_and_shapes(model: RTMPose3D, image: np.ndarray) -> None:
    result = model(image, boxes=BOXES)
    assert len(result) == 3
    assert result["keypoints_3d"].shape == (3, 133, 3)
    assert result["keypoints_2d"].shape == (3, 133, 2)
    assert result["scores"].shape == result["confidence"].shape == (3, 133)
    np.testing.assert_array_equal(result["bboxes"], BOXES)
    assert all(result[key].dtype == np.float32 for key in result)
    assert set(result.root_depth_source) <= {"estimated", "assumed"}
    assert (result.root_depth_m > 0).all()
    assert (result.root_depth_std_m > 0).all()


def test_2d_model_returns_no_keypoints_3d(small_model: RTMPose3D, image: np.ndarray) -> None:
    result = small_model(image, boxes=BOXES)
    assert "keypoints_3d" not in result
    with pytest.raises(UnknownNameError, match="keypoints_3d"):
        result["keypoints_3d"]
    with pytest.raises(InputError, match="2D keypoints only"):
        _ = result.keypoints_3d


def test_all_people_of_an_image_cost_one_network_call(
    small_model: RTMPose3D, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = []
    run = small_model._estimator.pose.run

    def count(crops, **options):
        batches.append(len(crops))
        return run(crops, **options)

    monkeypatch.setattr(small_model._estimator.pose, "run", count)
    small_model(image, boxes=np.tile(BOXES, (3, 1))[:8])
    assert batches == [8]
    small_model([image, image], boxes=[BOXES, BOXES[:1]])
    assert batches == [8, 4]


def test_batch_of_people_gives_what_each_person_gives_alone(
    model: RTMPose3D, image: np.ndarray
) -> None:
    together = model(image, boxes=BOXES)
    for i in range(3):
        alone = model(image, boxes=BOXES[i : i + 1])
        np.testing.assert_allclose(alone.keypoints_2d[0], together.keypoints_2d[i], atol=0.01)
        np.testing.assert_allclose(alone.scores[0], together.scores[i], atol=1e-4)


def test_list_of_images_gives_a_list_of_the_same_results(
    model: RTMPose3D, image: np.ndarray
) -> None:
    other = np.ascontiguousarray(image[:400, :500])
    many = model([image, other], boxes=[BOXES[:2], BOXES[2:]])
    assert isinstance(many, list)
    assert_same(many[0], model(image, boxes=BOXES[:2]), atol=1e-3)
    assert_same(many[1], model(other, boxes=BOXES[2:]), atol=1e-3)
    assert model([]) == []


def test_file_pillow_and_array_give_the_same(
    small_model: RTMPose3D, image: np.ndarray, tmp_path: Path
) -> None:
    pillow = PillowImage.fromarray(np.ascontiguousarray(image[:, :, ::-1]))
    pillow.save(tmp_path / "bild ä.png")
    from_array = small_model(image, boxes=BOXES)
    assert_same(small_model(pillow, boxes=BOXES), from_array)
    from_file = small_model(tmp_path / "bild ä.png", boxes=BOXES)
    assert_same(from_file, from_array)
    assert from_file.source == tmp_path / "bild ä.png"
    assert from_array.source is None


def test_an_image_without_people_gives_empty_arrays_without_warnings(
    model: RTMPose3D, image: np.ndarray
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for result in (
            model(image, boxes=[]),
            model(image, bbox_thr=1.0),
            model(image, bbox_thr=1.0, single_person=True),
        ):
            assert len(result) == 0
            assert result.keypoints_3d.shape == (0, 133, 3)
            assert result.keypoints_2d.shape == (0, 133, 2)
            assert result.scores.shape == (0, 133)
            assert result.bboxes.shape == (0, 4)
            assert not result


def test_single_person_keeps_the_largest_area_times_score(
    small_model: RTMPose3D, image: np.ndarray
) -> None:
    result = small_model(image, boxes=BOXES, single_person=True)
    np.testing.assert_array_equal(result.bboxes, BOXES[:1])


def test_axes_and_given_root_depth_reproduce_the_old_package(
    model: RTMPose3D, image: np.ndarray
) -> None:
    camera = Camera(fx=1145.0, fy=1143.8, cx=240.0, cy=320.0, width=640, height=480)
    old = model(image, boxes=BOXES, camera=camera, root_depth_m=5.14388, axes="rtmpose3d")
    space = old.keypoints_in("camera")
    np.testing.assert_array_equal(old.keypoints_3d, -space[..., [0, 2, 1]])
    assert old.root_depth_source == ("given",) * 3
    np.testing.assert_array_equal(old.root_depth_std_m, 0)
    up = model(image, boxes=BOXES, camera=camera, root_depth_m=5.14388)
    np.testing.assert_allclose(up.keypoints_3d[..., 0], space[..., 0])
    np.testing.assert_allclose(up.keypoints_3d[..., 1], space[..., 2])
    np.testing.assert_allclose(up.keypoints_3d[..., 2], -space[..., 1])
    np.testing.assert_allclose(camera.project(space), old.keypoints_2d, atol=0.01)


def test_default_camera_has_its_principal_point_in_the_middle_of_the_image(
    model: RTMPose3D, image: np.ndarray
) -> None:
    camera = model(image, boxes=BOXES).camera
    assert camera is not None
    assert (camera.width, camera.height) == (640, 480)
    assert (camera.cx, camera.cy) == (320, 240)


def test_torch_tensors_hold_the_same_numbers(model: RTMPose3D, image: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    tensors = model(image, boxes=BOXES, return_tensors="pt")
    arrays = model(image, boxes=BOXES)
    assert set(tensors) == set(arrays.keys())
    for key, tensor in tensors.items():
        assert isinstance(tensor, torch.Tensor)
        assert str(tensor.device) == model.device
        np.testing.assert_array_equal(tensor.numpy(), arrays[key])
    with pytest.raises(InputError, match="return_tensors"):
        model(image, return_tensors="tf")  # type: ignore[call-overload]


def test_torch_backend_gives_the_same_results(made_checkpoint: Maker, image: np.ndarray) -> None:
    pytest.importorskip("torch")
    name = "dwpose-t-256x192"
    a, b = (
        RTMPose3D.from_pretrained(
            name,
            backend=backend,
            precision="fp32",
            pose_checkpoint=made_checkpoint(name),
            detector=None,
        )(image, boxes=BOXES)
        for backend in ("auto", "torch")
    )
    np.testing.assert_allclose(a.scores, b.scores, atol=5e-4)
    assert (np.abs(a.keypoints_2d - b.keypoints_2d).max(axis=2) > 0.01).mean() < 0.01


def test_saved_folder_loads_without_anything_else(
    made_checkpoint: Maker, image: np.ndarray, tmp_path: Path
) -> None:
    model = RTMPose3D.from_pretrained(
        "dwpose-t-256x192",
        device="cpu",
        pose_checkpoint=made_checkpoint("dwpose-t-256x192"),
        detector_checkpoint=made_checkpoint("rtmdet-nano"),
        detector="rtmdet-nano",
    )
    model.save_pretrained(tmp_path / "mine")
    names = {path.name for path in (tmp_path / "mine").iterdir()}
    assert "config.json" in names
    assert sum(name.endswith(".pth") for name in names) == 2, "pose and detector weights"
    moved = (tmp_path / "mine").rename(tmp_path / "moved")
    again = RTMPose3D.from_pretrained(moved, device="cpu")
    assert again.config.detector == "rtmdet-nano"
    assert_same(again(image, bbox_thr=0.2), model(image, bbox_thr=0.2))


def test_folder_of_published_files_is_a_model(
    made_checkpoint: Maker, image: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = MODELS["rtmw3d-l"]  # random weights cannot have the published file's hash
    monkeypatch.setitem(
        MODELS, "rtmw3d-l", replace(spec, file=replace(spec.file, sha256_prefix=None))
    )
    published = made_checkpoint("rtmw3d-l")
    (tmp_path / published.name).symlink_to(published)
    model = RTMPose3D.from_pretrained(str(tmp_path), detector=None)
    assert model.config.model == "rtmw3d-l"
    assert len(model(image, boxes=BOXES[:1])) == 1


def test_programs_for_the_old_package_run_unchanged(
    made_checkpoint: Maker, image: np.ndarray
) -> None:
    inference = RTMPose3DInference(
        model_size="L",
        device="cpu",
        pose_checkpoint=str(made_checkpoint("rtmw3d-l")),
        detector_checkpoint=None,
    )
    assert (inference.model_size, inference.device) == ("l", "cpu")
    results = inference(image, boxes=BOXES)
    assert dict(results).keys() >= {"keypoints_3d", "keypoints_2d", "scores", "bboxes"}
    for key, value in results.items():
        assert len(value) == 3, key
    nose = results["keypoints_3d"][0, 0, 0]
    assert np.isfinite(nose)


def test_to_moves_or_says_why_not(made_checkpoint: Maker) -> None:
    model = RTMPose3D.from_pretrained(
        "dwpose-t-256x192", pose_checkpoint=made_checkpoint("dwpose-t-256x192"), detector=None
    )
    assert model.to("cpu") is model
    with pytest.raises(UnknownNameError, match=r"unknown device 'xpu'.*cuda"):
        model.to("xpu")
    with pytest.raises(BackendError, match="mps"):
        model.to("mps")
    assert model.device == "cpu"


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"pretrained_model_name_or_path": "rtmw3d-xl"}, UnknownNameError, "rtmw3d-x"),
        ({"model_size": "s"}, UnknownNameError, "model_size"),
        ({"device": "tpu"}, UnknownNameError, "unknown device"),
        ({"backend": "tflite"}, UnknownNameError, "unknown backend"),
        ({"detector": "yolo"}, UnknownNameError, "rtmdet-m"),
        ({"detector": "rtmw3d-l"}, UnknownNameError, "unknown detector"),
        ({"pose_checkpoint": "nowhere.pth"}, WeightsError, "does not exist"),
        ({"bbox_thr": 3.0}, InputError, "bbox_thr"),
        ({"pose_config": "rtmw3d.py"}, InputError, "mmpose configurations are not read"),
    ],
)
def test_wrong_arguments_are_named(
    arguments: dict[str, object], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        RTMPose3D.from_pretrained(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ({"boxes": [[1, 2, float("nan"), 4]]}, "box 0 must be finite"),
        ({"boxes": [[10, 10, 50, 50], [50, 10, 10, 50]]}, "box 1 must have x2 > x1"),
        ({"boxes": [1, 2, 3, 4]}, r"\[\[x1, y1, x2, y2\]\]"),
        ({"boxes": BOXES, "root_depth_m": -1}, "root_depth_m must be positive"),
        ({"boxes": BOXES, "root_depth_m": [1.0, 2.0]}, "one per person"),
        ({"boxes": BOXES, "bbox_thr": 2}, "bbox_thr"),
        (
            {"boxes": BOXES, "camera": Camera.from_fov(width=64, height=48)},
            r"camera.scaled\(640, 480\)",
        ),
    ],
)
def test_unusable_calls_say_what_was_wrong(
    call: dict[str, object], text: str, model: RTMPose3D, image: np.ndarray
) -> None:
    with pytest.raises(InputError, match=text):
        model(image, **call)  # type: ignore[call-overload]


def test_unknown_axes_are_named(model: RTMPose3D, image: np.ndarray) -> None:
    with pytest.raises(UnknownNameError, match="z-up"):
        model(image, boxes=BOXES, axes="y-up")  # type: ignore[call-overload]


def test_model_without_detector_asks_for_boxes(small_model: RTMPose3D, image: np.ndarray) -> None:
    with pytest.raises(InputError, match="detector=None"):
        small_model(image)


def test_boxes_partly_outside_the_image_have_finite_poses(
    model: RTMPose3D, image: np.ndarray
) -> None:
    result = model(image, boxes=[[-500, -500, 10, 10], [600, 400, 900, 900]])
    assert np.isfinite(result.keypoints_2d).all()
    assert np.isfinite(result.keypoints_3d).all()


def test_checkpoint_of_another_model_is_refused(made_checkpoint: Maker) -> None:
    with pytest.raises(WeightsError, match="rtmw3d-l"):
        RTMPose3D.from_pretrained(
            "rtmw3d-l", pose_checkpoint=made_checkpoint("dwpose-t-256x192"), detector=None
        )


def test_config_round_trips_and_refuses_nonsense(tmp_path: Path) -> None:
    config = RTMPose3DConfig(model_size="x", bbox_thr=0.5)
    assert (config.model, config.model_type) == ("rtmw3d-x", "rtmpose3d")
    config.save_pretrained(tmp_path)
    assert RTMPose3DConfig.from_pretrained(str(tmp_path)) == config
    assert RTMPose3DConfig.from_pretrained(tmp_path, device="cpu").device == "cpu"
    assert RTMPose3DConfig.from_pretrained(tmp_path, model="rtmw-x").model == "rtmw-x-384x288"
    assert RTMPose3DConfig.from_pretrained("rtmpose3d-x").model_size == "x"
    with pytest.raises(InputError, match="contradicts"):
        RTMPose3DConfig(model_size="x", model="rtmw3d-l")
    with pytest.raises(UnknownNameError, match="setting"):
        RTMPose3DConfig.from_pretrained("rtmw3d-l", colour="red")
    content = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**content, "colour": "red"}))
    with pytest.raises(WeightsError, match="colour"):
        RTMPose3DConfig.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match="no valid JSON"):
        RTMPose3DConfig.from_pretrained(tmp_path)


@pytest.mark.parametrize("size_wh", [(1, 1), (20_000, 40), (3, 2_000)])
def test_images_of_odd_sizes_go_through(
    size_wh: tuple[int, int], model: RTMPose3D, tmp_path: Path
) -> None:
    width, height = size_wh
    odd = np.full((height, width, 3), 90, np.uint8)
    detected = model(odd, bbox_thr=0.9999)
    assert detected.image_size_wh == size_wh
    given = model(odd, boxes=[[0, 0, width, height]])
    assert np.isfinite(given.keypoints_2d).all()
    assert np.isfinite(given.keypoints_3d).all()
    assert given.save(tmp_path / "odd.jpg").is_file()


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (np.zeros((0, 5, 3), np.uint8), "empty"),
        (np.zeros((4, 5, 2), np.uint8), "expected"),
        (np.full((4, 5, 3), np.nan), "finite|NaN|nan"),
        ("nowhere.jpg", "nowhere.jpg"),
        (None, "expected"),
    ],
)
def test_unusable_images_are_named(image: object, text: str, model: RTMPose3D) -> None:
    with pytest.raises(InputError, match=text):
        model(image)  # type: ignore[call-overload]


def test_offline_both_missing_files_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadError) as caught:
        RTMPose3D.from_pretrained("rbarac/rtmpose3d", cache_dir=tmp_path)
    for name in ("rtmw3d-l", "rtmdet-m"):
        assert str(tmp_path / MODELS[name].file.name) in str(caught.value)
    assert "Without a network there is rtmw3d-n, a small model" in str(caught.value)
    with pytest.raises(DownloadError) as caught:
        RTMPose3D.from_pretrained("rbarac/rtmpose3d", cache_dir=tmp_path, detector=None)
    assert "rtmdet" not in str(caught.value)


def test_offline_a_missing_detector_names_the_offline_choice_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made_checkpoint: Maker, image: np.ndarray
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = RTMPose3D.from_pretrained(
        "rtmw3d-l", pose_checkpoint=made_checkpoint("rtmw3d-l"), cache_dir=tmp_path
    )
    with pytest.raises(DownloadError, match=r"(?s)rtmdet_m_.*Without a network there is rtmw3d-n"):
        model(image)


def test_a_model_brings_its_detector_unless_another_is_named(tmp_path: Path) -> None:
    assert RTMPose3DConfig().detector == "rtmdet-m"
    assert RTMPose3DConfig(model="rtmw3d-n").detector == "rtmdet-n"
    assert RTMPose3DConfig(model_size="n").model == "rtmw3d-n"
    assert RTMPose3DConfig(model="rtmw3d-n", detector="rtmdet-nano").detector == "rtmdet-nano"
    assert RTMPose3DConfig(model="rtmw3d-n", detector=None).detector is None
    with pytest.raises(WeightsError, match=r"neither a config\.json"):
        RTMPose3DConfig.from_pretrained(tmp_path, model="rtmw3d-n")
    saved = RTMPose3DConfig(model="rtmw3d-n", detector="rtmdet-nano")
    saved.save_pretrained(tmp_path)
    assert RTMPose3DConfig.from_pretrained(tmp_path) == saved
