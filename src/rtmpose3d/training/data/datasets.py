"""The datasets of a mixture in a folder: which are there, how many people, and their batches.

Each lies in a folder of its own, named as in `rtmpose3d.data.DATASETS` or as mmpose names it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rtmpose3d.data import DATASETS, ReadOptions, RecordTable, read_dataset
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.training.data.augment import NO_AUGMENTATION
from rtmpose3d.training.data.batches import PoseBatch
from rtmpose3d.training.data.mixture import MixtureSource, OnBadSample, Share
from rtmpose3d.training.loop.trainer import TrainingData
from rtmpose3d.training.recipes.base import PoseRecipe

# Where mmpose's documentation and configurations keep them, from their common folder.
MMPOSE_FOLDERS = {
    "coco-wholebody": "coco",
    "ubody": "UBody",
    "ubody3d": "UBody",
    "human-art": "HumanArt",
    "sub-jhmdb": "jhmdb",
    "lapa": "LaPa",
    "h3wb": "h36m",
}
# UBody's labels come in one file or in one of each scene.
_OTHER_ANNOTATIONS = {"ubody": "annotations/*/{split}_annotations.json"}
VALIDATION_CROPS = 512
_VALIDATION_BATCH = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class FoundShare:
    """A share of a mixture, read or missing.

    Attributes:
        share: of the mixture.
        folder: where it lies, or was looked for.
        records: of it; None if it is missing.
        bad: labels that were left out because something is wrong with them.
        missing: why it is missing, or "".
    """

    share: Share
    folder: Path
    records: RecordTable | None
    bad: int = 0
    missing: str = ""

    @property
    def samples(self) -> int:
        """That an epoch holds of it."""
        return 0 if self.records is None else self.share.samples(len(self.records))


def find_share(share: Share, folder: Path, *, on_bad: OnBadSample = "raise") -> FoundShare:
    """Read the labels of a dataset in the common folder; no image is opened.

    Args:
        share: which.
        folder: that holds the datasets' folders.
        on_bad: what happens at a label that is wrong: "raise", or "skip" and count it.

    Raises:
        UnknownNameError: there is no such dataset or split.
        InputError: a label is wrong, or all are.
    """
    name = share.dataset
    if name not in DATASETS:
        raise UnknownNameError("dataset", name, DATASETS)
    names = [name, *([MMPOSE_FOLDERS[name]] if name in MMPOSE_FOLDERS else [])]
    own = next((folder / n for n in names if (folder / n).is_dir()), folder / name)
    pattern = _OTHER_ANNOTATIONS.get(name, "").format(split=share.split)
    annotations = None
    try:
        DATASETS[name].files(own, share.split)
    except InputError as error:
        if not pattern or not own.is_dir() or not any(own.glob(pattern)):
            return FoundShare(share=share, folder=own, records=None, missing=str(error))
        annotations = pattern
    reading = read_dataset(
        name,
        own,
        share.split,
        on_bad=on_bad,
        options=ReadOptions(every=share.every),
        annotations=annotations,
    )
    records = RecordTable(reading)
    return FoundShare(share=share, folder=own, records=records, bad=len(reading.bad))


def mixture_data(
    recipe: PoseRecipe,
    found: Sequence[FoundShare],
    validation: Sequence[FoundShare],
    *,
    on_bad: OnBadSample = "raise",
    workers: int = 0,
    validation_crops: int = VALIDATION_CROPS,
) -> TrainingData[PoseBatch]:
    """Batches of the datasets that were found.

    Args:
        recipe: of the training.
        found: datasets to train on; missing ones are left out.
        validation: datasets to validate on, in equal parts.
        on_bad: see `MixtureSource`.
        workers: processes that make batches; 0: a thread.
        validation_crops: how many; 0 for processes that do not validate.

    Raises:
        InputError: nothing was found; an image to validate on cannot be used.
    """
    shares = [(f.share, f.records) for f in found if f.records is not None]
    if not shares:
        raise InputError("none of the datasets is there: " + "; ".join(f.missing for f in found))
    sources = {
        stage: MixtureSource(
            shares=shares,
            input_size_wh=recipe.model.input_size_wh,
            batch_size=recipe.batch_size,
            augmentation=recipe.augmentation(stage),
            seed=recipe.seed,
            on_bad=on_bad,
        )
        for stage in (1, 2)
    }
    return TrainingData(
        open_stage=partial(_stage, sources),
        validation=_validation_batches(recipe, validation, validation_crops),
        workers=workers,
    )


def _stage(sources: Mapping[int, MixtureSource], stage: int) -> MixtureSource:
    return sources[stage]


def _validation_batches(
    recipe: PoseRecipe, found: Sequence[FoundShare], crops: int
) -> list[PoseBatch]:
    """The same crops each time, evenly from each dataset, cut as inference cuts them."""
    there = [(f.share, f.records) for f in found if f.records is not None]
    batches: list[PoseBatch] = []
    for share, records in there if crops else []:
        count = min(max(crops // len(there), 1), len(records))
        picked = [records[i * len(records) // count] for i in range(count)]
        for start in range(0, count, _VALIDATION_BATCH):
            chosen = picked[start : start + _VALIDATION_BATCH]
            source = MixtureSource(
                shares=[(replace(share, repeat=1.0), chosen)],
                input_size_wh=recipe.model.input_size_wh,
                batch_size=len(chosen),
                augmentation=NO_AUGMENTATION,
                seed=0,
            )
            batches.append(source.batch(0))
    return batches
