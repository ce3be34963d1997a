"""The record of one annotated person, as every dataset reader yields it.

An image (array or file), the person's box, the 133 keypoints of COCO-WholeBody with their
visibility, 3D positions and camera where known, the licence of all that, and what evaluation needs:
ids, area, crowd and ignore flags. Frames and units are those of `rtmpose3d.geometry`. Errors name
the sample.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from rtmpose3d.data.ids import FileId
from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.geometry.boxes import MIN_PERSON_SIDE_PX, check_boxes
from rtmpose3d.skeletons import NUM_KEYPOINTS, PARTS, WHOLEBODY, Part
from rtmpose3d.sources import load_image
from rtmpose3d.structures import BoolArray, FloatArray, Image

BOX_SHARE = 0.53  # share of its box that a person covers, where no area is annotated (mmpose)
BoxKind = Literal["person", "face", "hands"]
ImageKey: TypeAlias = tuple[Path, FileId | None]
"""File and id of an annotated image."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseRecord:
    """One annotated person of one image, checked.

    Attributes:
        image: (H, W, 3) uint8 BGR, or the image file.
        box_xyxy: (4,) float32, pixels of the image; may lie partly outside it.
        keypoints_px: (133, 2) float32, pixels of the image; undefined where not visible.
        visible: (133,) float32 in [0, 1]: 0 for keypoints that are not labelled or outside the
            image, 1 for labelled keypoints, occluded or not.
        keypoints_camera_m: (133, 3) float32, metres in camera space; nan for keypoints without
            3D; None for 2D datasets. Datasets with depths relative to a root have those as z, and
            nan as x and y.
        camera: camera that took the image, without its distortion; None if unknown.
        source: dataset, file and index, for error messages.
        licence: licence of the image and its labels.
        dataset: name of the dataset, a key of `rtmpose3d.data.DATASETS`; "" if it has none.
        annotation_file: file that holds the labels.
        index: index of the annotation in that file, from 0.
        image_size_wh: width and height of the image according to the annotations.
        box_kind: what the box encloses: a person, a face, or one hand or both.
        image_id, annotation_id: ids in the dataset, if it has them.
        area_px2: annotated area of the person; None: `oks_area_px2` estimates it from the box.
        label_weight: (133,) float32 in [0, 1], weight of each label in training: less than 1 for
            pseudo-labels, such as another model's predictions; None: 1 for all.
        unclipped_box_xyxy: (4,) box as annotated, which OKS uses for people without keypoints; None
            if it is `box_xyxy`.
        crowd: COCO's iscrowd: a region with many people, never trained on.
        ignored: whether the person need not be detected because too little of it is visible.
        occluded: (133,) bool, labelled keypoints that are occluded; None where the dataset does
            not distinguish.

    Raises:
        InputError: an array of another shape or dtype, a labelled keypoint that is not finite, a
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
    box_kind: BoxKind = "person"
    image_id: FileId | None = None
    annotation_id: FileId | None = None
    area_px2: float | None = None
    crowd: bool = False
    ignored: bool = False
    occluded: BoolArray | None = None
    label_weight: FloatArray | None = None
    unclipped_box_xyxy: FloatArray | None = None

    @property
    def annotated(self) -> BoolArray:
        """(133,) bool, the labelled keypoints."""
        return np.asarray(self.visible > 0)

    @property
    def oks_box_xyxy(self) -> FloatArray:
        """(4,) box for OKS: as annotated."""
        return self.box_xyxy if self.unclipped_box_xyxy is None else self.unclipped_box_xyxy

    @property
    def oks_area_px2(self) -> float:
        """Area for OKS: annotated, or estimated from the box."""
        return area_from_box(self.box_xyxy) if self.area_px2 is None else self.area_px2

    @property
    def box_in_image(self) -> bool:
        """Whether the box covers a pixel of the image or more; True where the size is unknown."""
        if self.image_size_wh is None:
            return True
        inside = np.clip(self.box_xyxy.reshape(2, 2), 0, self.image_size_wh)
        return bool((inside[1] - inside[0] >= MIN_PERSON_SIDE_PX).all())

    @property
    def labelled_parts(self) -> tuple[Part, ...]:
        """Parts with at least one labelled keypoint."""
        return tuple(part for part in PARTS if self.visible[WHOLEBODY.parts[part]].any())

    @property
    def has_3d(self) -> bool:
        """Whether at least one depth is known."""
        metres = self.keypoints_camera_m
        return metres is not None and bool(np.isfinite(metres[:, 2]).any())

    def __post_init__(self) -> None:
        self._check_image()
        arrays = {
            "box_xyxy": (self.box_xyxy, (4,)),
            "keypoints_px": (self.keypoints_px, (NUM_KEYPOINTS, 2)),
            "visible": (self.visible, (NUM_KEYPOINTS,)),
        }
        if self.keypoints_camera_m is not None:
            arrays["keypoints_camera_m"] = (self.keypoints_camera_m, (NUM_KEYPOINTS, 3))
        if self.label_weight is not None:
            arrays["label_weight"] = (self.label_weight, (NUM_KEYPOINTS,))
        for name, (array, shape) in arrays.items():
            self._check_array(name, array, shape)
        weight = self.label_weight
        if weight is not None and not ((weight >= 0) & (weight <= 1)).all():
            raise InputError(f"{self.source}: label_weight must be in 0 to 1, got {weight}")
        if not ((self.visible >= 0) & (self.visible <= 1)).all():  # NaN fails too
            raise InputError(f"{self.source}: visible must be in 0 to 1, got {self.visible}")
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
            position = self.keypoints_px[bad[0]].tolist()
            raise InputError(
                f"{self.source}: keypoint {bad[0]} ({WHOLEBODY.keypoint_names[bad[0]]}) is "
                f"labelled, but its position is {position}; set its visibility to 0"
            )


def is_file(path: Path) -> bool:
    """Whether there is such a file; False, not an error, where that cannot be known."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for names that are too long


