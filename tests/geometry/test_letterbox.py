import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.letterbox import (
    LETTERBOX_GREY,
    image_boxes_from_letterbox,
    letterbox,
    letterbox_into,
    letterbox_size,
)


def _load(path):
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def _image(height, width):
    random = np.random.default_rng(0).integers(0, 256, (height, width, 3))
    return random.astype(np.uint8)


@pytest.mark.parametrize("name", ["rtmdet-m_640", "rtmdet-nano_320"])
@pytest.mark.parametrize("image_id", ["785", "40083"])
def test_recorded_detector_inputs_are_reproduced_bit_by_bit(shared, name, image_id):
    recorded = _load(shared / "golden" / "rtmdet" / f"{name}.npz")
    side = int(name.split("_")[1])
    image = cv2.imread(str(shared / "samples" / "coco" / f"{int(image_id):012d}.jpg"))
    pixels, scale_wh = letterbox(image, (side, side))
    np.testing.assert_array_equal(
        pixels.transpose(2, 0, 1), recorded[f"{image_id}.input_bgr_uint8_chw"]
    )
    np.testing.assert_array_equal(scale_wh, recorded[f"{image_id}.scale_factor"])


def test_sizes_are_rounded_as_in_the_recordings():
    assert letterbox_size((500, 333), (640, 640)) == (640, 426)
    _, scale_wh = letterbox(_image(333, 500), (640, 640))
    assert scale_wh.tolist() == [1.28, 1.2792792792792793]


def test_the_rest_is_grey_at_the_bottom_and_right():
    tall = np.zeros((400, 100, 3), np.uint8)
    pixels, _ = letterbox(tall, (320, 320))
    assert pixels.shape == (320, 320, 3)
    assert not pixels[:, :80].any()
    assert (pixels[:, 80:] == LETTERBOX_GREY).all()
    wide, _ = letterbox(np.zeros((100, 400, 3), np.uint8), (320, 320))
    assert not wide[:80].any()
    assert (wide[80:] == LETTERBOX_GREY).all()


def test_the_input_is_width_by_height():
    pixels, scale_wh = letterbox(_image(200, 400), (640, 384))
    assert pixels.shape == (384, 640, 3)
    assert scale_wh.tolist() == [1.6, 1.6]


def test_an_image_of_the_input_size_is_taken_as_it_is():
    image = _image(320, 320)
    pixels, scale_wh = letterbox(image, (320, 320))
    np.testing.assert_array_equal(pixels, image)
    assert not np.shares_memory(pixels, image)
    assert scale_wh.tolist() == [1, 1]


@given(
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.sampled_from([(640, 640), (320, 320), (640, 384)]),
)
def test_every_size_fits_and_touches_one_side(width, height, input_size_wh):
    new_w, new_h = letterbox_size((width, height), input_size_wh)
    assert 1 <= new_w <= input_size_wh[0]
    assert 1 <= new_h <= input_size_wh[1]
    assert new_w == input_size_wh[0] or new_h == input_size_wh[1]


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (4000, 1), (333, 500)])
def test_boxes_return_to_where_they_were_in_the_image(shape):
    height, width = shape
    pixels, scale_wh = letterbox(_image(height, width), (640, 640))
    new_w, new_h = letterbox_size((width, height), (640, 640))
    whole = np.array([[0, 0, new_w, new_h]], np.float32)
    np.testing.assert_allclose(
        image_boxes_from_letterbox(whole, scale_wh), [[0, 0, width, height]], rtol=1e-6
    )
    assert pixels.shape == (640, 640, 3)
    assert image_boxes_from_letterbox(np.zeros((0, 4)), scale_wh).shape == (0, 4)


def test_a_flipped_view_is_taken_like_its_copy():
    image = _image(200, 333)[:, ::-1]
    np.testing.assert_array_equal(
        letterbox(image, (320, 320))[0], letterbox(image.copy(), (320, 320))[0]
    )


@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 4), (0, 40, 3)])
def test_what_is_no_image_is_an_error(shape):
    with pytest.raises(InputError, match="image must be a non-empty"):
        letterbox(np.zeros(shape, np.uint8), (320, 320))


def test_a_letterbox_in_a_batch_overwrites_all_of_its_image_and_no_other():
    image = _image(200, 333)
    batch = np.full((3, 320, 640, 3), 7, np.uint8)
    scale_wh = letterbox_into(image, batch[1])
    expected, expected_scale = letterbox(image, (640, 320))
    np.testing.assert_array_equal(batch[1], expected)
    np.testing.assert_array_equal(scale_wh, expected_scale)
    assert (batch[[0, 2]] == 7).all()
