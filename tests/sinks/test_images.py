"""Image files in the format of their suffix."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from rtmpose3d.errors import InputError, OutputError
from rtmpose3d.sinks.images import IMAGE_SUFFIXES, encode_image, write_image


@pytest.fixture
def image() -> np.ndarray:
    y, x = np.mgrid[:30, :50]
    return np.stack([4 * x, 6 * y, 0 * x], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "magic"),
    [("a.jpg", b"\xff\xd8"), ("b.PNG", b"\x89PNG"), ("c.jpeg", b"\xff\xd8"), ("d.webp", b"RIFF")],
)
def test_the_suffix_selects_the_format(tmp_path, image, name, magic):
    path = write_image(tmp_path / name, image)
    assert path.read_bytes().startswith(magic)
    back = cv2.imread(str(path))
    assert back.shape == image.shape
    assert np.abs(back.astype(int) - image).mean() < 5, "channels stay BGR"


def test_png_keeps_every_value(tmp_path, image):
    np.testing.assert_array_equal(cv2.imread(str(write_image(tmp_path / "a.png", image))), image)


def test_jpeg_quality_changes_the_size(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    low = write_image(tmp_path / "low.jpg", noise, quality=10)
    default = write_image(tmp_path / "default.jpg", noise)
    assert low.stat().st_size < default.stat().st_size


def test_unknown_suffixes_and_missing_folders_are_named(tmp_path, image):
    with pytest.raises(InputError, match=r"'\.xyz'.*\.jpg"):
        write_image(tmp_path / "a.xyz", image)
    with pytest.raises(OutputError, match="its folder does not exist"):
        write_image(tmp_path / "missing" / "a.jpg", image)


def test_an_image_too_large_for_its_format_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot be"):
        write_image(tmp_path / "a.jpg", np.zeros((1, 70_000, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_encoding_prints_nothing(suffix, capfd):
    encode_image(np.full((8, 9, 3), 80, np.uint8), suffix)
    assert capfd.readouterr() == ("", "")
