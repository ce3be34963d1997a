import copy
from dataclasses import replace

import numpy as np
import pytest
from golden_codec import FIXTURES, RTMPOSE_M, RTMW3D, load, random_logits
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.simcc_visibility import decode_visibility
from rtmpose3d.codec import (
    SimCCSpec,
    decode_simcc,
    keypoints_from_bins,
)
from rtmpose3d.codec.rows import relative_probabilities
from rtmpose3d.errors import InputError

TWO_D = ("rtmpose-m_256x192", "rtmpose-l_384x288", "rtmw-l_256x192", "rtmw-l_384x288")


def _softmax(logits, beta):
    exponent = beta * (logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return np.exp(exponent) / np.exp(exponent).sum(-1, keepdims=True)


def test_peaks_and_scores_equal_the_recorded_ones():
    recorded = load(FIXTURES / "peaks3d.npz")
    decoded = decode_simcc([recorded[axis] for axis in "xyz"], RTMW3D)
    assert (recorded["vals"] <= 0).any()
    np.testing.assert_array_equal(decoded.bins, recorded["locs"])
    np.testing.assert_array_equal(decoded.scores, recorded["vals"])
    assert decoded.bins.dtype == np.int64
    assert decoded.scores.dtype == decoded.confidence.dtype == np.float32


@pytest.mark.parametrize("case", ["with3d", "without3d"])
def test_decoded_pixels_and_metres_equal_the_recorded_ones(case):
    recorded = load(FIXTURES / "simcc3d_cfg.npz")
    labels = [recorded[f"{case}.enc.keypoint_{axis}_labels"] for axis in "xyz"]
    decoded = decode_simcc(labels, RTMW3D)
    xy, depth_m = keypoints_from_bins(decoded.bins, RTMW3D)
    np.testing.assert_array_equal(decoded.bins / 2, recorded[f"{case}.dec_simcc"])
    np.testing.assert_array_equal(decoded.scores, recorded[f"{case}.dec_scores"])
    np.testing.assert_array_equal(xy, recorded[f"{case}.dec_keypoints"][..., :2])
    np.testing.assert_array_equal(depth_m, recorded[f"{case}.dec_keypoints"][..., 2])


def test_visibility_equals_the_recorded_one():
    recorded = load(FIXTURES / "visibility.npz")
    spec = SimCCSpec(input_size_wh=(288, 384), sigma=(6.0, 6.93), beta=1.0, visibility=True)
    logits = (recorded["x"], recorded["y"])
    np.testing.assert_allclose(
        decode_visibility(logits, spec), recorded["dec_visibility"], atol=1e-6
    )
    xy, depth_m = keypoints_from_bins(decode_simcc(logits, spec).bins, spec)
    np.testing.assert_array_equal(xy, recorded["dec_keypoints"])
    assert depth_m is None


@pytest.mark.parametrize("name", TWO_D)
def test_2d_recordings_are_reproduced(golden, name):
    recorded = load(golden / "codec" / f"simcc2d_{name}.npz")
    h, w = (int(side) for side in name.split("_")[1].split("x"))
    sigma = tuple(float(width) for width in recorded["sigma"])
    spec = SimCCSpec(input_size_wh=(w, h), sigma=sigma, beta=1.0)
    logits = (recorded["logits_x"], recorded["logits_y"])
    decoded = decode_simcc(logits, spec)
    xy, _ = keypoints_from_bins(decoded.bins, spec)
    np.testing.assert_array_equal(xy, recorded["dark0_norm0.dec_keypoints"])
    np.testing.assert_array_equal(decoded.scores, recorded["dark0_norm0.dec_scores"])
    np.testing.assert_array_equal(decoded.bins, recorded["gsm.locs"])
    if "dark0_norm0.dec_visibility" in recorded:
        visibility = decode_visibility(logits, spec)
        np.testing.assert_allclose(visibility, recorded["dark0_norm0.dec_visibility"], atol=1e-6)


def test_all_recorded_3d_peaks_are_reproduced(golden):
    recorded = load(golden / "codec" / "get_simcc_maximum3d.npz")
    decoded = decode_simcc([recorded[axis] for axis in "xyz"], RTMW3D)
    np.testing.assert_array_equal(decoded.bins, recorded["locs"])
    np.testing.assert_array_equal(decoded.scores, recorded["vals"])


def test_the_first_of_equal_peaks_wins():
    simcc = [np.zeros((1, 1, bins), np.float32) for bins in RTMW3D.bins]
    for axis, (first, second) in zip(simcc, [(100, 101), (7, 700), (0, 575)], strict=True):
        axis[..., [second, first]] = 0.5
    assert decode_simcc(simcc, RTMW3D).bins.tolist() == [[[100, 7, 0]]]


def test_depth_does_not_change_the_score():
    simcc = random_logits(RTMW3D, 1, 3)
    lower = [*simcc[:2], simcc[2] - 100]
    np.testing.assert_array_equal(
        decode_simcc(simcc, RTMW3D).scores, decode_simcc(lower, RTMW3D).scores
    )


def test_a_keypoint_without_positive_score_is_minus_one_with_confidence_zero():
    simcc = random_logits(RTMW3D, 2, 3)
    simcc[1][1, 2] = -np.abs(simcc[1][1, 2])
    decoded = decode_simcc(simcc, RTMW3D)
    assert decoded.bins[1, 2].tolist() == [-1, -1, -1]
    assert decoded.confidence[1, 2] == 0
    assert (decoded.bins[0] >= 0).all()
    xy, depth_m = keypoints_from_bins(decoded.bins, RTMW3D)
    assert xy[1, 2].tolist() == [-0.5, -0.5]
    assert depth_m is not None
    assert depth_m[1, 2] == pytest.approx((-0.5 / 144 - 1) * 2.1744869)


def test_the_middle_depth_bin_is_the_root_and_farther_is_positive():
    xy, depth_m = keypoints_from_bins(np.array([[[20, 31, 288], [0, 0, 576]]]), RTMW3D)
    assert xy.tolist() == [[[10.0, 15.5], [0.0, 0.0]]]
    np.testing.assert_allclose(depth_m, [[0.0, 2.1744869]], atol=1e-7)


def test_depth_is_in_proportion_to_the_specs_range():
    bins = np.array([[[20, 31, 100], [4, 5, 500]]])
    _, published = keypoints_from_bins(bins, RTMW3D)
    _, half = keypoints_from_bins(bins, replace(RTMW3D, depth_range_m=RTMW3D.depth_range_m / 2))
    np.testing.assert_allclose(half, published / 2, rtol=1e-6)


def test_confidence_is_the_probability_within_one_sigma_of_the_peak():
    simcc = random_logits(RTMPOSE_M, 2, 5)
    simcc[0][0, 0, 0] = simcc[1][0, 1, -1] = 4  # peaks at the ends of the axes
    decoded = decode_simcc(simcc, RTMPOSE_M)
    for n in range(2):
        for k in range(5):
            masses = []
            for axis, reach in zip(simcc, (5, 6), strict=True):
                p = _softmax(axis[n, k], 10.0)
                peak = int(axis[n, k].argmax())
                masses.append(p[max(0, peak - reach) : peak + reach + 1].sum())
            assert decoded.confidence[n, k] == pytest.approx(min(masses), rel=1e-4)


def test_a_sharp_peak_has_confidence_one_and_a_flat_one_nearly_none():
    sharp = [np.full((1, 1, bins), -5, np.float32) for bins in RTMPOSE_M.bins]
    flat = [np.full((1, 1, bins), 0.1, np.float32) for bins in RTMPOSE_M.bins]
    for axis in sharp:
        axis[..., 77] = 5
    assert decode_simcc(sharp, RTMPOSE_M).confidence[0, 0] == 1
    assert decode_simcc(flat, RTMPOSE_M).confidence[0, 0] == pytest.approx(7 / 512, rel=1e-3)


def test_logits_of_any_height_give_finite_confidence():
    simcc = [np.linspace(0, 1e4, bins, dtype=np.float32)[None, None] for bins in RTMPOSE_M.bins]
    assert decode_simcc(simcc, RTMPOSE_M).confidence[0, 0] == 1
    simcc[0][..., 3] = -np.inf
    assert decode_simcc(simcc, RTMPOSE_M).confidence[0, 0] == 1


@settings(deadline=None, max_examples=20)
@given(n=st.integers(1, 3), k=st.integers(1, 4), seed=st.integers(0, 2**16))
def test_a_batch_equals_its_people_one_by_one(n, k, seed):
    simcc = random_logits(RTMPOSE_M, n, k, seed=seed)
    together = decode_simcc(simcc, RTMPOSE_M)
    for i in range(n):
        alone = decode_simcc([axis[i : i + 1] for axis in simcc], RTMPOSE_M)
        np.testing.assert_array_equal(together.bins[i], alone.bins[0])
        np.testing.assert_array_equal(together.scores[i], alone.scores[0])
        np.testing.assert_allclose(together.confidence[i], alone.confidence[0], rtol=1e-6)


def test_half_precision_logits_decode_like_the_same_numbers_in_float32():
    half = [axis.astype(np.float16) for axis in random_logits(RTMPOSE_M, 1, 4)]
    full = [axis.astype(np.float32) for axis in half]
    a, b = decode_simcc(half, RTMPOSE_M), decode_simcc(full, RTMPOSE_M)
    np.testing.assert_array_equal(a.bins, b.bins)
    np.testing.assert_array_equal(a.confidence, b.confidence)


def test_no_people_decode_to_empty_arrays():
    simcc = [np.zeros((0, 133, bins), np.float32) for bins in RTMW3D.bins]
    decoded = decode_simcc(simcc, RTMW3D)
    assert len(decoded) == 0
    assert decoded.bins.shape == (0, 133, 3)
    assert decoded.bins.dtype == np.int64
    assert decoded.confidence.shape == (0, 133)
    xy, depth_m = keypoints_from_bins(decoded.bins, RTMW3D)
    assert xy.shape == (0, 133, 2)
    assert depth_m is not None
    assert depth_m.shape == (0, 133)


def test_the_logits_are_left_as_they_are():
    simcc = random_logits(RTMW3D, 1, 2)
    before = copy.deepcopy(simcc)
    decode_simcc(simcc, RTMW3D)
    for axis, original in zip(simcc, before, strict=True):
        np.testing.assert_array_equal(axis, original)


def test_no_logit_gives_a_denormal_probability():
    logits = np.linspace(-200, 3, 1000, dtype=np.float32).reshape(1, 2, 500)
    rows = relative_probabilities([logits], [logits.max(axis=2)], beta=1.0, margin=0)
    assert rows.values.min() >= np.finfo(np.float32).tiny
    assert rows.values.max() == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_logits_that_are_not_finite_are_an_error_that_names_the_keypoint(value, axis):
    simcc = random_logits(RTMW3D, 2, 5)
    simcc[axis][1, 3, 40] = value
    with pytest.raises(InputError, match=f"peak over {'xyz'[axis]} of crop 1, keypoint 3 is"):
        decode_simcc(simcc, RTMW3D)


def test_shapes_that_the_spec_does_not_have_are_an_error():
    simcc = random_logits(RTMW3D, 1, 2)
    with pytest.raises(InputError, match=r"2 arrays of shapes \(N, K, 384\), \(N, K, 512\)"):
        decode_simcc(simcc, RTMPOSE_M)
    with pytest.raises(InputError, match="must hold 3 arrays"):
        decode_simcc(simcc[:2], RTMW3D)
    with pytest.raises(InputError, match=r"bins must be \(N, K, 3\)"):
        keypoints_from_bins(np.zeros((1, 2, 2), np.int64), RTMW3D)
