"""Mapping of a dataset's keypoints to the 133 of COCO-WholeBody: `KeypointMap`.

The maps themselves are in `body_maps` and `part_maps`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.skeletons import PARTS, WHOLEBODY, Part
from rtmpose3d.structures import FloatArray


@dataclass(frozen=True, kw_only=True)
class KeypointMap:
    """Correspondence between a dataset's keypoints and the 133.

    Attributes:
        name: name of the map.
        source: documentation of the dataset's keypoint order.
        names: names of the dataset's K keypoints, in its order.
        pairs: (theirs, ours) indices; keypoints without a counterpart are omitted.

    Raises:
        InputError: an index out of range, or one of ours used twice.
    """

    name: str
    source: str
    names: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        theirs, ours = zip(*self.pairs, strict=True)
        if not (0 <= min(theirs) <= max(theirs) < len(self.names)):
            raise InputError(f"map {self.name}: theirs must be in 0 to {len(self.names) - 1}")
        if not (0 <= min(ours) <= max(ours) < len(WHOLEBODY)) or len(set(ours)) != len(ours):
            raise InputError(f"map {self.name}: ours must be in 0 to 132, each at most once")

    def __len__(self) -> int:
        """Number of keypoints of the dataset, K."""
        return len(self.names)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Parts with at least one of the dataset's keypoints."""
        covered = {WHOLEBODY.part_of_keypoint[ours] for _, ours in self.pairs}
        return tuple(part for part in PARTS if part in covered)

    def to_wholebody(self, values: FloatArray, fill: float = 0.0) -> FloatArray:
        """Values of the dataset's keypoints as values of the 133.

        Args:
            values: (K,) or (K, C), one row per keypoint of the dataset.
            fill: value of keypoints that the dataset does not have.

        Returns:
            (133,) or (133, C) float32.

        Raises:
            InputError: the number of rows is not K.
        """
        if len(values) != len(self):
            raise InputError(f"expected {len(self)} keypoints ({self.name}), got {len(values)}")
        mapped = np.full((len(WHOLEBODY), *values.shape[1:]), fill, np.float32)
        theirs, ours = zip(*self.pairs, strict=True)
        mapped[list(ours)] = values[list(theirs)]
        return mapped


def map_by_name(
    name: str,
    source: str,
    names: Iterable[str],
    same_as: Mapping[str, str] | None = None,
    also: Mapping[str, str] | None = None,
) -> KeypointMap:
    """A map of keypoints by their names; unknown names have no counterpart.

    Args:
        name: name of the map.
        source: documentation of the keypoint order.
        names: names of the dataset's keypoints, in its order.
        same_as: their name -> ours, where they differ.
        also: their name -> another of ours, for keypoints that count as two.
    """
    names = tuple(names)
    index = {ours: i for i, ours in enumerate(WHOLEBODY.keypoint_names)}
    renamed = [(same_as or {}).get(theirs, theirs) for theirs in names]
    pairs = tuple((i, index[ours]) for i, ours in enumerate(renamed) if ours in index)
    pairs += tuple((names.index(theirs), index[ours]) for theirs, ours in (also or {}).items())
    return KeypointMap(name=name, source=source, names=names, pairs=pairs)


def paired(*names: str) -> tuple[str, ...]:
    """Every name with the prefix left_, then right_."""
    return tuple(f"{side}_{name}" for name in names for side in ("left", "right"))


def one_side(side: str, names: Sequence[str]) -> tuple[str, ...]:
    """Every name with the prefix of one side."""
    return tuple(f"{side}_{name}" for name in names)
