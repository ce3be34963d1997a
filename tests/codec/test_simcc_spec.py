import pytest

from rtmpose3d.codec import SimCCSpec
from rtmpose3d.errors import InputError


def test_bins_are_pixels_times_the_split_ratio_in_the_order_x_y_z():
    spec = SimCCSpec(input_size_wh=(288, 384), depth_size=288, sigma=(6.0, 6.93, 6.0), beta=10.0)
    assert spec.bins == (576, 768, 576)
    assert spec.has_depth
    assert spec.axes == 3


def test_a_spec_without_depth_has_two_axes():
    spec = SimCCSpec(input_size_wh=(192, 256), sigma=(4.9, 5.66), beta=1.0)
    assert spec.bins == (384, 512)
    assert not spec.has_depth


def test_confidence_reaches_one_sigma_in_whole_bins():
    spec = SimCCSpec(input_size_wh=(192, 256), sigma=(4.9, 5.66), beta=1.0)
    assert spec.confidence_bins == (5, 6)


def test_confidence_reaches_one_sigma_of_the_smoothing_where_there_is_one():
    spec = SimCCSpec(input_size_wh=(192, 256), sigma=(4.9, 5.66), beta=1.0, decode_sigma=20.4)
    assert spec.confidence_bins == (20, 20)


def test_smoothing_and_refinement_exclude_each_other():
    with pytest.raises(InputError, match="use_dark refines the highest bin"):
        SimCCSpec(
            input_size_wh=(192, 256), sigma=(4.9, 5.66), beta=1.0, use_dark=True, decode_sigma=20.0
        )


def test_one_sigma_per_axis_is_demanded():
    with pytest.raises(InputError, match=r"one width in bins per axis \(3\)"):
        SimCCSpec(input_size_wh=(288, 384), depth_size=288, sigma=(6.0, 6.93), beta=10.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beta", 0.0),
        ("split_ratio", -2.0),
        ("depth_range_m", float("nan")),
        ("sigma", (0.0, 1.0)),
        ("decode_sigma", 0.0),
    ],
)
def test_numbers_that_cannot_be_are_refused_by_name(name, value):
    arguments = {"input_size_wh": (192, 256), "sigma": (4.9, 5.66), "beta": 10.0, name: value}
    with pytest.raises(InputError, match=f"{name} must be above 0"):
        SimCCSpec(**arguments)
