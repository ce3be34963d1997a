"""Training data from a folder of datasets: `load_datasets`.

Each dataset is in a subfolder named as in `rtmpose3d.data.DATASETS` or as mmpose names it. Labels
are read first; images are read when batches need them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from rtmpose3d.data import (
    DATASETS,
    OnBad,
    Reading,
    ReadOptions,
    RecordTable,
    read_coco_style,
    read_dataset,
)
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.training.data.batches import TrainingData
from rtmpose3d.training.data.mixture import MixtureSource
from rtmpose3d.training.data.pose_batches import VALIDATION_BATCH, VALIDATION_CROPS, PoseBatch
from rtmpose3d.training.recipes.augmentation import NO_AUGMENTATION
from rtmpose3d.training.recipes.mixtures import DatasetEntry, parse_entry
from rtmpose3d.training.recipes.pose import PoseRecipe

# UBody's labels come in one file, or in one for each scene.
_OTHER_ANNOTATIONS = {"ubody": "annotations/*/{split}_annotations.json"}


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedDataset:
    """A dataset of a mixture, with its labels read, or missing.

    Attributes:
        entry: the mixture's entry.
        folder: folder of the dataset, or the one that was looked for.
        records: its annotated people; None if it is missing.
        bad: error messages of the labels that were skipped because they are invalid.
        by_rule: number of labels that are valid and not used, by reason.
        with_3d: number of people with 3D labels.
        missing: why it is missing, or "".
    """

    entry: DatasetEntry
    folder: Path
    records: RecordTable | None
    bad: Sequence[str] = ()
    by_rule: Mapping[str, int] = field(default_factory=dict)
    with_3d: int = 0
    missing: str = ""

    @property
    def skipped(self) -> list[str]:
        """Labels that are not used, as text: each invalid one, the others counted by reason."""
        rules = [f"{self.entry.title}: {n} x {reason}" for reason, n in self.by_rule.items()]
        return [*self.bad, *rules]

    @property
    def epoch_samples(self) -> int:
        """Number of samples that an epoch takes from it."""
        return 0 if self.records is None else self.entry.epoch_samples(len(self.records))


def load_dataset(
    entry: DatasetEntry, folder: Path | None, *, on_bad: OnBad = "raise"
) -> LoadedDataset:
    """Read the labels of a dataset; no image is opened.

    Args:
        entry: dataset and split.
        folder: folder that contains the datasets' folders; None: there is none, which only an
            entry with its own annotation file does not need.
        on_bad: what happens at an invalid label: "raise", or "skip" and count it.

    Raises:
        UnknownNameError: there is no such dataset or split.
        InputError: a label is invalid, or all are.
    """
    if entry.dataset not in DATASETS:
        raise UnknownNameError("dataset", entry.dataset, DATASETS)
    options = ReadOptions(every=entry.sample_interval)
    if entry.annotations is not None:
        own = entry.annotations.parent if entry.images is None else entry.images
        reading = read_coco_style(entry.annotations, own, on_bad=on_bad, options=options)
        return _loaded(entry, own, reading)
    if folder is None:
        missing = f"{entry.dataset}: the folder of the datasets is not given"
        return LoadedDataset(entry=entry, folder=Path(), records=None, missing=missing)
    spec = DATASETS[entry.dataset]
    own = spec.find_folder(folder / spec.name)
    pattern = _OTHER_ANNOTATIONS.get(spec.name, "").format(split=entry.split)
    annotations = None
    try:
        spec.files(own, entry.split)
    except InputError as error:
        if not pattern or not own.is_dir() or not any(own.glob(pattern)):
            return LoadedDataset(entry=entry, folder=own, records=None, missing=str(error))
        annotations = pattern
    reading = read_dataset(
        spec.name, own, entry.split, on_bad=on_bad, options=options, annotations=annotations
    )
    return _loaded(entry, own, reading)


def _loaded(entry: DatasetEntry, folder: Path, reading: Reading) -> LoadedDataset:
    records = RecordTable(reading)
    return LoadedDataset(
        entry=entry,
        folder=folder,
        records=records,
        bad=tuple(label.text for label in reading.bad),
        by_rule=dict(reading.skipped),
        with_3d=reading.with_3d,
    )


def load_datasets(
    recipe: PoseRecipe,
    folder: str | Path | None,
    datasets: Sequence[DatasetEntry | str],
    validation: Sequence[DatasetEntry | str] = (),
    *,
    on_bad: OnBad = "raise",
    workers: int = 0,
) -> TrainingData[PoseBatch]:
    """Read the labels of datasets, for the batches of a training.

    Args:
        recipe: recipe of the training: crop size, batch size, augmentation and seed.
        folder: folder that contains the datasets' folders; None where all entries name their own
            annotation files.
        datasets: datasets to train on, as entries or as text (`NAME[@SPLIT][:REPEAT]`).
        validation: datasets to validate on, of split "val" if a text names none.
        on_bad: what happens at an invalid label or image: "raise" an error that names it, or
            "skip" it.
        workers: number of processes that make batches; 0: a thread.

    Raises:
        UnknownNameError: there is no such dataset or split.
        InputError: a dataset is missing, or a label is invalid.
    """
    loaded = []
    parent = None if folder is None else Path(folder)
    for split, entries in (("train", datasets), ("val", validation)):
        parsed = [parse_entry(e, split) if isinstance(e, str) else e for e in entries]
        loaded.append([load_dataset(entry, parent, on_bad=on_bad) for entry in parsed])
    missing = [dataset.missing for dataset in (*loaded[0], *loaded[1]) if dataset.missing]
    if missing:
        raise InputError(f"{len(missing)} datasets are missing: {'; '.join(missing)}")
    return mixture_data(recipe, *loaded, on_bad=on_bad, workers=workers)


def mixture_data(
    recipe: PoseRecipe,
    datasets: Sequence[LoadedDataset],
    validation: Sequence[LoadedDataset],
    *,
    on_bad: OnBad = "raise",
    workers: int = 0,
    validation_crops: int = VALIDATION_CROPS,
) -> TrainingData[PoseBatch]:
    """Batches of loaded datasets.

    Args:
        recipe: recipe of the training.
        datasets: datasets to train on; missing ones are skipped.
        validation: datasets to validate on, in equal parts.
        on_bad: what happens at an image that cannot be used (`MixtureSource.on_bad`).
        workers: number of processes that make batches; 0: a thread.
        validation_crops: number of crops to validate on; 0 in processes that do not validate.

    Raises:
        InputError: all datasets are missing; an image to validate on cannot be used.
    """
    entries = [(d.entry, d.records) for d in datasets if d.records is not None]
    if not entries:
        raise InputError("all datasets are missing: " + "; ".join(d.missing for d in datasets))
    sources = {
        stage: MixtureSource(
            entries=entries,
            input_size_wh=recipe.model.input_size_wh,
            batch_size=recipe.batch_size,
            augmentation=recipe.augmentation(stage),
            seed=recipe.seed,
            on_bad=on_bad,
        )
        for stage in (1, 2)
    }
    return TrainingData(
        open_stage=partial(_stage_source, sources),
        validation=_validation_batches(recipe, validation, validation_crops),
        workers=workers,
        skipped=tuple(text for dataset in (*datasets, *validation) for text in dataset.skipped),
    )


def _stage_source(sources: Mapping[int, MixtureSource], stage: int) -> MixtureSource:
    return sources[stage]


def _validation_batches(
    recipe: PoseRecipe, datasets: Sequence[LoadedDataset], crops: int
) -> list[PoseBatch]:
    """The same crops each time, evenly spaced over each dataset, cut as inference cuts them."""
    present = [(d.entry, d.records) for d in datasets if d.records is not None]
    batches: list[PoseBatch] = []
    for entry, records in present if crops else []:
        count = min(max(crops // len(present), 1), len(records))
        picked = [records[i * len(records) // count] for i in range(count)]
        for start in range(0, count, VALIDATION_BATCH):
            chosen = picked[start : start + VALIDATION_BATCH]
            source = MixtureSource(
                entries=[(replace(entry, repeat=1.0), chosen)],
                input_size_wh=recipe.model.input_size_wh,
                batch_size=len(chosen),
                augmentation=NO_AUGMENTATION,
                seed=0,
            )
            batches.append(source.batch(0))
    return batches
