"""Dataset mixtures of the published configurations, as sequences of `DatasetEntry`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rtmpose3d.errors import InputError

# Factors on the boxes of faces and hands before cropping: RandomBBoxTransform's 1.5 to 2.0, times
# 1.25, because both of the configurations' GetBBoxCenterScale pad.
PART_BOX_SCALE = (1.875, 2.5)
# Boxes that enclose the landmarks, as users give them: closer crops than the published ones.
FACE_BOX_SCALE = (0.9, 1.5)


@dataclass(frozen=True, kw_only=True)
class DatasetEntry:
    """One dataset in a mixture.

    Attributes:
        dataset: name of the dataset (`rtmpose3d.data.DATASETS`).
        split: name of its split.
        sample_interval: use every n-th image only (configurations: sample_interval).
        repeat: times that an epoch contains each record; 0.5: a random half of them, a new one
            each epoch.
        box_scale: minimum and maximum factor on the box before everything else, for datasets of
            faces or hands, whose crops should show more; None: 1.
        annotations, images: annotation file and image folder of `coco-style`, one's own
            annotations; None: the folder is that of the file.
    """

    dataset: str
    split: str = "train"
    sample_interval: int = 1
    repeat: float = 1.0
    box_scale: tuple[float, float] | None = None
    annotations: Path | None = None
    images: Path | None = None

    def __post_init__(self) -> None:
        if not self.repeat > 0 or self.sample_interval < 1:
            raise InputError(
                f"{self.dataset}: repeat must be above 0 and sample_interval at least 1, got "
                f"{self.repeat} and {self.sample_interval}"
            )

    @property
    def title(self) -> str:
        """Name in the plan of a training."""
        own = f" ({self.annotations.name})" if self.annotations is not None else ""
        return f"{self.dataset}@{self.split}{own}"

    def epoch_samples(self, records: int) -> int:
        """Number of samples that an epoch takes from so many records; at least 1."""
        return max(round(records * self.repeat), 1)


COCO_MIXTURE = (DatasetEntry(dataset="coco-wholebody"),)
UCOCO_MIXTURE = (*COCO_MIXTURE, DatasetEntry(dataset="ubody", sample_interval=10))
FACES = tuple(
    DatasetEntry(dataset=name, split=split, box_scale=PART_BOX_SCALE)
    for name, split in (
        ("wflw", "train"),
        ("300w", "train"),
        ("cofw", "train"),
        ("lapa", "trainval"),
    )
)
BODIES = (
    DatasetEntry(dataset="aic"),
    DatasetEntry(dataset="crowdpose", split="trainval"),
    DatasetEntry(dataset="mpii"),
    DatasetEntry(dataset="sub-jhmdb", split="train1"),
    DatasetEntry(dataset="posetrack18"),
)
HALPE_ENTRY = DatasetEntry(dataset="halpe")
COCKTAIL14 = (
    *(*COCO_MIXTURE, HALPE_ENTRY, DatasetEntry(dataset="ubody", sample_interval=10)),
    *(*BODIES, DatasetEntry(dataset="human-art")),
    *FACES,
    DatasetEntry(dataset="interhand2.6m", sample_interval=10, box_scale=PART_BOX_SCALE),
)
COCKTAIL_3D = (
    *(*COCO_MIXTURE, HALPE_ENTRY),
    *BODIES,
    *FACES,
    DatasetEntry(dataset="ubody3d", repeat=0.1),  # configurations: subset_frac
    DatasetEntry(dataset="h3wb"),
)
REAL_PEOPLE = (  # with rendered people: the bundled rtmw3d-n
    DatasetEntry(dataset="lspet"),
    DatasetEntry(dataset="faces68", box_scale=FACE_BOX_SCALE),
)
REAL_BOXES = (DatasetEntry(dataset="lspet"),)  # with rendered people: the bundled rtmdet-n
VALIDATION_2D = (DatasetEntry(dataset="coco-wholebody", split="val"),)
VALIDATION_3D = (*VALIDATION_2D, DatasetEntry(dataset="h3wb", split="val"))


def parse_entry(text: str, split: str = "train") -> DatasetEntry:
    """Parse `NAME[@SPLIT][:REPEAT]`; faces and hands get the published `box_scale`.

    Args:
        text: what to parse.
        split: split if the text names none.

    Raises:
        InputError: REPEAT is not a number above 0.
    """
    named, _, repeat = text.partition(":")
    name, _, own_split = named.partition("@")
    try:
        times = float(repeat) if repeat else 1.0
    except ValueError:
        raise InputError(f"dataset {text!r}: {repeat!r} is not a number") from None
    scales = {entry.dataset: entry.box_scale for entry in (*COCKTAIL14, *REAL_PEOPLE)}
    return DatasetEntry(
        dataset=name, split=own_split or split, repeat=times, box_scale=scales.get(name)
    )
