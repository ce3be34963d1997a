"""Intrinsics from the metadata of video containers."""

from __future__ import annotations

from collections.abc import Mapping

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.camera import Camera

_FOCAL_35MM = "com.apple.quicktime.camera.focal_length.35mm_equivalent"  # QuickTime, phones
_EXIF_FOCAL_35MM_TAG = 0xA405


def camera_from_metadata(metadata: Mapping[str, str], size_wh: tuple[int, int]) -> Camera | None:
    """The camera that the metadata of a video state.

    Args:
        metadata: keys and texts of the container and of its video stream.
        size_wh: width and height of the upright image, px.

    Returns:
        The camera with square pixels, or None where the metadata name no focal length, as most
        files do. A zoom during the recording is not considered.
    """
    folded = {key.casefold(): value for key, value in metadata.items()}
    try:
        focal_mm = float(folded.get(_FOCAL_35MM, ""))
        width, height = size_wh
        return Camera.from_exif({_EXIF_FOCAL_35MM_TAG: focal_mm}, width=width, height=height)
    except (ValueError, InputError):
        return None
