"""`VideoFigure`: the images of an overlay video, all of one size, with a steady 3D view."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.structures.arrays import FloatArray, Image
from rtmpose3d.structures.result import PoseResult
from rtmpose3d.viz.overlay import draw_2d
from rtmpose3d.viz.space import draw_3d
from rtmpose3d.zoo import default_confidence_thr

VideoView = Literal["2d", "both"]
VIDEO_VIEWS: tuple[VideoView, ...] = ("2d", "both")

_PANEL_WIDTH = 1.0  # of the 3D view, times its height
_AZIMUTH_DEG, _ELEVATION_DEG = 32.0, 18.0  # the same for all frames: the view must not jump
_GROUND_SHARE = 0.02  # of the newest frame in the height of the ground
_ROOM_M = np.array([0.4, 0.4, 0.1])  # free space around people, so that the view rarely grows
_GROWTH_SHARE = 0.1  # of the missing growth in each frame
_MAX_DISTANCE_M = 60.0  # points farther away are errors and would make all others tiny


class VideoFigure:
    """Draws the results of a stream, one after the other.

    The 3D view keeps its direction and, as long as people stay in the space that it shows, its
    scale; where they leave it, it grows smoothly.

    Args:
        view: "2d" for skeletons on the image, "both" with the people in 3D next to it.
        confidence_thr: keypoints below it are not drawn; None takes the model's own.
    """

    def __init__(self, view: VideoView = "2d", *, confidence_thr: float | None = None) -> None:
        if view not in VIDEO_VIEWS:
            raise UnknownNameError("view of a video", view, VIDEO_VIEWS)
        self._view = view
        self._confidence_thr = confidence_thr
        self._size_wh: tuple[int, int] | None = None
        self._shown: FloatArray | None = None  # (2, 3) metres, corners of the shown space
        self._wanted: FloatArray | None = None
        self._ground_m: float | None = None

    def draw(self, result: PoseResult) -> Image:
        """Draw the next result; returns (H, W, 3) uint8 BGR of the size of the first one.

        Raises:
            InputError: the result has no image, or no 3D for a view of it.
        """
        if result.image is None:
            raise InputError("the result has no image to draw on")
        threshold = self._confidence_thr
        if threshold is None:
            threshold = default_confidence_thr(result.model)
        image = draw_2d(result.image, result, confidence_thr=threshold)
        if self._size_wh is None:
            self._size_wh = image.shape[1], image.shape[0]
        elif self._size_wh != (image.shape[1], image.shape[0]):  # the camera changed its size
            image = cv2.resize(image, self._size_wh, interpolation=cv2.INTER_AREA)
            image = np.asarray(image, np.uint8)
        if self._view == "2d":
            return image
        return np.hstack([image, self._draw_space(result, threshold)])

    def _draw_space(self, result: PoseResult, threshold: float) -> Image:
        assert self._size_wh is not None
        height = self._size_wh[1]
        self._extend(result, threshold)
        return draw_3d(
            result,
            (max(1, round(_PANEL_WIDTH * height)), height),
            azimuth_deg=_AZIMUTH_DEG,
            elevation_deg=_ELEVATION_DEG,
            confidence_thr=threshold,
            extent=self._shown,
            ground_m=self._ground_m,
        )

    def _extend(self, result: PoseResult, threshold: float) -> None:
        """Extend the shown space by the people of a result, and follow the ground."""
        points = result.keypoints_in("z-up").astype(float)
        visible = (result.confidence >= threshold) & np.isfinite(points).all(axis=-1)
        visible &= (np.abs(points) < _MAX_DISTANCE_M).all(axis=-1)
        if not visible.any():
            return
        low, high = points[visible].min(axis=0), points[visible].max(axis=0)
        if self._ground_m is None:
            self._ground_m = float(low[2])
        self._ground_m += _GROUND_SHARE * (float(low[2]) - self._ground_m)
        if self._shown is None or self._wanted is None:
            self._shown = self._wanted = np.stack([low - _ROOM_M, high + _ROOM_M])
            return
        lower, higher = self._wanted
        self._wanted = np.stack(
            [
                np.where(low < lower, low - _ROOM_M, lower),
                np.where(high > higher, high + _ROOM_M, higher),
            ]
        )
        grown = self._shown + _GROWTH_SHARE * (self._wanted - self._shown)
        self._shown = np.stack([np.minimum(grown[0], low), np.maximum(grown[1], high)])
