"""What the table of datasets says of each: `DatasetSpec` and `Split`.

The rows stand in `table`, one folder layout each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rtmpose3d.data.candidates import AnnotationFile, Reader
from rtmpose3d.data.keypoint_map import KeypointMap
from rtmpose3d.data.records import Shown
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.skeletons import Part


@dataclass(frozen=True, kw_only=True)
class Split:
    """One split of a dataset, as it lies in the dataset's folder.

    Attributes:
        annotations: file of labels, from the folder; a pattern with * where there are several.
        images: folder from which the names of images count, from the dataset's folder; None:
            the folder of the annotation file.
        image_count: how many images the owners say it has.
        people: how many people (faces, pairs of hands) with labels they say it has.
        reader: another one than the dataset's.
    """

    annotations: str
    images: str | None
    image_count: int | None = None
    people: int | None = None
    reader: Reader | None = None


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A dataset that this package reads.

    Attributes:
        name: by which it is known here.
        title: its own name, with what it shows.
        page: address of its official page.
        licence: in short; what the page says holds.
        keypoint_map: its keypoints among the 133.
        reader: of its annotation files.
        splits: by name.
        shown: what its boxes enclose.
        has_3d: whether it has 3D.
        counted_by: where the numbers of images and people are from.
        verified: whether the reader was held against a real file of it.
    """

    name: str
    title: str
    page: str
    licence: str
    keypoint_map: KeypointMap
    reader: Reader
    splits: Mapping[str, Split] = field(hash=False)
    shown: Shown = "person"
    has_3d: bool = False
    counted_by: str = ""
    verified: bool = True

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the 133 that it labels."""
        return self.keypoint_map.parts

    def split(self, name: str) -> Split:
        """The split of that name.

        Raises:
            UnknownNameError: it has none of that name.
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
        """The annotation files of a split that are there.

        Args:
            folder: of the dataset.
            split: its name.
            annotations: another place of the annotation file, from the folder; may be a pattern.
            images: another folder of the images, from the dataset's folder.

        Raises:
            UnknownNameError: there is no such split.
            InputError: the folder or its annotation files are not there.
        """
        if not folder.is_dir():
            raise InputError(f"{self.name}: {folder} is no folder; see {self.page}")
        found = self.split(split)
        pattern = annotations or found.annotations
        paths = sorted(folder.glob(pattern)) if "*" in pattern else [folder / pattern]
        if not paths or not paths[0].is_file():
            raise InputError(
                f"{self.name}: there is no annotation file {folder / pattern}; see "
                f"docs/datasets.md for the layout and {self.page} for the data"
            )
        counted = found.images if images is None else images
        return [
            AnnotationFile(
                dataset=self.name,
                path=path,
                images=path.parent if counted is None else folder / counted,
                keypoint_map=self.keypoint_map,
                licence=self.licence,
            )
            for path in paths
        ]
