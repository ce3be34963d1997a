"""Loading of images for the pipeline.

In: a path, an http(s) address, the bytes of a file, an open file, a numpy array or a Pillow image.
Out: a contiguous (H, W, 3) uint8 array, BGR. Nothing is guessed: an array whose values are
ambiguous is an error.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import PIL.Image

from rtmpose3d.errors import InputError
from rtmpose3d.sources.decode import decode_image
from rtmpose3d.sources.pillow_images import bgr_from_pillow
from rtmpose3d.sources.pixels import uint8_from_array
from rtmpose3d.sources.reading import (
    ReadableFile,
    check_size,
    file_name,
    read_file,
    read_open_file,
)
from rtmpose3d.sources.uris import (
    bytes_from_data_uri,
    is_data_uri,
    is_file_uri,
    path_from_file_uri,
)
from rtmpose3d.structures.arrays import Image
from rtmpose3d.web.addresses import is_url

EncodedImage: TypeAlias = "bytes | bytearray | memoryview | ReadableFile"
"""The content of an image file."""

ImageSource: TypeAlias = "str | os.PathLike[str] | np.ndarray | PIL.Image.Image | EncodedImage"

_EXPECTED = (
    "expected an array (H, W, 3) uint8 in OpenCV's order (BGR), a Pillow image, "
    "the path or address of an image, its bytes, or an open binary file"
)


def load_image(source: ImageSource, *, exif_orientation: bool = True) -> Image:
    """Load an image.

    Args:
        source: a path; an http(s) address, a `file:` or `data:` URI; the bytes of an image file,
            or an open binary file, which is read from its position on; a Pillow image of any mode;
            or an array:
            (H, W, 3) BGR, (H, W, 4) BGRA, (H, W, 1) or (H, W) grey;
            uint8, uint16 (the upper eight bits are taken, as OpenCV does) or floats in [0, 1].
            Alpha is dropped, not composited: `load_image(path)` then equals `cv2.imread(path)`.
        exif_orientation: whether files and Pillow images are rotated upright as their EXIF block
            says; False for labels that were made on the stored pixels.

    Returns:
        (H, W, 3) uint8, BGR, contiguous, upright. An array that has this form already is not
        copied; nothing in this package writes into it.

    Raises:
        InputError: the source cannot be used as an image; the message names it.
    """
    if isinstance(source, np.ndarray):
        return image_from_array(source)
    if isinstance(source, PIL.Image.Image):
        if source.width == 0 or source.height == 0:
            raise InputError(f"the Pillow image is empty: {source.width} x {source.height} px")
        return bgr_from_pillow(source, "the Pillow image", exif_orientation=exif_orientation)
    data, name = _encoded(source)
    return decode_image(data, name, exif_orientation=exif_orientation)


def _encoded(source: object) -> tuple[bytes, str]:
    """The bytes of an encoded image, and its name in messages.

    Raises:
        InputError: they cannot be read, or the source is no image.
    """
    if isinstance(source, str) and is_url(source):
        from rtmpose3d.sources.download import read_url  # HTTP takes a while to import

        return read_url(source), source.strip()
    if isinstance(source, str) and is_data_uri(source):
        return bytes_from_data_uri(source)
    if isinstance(source, str) and is_file_uri(source):
        path = path_from_file_uri(source)
        return read_file(path), str(path)
    if isinstance(source, str) and not source.strip():
        raise InputError("the path of the image is empty; give the name of an image file")
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        return read_file(path), str(path)
    if isinstance(source, (bytes, bytearray, memoryview)):
        size = source.nbytes if isinstance(source, memoryview) else len(source)
        name = f"the image of {size} bytes"
        check_size(size, name)
        return bytes(source), name
    if isinstance(source, ReadableFile):
        return read_open_file(source), file_name(source)
    raise InputError(_explain_unusable(source))


def image_from_array(array: np.ndarray) -> Image:
    """Convert an array to (H, W, 3) uint8 BGR by the rules of `load_image`.

    Raises:
        InputError: wrong shape, dtype or range.
    """
    array = np.asarray(array)  # a subclass such as np.matrix has rules of its own
    if array.dtype.hasobject:
        raise InputError(f"the image is an array of Python objects ({array.dtype}); {_EXPECTED}")
    _check_shape(array.shape)
    pixels = uint8_from_array(array, "the image")
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        grey = np.ascontiguousarray(pixels.reshape(pixels.shape[:2]))
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    return np.ascontiguousarray(pixels[..., :3])


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) in (2, 3) and 0 in shape:
        raise InputError(f"the image is empty: its shape is {shape}")
    if len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4)):
        return
    hint = ""
    if len(shape) == 1:
        hint = "; for the bytes of an image file pass array.tobytes()"
    elif len(shape) == 4:
        hint = "; for several images pass a list of arrays: list(images)"
    elif len(shape) == 3 and shape[0] in (1, 3, 4):
        hint = "; channels come last here: image.transpose(1, 2, 0)"
    raise InputError(f"the image has the shape {shape}; expected (H, W, 3), BGR{hint}")


def _explain_unusable(source: object) -> str:
    if source is None:
        return f"the image is None, which cv2.imread returns for unreadable files; {_EXPECTED}"
    kind = f"{type(source).__module__}.{type(source).__qualname__}".removeprefix("builtins.")
    hint = ""
    if hasattr(source, "detach"):
        hint = (
            "; from a torch tensor: tensor.permute(1, 2, 0).cpu().numpy(), with the channels as BGR"
        )
    elif hasattr(source, "__next__"):
        hint = "; for the images of a generator pass a list: list(images)"
    elif isinstance(source, (list, tuple)):
        hint = "; for one image as nested lists: numpy.array(rows, dtype=numpy.uint8)"
    return f"the image is a {kind}; {_EXPECTED}{hint}"
