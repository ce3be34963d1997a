"""The one training record that every reader of a data set yields.

A picture (an array or a file), one person's box in it, the 133 points of COCO-WholeBody with their
validity, 3D and camera where there are any, and the licence of all that. Frames and units are those
of `rtmpose3d.geometry`. What is wrong with a record is said with the name of its sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.geometry.crop import check_boxes
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures import FloatArray, Image

KEYPOINTS = len(WHOLEBODY)


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseRecord:
    """One person of one picture, checked.

    Attributes:
        image: (H, W, 3) uint8 BGR, or the file that holds it.
        box_xyxy: (4,) float32, pixels of the picture; may lie partly outside it.
        keypoints_px: (133, 2) float32, pixels of the picture.
        visible: (133,) float32 in [0, 1]: 0 where the data set says nothing about a keypoint or
            it is outside, 1 where it is labelled, seen or occluded.
        keypoints_camera_m: (133, 3) float32, metres in camera space; nan for keypoints without
            3D; None for 2D data sets.
        camera: that took the picture, where it is known.
        source: data set, file and index, as errors name the sample.
        licence: of the picture and its labels.

    Raises:
        InputError: shapes that are none of these, a labelled keypoint that is not finite, a
            visibility outside 0 to 1, an unusable box.
    """

    image: Image | Path
    box_xyxy: FloatArray
    keypoints_px: FloatArray
    visible: FloatArray
    source: str
    licence: str
    keypoints_camera_m: FloatArray | None = None
    camera: Camera | None = None

    def __post_init__(self) -> None:
        self._check_image()
        arrays = {
            "box_xyxy": (self.box_xyxy, (4,)),
            "keypoints_px": (self.keypoints_px, (KEYPOINTS, 2)),
            "visible": (self.visible, (KEYPOINTS,)),
        }
        if self.keypoints_camera_m is not None:
            arrays["keypoints_camera_m"] = (self.keypoints_camera_m, (KEYPOINTS, 3))
        for name, (array, shape) in arrays.items():
            self._check_array(name, array, shape)
        if not ((self.visible >= 0) & (self.visible <= 1)).all():  # NaN fails too
            raise InputError(f"{self.source}: visible must lie in 0 to 1, got {self.visible}")
        self._check_labelled()
        try:
            check_boxes(self.box_xyxy[None])
        except InputError as error:
            raise InputError(f"{self.source}: {error}") from error

    def _check_image(self) -> None:
        if isinstance(self.image, Path):
            return
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise InputError(
                f"{self.source}: image must be (H, W, 3) uint8 BGR, got shape "
                f"{self.image.shape} of {self.image.dtype}"
            )

    def _check_array(self, name: str, array: FloatArray, shape: tuple[int, ...]) -> None:
        if array.shape != shape or array.dtype != np.float32:
            raise InputError(
                f"{self.source}: {name} must be {shape} float32, got shape {array.shape} of "
                f"{array.dtype}"
            )

    def _check_labelled(self) -> None:
        bad = np.flatnonzero((self.visible > 0) & ~np.isfinite(self.keypoints_px).all(axis=1))
        if len(bad):
            place = self.keypoints_px[bad[0]].tolist()
            raise InputError(
                f"{self.source}: keypoint {bad[0]} ({WHOLEBODY.keypoint_names[bad[0]]}) lies at "
                f"{place} though it is labelled; set its visibility to 0"
            )
