"""Batches over a mixture of datasets.

An epoch contains every record of a dataset `DatasetEntry.repeat` times, all datasets shuffled
together. A sample is determined by the seed and its index in that order alone, so any number of
workers and processes makes the same batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rtmpose3d.data import OnBad, PoseRecord, load_record_image
from rtmpose3d.errors import InputError
from rtmpose3d.structures import IntArray
from rtmpose3d.training.data.augment import augment_photometric, crop_person
from rtmpose3d.training.data.pose_batches import (
    PoseBatch,
    PoseSample,
    crop_box_side_px,
    stack_samples,
)
from rtmpose3d.training.recipes.augmentation import Augmentation
from rtmpose3d.training.recipes.mixtures import DatasetEntry

_MAX_SKIPPED = 50  # in a row: then more is wrong than single images


@dataclass(eq=False, kw_only=True)
class MixtureSource:
    """A `BatchSource` and `RowSource` over several datasets.

    Attributes:
        entries: datasets with their records; images are read when they are needed.
        input_size_wh: width and height of the crops.
        batch_size: crops per full batch.
        augmentation: augmentation of the stage.
        seed: random seed of sample order and augmentation.
        on_bad: what happens at an image that cannot be used: "raise" an error that names it, or
            "skip" it: a random record of the same dataset replaces it, and `PoseBatch.skipped`
            reports it.

    Raises:
        InputError: there are no datasets, or one without records.
    """

    entries: Sequence[tuple[DatasetEntry, Sequence[PoseRecord]]]
    input_size_wh: tuple[int, int]
    batch_size: int
    augmentation: Augmentation
    seed: int
    on_bad: OnBad = "raise"
    _orders: dict[int, IntArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.entries:
            raise InputError("there is no dataset to train on")
        for entry, records in self.entries:
            if not len(records):
                raise InputError(f"{entry.dataset}: the dataset has no record to train on")

    @property
    def epoch_samples(self) -> int:
        """Number of samples per epoch."""
        return sum(entry.epoch_samples(len(records)) for entry, records in self.entries)

    def batch(self, index: int) -> PoseBatch:
        """Batch number `index`, from 0."""
        return self.rows(index, range(self.batch_size))

    def rows(self, index: int, rows: range) -> PoseBatch:
        """Some rows of batch number `index`."""
        samples: list[PoseSample] = []
        sides: list[float] = []
        skipped: list[str] = []
        for row in rows:
            sample, side = self._sample(index * self.batch_size + row, skipped)
            samples.append(sample)
            sides.append(side)
        return stack_samples(samples, np.array(sides), tuple(skipped))

    def record_at(self, sample_index: int) -> tuple[int, int]:
        """Index of the dataset, and of its record, of a sample counted over the full training."""
        epoch, within = divmod(sample_index, self.epoch_samples)
        if epoch not in self._orders:
            for old in [known for known in self._orders if known < epoch - 1]:
                del self._orders[old]
            self._orders[epoch] = self._order(epoch)
        dataset, record = self._orders[epoch][within]
        return int(dataset), int(record)

    def _order(self, epoch: int) -> IntArray:
        """(samples, 2) indices of dataset and record, shuffled."""
        parts = []
        for number, (entry, records) in enumerate(self.entries):
            rng = np.random.default_rng([self.seed, epoch, 1, number])
            count, left = len(records), entry.epoch_samples(len(records))
            chosen = [np.arange(count)] * (left // count)
            chosen.append(rng.permutation(count)[: left % count])
            indices = np.concatenate(chosen)
            parts.append(np.stack([np.full(len(indices), number), indices], axis=1))
        order = np.concatenate(parts).astype(np.int32)
        return np.random.default_rng([self.seed, epoch, 0]).permutation(order)

    def _sample(self, sample_index: int, skipped: list[str]) -> tuple[PoseSample, float]:
        """Sample of an index or, if it cannot be used, a random one of the same dataset."""
        number, index = self.record_at(sample_index)
        entry, records = self.entries[number]
        rng = np.random.default_rng([self.seed, sample_index])
        for _ in range(_MAX_SKIPPED):
            try:
                return self._crop(records[index], entry, rng)
            except InputError as error:
                if self.on_bad == "raise":
                    raise InputError(f"{error} (on_bad='skip' skips such samples)") from error
                skipped.append(str(error))
            index = int(rng.integers(len(records)))
        raise InputError(
            f"{entry.dataset}: {_MAX_SKIPPED} samples in a row cannot be used, the last: "
            f"{skipped[-1]}. `rtmpose3d datasets check {entry.dataset} FOLDER` lists all errors"
        )

    def _crop(
        self, record: PoseRecord, entry: DatasetEntry, rng: np.random.Generator
    ) -> tuple[PoseSample, float]:
        sample = crop_person(
            load_record_image(record),
            record.box_xyxy,
            record.keypoints_px,
            record.visible,
            record.keypoints_camera_m,
            self.input_size_wh,
            self.augmentation.geometric,
            rng,
            box_scale=entry.box_scale,
            label_weight=record.label_weight,
        )
        side = crop_box_side_px(record, sample)
        photometric = self.augmentation.photometric
        if photometric is not None:
            sample = replace(sample, crop=augment_photometric(sample.crop, photometric, rng))
        return sample, side
