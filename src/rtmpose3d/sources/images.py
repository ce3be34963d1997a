"""Loading of images for the pipeline.

In: a path, an http(s) address, a numpy array or a Pillow image. Out: a contiguous (H, W, 3) uint8
array, BGR. Nothing is guessed: an array whose values are ambiguous is an error.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import PIL.Image

from rtmpose3d.errors import InputError
from rtmpose3d.sources.decode import bgr_from_pillow, decode_image
from rtmpose3d.sources.download import is_url, read_url
from rtmpose3d.sources.pixels import uint8_from_array
from rtmpose3d.structures.arrays import Image

ImageSource: TypeAlias = "str | os.PathLike[str] | np.ndarray | PIL.Image.Image"

_EXPECTED = (
    "expected an array (H, W, 3) uint8 in OpenCV's order (BGR), a Pillow image, "
    "or the path or address of an image"
)


def load_image(source: ImageSource) -> Image:
    """Load an image.

    Args:
        source: a path; an http(s) address; a Pillow image of any mode, its EXIF orientation is
            applied; or an array:
            (H, W, 3) BGR, (H, W, 4) BGRA, (H, W, 1) or (H, W) grey;
            uint8, uint16 (the upper eight bits are taken, as OpenCV does) or floats in [0, 1].
            Alpha is dropped, not composited: `load_image(path)` then equals `cv2.imread(path)`.

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
        return bgr_from_pillow(source, "the Pillow image")
    if isinstance(source, str) and is_url(source):
        return decode_image(read_url(source), source)
    if isinstance(source, str) and not source.strip():
        raise InputError("the path of the image is empty; give the name of an image file")
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        return decode_image(_read_file(path), str(path))
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
    if len(shape) == 4:
        hint = "; for several images pass a list of arrays: list(images)"
    elif len(shape) == 3 and shape[0] in (1, 3, 4):
        hint = "; channels come last here: image.transpose(1, 2, 0)"
    raise InputError(f"the image has the shape {shape}; expected (H, W, 3), BGR{hint}")


def _read_file(path: Path) -> bytes:
    """The bytes of a file, read by Python so that any file name works on any system."""
    try:
        return path.expanduser().read_bytes()
    except FileNotFoundError:
        where = "" if path.is_absolute() else f" (looked in {Path.cwd()})"
        raise InputError(f"there is no file {str(path)!r}{where}") from None
    except (IsADirectoryError, PermissionError) as error:
        if path.expanduser().is_dir():  # Windows says "permission denied" of a folder
            raise InputError(f"{path} is a folder; give an image file, or its files") from None
        raise InputError(f"{path} may not be read ({error.strerror}); check its rights") from None
    except (OSError, ValueError, RuntimeError) as error:  # a NUL in the name; ~unknown user
        raise InputError(f"{str(path)!r} cannot be read: {error}") from error


def _explain_unusable(source: object) -> str:
    if source is None:
        return f"the image is None, which cv2.imread returns for unreadable files; {_EXPECTED}"
    kind = f"{type(source).__module__}.{type(source).__qualname__}".removeprefix("builtins.")
    hint = ""
    if hasattr(source, "detach"):
        hint = (
            "; from a torch tensor: tensor.permute(1, 2, 0).cpu().numpy(), with the channels as BGR"
        )
    elif isinstance(source, bytes):
        hint = "; for an encoded file in memory: PIL.Image.open(io.BytesIO(data))"
    elif isinstance(source, (list, tuple)):
        hint = "; for one image as nested lists: numpy.array(rows, dtype=numpy.uint8)"
    return f"the image is a {kind}; {_EXPECTED}{hint}"
