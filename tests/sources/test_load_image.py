"""Every kind of image becomes (H, W, 3) uint8 BGR, upright; everything else a clear error."""

from __future__ import annotations

import io
import threading
import warnings
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from PIL import ImageOps

from rtmpose3d.errors import InputError
from rtmpose3d.sources import load_image

HEIGHT, WIDTH = 60, 84


@pytest.fixture(scope="module")
def bgr():
    """A smooth coloured image, not square, different in every corner."""
    coarse = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)


def encoded(image: PIL.Image.Image, format_name: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def pillow(bgr: np.ndarray) -> PIL.Image.Image:
    return PIL.Image.fromarray(np.ascontiguousarray(bgr[..., ::-1]))


def pillow_bgr(image: PIL.Image.Image) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))[..., ::-1]


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def assert_is_image(image: np.ndarray) -> None:
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.flags.c_contiguous


# -- arrays ------------------------------------------------------------------------------------


def test_a_contiguous_bgr_array_is_used_without_a_copy(bgr):
    assert np.shares_memory(load_image(bgr), bgr)


def test_a_read_only_array_can_be_used(bgr):
    locked = bgr.copy()
    locked.setflags(write=False)
    assert np.array_equal(load_image(locked), bgr)


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(lambda a: a[:, ::-1], id="flipped"),
        pytest.param(lambda a: a[::-1], id="upside down"),
        pytest.param(lambda a: a[..., ::-1], id="channels reversed"),
        pytest.param(lambda a: a[::2, 1::3], id="every second row"),
        pytest.param(lambda a: a.transpose(1, 0, 2), id="transposed"),
        pytest.param(np.asfortranarray, id="Fortran order"),
    ],
)
def test_any_strides_give_a_contiguous_array_of_the_same_pixels(bgr, view):
    image = load_image(view(bgr))
    assert_is_image(image)
    assert np.array_equal(image, view(bgr))


def test_grey_arrays_get_three_equal_channels(bgr):
    grey = bgr[..., 1]
    for array in (grey, grey[..., None], grey[::-1][::-1]):
        image = load_image(array)
        assert_is_image(image)
        assert np.array_equal(image, np.stack([grey] * 3, axis=-1))


def test_alpha_is_dropped(bgr):
    alpha = np.full((HEIGHT, WIDTH, 1), 7, np.uint8)
    image = load_image(np.concatenate([bgr, alpha], axis=-1))
    assert_is_image(image)
    assert np.array_equal(image, bgr)


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_of_sixteen_bits_the_upper_eight_are_taken(bgr, dtype):
    deep = (bgr.astype(np.uint16) * 256 + 255).astype(dtype)
    assert np.array_equal(load_image(deep), bgr)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_from_0_to_1_are_scaled_and_rounded(bgr, dtype):
    error = 1 if dtype == np.float16 else 0  # ten bits of precision
    image = load_image((bgr / 255).astype(dtype))
    assert_is_image(image)
    assert np.abs(image.astype(int) - bgr).max() <= error


def test_the_callers_array_is_not_changed(bgr):
    for array in (bgr.copy(), bgr.astype(np.uint16), bgr / 255.0, bgr[..., 0].copy()):
        before = array.copy()
        load_image(array)
        assert np.array_equal(array, before)


def test_one_pixel_is_an_image():
    assert load_image(np.full((1, 1, 3), 9, np.uint8)).tolist() == [[[9, 9, 9]]]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 5, 3), np.float32) + 200, r"floats from 200 to 200.*\[0, 1\].*astype"),
        (np.zeros((4, 5, 3)) - 0.5, r"floats from -0.5"),
        (np.full((4, 5, 3), np.nan), "NaN"),
        (np.full((4, 5, 3), np.inf), "infinity"),
        (np.zeros((4, 5, 3), np.int64), r"dtype int64; expected uint8.*astype"),
        (np.zeros((4, 5, 3), np.int8), "dtype int8"),
        (np.zeros((4, 5), bool), "mask"),
        (np.zeros((4, 5, 3), complex), "complex"),
        (np.zeros((4, 5, 3), object), "Python objects"),
        (np.array([["a"]]), "dtype <U1"),
        (np.zeros((0, 5, 3), np.uint8), r"empty.*\(0, 5, 3\)"),
        (np.zeros((5, 0), np.uint8), "empty"),
        (np.zeros((3, 50, 60), np.uint8), r"\(3, 50, 60\).*transpose\(1, 2, 0\)"),
        (np.zeros((2, 50, 60, 3), np.uint8), r"\(2, 50, 60, 3\).*list"),
        (np.zeros((50, 60, 2), np.uint8), r"expected \(H, W, 3\)"),
        (np.zeros(50, np.uint8), r"shape \(50,\)"),
        (np.zeros((), np.uint8), r"shape \(\)"),
    ],
)
def test_arrays_that_are_no_image_are_refused(array, words):
    with pytest.raises(InputError, match=words):
        load_image(array)


