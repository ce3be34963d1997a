"""Decoding of images (JPEG, PNG, ...) and Pillow images to upright BGR pixels.

Pillow reads the header and decides; OpenCV decodes the files that both decode equally, since it is
faster and equals `cv2.imread`; Pillow decodes the rest (CMYK, animations, TIFF, palettes, ...).
The pixels do not depend on OpenCV's version: orientation and truncation are handled here.
"""

from __future__ import annotations

import io
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import PIL.Image

from rtmpose3d.errors import InputError
from rtmpose3d.sources.pixels import uint8_from_array
from rtmpose3d.structures.arrays import Image

# Formats that Pillow may try, most frequent first. Others are excluded: some of its readers run
# programs (EPS) or are rarely fuzzed. Those that are not installed are skipped.
_COMMON = ("JPEG", "PNG", "BMP", "GIF", "PPM")
_RARE = ("WEBP", "TIFF", "MPO", "JPEG2000", "AVIF", "HEIF", "TGA")

_ORIENTATION_TAG = 0x0112  # EXIF 2.32, table 4
_DECODED_BY_OPENCV = {"JPEG": ("L", "RGB"), "MPO": ("RGB",), "PNG": ("L", "LA", "RGB", "RGBA")}
_PNG_END = b"IEND\xaeB`\x82"  # the chunk and its checksum
_WARNINGS_LOCK = threading.Lock()  # warnings.catch_warnings is not safe between threads

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyphei", "a HEIC image; `pip install pillow-heif` and call its register_heif_opener()"
                    " before, or save it as JPEG"),
    (4, b"ftypmif1", "a HEIF image; save it as JPEG or PNG"),
    (4, b"ftypavi", "an AVIF image, which needs Pillow 11.3 or newer; or save it as JPEG or PNG"),
    (4, b"ftyp", "a video (MP4 or MOV); take its frames with cv2.VideoCapture"),
    (0, b"\x1aE\xdf\xa3", "a video (WebM or MKV); take its frames with cv2.VideoCapture"),
    (8, b"AVI ", "a video (AVI); take its frames with cv2.VideoCapture"),
    (0, b"\xff\xd8\xff", "a JPEG whose header is damaged or cut short"),
    (0, b"\x89PNG", "a PNG whose header is damaged or cut short"),
    (0, b"II*\0", "a TIFF that is damaged or of a type that Pillow cannot read; save it as PNG"),
    (0, b"MM\0*", "a TIFF that is damaged or of a type that Pillow cannot read; save it as PNG"),
    (0, b"%PDF", "a PDF document; export its page as PNG"),
    (0, b"%!PS", "a PostScript document; export it as PNG"),
    (0, b"<svg", "an SVG drawing; export it as PNG"),
    (0, b"version https://git-lfs", "a Git LFS pointer; run `git lfs pull` to get the file itself"),
    (0, b"<!DOCTYPE", "a web page, not an image; check where it was downloaded from"),
    (0, b"<html", "a web page, not an image; check where it was downloaded from"),
)  # fmt: skip


def decode_image(data: bytes, name: str) -> Image:
    """Decode an image.

    Args:
        data: the whole file.
        name: of the image in messages.

    Returns:
        (H, W, 3) uint8, BGR, contiguous, upright (EXIF). Of an animation the first frame, of
        16 bits the upper eight, without alpha. Colour profiles are ignored, as OpenCV does.

    Raises:
        InputError: no image, of a type that cannot be read, damaged, cut short, or too large.
    """
    if not data:
        raise InputError(f"{name} is empty (0 bytes)")
    with _open(data, name) as image:
        if _opencv_decodes(image, data):
            orientation = 1 if image.format == "PNG" else _orientation(image)
            pixels = _decode_with_opencv(data)
            if pixels is not None:
                return _upright(pixels, orientation)
        return bgr_from_pillow(image, name)


def bgr_from_pillow(image: PIL.Image.Image, name: str) -> Image:
    """The current frame of a Pillow image as (H, W, 3) uint8 BGR, upright, contiguous.

    16-bit grey (modes I;16 and I) gives its upper eight bits; mode F must lie in [0, 1].

    Raises:
        InputError: damaged, closed, cut short, or of a mode that cannot be shown as RGB.
    """
    try:
        with _no_warnings():
            image.load()
    except (OSError, SyntaxError, ValueError, struct.error, EOFError, IndexError) as error:
        raise InputError(f"{name} cannot be decoded: {_reason(error)}") from error
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.ascontiguousarray(_grey_levels(image, name))
        pixels = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    else:
        pixels = cv2.cvtColor(np.asarray(_rgb(image, name)), cv2.COLOR_RGB2BGR)
    return _upright(np.asarray(pixels, np.uint8), _orientation(image))