def area_from_box(box_xyxy: FloatArray) -> float:
    """Estimated area of the person in a box, px2, at least 1."""
    sides = np.maximum(box_xyxy[2:].astype(np.float64) - box_xyxy[:2], 0)
    return max(float(np.prod(sides)) * BOX_SHARE, 1.0)


def annotation_text(dataset: str, path: Path, index: int, annotation_id: FileId | None) -> str:
    """Name of an annotation in error messages."""
    known = "" if annotation_id is None else f" (id {annotation_id})"
    return f"{dataset}: {path}, annotation {index}{known}"


def size_mismatch(source: str, size_wh: tuple[int, int], image: Image) -> InputError:
    """The error of an image whose size differs from the annotated one."""
    height, width = image.shape[:2]
    return InputError(
        f"{source}: the labels are for an image of {size_wh[0]} x {size_wh[1]} px, but the image "
        f"has {width} x {height} px; it was resized, rotated or replaced"
    )


def load_record_image(record: PoseRecord) -> Image:
    """Loads the image of a record.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        InputError: it is missing or broken, or its size is not the annotated one; the message
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


@dataclass(frozen=True, kw_only=True, eq=False)
class AnnotatedImage:
    """An image file with its annotated people.

    Attributes:
        path: the image file.
        people: the annotated people, in the order of the annotations; may be empty.
        image_id: id in the dataset, if it has one.
        size_wh: width and height according to the annotations, if they say.
        file_name: its path relative to the folder of the images, with slashes; None: unknown.
        person_category: id of the category of people in its file, if that has categories.
    """

    path: Path
    people: tuple[PoseRecord, ...]
    image_id: FileId | None = None
    size_wh: tuple[int, int] | None = None
    file_name: str | None = None
    person_category: FileId | None = None

    @property
    def key(self) -> ImageKey:
        """File and id, which identify it; one file may be listed under several ids."""
        return self.path, self.image_id


def group_by_image(records: Iterable[PoseRecord]) -> list[AnnotatedImage]:
    """Groups records by their image file, images in order of appearance.

    Raises:
        InputError: a record holds its image as an array.
    """
    groups: dict[Path, list[PoseRecord]] = {}
    for record in records:
        if not isinstance(record.image, Path):
            raise InputError(f"{record.source}: evaluation needs the image as a file")
        groups.setdefault(record.image, []).append(record)
    return [
        AnnotatedImage(
            path=path,
            people=tuple(people),
            image_id=people[0].image_id,
            size_wh=people[0].image_size_wh,
        )
        for path, people in groups.items()
    ]
