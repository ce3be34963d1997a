"""Annotation samples of public datasets, as they are in mmpose's tests/data: a table, a reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rtmpose3d.data import AnnotatedImage
from rtmpose3d.evaluation import SkippedItems
from rtmpose3d.evaluation.protocols.dataset import read_annotated_images


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One annotation file of a sample.

    Attributes:
        dataset: name of the dataset, a key of `rtmpose3d.data.DATASETS`.
        annotations: annotation file, relative to the sample's folder; so are its images.
        split: split whose format the file has.
    """

    dataset: str
    annotations: str
    split: str = "val"


SAMPLES: Mapping[str, tuple[Sample, ...]] = {
    "coco": (Sample(dataset="coco-wholebody", annotations="test_coco_wholebody.json"),),
    "aic": (Sample(dataset="aic", annotations="test_aic.json"),),
    "crowdpose": (Sample(dataset="crowdpose", annotations="test_crowdpose.json"),),
    "jhmdb": (Sample(dataset="sub-jhmdb", annotations="test_jhmdb_sub1.json", split="train1"),),
    "posetrack18": (
        Sample(dataset="posetrack18", annotations="annotations/test_posetrack18_val.json"),
    ),
    "humanart": (Sample(dataset="human-art", annotations="test_humanart.json"),),
    "mpii": (Sample(dataset="mpii", annotations="test_mpii.json"),),
    "300w": (Sample(dataset="300w", annotations="test_300w.json"),),
    "wflw": (Sample(dataset="wflw", annotations="test_wflw.json"),),
    "lapa": (Sample(dataset="lapa", annotations="test_lapa.json"),),
    "cofw": (Sample(dataset="cofw", annotations="test_cofw.json"),),
    "interhand2.6m": (Sample(dataset="interhand2.6m", annotations="test_interhand2.6m_data.json"),),
    "ochuman": (Sample(dataset="ochuman", annotations="test_ochuman.json"),),
    "h36m": (Sample(dataset="h36m", annotations="test_h36m_body3d.npz", split="test"),),
    "mpi_inf_3dhp": tuple(
        Sample(dataset="mpi-inf-3dhp", annotations=f"test_3dhp_{split}.npz", split=split)
        for split in ("train", "test")
    ),
}
"""Folder of the sample -> its annotation files."""


def read_samples(samples: Path) -> list[AnnotatedImage]:
    """The images of all samples in a folder that exist, with their people."""
    images = [
        image
        for folder, files in SAMPLES.items()
        if (samples / folder).is_dir()
        for sample in files
        for image in read_annotated_images(
            sample.dataset,
            samples / folder,
            SkippedItems(),
            split=sample.split,
            annotations=sample.annotations,
            images=".",
        )
        if image.path.is_file()
    ]
    if not images:
        raise SystemExit(f"{samples} holds no annotated image of {', '.join(SAMPLES)}")
    return images