def _open(data: bytes, name: str) -> PIL.Image.Image:
    """Read the header; no pixel is decoded yet."""
    with _no_warnings():  # Pillow warns from 89 megapixels on; above 179 it refuses: our limit
        try:
            try:
                PIL.Image.preinit()
                return PIL.Image.open(io.BytesIO(data), formats=_known(_COMMON))
            except PIL.UnidentifiedImageError:
                PIL.Image.init()
                return PIL.Image.open(io.BytesIO(data), formats=_known(_RARE))
        except PIL.Image.DecompressionBombError as error:
            raise InputError(
                f"{name} is too large: {error}. Make it smaller, or, if you trust it, set "
                "PIL.Image.MAX_IMAGE_PIXELS higher"
            ) from None
        except (PIL.UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            raise InputError(f"{name} is {_describe_content(data)}") from error


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Silence Pillow's warnings about large images and damaged EXIF or TIFF tags."""
    with _WARNINGS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _known(formats: tuple[str, ...]) -> list[str]:
    return [name for name in formats if name in PIL.Image.OPEN]


def _describe_content(data: bytes) -> str:
    head = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    for offset, signature, what in _SIGNATURES:
        if head[offset:].startswith(signature):
            return what
    return (
        f"no image, or a damaged one ({len(data)} bytes, beginning with {data[:12]!r}); "
        "expected JPEG, PNG, WebP, BMP, TIFF, GIF, ..."
    )


def _opencv_decodes(image: PIL.Image.Image, data: bytes) -> bool:
    """Whether OpenCV decodes this file completely, and equally to Pillow."""
    if image.mode not in _DECODED_BY_OPENCV.get(image.format or "", ()):
        return False
    if image.format == "PNG":  # its EXIF block may follow the pixels, where only Pillow reads it
        return _PNG_END in data and b"eXIf" not in data and b"acTL" not in data
    # JPEG: an end marker must follow the start of the last scan. OpenCV 4 fills what is missing
    # with grey; Pillow reports the truncation.
    return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")


def _decode_with_opencv(data: bytes) -> Image | None:
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # Pillow reports the cause
        return None
    return None if pixels is None else np.asarray(pixels, np.uint8)


def _rgb(image: PIL.Image.Image, name: str) -> PIL.Image.Image:
    """Convert to mode RGB, without alpha."""
    try:
        if image.mode in ("PA", "RGBa", "P"):  # the detour that Pillow asks for, with a warning
            image = image.convert("RGBA")
        elif image.mode == "La":
            image = image.convert("LA")
        return image.convert("RGB")
    except ValueError as error:
        raise InputError(
            f"{name} has the Pillow mode {image.mode!r}, which has no conversion to RGB; "
            "convert it before"
        ) from error


def _grey_levels(image: PIL.Image.Image, name: str) -> np.ndarray:
    """(H, W) uint8 of the modes with more than eight bits: I;16 and its variants, I, F."""
    levels = np.asarray(image)
    if image.mode == "I":  # 32 bits, in which older Pillow holds 16-bit PNGs
        low, high = int(levels.min()), int(levels.max())
        if low < 0 or high > 0xFFFF:
            raise InputError(
                f"{name} has the Pillow mode 'I' and levels from {low} to {high}; "
                "expected 16-bit grey, 0 to 65535"
            )
        levels = levels.astype(np.uint16)
    return uint8_from_array(levels, name)


def _orientation(image: PIL.Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 if there is none or the EXIF block is damaged."""
    try:
        with _no_warnings():
            orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, IndexError, struct.error):
        return 1  # a damaged note about the camera does not make the image unusable
    return orientation if orientation in range(1, 9) else 1


def _upright(pixels: Image, orientation: int) -> Image:
    """Rotate and flip the stored pixels as the EXIF orientation specifies."""
    if orientation in (5, 6, 7, 8):
        pixels = np.asarray(cv2.transpose(pixels), np.uint8)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)  # cv2.flip's codes
    return pixels if flip is None else np.asarray(cv2.flip(pixels, flip), np.uint8)


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return f"it is cut short ({text})" if "truncated" in text.lower() else text
