"""Rows of the dataset table: `DatasetSpec` and `Split`. The table itself is `table.DATASETS`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rtmpose3d.data.candidates import AnnotationFile, Reader
from rtmpose3d.data.maps.keypoint_map import KeypointMap
from rtmpose3d.data.records import BoxKind
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.skeletons import Part

MMPOSE_FOLDERS = {
    "coco-wholebody": "coco",
    "ubody": "UBody",
    "ubody3d": "UBody",
    "human-art": "HumanArt",
    "sub-jhmdb": "jhmdb",
    "lapa": "LaPa",
    "h3wb": "h36m",
    "faces68": "faces",
}
"""Folder names in mmpose's documentation and configurations, where they differ from ours."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """One split of a dataset: its files, relative to the dataset's folder.

    Attributes:
        annotations: annotation file; a pattern with * where there are several.
        images: folder that image names are relative to; None: the folder of the annotation file.
        image_count: published number of images.
        people: published number of labelled people (faces, pairs of hands).
        reader: reader of this split, if it is not the dataset's.
    """

    annotations: str
    images: str | None
    image_count: int | None = None
    people: int | None = None
    reader: Reader | None = None


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A dataset that this package can read.

    Attributes:
        name: key in `DATASETS`.
        title: its own name and content.
        page: URL of its official page.
        licence: short form; the page is authoritative.
        keypoint_map: its keypoints among the 133.
        reader: reader of its annotation files.
        splits: splits by name.
        box_kind: what its boxes enclose.
        has_3d: whether it has 3D.
        all_annotated: whether every person of an image is annotated, so that a detection
            that matches no annotation is a false positive.
        teacher_boxes: whether its `labels.npz` also has another detector's boxes of all people
            (`data.box_labels`).
        tight_boxes: whether boxes enclose the person closely, as detections do.
        counted_by: source of the published numbers.
        verified: whether the reader was tested on a real file.
    """

    name: str
    title: str
    page: str
    licence: str
    keypoint_map: KeypointMap
    reader: Reader
    splits: Mapping[str, Split] = field(hash=False)
    box_kind: BoxKind = "person"
    has_3d: bool = False
    all_annotated: bool = False
    teacher_boxes: bool = False
    tight_boxes: bool = True
    counted_by: str = ""
    verified: bool = True

    @property
    def parts(self) -> tuple[Part, ...]:
        """Parts that it labels."""
        return self.keypoint_map.parts

    @property
    def folder_names(self) -> tuple[str, ...]:
        """Names that its folder may have: its own, and mmpose's."""
        other = MMPOSE_FOLDERS.get(self.name)
        return (self.name,) if other is None else (self.name, other)

    def find_folder(self, folder: Path, pattern: str = "*") -> Path:
        """The dataset's folder: the given one, one of another known name, or one inside of it.

        Args:
            folder: folder of the dataset, under its own name or mmpose's, or the folder around it.
            pattern: annotation file that it must hold, relative to it; may be a pattern.

        Returns:
            The first that holds such a file; the given one if none does.
        """
        names = self.folder_names
        siblings = [folder.parent / name for name in names] if folder.name in names else []
        candidates = [folder, *siblings, *(folder / name for name in names)]
        fitting = (one for one in candidates if one.is_dir() and any(one.glob(pattern)))
        return next(fitting, folder)

    def split(self, name: str) -> Split:
        """A split by name.

        Raises:
            UnknownNameError: there is no such split.
        """
        if name not in self.splits:
            raise UnknownNameError(f"split of {self.name}", name, self.splits)
        return self.splits[name]

    def files(
        self,
        folder: Path,
        split: str,
        *,
        annotations: str | None = None,
        images: str | None = None,
    ) -> list[AnnotationFile]:
        """Annotation files of a split.

        Args:
            folder: folder of the dataset, or the folder around it (`find_folder`).
            split: name of the split.
            annotations: annotation file to use instead, relative to the folder; may be a pattern.
            images: image folder to use instead, relative to the folder.

        Raises:
            UnknownNameError: there is no such split.
            InputError: the folder or its annotation files do not exist.
        """
        chosen = self.split(split)
        pattern = annotations or chosen.annotations
        several = "*" in pattern and not Path(pattern).is_absolute()
        if not Path(pattern).is_absolute():
            folder = self.find_folder(folder, pattern)
        if not folder.is_dir():
            raise InputError(f"{self.name}: {folder} is no folder; see {self.page}")
        paths = sorted(folder.glob(pattern)) if several else [folder / pattern]
        if not paths or not paths[0].is_file():
            raise InputError(
                f"{self.name}: there is no annotation file {folder / pattern}; see "
                f"docs/datasets.md for the layout and {self.page} for the data"
            )
        image_folder = chosen.images if images is None else images
        return [
            AnnotationFile(
                dataset=self.name,
                path=path,
                images=path.parent if image_folder is None else folder / image_folder,
                keypoint_map=self.keypoint_map,
                licence=self.licence,
            )
            for path in paths
        ]
