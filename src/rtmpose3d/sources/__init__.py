"""Images from files, folders, globs, http addresses, arrays and Pillow images.

All become contiguous (H, W, 3) uint8 arrays in OpenCV's order (BGR), upright. `load_image` loads
one image, `expand_inputs` lists the files of folders and globs. `load_calibration` reads the
intrinsics of a camera.
"""

from rtmpose3d.sources.calibration import Calibration, load_calibration, load_calibrations
from rtmpose3d.sources.exif import read_exif
from rtmpose3d.sources.images import ImageSource, load_image
from rtmpose3d.sources.inputs import IMAGE_ENDINGS, ImageLocation, expand_inputs
from rtmpose3d.web.addresses import is_url

__all__ = [
    "IMAGE_ENDINGS",
    "Calibration",
    "ImageLocation",
    "ImageSource",
    "expand_inputs",
    "is_url",
    "load_calibration",
    "load_calibrations",
    "load_image",
    "read_exif",
]
