"""Damaged, huge and odd files end in an error of ours; what is complete is read."""

from __future__ import annotations

import io
import os
import socket
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from encoding import encoded, example_image, png_chunk, tiff
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.sources import limits, load_image, read_exif
from rtmpose3d.sources.memory import MemoryBudget
from rtmpose3d.sources.raw_photos import is_raw_photo

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "TGA", "JPEG2000", "AVIF")


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# -- any exception of a decoder ----------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError, KeyError, ZeroDivisionError, AttributeError])
@pytest.mark.parametrize("where", ["open", "load"])
def test_whatever_a_decoder_raises_is_an_error_of_ours(monkeypatch, error, where):
    def fail(*_, **__):
        raise error("inside the decoder")

    data = encoded(example_image(), "TIFF")
    if where == "open":
        monkeypatch.setattr(PIL.Image, "open", fail)
    else:
        monkeypatch.setattr(PIL.TiffImagePlugin.TiffImageFile, "load", fail)
    with pytest.raises(InputError):
        load_image(data)


def test_ctrl_c_in_a_decoder_is_not_swallowed(monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(PIL.TiffImagePlugin.TiffImageFile, "load", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_image(encoded(example_image(), "TIFF"))


def test_an_image_that_does_not_fit_into_memory_is_an_error_of_ours(monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(PIL.TiffImagePlugin.TiffImageFile, "load", fail)
    with pytest.raises(InputError, match="does not fit into memory"):
        load_image(encoded(example_image(), "TIFF"))


@pytest.mark.parametrize("format_name", FORMATS)
def test_mutated_files_are_images_or_errors_of_ours(tmp_path, format_name):
    rng = np.random.default_rng(7)
    exif = PIL.Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 26
    options = {"exif": exif} if format_name in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF") else {}
    data = np.frombuffer(encoded(example_image(), format_name, **options), np.uint8)
    refused = 0
    for _ in range(25):
        damaged = data.copy()
        position = rng.integers(0, len(data), rng.integers(1, 12))
        damaged[position] = rng.integers(0, 256, len(position))
        path = write(tmp_path, "a.img", damaged[: rng.integers(len(data) // 2, len(data) + 1)])
        try:
            assert load_image(path).ndim == 3
        except InputError as error:
            refused += 1
            assert "a.img" in str(error)  # noqa: PT017
        Camera.from_exif(read_exif(path), width=84, height=60)
    assert refused


def test_a_damaged_avif_is_called_damaged(shared):
    with pytest.raises(InputError, match=r"damaged\.avif (cannot be decoded|is an AVIF image)"):
        load_image(shared / "cases" / "inputs" / "damaged.avif")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_cut_avif_is_called_damaged_not_in_need_of_another_pillow(part):
    pytest.importorskip("PIL._avif")
    data = encoded(example_image(), "AVIF")
    with pytest.raises(InputError, match=r"cannot be decoded|damaged or cut short"):
        load_image(data[: int(len(data) * part)])


# -- JPEGs without an end marker ---------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}],
    ids=str,
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("cut", [1, 2])
def test_a_jpeg_that_lacks_only_its_end_marker_is_read(options, mode, cut):
    data = encoded(example_image(640, 420).convert(mode), "JPEG", quality=92, **options)
    assert np.array_equal(load_image(data[:-cut]), load_image(data))


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=str)
@given(part=st.floats(0.2, 0.999))
def test_a_jpeg_that_lacks_pixels_is_cut_short_wherever_it_is_cut(options, part):
    rng = np.random.default_rng(2)
    noise = PIL.Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
    data = encoded(noise, "JPEG", quality=90, **options)
    with pytest.raises(InputError, match="cut short"):
        load_image(data[: int((len(data) - 4) * part)])


def test_the_recorded_jpeg_without_an_end_marker_is_what_opencv_reads(shared):
    path = shared / "cases" / "inputs" / "no_end_marker.jpg"
    complete = np.frombuffer(path.read_bytes() + b"\xff\xd9", np.uint8)
    assert np.array_equal(load_image(path), cv2.imdecode(complete, cv2.IMREAD_COLOR))


# -- PNGs with large texts and profiles --------------------------------------------------------


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP", b"iTXt"])
@pytest.mark.parametrize("mode", ["RGB", "P", "I;16"])
def test_a_png_with_a_large_text_or_profile_is_read(kind, mode):
    image = example_image().convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = PIL.Image.fromarray(np.asarray(image).astype(np.uint16) * 256)
    data = encoded(image, "PNG")
    between = {b"zTXt": b"key\0\0", b"iCCP": b"key\0\0", b"iTXt": b"key\0\1\0\0\0"}[kind]
    chunk = png_chunk(kind, between + zlib.compress(bytes(3_000_000)))
    assert np.array_equal(load_image(data[:33] + chunk + data[33:]), load_image(data))


# -- camera raw files --------------------------------------------------------------------------

PREVIEW = {254: ("I", [1]), 256: ("I", [160]), 257: ("I", [107])}
IMAGE = {254: ("I", [0]), 256: ("I", [160]), 257: ("I", [107])}
LARGER = {254: ("I", [0]), 256: ("I", [6000]), 257: ("I", [4000])}
SENSOR = {256: ("I", [160]), 262: ("H", [32803])}
SMALLER = {254: ("I", [1]), 256: ("I", [80])}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "directories",
    [
        pytest.param([PREVIEW], id="preview first"),
        pytest.param([IMAGE | {50706: ("B", [1, 4, 0, 0])}], id="DNG"),
        pytest.param([IMAGE, SENSOR], id="sensor data nested"),
        pytest.param([IMAGE, SMALLER, LARGER], id="larger image nested"),
        pytest.param([SENSOR], id="sensor data first"),
    ],
)
def test_a_raw_photo_is_refused_instead_of_its_preview_taken(tmp_path, directories, order):
    path = write(tmp_path, "a.tif", tiff(directories, order))
    with pytest.raises(InputError, match=r"a\.tif is a camera's raw file.*export it as JPEG"):
        load_image(path)


@pytest.mark.parametrize(
    "data",
    [
        b"FUJIFILMCCD-RAW 0201",
        b"IIRO\x08\0\0\0",
        b"IIU\0\x18\0\0\0",
        b"\0\0\0\x18ftypcrx \0\0\0\x01",
        b"II*\0\x10\0\0\0CR\x02\0",
        b"FOVb",
    ],
)
def test_the_manufacturers_formats_are_recognised(data):
    with pytest.raises(InputError, match="camera's raw file"):
        load_image(data + bytes(100))


def test_a_tiff_with_a_raw_ending_is_taken_for_a_raw_photo_and_a_jpeg_is_not(tmp_path):
    with pytest.raises(InputError, match="camera's raw file"):
        load_image(write(tmp_path, "a.NEF", encoded(example_image(), "TIFF")))
    assert load_image(write(tmp_path, "b.nef", encoded(example_image(), "JPEG"))).size


def test_the_recorded_raw_photo_is_refused(shared):
    with pytest.raises(InputError, match="camera's raw file"):
        load_image(shared / "cases" / "inputs" / "thumbnail.dng")


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"tiffinfo": {271: "Nikon"}}])
def test_an_ordinary_tiff_of_several_pages_is_no_raw_photo(options):
    pages = [example_image(30, 20)]
    data = encoded(example_image(), "TIFF", save_all=True, append_images=pages, **options)
    assert load_image(data).shape == (60, 84, 3)


@given(data=st.binary(max_size=200), head=st.sampled_from([b"II*\0", b"MM\0*", b""]))
def test_looking_for_a_raw_photo_raises_nothing(data, head):
    assert is_raw_photo(head + data, "a.tif") in (True, False)


# -- what is no regular file, and what is too large --------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(InputError, match=r"a\.jpg is a named pipe"):
        load_image(tmp_path / "a.jpg")
    assert read_exif(tmp_path / "a.jpg") == {}


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no such sockets here")
def test_a_socket_and_a_device_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("a.jpg")
        with pytest.raises(InputError, match="is a socket"):
            load_image("a.jpg")
    (tmp_path / "b.jpg").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="is a device"):
        load_image("b.jpg")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path, monkeypatch):
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(limits.MAX_FILE_BYTES + 1)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("opened"))
    with pytest.raises(InputError, match=r"a\.jpg has .* MiB; images of at most 256 MiB"):
        load_image(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("format_name", "mode", "side"),
    [("PNG", "L", 11_000), ("TIFF", "1", 10_000), ("GIF", "P", 10_000), ("WEBP", "RGB", 6_000)],
)
def test_an_image_that_takes_too_much_memory_is_refused_by_its_header(
    monkeypatch, format_name, mode, side
):
    options = {"compression": "group4"} if format_name == "TIFF" else {}
    data = encoded(PIL.Image.new(mode, (side // 100, side // 100)), format_name, **options)
    assert load_image(data).size
    monkeypatch.setattr(limits, "MAX_DECODING_BYTES", limits.MAX_DECODING_BYTES // 10_000)
    with pytest.raises(InputError, match=rf"too large: {side // 100} x {side // 100} px"):
        load_image(data)


def test_a_tile_larger_than_its_image_counts():
    tags = {256: ("I", [10]), 257: ("I", [10]), 258: ("H", [8]), 259: ("H", [8])}
    tags |= {262: ("H", [1]), 322: ("I", [60_000]), 323: ("I", [60_000])}
    tags |= {324: ("I", [8]), 325: ("I", [100])}
    with pytest.raises(InputError, match="too large"):
        load_image(tiff([tags]) + bytes(200))


def test_a_budget_of_memory_lets_threads_wait_but_not_for_ever():
    budget = MemoryBudget(100)
    inside, peak, lock = 0, 0, threading.Lock()

    def work(size: int) -> None:
        nonlocal inside, peak
        with budget.reserve(size):
            with lock:
                inside += min(size, 100)
                peak = max(peak, inside)
            threading.Event().wait(0.001)
            with lock:
                inside -= min(size, 100)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, [30, 60, 100, 500, 10, 80, 40, 90] * 4))
    assert inside == 0
    assert peak <= 100


# -- EXIF orientation --------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_exif_orientation_can_be_ignored(format_name, orientation):
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format_name == "WEBP" else {}
    stored = load_image(encoded(example_image(), format_name, **options))
    data = encoded(example_image(), format_name, exif=exif, **options)
    assert np.array_equal(load_image(data, exif_orientation=False), stored)
    with PIL.Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(load_image(image, exif_orientation=False), stored)
    assert np.array_equal(load_image(data), stored) == (orientation == 1)
