"""The one record of a person that every reader of a dataset yields.

An image (an array or a file), one person's box in it, the 133 points of COCO-WholeBody with their
validity, 3D and camera where there are any, and the licence of all that; for evaluation also what
COCO's scores need. Frames and units are those of `rtmpose3d.geometry`. What is wrong with a record
is said with the name of its sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.geometry.crop import check_boxes
from rtmpose3d.skeletons import PARTS, WHOLEBODY, Part
from rtmpose3d.sources import load_image
from rtmpose3d.structures import FloatArray, Image

KEYPOINTS = len(WHOLEBODY)
Shown = Literal["person", "face", "hands"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseRecord:
    """One person of one image, checked.

    Attributes:
        image: (H, W, 3) uint8 BGR, or the file that holds it.
        box_xyxy: (4,) float32, pixels of the image; may lie partly outside it.
        keypoints_px: (133, 2) float32, pixels of the image; without meaning where not visible.
        visible: (133,) float32 in [0, 1]: 0 where the dataset says nothing about a keypoint or
            it is outside, 1 where it is labelled, seen or occluded.
        keypoints_camera_m: (133, 3) float32, metres in camera space; nan for keypoints without
            3D; None for 2D datasets. A set that only has depths relative to a root gives those
            as z, with nan as x and y.
        camera: that took the image, where it is known; without its distortion.
        source: dataset, file and index, as errors name the sample.
        licence: of the image and its labels.
        dataset: name of the dataset, a key of `rtmpose3d.data.DATASETS`; "" if it is none.
        annotation_file: that the labels come from.
        index: of the label in that file, from 0.
        image_size_wh: width and height of the image as the labels claim it, where they do.
        shown: what the box encloses.
        image_id: of the image in the dataset, where it has one.
        annotation_id: of the label in the dataset, where it has one.
        area_px2: of the person, as OKS needs it.
        crowd: COCO's iscrowd: a region with many people, never trained on.

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
    dataset: str = ""
    annotation_file: Path | None = None
    index: int | None = None
    image_size_wh: tuple[int, int] | None = None
    shown: Shown = "person"
    image_id: int | None = None
    annotation_id: int | None = None
    area_px2: float | None = None
    crowd: bool = False

    @property
    def labelled_parts(self) -> tuple[Part, ...]:
        """The parts of which this record has at least one keypoint."""
        return tuple(part for part in PARTS if self.visible[WHOLEBODY.parts[part]].any())

    @property
    def has_3d(self) -> bool:
        """Whether at least one depth is known."""
        places = self.keypoints_camera_m
        return places is not None and bool(np.isfinite(places[:, 2]).any())

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
        self._check_size()
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

    def _check_size(self) -> None:
        size = self.image_size_wh
        if size is None:
            return
        if min(size) < 1:
            raise InputError(f"{self.source}: image_size_wh must be positive, got {size}")
        if not isinstance(self.image, Path) and size != self.image.shape[1::-1]:
            raise size_mismatch(self.source, size, self.image)

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


def size_mismatch(source: str, size_wh: tuple[int, int], image: Image) -> InputError:
    """The error of an image of another size than its labels were made on."""
    height, width = image.shape[:2]
    return InputError(
        f"{source}: the labels are of an image of {size_wh[0]} x {size_wh[1]} px, but the image "
        f"has {width} x {height} px; it was resized, turned or exchanged"
    )


def load_record_image(record: PoseRecord) -> Image:
    """The record's image.

    Args:
        record: whose image is read, if it is a file.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        InputError: it is missing or broken, or of another size than the labels say; the text
            names the sample.
    """
    if not isinstance(record.image, Path):
        return record.image
    try:
        image = load_image(record.image)
    except InputError as error:
        raise InputError(f"{record.source}: {error}") from error
    if record.image_size_wh is not None and record.image_size_wh != image.shape[1::-1]:
        raise size_mismatch(record.source, record.image_size_wh, image)
    return image
