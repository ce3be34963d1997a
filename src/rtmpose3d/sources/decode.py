"""Decoding of image files (JPEG, PNG, ...) to upright BGR pixels.

Pillow reads the header and decides; OpenCV decodes the files that both decode equally, since it is
faster and equals `cv2.imread`; Pillow decodes the rest (CMYK, animations, TIFF, palettes, ...).
The pixels do not depend on OpenCV's version: orientation and truncation are handled here.
"""

from __future__ import annotations

import io
import math

import cv2
import numpy as np
import PIL.Image

from rtmpose3d.errors import InputError
from rtmpose3d.sources import limits
from rtmpose3d.sources.contents import RAW_PHOTO, describe_content
from rtmpose3d.sources.memory import DECODING
from rtmpose3d.sources.pillow_images import (
    bgr_from_pillow,
    decoder_errors,
    is_deep,
    read_orientation,
    upright,
)
from rtmpose3d.sources.raw_photos import is_raw_photo
from rtmpose3d.sources.repair import repaired
from rtmpose3d.structures.arrays import Image

# Formats that Pillow may try, most frequent first. Others are excluded: some of its readers run
# programs (EPS) or are rarely fuzzed. Those that are not installed are skipped.
_COMMON = ("JPEG", "PNG", "BMP", "GIF", "PPM")
_RARE = ("WEBP", "TIFF", "MPO", "JPEG2000", "AVIF", "HEIF", "TGA")

_DECODED_BY_OPENCV = {"JPEG": ("L", "RGB"), "MPO": ("RGB",), "PNG": ("L", "LA", "RGB", "RGBA")}
_PNG_END = b"IEND\xaeB`\x82"  # the chunk and its checksum
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # TIFF 6.0


def decode_image(data: bytes, name: str, *, exif_orientation: bool = True) -> Image:
    """Decode an image.

    Args:
        data: the whole file.
        name: of the image in messages; its ending counts only for camera raw files.
        exif_orientation: whether the EXIF orientation is applied.

    Returns:
        (H, W, 3) uint8, BGR, contiguous, upright (EXIF). Of an animation the first frame, of
        16 bits the upper eight, without alpha. Colour profiles are ignored, as OpenCV does.

    Raises:
        InputError: no image, of a type that cannot be read, damaged, cut short, or too large.
    """
    if not data:
        raise InputError(f"{name} is empty (0 bytes)")
    try:
        return _decode(data, name, exif_orientation)
    except InputError:
        with DECODING.reserve(limits.MAX_DECODING_BYTES):
            other = repaired(data)
        if other is None:
            raise
    return _decode(other, name, exif_orientation)


def open_header(data: bytes, name: str) -> PIL.Image.Image:
    """Read the header of an image with the readers that are used here; no pixel is decoded yet.

    Raises:
        InputError: no image, of a type that cannot be read, or damaged.
    """
    if is_raw_photo(data, name):
        raise InputError(f"{name} is {RAW_PHOTO}")
    for formats, register in ((_COMMON, PIL.Image.preinit), (_RARE, PIL.Image.init)):
        with decoder_errors(name):
            register()
            installed = [one for one in formats if one in PIL.Image.OPEN]
            try:
                return PIL.Image.open(io.BytesIO(data), formats=installed)
            except PIL.UnidentifiedImageError:
                continue
            except PIL.Image.DecompressionBombError as error:
                raise InputError(f"{name} is too large: {error}; make it smaller") from None
            except MemoryError:
                raise
            except Exception as error:
                raise InputError(f"{name} is {_described(data)}") from error
    raise InputError(f"{name} is {_described(data)}")


def _described(data: bytes) -> str:
    return describe_content(data, reads_avif="AVIF" in PIL.Image.OPEN)


def _decode(data: bytes, name: str, exif_orientation: bool) -> Image:
    with open_header(data, name) as image:
        by_opencv = _opencv_decodes(image, data)
        _check_memory(image, len(data), name, by_opencv=by_opencv)
        with DECODING.reserve(_memory_bytes(image, by_opencv=by_opencv)):
            pixels = _decode_with_opencv(data) if by_opencv else None
            if pixels is None:
                return bgr_from_pillow(image, name, exif_orientation=exif_orientation)
            rotate = exif_orientation and image.format != "PNG"  # PNGs with EXIF are Pillow's
            return upright(pixels, read_orientation(image) if rotate else 1)


def _check_memory(image: PIL.Image.Image, encoded: int, name: str, *, by_opencv: bool) -> None:
    """Refuse an image that would take too much memory.

    Raises:
        InputError: the image is too large.
    """
    needed = encoded + _memory_bytes(image, by_opencv=by_opencv)
    if needed > limits.MAX_DECODING_BYTES:
        raise InputError(
            f"{name} is too large: {image.width} x {image.height} px ({image.format}) take "
            f"{needed / 2**20:.0f} MiB to decode; at most {limits.MAX_DECODING_BYTES // 2**20} are "
            "used. Make it smaller"
        )


def _memory_bytes(image: PIL.Image.Image, *, by_opencv: bool) -> int:
    pixels = image.width * image.height
    tags = getattr(image, "tag_v2", None)
    if tags is not None:  # a tile may be larger than the image that it is part of
        with decoder_errors("the TIFF"):
            sides = (int(tags.get(tag, 1)) for tag in (_TILE_WIDTH, _TILE_LENGTH))
            pixels = max(pixels, math.prod(sides))
    if by_opencv:
        return pixels * limits.OPENCV_BYTES_PER_PIXEL
    if is_deep(image):
        return pixels * limits.BYTES_PER_PIXEL_OF_DEEP_MODES
    usual = limits.PILLOW_BYTES_PER_PIXEL
    return pixels * limits.BYTES_PER_PIXEL_BY_FORMAT.get(image.format or "", usual)


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
