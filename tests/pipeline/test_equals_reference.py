"""The pipeline against the reference's recordings, in ONNX Runtime and in torch alike.

Pose from the recorded crops and from the image files, detection from the recorded letterboxed
images and from the image files.
Keypoints are compared wherever the two highest logits are more than 5e-4 apart.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from recordings import recorded_arrays
from reference.simcc_visibility import decode_visibility
from rtmpose3d.codec import decode_simcc
from rtmpose3d.geometry import Camera, axes_from_camera
from rtmpose3d.geometry.crop import center_scale_from_boxes, image_from_crop
from rtmpose3d.pipeline import (
    decode_crops,
    detect_people,
    estimate_poses,
    filter_candidates,
    lift_people,
)
from rtmpose3d.runtime import (
    DetectorSession,
    PoseSession,
    RuntimeOptions,
    open_detector,
    open_pose,
)
from rtmpose3d.runtime.graph_files import graph_file
from rtmpose3d.sources import load_image
from rtmpose3d.structures import Crops
from rtmpose3d.zoo import resolve_detector, resolve_pose

pytestmark = pytest.mark.slow

MARGIN = 5e-4
IMAGES = {"785": "000000000785.jpg", "40083": "000000040083.jpg"}
REFERENCE_FOCAL_PX = (1145.04940459, 1143.78109572)  # mmpose's rtmpose3d estimator
REFERENCE_ROOT_DEPTH_M = 5.14388
OPEN_AT_ONCE = 2  # the largest takes 2.6 GB
BACKENDS = ["openvino", "onnxruntime", "torch"]


def exact(backend: str) -> RuntimeOptions:
    """The recordings are in fp32, which is not the default on every processor."""
    return RuntimeOptions(backend=backend, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def pose_session(recipe: ModuleType):
    @lru_cache(maxsize=OPEN_AT_ONCE)
    def make(name: str, backend: str) -> PoseSession:
        pytest.importorskip(backend, reason=f"{backend} is not installed")
        spec = resolve_pose(name)
        weights = recipe.state_dict(graph_file(spec).shapes)
        return open_pose(spec, weights, exact(backend))

    return make


@pytest.fixture(scope="module")
def detector_session(recipe: ModuleType):
    @lru_cache(maxsize=OPEN_AT_ONCE)
    def make(name: str, backend: str) -> DetectorSession:
        pytest.importorskip(backend, reason=f"{backend} is not installed")
        spec = resolve_detector(name)
        weights = recipe.state_dict(graph_file(spec).shapes)
        return open_detector(spec, weights, exact(backend))

    return make


def recorded_crops(golden: Path, image: str, boxes: np.ndarray, size_wh: tuple[int, int]) -> Crops:
    pixels = recorded_arrays(golden / "pipeline3d" / f"crops_{size_wh[1]}x{size_wh[0]}.npz")
    center, scale = center_scale_from_boxes(boxes, size_wh)
    return Crops(
        pixels=pixels[f"{image}.crops"], image_from_crop=image_from_crop(center, scale, size_wh)
    )


def sure(simcc: tuple[np.ndarray, ...]) -> np.ndarray:
    """(N, K) whether each axis' peak is clear, and the score's sign is beyond doubt."""
    two = [np.partition(axis, -2, axis=2)[:, :, -2:] for axis in simcc]
    margin = np.min([pair[..., 1] - pair[..., 0] for pair in two], axis=0)
    score = np.minimum(two[0][..., 1], two[1][..., 1])
    return (margin > MARGIN) & (np.abs(score) > MARGIN) | (score == 0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("image", IMAGES)
def test_keypoints_in_2d_and_3d_equal_the_recording(
    image: str, backend: str, golden: Path, shared: Path, pose_session
) -> None:
    recorded = recorded_arrays(golden / "pipeline3d" / "rtmw3d-l_3d.npz")
    session = pose_session("rtmw3d-l", backend)
    boxes = recorded[f"{image}.bboxes"]
    crops = recorded_crops(golden, image, boxes, session.spec.input_size_wh)
    poses = decode_crops(session, crops)
    certain = sure(session.run_simcc(crops.pixels))
    assert certain.mean() > 0.97
    np.testing.assert_allclose(
        poses.keypoints_2d[certain], recorded[f"{image}.keypoints_2d"][certain], atol=0.01
    )
    np.testing.assert_allclose(poses.scores, recorded[f"{image}.scores"], atol=5e-4)

    height, width = load_image(shared / "samples" / "coco" / IMAGES[image]).shape[:2]
    fx, fy = REFERENCE_FOCAL_PX
    # The reference takes its principal point from (height, width): its mistake number 1.
    camera = Camera(fx=fx, fy=fy, cx=height / 2, cy=width / 2, width=width, height=height)
    assert poses.depth_m is not None
    lifted = lift_people(
        poses.keypoints_2d,
        poses.depth_m,
        poses.confidence,
        camera,
        root_depth_m=REFERENCE_ROOT_DEPTH_M,
    )
    np.testing.assert_allclose(
        lifted.keypoints_camera[certain], recorded[f"{image}.raw_keypoints"][certain], atol=1e-4
    )
    np.testing.assert_allclose(
        axes_from_camera(lifted.keypoints_camera, "rtmpose3d")[certain],
        recorded[f"{image}.keypoints_3d"][certain],
        atol=1e-4,
    )


@pytest.mark.parametrize("image", IMAGES)
def test_keypoints_from_the_image_file_equal_the_recording(
    image: str, golden: Path, shared: Path, pose_session
) -> None:
    recorded = recorded_arrays(golden / "pipeline3d" / "rtmw3d-l_3d.npz")
    session = pose_session("rtmw3d-l", "onnxruntime")
    pixels = load_image(shared / "samples" / "coco" / IMAGES[image])
    boxes = recorded[f"{image}.bboxes"]
    poses = estimate_poses(session, [pixels], [boxes])[0]
    crops = recorded_crops(golden, image, boxes, session.spec.input_size_wh)
    certain = sure(session.run_simcc(crops.pixels))
    np.testing.assert_allclose(
        poses.keypoints_2d[certain], recorded[f"{image}.keypoints_2d"][certain], atol=0.01
    )


@pytest.mark.parametrize("flip", ["flip", "noflip"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "name", ["rtmpose-m-256x192", "rtmw-m-256x192", "rtmw-l-256x192", "rtmw-l-384x288"]
)
def test_2d_models_equal_the_recording_with_and_without_flip_test(
    name: str, flip: str, backend: str, golden: Path, pose_session
) -> None:
    stem, size = name.rsplit("-", 1)
    recorded = recorded_arrays(golden / "pipeline3d" / f"{stem}_{size}_{flip}.npz")
    session = pose_session(name, backend)
    for image in IMAGES:
        crops = recorded_crops(
            golden, image, recorded[f"{image}.bboxes"], session.spec.input_size_wh
        )
        poses = decode_crops(session, crops, flip_test=flip == "flip")
        expected = recorded[f"{image}.raw_keypoints"]
        np.testing.assert_allclose(poses.scores, recorded[f"{image}.scores"], atol=5e-4)
        far = np.abs(poses.keypoints_2d - expected).max(axis=2) > 0.01
        assert far.mean() < 0.01, "only a bin chosen by less than the tolerance may differ"
        if flip == "noflip":
            simcc = session.run_simcc(crops.pixels)
            assert not far[sure(simcc)].any()
            if session.spec.codec.visibility:
                np.testing.assert_allclose(
                    decode_visibility(simcc, session.spec.codec),
                    recorded[f"{image}.keypoints_visible"],
                    atol=0.05,  # softmax of 150 sigma times logits: magnifies their 5e-4
                )


@pytest.mark.parametrize("name", ["rtmw3d-l", "rtmw-l-384x288", "rtmpose-m-256x192"])
def test_onnx_and_torch_agree_on_everything_they_decode(
    name: str, golden: Path, pose_session
) -> None:
    session = pose_session(name, "onnxruntime")
    width, height = session.spec.input_size_wh
    crops = recorded_arrays(golden / "pipeline3d" / f"crops_{height}x{width}.npz")["785.crops"]
    ours, torchs = session.run(crops), pose_session(name, "torch").run(crops)
    certain = sure(session.run_simcc(crops))
    np.testing.assert_array_equal(ours.bins[certain], torchs.bins[certain])
    np.testing.assert_allclose(ours.scores, torchs.scores, atol=5e-4)
    np.testing.assert_allclose(ours.confidence[certain], torchs.confidence[certain], atol=0.01)


@pytest.mark.parametrize("name", ["rtmw3d-l", "rtmw-l-384x288"])
def test_graph_decodes_as_the_codec_does(name: str, golden: Path, pose_session) -> None:
    session = pose_session(name, "onnxruntime")
    crops = recorded_arrays(golden / "pipeline3d" / "crops_384x288.npz")["785.crops"]
    in_graph = session.run(crops)
    in_numpy = decode_simcc(session.run_simcc(crops), session.spec.codec)
    np.testing.assert_array_equal(in_graph.bins, in_numpy.bins)
    np.testing.assert_array_equal(in_graph.scores, in_numpy.scores)
    np.testing.assert_allclose(in_graph.confidence, in_numpy.confidence, atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("name", "file"), [("rtmdet-m", "rtmdet-m_640"), ("rtmdet-nano", "rtmdet-nano_320")]
)
def test_detected_boxes_equal_the_recording(
    name: str, file: str, backend: str, golden: Path, shared: Path, detector_session
) -> None:
    recorded = recorded_arrays(golden / "rtmdet" / f"{file}.npz")
    session = detector_session(name, backend)
    for image, jpg in IMAGES.items():
        pixels = recorded[f"{image}.input_bgr_uint8_chw"].transpose(1, 2, 0)[None].copy()
        candidates = session.run(pixels)[0]
        people = filter_candidates(
            candidates, session, recorded[f"{image}.scale_factor"], bbox_thr=0.0
        )
        np.testing.assert_allclose(people.scores, recorded[f"{image}.nms_scores"], atol=1e-3)
        np.testing.assert_allclose(
            _sorted_by(people.boxes_xyxy), _sorted_by(recorded[f"{image}.nms_boxes"]), atol=0.1
        )
        from_file = detect_people(
            session, [load_image(shared / "samples" / "coco" / jpg)], bbox_thr=0.0
        )[0]
        np.testing.assert_allclose(from_file.scores, people.scores, atol=1e-3)
        np.testing.assert_allclose(
            _sorted_by(from_file.boxes_xyxy), _sorted_by(people.boxes_xyxy), atol=0.1
        )


def _sorted_by(boxes: np.ndarray) -> np.ndarray:
    """Boxes in an order that does not hang on nearly equal scores."""
    return boxes[np.lexsort(np.round(boxes, 0).T)]
