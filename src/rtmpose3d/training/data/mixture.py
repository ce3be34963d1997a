"""Batches over several datasets at once: `Share` says how much of each, `MixtureSource` cuts them.

An epoch holds every record of a share `repeat` times, all shares shuffled into one order. A sample
follows from seed and place in that order alone, so any number of workers and processes makes the
same batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from rtmpose3d.data import PoseRecord, load_record_image
from rtmpose3d.errors import InputError
from rtmpose3d.structures import IntArray
from rtmpose3d.training.data.augment import Augmentation, Sample, change_look, cut_crop
from rtmpose3d.training.data.batches import PoseBatch, batch_of_samples, box_side_px, replace_crop

OnBadSample = Literal["raise", "skip"]
ON_BAD: tuple[OnBadSample, ...] = ("raise", "skip")
_MOST_SKIPPED = 50  # in a row: then something is wrong with more than single images


@dataclass(frozen=True, kw_only=True)
class Share:
    """One dataset in a mixture.

    Attributes:
        dataset: its name (`rtmpose3d.data.DATASETS`).
        split: of it.
        every: take every n-th image only (configurations: sample_interval).
        repeat: how often an epoch holds each record; 0.5: every other one, others each epoch.
        enlarge: see `cut_crop`.
    """

    dataset: str
    split: str = "train"
    every: int = 1
    repeat: float = 1.0
    enlarge: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not self.repeat > 0 or self.every < 1:
            raise InputError(
                f"{self.dataset}: repeat must be above 0 and every at least 1, got {self.repeat} "
                f"and {self.every}"
            )

    def samples(self, records: int) -> int:
        """How many an epoch holds of so many records; at least one."""
        return max(round(records * self.repeat), 1)


@dataclass(eq=False, kw_only=True)
class MixtureSource:
    """A `BatchSource` over several datasets, and a `RowSource`.

    Attributes:
        shares: with their records; images are read when needed.
        input_size_wh: of the crops.
        batch_size: crops of a whole batch.
        augmentation: of this stage.
        seed: of order and chance.
        on_bad: what happens at an image that cannot be used: "raise" an error that names it, or
            "skip" it: another one of its share takes its place and `PoseBatch.skipped` tells.

    Raises:
        InputError: there are no shares, or one without records.
    """

    shares: Sequence[tuple[Share, Sequence[PoseRecord]]]
    input_size_wh: tuple[int, int]
    batch_size: int
    augmentation: Augmentation
    seed: int
    on_bad: OnBadSample = "raise"
    _orders: dict[int, IntArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.shares:
            raise InputError("there is no dataset to train on")
        for share, records in self.shares:
            if not len(records):
                raise InputError(f"{share.dataset}: the dataset has no record to train on")

    @property
    def samples(self) -> int:
        """Of an epoch."""
        return sum(share.samples(len(records)) for share, records in self.shares)

    def batch(self, index: int) -> PoseBatch:
        """See `BatchSource`."""
        return self.rows(index, range(self.batch_size))

    def rows(self, index: int, rows: range) -> PoseBatch:
        """See `RowSource`."""
        samples: list[Sample] = []
        sides: list[float] = []
        skipped: list[str] = []
        for row in rows:
            sample, side = self._sample(index * self.batch_size + row, skipped)
            samples.append(sample)
            sides.append(side)
        return batch_of_samples(samples, np.array(sides), tuple(skipped))

    def record_at(self, place: int) -> tuple[int, int]:
        """Which share and which of its records stands at a place of the whole training."""
        epoch, within = divmod(place, self.samples)
        if epoch not in self._orders:
            for old in [known for known in self._orders if known < epoch - 1]:
                del self._orders[old]
            self._orders[epoch] = self._order(epoch)
        share, record = self._orders[epoch][within]
        return int(share), int(record)

    def _order(self, epoch: int) -> IntArray:
        """(samples, 2) share and record, shuffled."""
        parts = []
        for number, (share, records) in enumerate(self.shares):
            rng = np.random.default_rng([self.seed, epoch, 1, number])
            count, left = len(records), share.samples(len(records))
            chosen = [np.arange(count)] * (left // count)
            chosen.append(rng.permutation(count)[: left % count])
            indices = np.concatenate(chosen)
            parts.append(np.stack([np.full(len(indices), number), indices], axis=1))
        order = np.concatenate(parts).astype(np.int32)
        return np.random.default_rng([self.seed, epoch, 0]).permutation(order)

    def _sample(self, place: int, skipped: list[str]) -> tuple[Sample, float]:
        """The sample of a place, or, where that cannot be used, another one of its share."""
        number, index = self.record_at(place)
        share, records = self.shares[number]
        rng = np.random.default_rng([self.seed, place])
        for _ in range(_MOST_SKIPPED):
            try:
                return self._cut(records[index], share, rng)
            except InputError as error:
                if self.on_bad == "raise":
                    raise InputError(
                        f"{error} (to leave such samples out: on_bad='skip', --bad-samples skip)"
                    ) from error
                skipped.append(str(error))
            index = int(rng.integers(len(records)))
        raise InputError(
            f"{share.dataset}: {_MOST_SKIPPED} samples in a row cannot be used, the last: "
            f"{skipped[-1]}. `rtmpose3d datasets check {share.dataset} FOLDER` lists what is wrong"
        )

    def _cut(
        self, record: PoseRecord, share: Share, rng: np.random.Generator
    ) -> tuple[Sample, float]:
        sample = cut_crop(
            load_record_image(record),
            record.box_xyxy,
            record.keypoints_px,
            record.visible,
            record.keypoints_camera_m,
            self.input_size_wh,
            self.augmentation.geometry,
            rng,
            enlarge=share.enlarge,
        )
        side = box_side_px(record, sample)
        if self.augmentation.look is not None:
            crop = change_look(sample.crop, self.augmentation.look, rng)
            sample = replace_crop(sample, crop)
        return sample, side
