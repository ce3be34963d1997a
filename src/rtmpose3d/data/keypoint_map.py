"""How one dataset's keypoints become the 133 of COCO-WholeBody: `KeypointMap`.

The maps themselves stand in `body_maps` and `part_maps`.
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
    """Which keypoint of a dataset is which of the 133.

    Attributes:
        name: of the map.
        source: where the dataset's order is documented.
        names: the dataset's K keypoints in its order, as we call them.
        pairs: (theirs, ours) by number; keypoints without a true partner are left out.

    Raises:
        InputError: a number that is none, or one of ours that is filled twice.
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
            raise InputError(f"map {self.name}: ours must be in 0 to 132, each once at most")

    def __len__(self) -> int:
        """Number of keypoints that the dataset has, K."""
        return len(self.names)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the 133 that the dataset has keypoints of."""
        found = {WHOLEBODY.part_of_keypoint[ours] for _, ours in self.pairs}
        return tuple(part for part in PARTS if part in found)

    def place(self, values: FloatArray, fill: float = 0.0) -> FloatArray:
        """The dataset's values in the places of the 133.

        Args:
            values: (K,) or (K, C), one row for each of the dataset's keypoints.
            fill: for the keypoints of ours that the dataset does not have.

        Returns:
            (133,) or (133, C) float32.

        Raises:
            InputError: another number of rows than the dataset has keypoints.
        """
        if len(values) != len(self):
            raise InputError(f"expected {len(self)} keypoints ({self.name}), got {len(values)}")
        placed = np.full((len(WHOLEBODY), *values.shape[1:]), fill, np.float32)
        theirs, ours = zip(*self.pairs, strict=True)
        placed[list(ours)] = values[list(theirs)]
        return placed


def map_by_name(
    name: str,
    source: str,
    names: Iterable[str],
    same_as: Mapping[str, str] | None = None,
    also: Mapping[str, str] | None = None,
) -> KeypointMap:
    """A map of keypoints that bear our names; the others have no partner.

    Args:
        name: of the map.
        source: where the order is documented.
        names: the dataset's keypoints in its order.
        same_as: their name -> ours, for those that are called otherwise.
        also: their name -> one more of ours, for those that stand for two.
    """
    names = tuple(names)
    number = {ours: i for i, ours in enumerate(WHOLEBODY.keypoint_names)}
    called = [(same_as or {}).get(theirs, theirs) for theirs in names]
    pairs = tuple((i, number[ours]) for i, ours in enumerate(called) if ours in number)
    pairs += tuple((names.index(theirs), number[ours]) for theirs, ours in (also or {}).items())
    return KeypointMap(name=name, source=source, names=names, pairs=pairs)


def paired(*names: str) -> tuple[str, ...]:
    """Each name for the left, then for the right."""
    return tuple(f"{side}_{name}" for name in names for side in ("left", "right"))


def one_side(side: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names of one side."""
    return tuple(f"{side}_{name}" for name in names)