def test_what_is_no_image_at_all_is_named():
    class Tensor:
        def detach(self):
            pass

    with pytest.raises(InputError, match=r"None, which cv2\.imread returns"):
        load_image(None)
    with pytest.raises(InputError, match=r"Tensor.*permute"):
        load_image(Tensor())
    with pytest.raises(InputError, match=r"is a list.*numpy\.array"):
        load_image([[1, 2], [3, 4]])
    with pytest.raises(InputError, match="is a int"):
        load_image(0)


# -- Pillow images -----------------------------------------------------------------------------


def test_a_pillow_image_becomes_bgr(bgr):
    image = load_image(pillow(bgr))
    assert_is_image(image)
    assert np.array_equal(image, bgr)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"])
def test_pillow_modes_are_converted_as_pillow_does(bgr, mode):
    image = pillow(bgr).convert(mode)
    assert np.array_equal(load_image(image), pillow_bgr(image))


def test_pillow_modes_with_alpha_lose_it(bgr):
    grey = pillow(bgr).convert("L")
    alpha = PIL.Image.new("L", grey.size, 200)
    image = load_image(PIL.Image.merge("LA", [grey, alpha]))
    assert np.array_equal(image[..., 0], np.asarray(grey))
    opaque = pillow(bgr).convert("RGBA").convert("RGBa")  # premultiplied
    assert np.array_equal(load_image(opaque), bgr)


def test_a_palette_with_transparent_bytes_gives_no_warning(bgr):
    image = pillow(bgr).convert("P")
    image.info["transparency"] = bytes([0, 128, 255])
    assert load_image(image).shape == bgr.shape


def test_sixteen_bit_pillow_modes_give_the_upper_eight_bits(bgr):
    levels = bgr[..., 0].astype(np.uint16) * 256 + 17
    expected = np.stack([bgr[..., 0]] * 3, axis=-1)
    for array in (levels, levels.astype(np.int32)):  # modes I;16 and I
        image = PIL.Image.fromarray(array)
        assert image.mode.startswith("I")
        assert np.array_equal(load_image(image), expected)


def test_pillow_modes_out_of_range_are_refused():
    with pytest.raises(InputError, match="levels from -1 to"):
        load_image(PIL.Image.fromarray(np.array([[-1, 5]], np.int32)))
    with pytest.raises(InputError, match="floats from 0 to 255"):
        load_image(PIL.Image.fromarray(np.array([[0, 255]], np.float32)))
    with pytest.raises(InputError, match="empty"):
        load_image(PIL.Image.new("RGB", (0, 2)))


def test_a_pillow_image_whose_file_is_closed_is_refused(bgr):
    image = PIL.Image.open(io.BytesIO(encoded(pillow(bgr), "PNG")))
    image.close()
    with pytest.raises(InputError, match="the Pillow image cannot be decoded"):
        load_image(image)


