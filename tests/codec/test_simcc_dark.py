from dataclasses import replace

import numpy as np
import pytest
from golden_codec import FIXTURES, RTMPOSE_M, RTMW3D, load, random_logits

from reference.simcc_labels import encode_simcc
from rtmpose3d.codec import SimCCSpec, decode_simcc, keypoints_from_bins
from rtmpose3d.codec.dark import blur_size


@pytest.mark.parametrize("case", ["with3d", "without3d"])
def test_refined_labels_equal_the_recorded_ones(case):
    recorded = load(FIXTURES / "simcc3d_dark.npz")
    spec = replace(RTMW3D, use_dark=True)
    labels = [recorded[f"{case}.enc.keypoint_{axis}_labels"] for axis in "xyz"]
    decoded = decode_simcc(labels, spec)
    xy, depth_m = keypoints_from_bins(decoded.bins, spec)
    seen = recorded[f"{case}.dec_scores"] > 0  # the reference gives NaN for the others
    expected = recorded[f"{case}.dec_keypoints"]
    np.testing.assert_allclose(xy[seen], expected[seen][:, :2], atol=0.01)
    assert depth_m is not None
    np.testing.assert_allclose(depth_m[seen], expected[seen][:, 2], atol=1e-4)
    assert np.isfinite(xy).all()


@pytest.mark.parametrize("variant", ["dark1_norm0", "dark1_norm1"])
@pytest.mark.parametrize(
    "name", ["rtmpose-m_256x192", "rtmpose-l_384x288", "rtmw-l_256x192", "rtmw-l_384x288"]
)
def test_refined_2d_recordings_are_reproduced_where_they_are_on_the_axis(golden, name, variant):
    recorded = load(golden / "codec" / f"simcc2d_{name}.npz")
    h, w = (int(side) for side in name.split("_")[1].split("x"))
    sigma = tuple(float(width) for width in recorded["sigma"])
    spec = SimCCSpec(
        input_size_wh=(w, h),
        sigma=sigma,
        beta=1.0,
        use_dark=True,
        normalize=variant.endswith("norm1"),
    )
    decoded = decode_simcc((recorded["logits_x"], recorded["logits_y"]), spec)
    xy, _ = keypoints_from_bins(decoded.bins, spec)
    expected = recorded[f"{variant}.dec_keypoints"]
    possible = (expected > -8) & (expected < np.array([w, h]) + 8)
    possible &= decoded.scores[..., None] > 0
    assert possible.mean() > 0.97
    np.testing.assert_allclose(xy[possible], expected[possible], atol=0.01)
    assert (xy > -12).all()
    assert (xy < np.array([w, h]) + 12).all()


def test_a_gaussian_between_bins_is_found_between_bins():
    spec = replace(RTMPOSE_M, use_dark=True)
    middles = np.array([100.0, 100.25, 100.4, 233.7])
    simcc = [
        np.exp(-((np.arange(bins) - middles[:, None]) ** 2) / (2 * sigma**2))[None]
        for bins, sigma in zip(spec.bins, spec.sigma, strict=True)
    ]
    bins = decode_simcc(simcc, spec).bins
    assert bins.dtype == np.float32
    np.testing.assert_allclose(bins[0, :, 0], middles, atol=0.02)
    np.testing.assert_allclose(bins[0, :, 1], middles, atol=0.02)


def test_a_flat_distribution_keeps_its_peak():
    spec = replace(RTMPOSE_M, use_dark=True)
    simcc = [np.full((1, 1, bins), 1e-4, np.float32) for bins in spec.bins]
    for axis in simcc:
        axis[..., 50] = 2e-4
    assert decode_simcc(simcc, spec).bins.tolist() == [[[50, 50]]]


def test_logits_are_left_as_they_are():
    spec = replace(RTMW3D, use_dark=True)
    simcc = random_logits(spec, 2, 3)
    before = [axis.copy() for axis in simcc]
    decode_simcc(simcc, spec)
    for axis, original in zip(simcc, before, strict=True):
        np.testing.assert_array_equal(axis, original)


def test_encoded_coordinates_are_decoded_within_a_quarter_pixel():
    spec = replace(RTMW3D, use_dark=True)
    keypoints = np.random.default_rng(1).uniform(30, 250, (1, 40, 2)).astype(np.float32)
    labels = encode_simcc(keypoints, None, spec).labels
    xy, _ = keypoints_from_bins(decode_simcc(labels, spec).bins, spec)
    np.testing.assert_allclose(xy, keypoints, atol=0.2501)


@pytest.mark.parametrize(
    ("sigma", "size"), [(4.9, 29), (5.66, 35), (6.0, 37), (6.93, 43), (0.1, 1)]
)
def test_the_blur_has_the_odd_size_of_the_reference(sigma, size):
    assert blur_size(sigma) == size
