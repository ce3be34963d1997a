"""The reference labels equal the recorded ones: training compares its own with them."""

from dataclasses import replace

import numpy as np
import pytest
from golden_codec import FIXTURES, RTMPOSE_M, RTMW3D, load
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from reference.simcc_labels import encode_simcc
from rtmpose3d.codec import SimCCSpec, decode_simcc, keypoints_from_bins


@pytest.mark.parametrize("file", ["simcc3d_cfg.npz", "simcc3d_dark.npz"])
@pytest.mark.parametrize("case", ["with3d", "without3d"])
def test_labels_and_weights_equal_the_recorded_ones(file, case):
    recorded = load(FIXTURES / file)
    encoded = encode_simcc(
        recorded[f"{case}.keypoints"],
        recorded[f"{case}.keypoints_visible"],
        RTMW3D,
        keypoints_3d=recorded.get(f"{case}.keypoints_3d"),
    )
    for axis, labels in zip("xyz", encoded.labels, strict=True):
        assert labels.dtype == np.float32
        np.testing.assert_array_equal(labels, recorded[f"{case}.enc.keypoint_{axis}_labels"])
    np.testing.assert_array_equal(encoded.weights, recorded[f"{case}.enc.keypoint_weights"])
    np.testing.assert_array_equal(encoded.depth_weights, recorded[f"{case}.enc.weight_z"])
    if case == "with3d":
        np.testing.assert_array_equal(encoded.root_depth_m, recorded["with3d.enc.root_z"])
    else:
        assert encoded.root_depth_m is None


@pytest.mark.parametrize(
    "name", ["rtmpose-m_256x192", "rtmpose-l_384x288", "rtmw-l_256x192", "rtmw-l_384x288"]
)
def test_2d_labels_equal_the_recorded_ones(golden, name):
    recorded = load(golden / "codec" / f"simcc2d_{name}.npz")
    h, w = (int(side) for side in name.split("_")[1].split("x"))
    sigma = tuple(float(width) for width in recorded["sigma"])
    spec = SimCCSpec(input_size_wh=(w, h), sigma=sigma, beta=1.0)
    encoded = encode_simcc(recorded["dark0_norm0.keypoints"], recorded["dark0_norm0.visible"], spec)
    for axis, labels in zip("xy", encoded.labels, strict=True):
        np.testing.assert_array_equal(
            labels[0, :20], recorded[f"dark0_norm0.{axis}_labels_first20"]
        )
        np.testing.assert_array_equal(labels.argmax(2), recorded[f"dark0_norm0.{axis}_argmax"])
        np.testing.assert_allclose(labels.sum(2), recorded[f"dark0_norm0.{axis}_sum"], rtol=1e-6)
    np.testing.assert_array_equal(encoded.weights, recorded["dark0_norm0.weights"])


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 3).flatmap(
        lambda n: hnp.arrays(
            np.float32, (n, 5, 3), elements=st.floats(0, 1, exclude_max=True, width=32)
        )
    )
)
def test_encode_then_decode_returns_the_keypoint_within_half_a_bin(unit):
    size = np.array([287.5, 383.5], np.float32)
    keypoints = unit[..., :2] * size
    camera = np.zeros((len(unit), 20, 3), np.float32)
    padded = np.repeat(keypoints, 4, axis=1)  # 20 keypoints, so that hips 11 and 12 exist
    camera[..., 2] = np.repeat(unit[..., 2], 4, axis=1) + 3
    encoded = encode_simcc(padded, None, RTMW3D, keypoints_3d=camera)
    decoded = decode_simcc(encoded.labels, RTMW3D)
    xy, depth_m = keypoints_from_bins(decoded.bins, RTMW3D)
    assert np.abs(xy - padded).max() <= 0.25 + 1e-5
    root_m = camera[:, [11, 12], 2].mean(1)
    np.testing.assert_allclose(encoded.root_depth_m, root_m, rtol=1e-6)
    half_bin_m = 0.5 * RTMW3D.depth_range_m / 288
    assert np.abs(depth_m - (camera[..., 2] - root_m[:, None])).max() <= half_bin_m + 1e-5


def test_several_people_equal_each_alone():
    random = np.random.default_rng(0)
    keypoints = random.uniform(-20, 300, (3, 13, 2)).astype(np.float32)
    visible = random.uniform(0, 1, (3, 13)).astype(np.float32)
    camera = random.normal([0, 0, 4], 0.4, (3, 13, 3)).astype(np.float32)
    together = encode_simcc(keypoints, visible, RTMW3D, keypoints_3d=camera)
    for i in range(3):
        one = slice(i, i + 1)
        alone = encode_simcc(keypoints[one], visible[one], RTMW3D, keypoints_3d=camera[one])
        for a, b in zip(together.labels, alone.labels, strict=True):
            np.testing.assert_array_equal(a[one], b)
        np.testing.assert_array_equal(together.weights[one], alone.weights)


def test_half_bins_round_to_even():
    keypoints = np.array([[[10.25, 10.75], [11.25, 11.75]]], np.float32)
    labels = encode_simcc(keypoints, None, RTMPOSE_M).labels
    assert labels[0].argmax(2).tolist() == [[20, 22]]
    assert labels[1].argmax(2).tolist() == [[22, 24]]


def test_a_label_that_touches_the_axis_counts_and_one_beyond_three_sigma_weighs_nothing():
    inside, outside = -6.0, -8.5  # sigma 4.9 bins: 3 sigma and the bin itself reach 7.85 px
    keypoints = np.array([[[inside, 50], [outside, 50], [50, 50]]])
    encoded = encode_simcc(keypoints, None, RTMPOSE_M)
    assert encoded.weights.tolist() == [[1, 0, 1]]
    assert encoded.labels[0][0, 0, 0] > 0
    assert not encoded.labels[0][0, 1].any()
    assert not encoded.labels[1][0, 1].any()


def test_a_depth_out_of_range_zeroes_the_weight_of_every_axis():
    keypoints = np.full((1, 13, 2), 100, np.float32)
    camera = np.full((1, 13, 3), 4, np.float32)
    camera[0, 0, 2] = 4 + 2.4
    encoded = encode_simcc(keypoints, None, RTMW3D, keypoints_3d=camera)
    assert encoded.weights[0, 0] == encoded.depth_weights[0, 0] == 0
    assert not any(labels[0, 0].any() for labels in encoded.labels)
    assert (encoded.weights[0, 1:] == 1).all()


def test_a_hidden_keypoint_has_no_label_and_may_be_anywhere():
    keypoints = np.array([[[np.nan, np.inf], [30, 40]]])
    encoded = encode_simcc(keypoints, np.array([[0.4, 0.5]]), RTMPOSE_M)
    assert not encoded.labels[0][0, 0].any()
    np.testing.assert_allclose(encoded.weights, [[0.4, 0.5]])


def test_normalised_labels_sum_to_one():
    spec = replace(RTMPOSE_M, normalize=True)
    labels = encode_simcc(np.array([[[90.0, 120.0]]]), None, spec).labels
    for axis in labels:
        assert axis.sum() == pytest.approx(1, abs=1e-4)
