from dataclasses import replace

import numpy as np
import pytest
from golden_codec import RTMW3D, random_logits
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.codec import decode_simcc
from rtmpose3d.codec.rows import ProbabilityRows
from rtmpose3d.codec.smoothing import (
    gaussian_kernel,
    smoothed,
    smoothed_peaks,
    smoothing_margin,
)

SMOOTH = replace(RTMW3D, decode_sigma=24.0)


def _logits(probability_of_bins):
    """One crop, one keypoint: on every axis the same probabilities at some bins, else next to 0."""
    simcc = []
    for bins in RTMW3D.bins:
        p = np.full((1, 1, bins), 1e-9, np.float32)
        for index, probability in probability_of_bins.items():
            p[..., index] = probability
        simcc.append(np.log(p) / np.float32(RTMW3D.beta) + 5)
    return simcc


def test_many_near_bins_outweigh_one_that_is_higher():
    simcc = _logits({30: 0.3, **{200 + 2 * i: 0.07 for i in range(10)}})
    assert decode_simcc(simcc, RTMW3D).bins.tolist() == [[[30, 30, 30]]]
    decoded = decode_simcc(simcc, SMOOTH)
    assert decoded.bins.tolist() == [[[209, 209, 209]]]
    assert decoded.confidence.item() == pytest.approx(0.7, abs=1e-3)


def test_scores_are_those_of_the_highest_bins():
    simcc = random_logits(RTMW3D, 2, 3)
    np.testing.assert_array_equal(
        decode_simcc(simcc, SMOOTH).scores, decode_simcc(simcc, RTMW3D).scores
    )


def test_a_keypoint_without_positive_score_stays_invisible():
    simcc = random_logits(RTMW3D, 2, 3)
    simcc[1][1, 2] = -np.abs(simcc[1][1, 2])
    decoded = decode_simcc(simcc, SMOOTH)
    assert decoded.bins[1, 2].tolist() == [-1, -1, -1]
    assert decoded.confidence[1, 2] == 0


@given(st.integers(80, 300), st.floats(3.0, 20.0))
def test_a_single_bell_stays_where_it_is(middle, width):
    bins = np.arange(RTMW3D.bins[0])
    logits = [np.full((1, 1, n), -9.0, np.float32) for n in RTMW3D.bins]
    for axis in logits:
        axis[..., : len(bins)] = 5 - 0.5 * ((bins - middle) / width) ** 2 / RTMW3D.beta
    assert decode_simcc(logits, SMOOTH).bins.tolist() == [[[middle] * 3]]


def test_no_people_decode_to_empty_arrays():
    simcc = [np.zeros((0, 133, bins), np.float32) for bins in RTMW3D.bins]
    assert decode_simcc(simcc, SMOOTH).bins.shape == (0, 133, 3)


def peaks_of(axes, sigma):
    margin = smoothing_margin(sigma)
    bins = tuple(axis.shape[2] for axis in axes)
    padded = np.zeros((len(axes), *axes[0].shape[:2], max(bins) + 2 * margin), np.float32)
    for rows, axis in zip(padded, axes, strict=True):
        rows[:, :, margin : margin + axis.shape[2]] = axis
    rows = ProbabilityRows(values=padded.reshape(-1, padded.shape[3]), bins=bins, margin=margin)
    return smoothed_peaks(rows, sigma).reshape(padded.shape[:3])


@given(st.integers(1, 40), st.floats(0.4, 30.0), st.integers(0, 2**32 - 1))
def test_smoothing_is_the_sum_under_the_gaussian_with_nothing_beyond_the_ends(n, sigma, seed):
    p = np.random.default_rng(seed).random((2, 3, n), np.float32)
    kernel = gaussian_kernel(sigma)
    reach = len(kernel) // 2
    expected = np.zeros(p.shape)
    for i in range(n):
        for j in range(max(0, i - reach), min(n, i + reach + 1)):
            expected[..., i] += p[..., j] * kernel[j - i + reach]
    np.testing.assert_allclose(smoothed(p, sigma), expected, rtol=1e-5)


def test_the_kernel_is_one_in_the_middle_and_ends_after_three_sigma():
    kernel = gaussian_kernel(2.0)
    assert len(kernel) == 13
    assert kernel[6] == 1
    assert kernel[8] == pytest.approx(np.exp(-0.5))


@given(
    bins=st.sampled_from([96, 384, 512]),
    sigma=st.sampled_from([3.0, 12.0, 24.0]),
    peaks=st.integers(1, 3),
    seed=st.integers(0, 10_000),
)
def test_the_peak_found_by_groups_is_as_high_as_the_highest(bins, sigma, peaks, seed):
    rng = np.random.default_rng(seed)
    location, width, height = rng.random((3, peaks, 2, 9, 1)) * [
        [[[[bins]]]],
        [[[[60]]]],
        [[[[1]]]],
    ]
    p = (height * np.exp(-0.5 * ((np.arange(bins) - location) / (1 + width)) ** 2)).sum(axis=0)
    p = (p / p.max(axis=2, keepdims=True)).astype(np.float32)
    found = peaks_of([p], sigma)[0]
    values = smoothed(p, sigma)
    at_found = np.take_along_axis(values, found[:, :, None], axis=2)[:, :, 0]
    np.testing.assert_allclose(at_found, values.max(axis=2), rtol=2e-4)


@pytest.mark.parametrize("p", [np.ones((1, 2, 96)), np.eye(1, 96)[None], np.zeros((0, 2, 96))])
def test_the_peak_of_a_flat_row_and_of_one_at_the_end_is_the_highest_bin(p):
    p = p.astype(np.float32)
    np.testing.assert_array_equal(peaks_of([p], 12.0)[0], smoothed(p, 12.0).argmax(axis=2))


def test_the_peaks_of_axes_of_different_lengths_are_those_of_each_alone():
    rng = np.random.default_rng(3)
    axes = [np.exp(4 * rng.random((9, 61, bins), np.float32)) for bins in (384, 512, 576)]
    for found, axis in zip(peaks_of(axes, 24.0), axes, strict=True):
        np.testing.assert_array_equal(found, peaks_of([axis], 24.0)[0])
