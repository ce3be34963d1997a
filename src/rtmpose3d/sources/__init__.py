"""Where images come from: files, folders, globs, URLs, arrays and Pillow images.

Everything leaves here as one thing: a contiguous (H, W, 3) uint8 array in OpenCV's order (BGR),
upright. `load_image` makes it, `expand_inputs` turns what a user typed into a list of files.
"""

from rtmpose3d.sources.download import is_url
from rtmpose3d.sources.exif import exif_of
from rtmpose3d.sources.images import ImageSource, load_image
from rtmpose3d.sources.inputs import IMAGE_ENDINGS, ImageLocation, expand_inputs

__all__ = [
    "IMAGE_ENDINGS",
    "ImageLocation",
    "ImageSource",
    "exif_of",
    "expand_inputs",
    "is_url",
    "load_image",
]
