"""Files of others as networks: pixels normalised as the model wants, logits decoded to bins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from networks import FloatFile, model_file

from rtmpose3d import WeightsError
from rtmpose3d.codec import decode_simcc
from rtmpose3d.runtime import DetectorSession, Device, PoseSession
from rtmpose3d.runtime.layouts import MODEL_KEY, detector_network, pose_network
from rtmpose3d.zoo import resolve_detector, resolve_pose

CPU = Device(kind="cpu")
POSE = resolve_pose("dwpose-t-256x192")
POSE_3D = resolve_pose("rtmw3d-n")
NANO = resolve_detector("rtmdet-nano")


def random_simcc(spec, count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        name: rng.normal(0.3, 0.4, (count, spec.keypoints, bins)).astype(np.float32)
        for name, bins in zip(("a", "b", "c"), spec.codec.bins, strict=False)
    }


@pytest.mark.parametrize("spec", [POSE, POSE_3D], ids=lambda spec: spec.name)
def test_logits_of_a_file_are_decoded_by_the_codec(spec) -> None:
    simcc = random_simcc(spec, 2)
    width, height = spec.input_size_wh
    file = model_file(FloatFile(simcc), ("batch", 3, height, width))
    session = PoseSession(spec, pose_network(file, spec), CPU)
    crops = np.zeros((2, height, width, 3), np.uint8)
    expected = decode_simcc(list(simcc.values()), spec.codec)
    decoded = session.run(crops)
    np.testing.assert_array_equal(decoded.bins, expected.bins)
    np.testing.assert_array_equal(decoded.scores, expected.scores)
    np.testing.assert_array_equal(decoded.confidence, expected.confidence)
    for ours, theirs in zip(session.run_simcc(crops), simcc.values(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("spec", [POSE, NANO], ids=lambda spec: spec.channel_order)
def test_a_file_gets_pixels_normalised_in_the_order_of_its_model(spec) -> None:
    width, height = spec.input_size_wh
    image = np.random.default_rng(0).integers(0, 256, (1, height, width, 3), np.uint8)
    if spec is POSE:
        inside = FloatFile(random_simcc(spec, 1))
        network = pose_network(model_file(inside, (1, 3, height, width)), spec)
    else:
        inside = FloatFile({"dets": np.zeros((1, 0, 5)), "labels": np.zeros((1, 0))})
        network, _ = detector_network(model_file(inside, (1, 3, height, width)), spec)
    network.run(image, network.output_names)
    (given,) = inside.inputs
    assert given.shape == (1, 3, height, width)
    assert given.dtype == np.float32
    blue_green_red = image[0].transpose(2, 0, 1).astype(np.float64)
    channels = blue_green_red if spec.channel_order == "bgr" else blue_green_red[::-1]
    for channel, got, mean, std in zip(channels, given[0], spec.mean, spec.std, strict=True):
        np.testing.assert_allclose(got, (channel - mean) / std, atol=1e-5)


def test_a_file_of_one_crop_runs_crop_by_crop_and_a_free_one_all_at_once() -> None:
    width, height = POSE.input_size_wh
    crops = np.zeros((3, height, width, 3), np.uint8)
    for first, calls in ((1, [1, 1, 1]), ("batch", [3])):
        inside = FloatFile(random_simcc(POSE, 3))
        network = pose_network(model_file(inside, (first, 3, height, width)), POSE)
        PoseSession(POSE, network, CPU).run(crops)
        assert [len(batch) for batch in inside.inputs] == calls


def test_maps_of_a_raw_detector_become_boxes_around_their_cells() -> None:
    width, height = 96, 64
    maps = {}
    for stride in (8, 16, 32):
        maps[f"class{stride}"] = np.full((1, 1, height // stride, width // stride), -9, np.float32)
    for stride in (8, 16, 32):
        shape = 1, 4, height // stride, width // stride
        maps[f"distance{stride}"] = np.zeros(shape, np.float32)
    maps["class16"][0, 0, 1, 4] = 2.0
    maps["distance16"][0, :, 1, 4] = 10, 3, 7, 20  # left, top, right, bottom
    network, spec = detector_network(model_file(FloatFile(maps), (1, 3, height, width)), NANO)
    session = DetectorSession(spec, network, CPU)
    assert session.input_size_wh == (width, height)
    (found,) = session.run(np.zeros((1, height, width, 3), np.uint8))
    assert found.level_sizes == (12 * 8, 6 * 4, 3 * 2)
    best = int(found.scores.argmax())
    assert best == 12 * 8 + 1 * 6 + 4
    assert found.boxes_xyxy[best].tolist() == [64 - 10, 16 - 3, 64 + 7, 16 + 20]
    assert found.scores[best] == pytest.approx(1 / (1 + np.exp(-2.0)), rel=1e-6)
    assert np.delete(found.scores, best).max() == pytest.approx(1 / (1 + np.exp(9.0)), rel=1e-2)


def test_our_own_files_run_as_they_are_and_another_models_is_refused() -> None:
    width, height = POSE.input_size_wh
    outputs = {name: np.zeros((1, 133, 2), np.float32) for name in POSE.output_names}
    inside = FloatFile(outputs)
    declared = {"dtype": "uint8", "metadata": {MODEL_KEY: POSE.name}}
    assert pose_network(model_file(inside, ("n", height, width, 3), **declared), POSE) is inside
    other = replace(POSE, name="rtmpose-t-256x192")
    with pytest.raises(WeightsError, match=f"holds {POSE.name}, but {other.name} was asked for"):
        pose_network(model_file(inside, ("n", height, width, 3), **declared), other)
    file = model_file(FloatFile(random_simcc(POSE, 1)), ("n", height, width, 3), **declared)
    with pytest.raises(WeightsError, match="names dwpose-t-256x192 in its metadata, but is no"):
        pose_network(file, POSE)


@pytest.mark.parametrize(
    ("shape", "bins"),
    [
        (("n", 3, 192, 256), POSE.codec.bins),  # width and height exchanged
        (("n", 3, 256, 192), (512, 512)),
        (("n", 3, "h", "w"), POSE.codec.bins),
    ],
)
def test_a_file_of_other_sizes_is_refused_with_what_it_has(shape, bins) -> None:
    arrays = {name: np.zeros((1, 133, n), np.float32) for name, n in zip("xy", bins, strict=True)}
    with pytest.raises(WeightsError, match=r"expected one input \(N, 3, 256, 192\).*inputs input"):
        pose_network(model_file(FloatFile(arrays), shape), POSE)
