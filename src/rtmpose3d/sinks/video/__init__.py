"""Overlay videos: `VideoSink` draws results on their images and encodes H.264 with sound."""

from rtmpose3d.sinks.video.sink import VideoSink

__all__ = ["VideoSink"]