def test_a_cut_pillow_image_is_refused(bgr):
    data = encoded(pillow(bgr), "PNG")
    with pytest.raises(InputError, match="cut short"):
        load_image(PIL.Image.open(io.BytesIO(data[: len(data) // 2])))


# -- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_type", [str, Path])
@pytest.mark.parametrize("format_name", ["PNG", "BMP", "TIFF", "PPM", "TGA"])
def test_lossless_files_come_back_exactly(tmp_path, bgr, format_name, as_type):
    path = write(tmp_path, f"a.{format_name.lower()}", encoded(pillow(bgr), format_name))
    assert_is_image(load_image(as_type(path)))
    assert np.array_equal(load_image(as_type(path)), bgr)


def test_a_jpeg_is_what_opencv_reads(tmp_path, bgr):
    for options in ({}, {"progressive": True}, {"subsampling": 0}):
        data = encoded(pillow(bgr), "JPEG", quality=90, **options)
        image = load_image(write(tmp_path, "a.jpg", data))
        assert np.array_equal(image, cv2.imdecode(np.frombuffer(data, np.uint8), 1))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied(tmp_path, bgr, format_name, orientation):
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format_name == "WEBP" else {}
    data = encoded(pillow(bgr), format_name, exif=exif, **options)
    expected = pillow_bgr(PIL.Image.open(io.BytesIO(data)))
    assert expected.shape == ((HEIGHT, WIDTH, 3) if orientation < 5 else (WIDTH, HEIGHT, 3))
    path = write(tmp_path, "a.img", data)
    assert_is_image(load_image(path))
    assert np.abs(load_image(path).astype(int) - expected).max() <= 1
    with PIL.Image.open(path) as image:
        assert np.abs(load_image(image).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    "block", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0"]
)
def test_a_damaged_exif_block_does_not_matter(tmp_path, bgr, block):
    data = encoded(pillow(bgr), "JPEG", exif=block)
    assert load_image(write(tmp_path, "a.jpg", data)).shape == bgr.shape


def test_a_cmyk_jpeg_has_the_right_colours(tmp_path, bgr):
    data = encoded(pillow(bgr).convert("CMYK"), "JPEG", quality=95)
    image = load_image(write(tmp_path, "a.jpg", data))
    assert np.array_equal(image, pillow_bgr(PIL.Image.open(io.BytesIO(data))))
    assert np.abs(image.astype(int) - bgr).mean() < 3


def test_a_sixteen_bit_png_gives_the_upper_eight_bits(tmp_path, bgr):
    for deep in (bgr.astype(np.uint16) * 256 + 200, bgr[..., 0].astype(np.uint16) * 256 + 200):
        ok, data = cv2.imencode(".png", deep)
        assert ok
        image = load_image(write(tmp_path, "a.png", data.tobytes()))
        expected = bgr if deep.ndim == 3 else np.stack([bgr[..., 0]] * 3, axis=-1)
        assert np.array_equal(image, expected)


def test_grey_transparent_and_palette_pngs_are_read(tmp_path, bgr):
    image = pillow(bgr)
    transparent = image.copy()
    transparent.putalpha(PIL.Image.new("L", image.size, 3))
    assert np.array_equal(load_image(write(tmp_path, "a.png", encoded(transparent, "PNG"))), bgr)
    for mode in ("L", "LA", "P", "1"):
        data = encoded(image.convert(mode), "PNG")
        expected = pillow_bgr(PIL.Image.open(io.BytesIO(data)))
        assert np.array_equal(load_image(write(tmp_path, "b.png", data)), expected)


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken(tmp_path, bgr, format_name):
    first, second = PIL.Image.new("RGB", (9, 5), (200, 10, 60)), PIL.Image.new("RGB", (9, 5))
    options = {"lossless": True} if format_name == "WEBP" else {}
    data = encoded(first, format_name, save_all=True, append_images=[second], **options)
    image = load_image(write(tmp_path, "a.img", data))
    assert image.shape == (5, 9, 3)
    assert (image == (60, 10, 200)).all()


def test_a_name_in_any_script_works(tmp_path, bgr):
    for name in ("Grüße – 人物 🕺.png", "with space.png", "a[1]*.png", "-b.png"):
        if "*" in name and Path("/").drive:
            continue
        assert np.array_equal(load_image(write(tmp_path, name, encoded(pillow(bgr), "PNG"))), bgr)


def test_the_ending_of_the_name_does_not_matter(tmp_path, bgr):
    data = encoded(pillow(bgr), "PNG")
    assert np.array_equal(load_image(write(tmp_path, "a.jpg", data)), bgr)
    assert np.array_equal(load_image(write(tmp_path, "noending", data)), bgr)


def test_one_pixel_and_20000_px_wide_files_are_read(tmp_path):
    for size in ((1, 1), (20_000, 30)):
        data = encoded(PIL.Image.new("RGB", size, (1, 2, 3)), "PNG")
        image = load_image(write(tmp_path, "a.png", data))
        assert image.shape == (size[1], size[0], 3)
        assert (image == (3, 2, 1)).all()


@pytest.mark.slow
def test_a_hundred_megapixels_are_read_without_a_warning(tmp_path):
    data = encoded(PIL.Image.new("L", (20_000, 5_000)), "PNG")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_image(write(tmp_path, "a.png", data)).shape == (5_000, 20_000, 3)


@pytest.mark.slow
def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path):
    data = encoded(PIL.Image.new("1", (30_000, 30_000)), "PNG")
    assert len(data) < 1_000_000
    with pytest.raises(InputError, match=r"too large.*900000000 pixels"):
        load_image(write(tmp_path, "a.png", data))


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("part", [0.999, 0.9, 0.5, 0.2])
def test_a_cut_jpeg_is_an_error_not_a_half_grey_image(tmp_path, bgr, part, options):
    big = cv2.resize(bgr, (640, 420), interpolation=cv2.INTER_CUBIC)
    data = encoded(pillow(big), "JPEG", quality=95, **options)
    with pytest.raises(InputError, match="cut short"):
        load_image(write(tmp_path, "a.jpg", data[: int(len(data) * part)]))


@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("part", [0.9, 0.5, 0.02])
def test_other_cut_files_are_errors_that_name_the_file(tmp_path, bgr, format_name, part, capfd):
    big = cv2.resize(bgr, (640, 420), interpolation=cv2.INTER_CUBIC)
    data = encoded(pillow(big), format_name)
    with pytest.raises(InputError, match=r"cut\.img"):
        load_image(write(tmp_path, "cut.img", data[: int(len(data) * part)]))
    assert capfd.readouterr().err == ""


def test_a_jpeg_with_something_behind_its_end_is_read(tmp_path, bgr):
    data = encoded(pillow(bgr), "JPEG") + b"\0" * 1000 + b"trailing"
    assert load_image(write(tmp_path, "a.jpg", data)).shape == bgr.shape


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.jpg", b"", r"a\.jpg is empty \(0 bytes\)"),
        ("a.jpg", b"hello, this is text\n" * 10, r"no image.*beginning with b'hello"),
        ("a.jpg", b"\xff\xd8\xff\xe0", "JPEG whose header is damaged"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "PNG whose header is damaged"),
        ("a.heic", b"\0\0\0\x18ftypheic" + bytes(99), r"HEIC image.*pillow-heif"),
        ("a.avif", b"\0\0\0\x18ftypavif" + bytes(9), "AVIF|damaged|decode"),
        ("a.mp4", b"\0\0\0\x18ftypisom" + bytes(99), r"a video.*RTMPose3D\.stream"),
        ("a.avi", b"RIFF\0\0\0\0AVI LIST" + bytes(99), "a video"),
        ("a.pdf", b"%PDF-1.7\n", "PDF"),
        ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
        ("a.jpg", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("a.jpg", b"\n<!DOCTYPE html><html>404</html>", "web page"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    ],
)
def test_files_that_are_no_image_say_what_they_are(tmp_path, name, data, words):
    with pytest.raises(InputError, match=words):
        load_image(write(tmp_path, name, data))


def test_random_bytes_never_give_anything_but_an_image_or_an_input_error(tmp_path, bgr):
    rng = np.random.default_rng(1)
    for format_name in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"):
        data = np.frombuffer(encoded(pillow(bgr), format_name), np.uint8)
        for _ in range(15):
            damaged = data.copy()
            damaged[rng.integers(0, len(data), 8)] = rng.integers(0, 256, 8)
            try:
                assert_is_image(load_image(write(tmp_path, "a.img", damaged.tobytes())))
            except InputError as error:
                assert "a.img" in str(error)  # noqa: PT017


def test_missing_files_and_folders_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"no file 'nothing\.jpg' \(looked in .*\)"):
        load_image("nothing.jpg")
    with pytest.raises(InputError, match="is a folder"):
        load_image(tmp_path)
    for empty in ("", "  "):
        with pytest.raises(InputError, match="path of the image is empty"):
            load_image(empty)
    with pytest.raises(InputError, match="cannot be read"):
        load_image("a\0b.jpg")
    with pytest.raises(InputError):
        load_image("x" * 5000 + ".jpg")


def test_a_file_that_may_not_be_read_is_named(tmp_path, bgr, monkeypatch):
    path = write(tmp_path, "a.png", encoded(pillow(bgr), "PNG"))

    def refuse(self, mode):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"a\.png may not be read"):
        load_image(path)


def test_many_threads_read_at_once(tmp_path, bgr):
    path = write(tmp_path, "a.png", encoded(pillow(bgr), "PNG"))
    images: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: images.append(load_image(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(images) == 8
    assert all(np.array_equal(image, bgr) for image in images)
