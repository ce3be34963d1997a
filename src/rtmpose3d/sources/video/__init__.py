"""Frames of videos, cameras and image sequences: `open_frames`.

In: a video file, a folder or glob of images, a webcam, an address, or images from memory. Out: a
`FrameStream` of `Frame`s with index and time. PyAV (the extra `video`) reads files and addresses,
OpenCV webcams.
"""

from rtmpose3d.sources.video.opening import (
    VIDEO_ENDINGS,
    FrameSource,
    is_live_source,
    is_video,
    open_frames,
)
from rtmpose3d.sources.video.stream import FrameStream, StreamInfo

__all__ = [
    "VIDEO_ENDINGS",
    "FrameSource",
    "FrameStream",
    "StreamInfo",
    "is_live_source",
    "is_video",
    "open_frames",
]
