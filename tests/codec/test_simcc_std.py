import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.codec import SimCCSpec, decode_simcc, std_around, std_from_bins

SPEC = SimCCSpec(input_size_wh=(96, 128), sigma=(4.0, 5.0, 6.0), beta=1.0, depth_size=100)


def logits(spec, centres, sigmas):
    """Logits of Gaussians, one keypoint of one crop."""
    return [
        (10 - 0.5 * ((np.arange(bins) - centre) / sigma) ** 2)[None, None].astype(np.float32)
        for bins, centre, sigma in zip(spec.bins, centres, sigmas, strict=True)
    ]


@given(st.floats(3, 12), st.floats(3, 12), st.floats(3, 12))
def test_std_of_a_gaussian_is_its_width(x, y, z):
    decoded = decode_simcc(logits(SPEC, (90, 120, 100), (x, y, z)), SPEC, with_std=True)
    np.testing.assert_allclose(decoded.std_bins[0, 0], (x, y, z), rtol=0.02)


def test_std_equals_the_definition_for_two_peaks():
    axes = logits(SPEC, (60, 100, 80), (4, 4, 4))
    axes[0] = np.maximum(axes[0], 9 - 0.5 * ((np.arange(192) - 150) / 4) ** 2).astype(np.float32)
    decoded = decode_simcc(axes, SPEC, with_std=True)
    p = np.exp(axes[0][0, 0].astype(np.float64))
    expected = np.sqrt((p / p.sum() * (np.arange(192) - 60) ** 2).sum())
    assert decoded.std_bins[0, 0, 0] == pytest.approx(expected, rel=1e-3)
    assert decoded.std_bins[0, 0, 0] > 40


def test_nothing_else_changes_and_nothing_is_computed_unasked():
    axes = logits(SPEC, (60, 100, 80), (4, 5, 6))
    plain, more = decode_simcc(axes, SPEC), decode_simcc(axes, SPEC, with_std=True)
    assert plain.std_bins is None
    for name in ("bins", "scores", "confidence"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(more, name))


def test_keypoint_without_a_score_has_no_std():
    axes = [axis - 20 for axis in logits(SPEC, (60, 100, 80), (4, 5, 6))]
    assert np.isnan(decode_simcc(axes, SPEC, with_std=True).std_bins).all()


def test_bins_become_pixels_of_the_crop_and_metres():
    std_px, std_m = std_from_bins(np.full((1, 1, 3), 4.0, np.float32), SPEC)
    assert std_px.tolist() == [[[2.0, 2.0]]]
    assert std_m[0, 0] == pytest.approx(2.0 / 50 * SPEC.depth_range_m)
    flat = SimCCSpec(input_size_wh=(96, 128), sigma=(4.0, 5.0), beta=1.0)
    assert std_from_bins(np.ones((1, 1, 2), np.float32), flat)[1] is None


@given(
    x=st.integers(40, 150),
    y=st.integers(40, 200),
    z=st.integers(40, 160),
    width=st.floats(4.0, 12.0),
)
def test_std_around_given_bins_is_that_of_the_whole_decoding(x, y, z, width):
    axes = logits(SPEC, (x, y, z), (width, width, width))
    decoded = decode_simcc(axes, SPEC, with_std=True)
    std = std_around(axes, decoded.bins, SPEC)
    np.testing.assert_allclose(std, decoded.std_bins, rtol=0.03)
    none = std_around(axes, np.full_like(decoded.bins, -1), SPEC)
    assert np.isnan(none).all()
