"""The parts that figures are given for: body, feet, face and both hands together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures import IntArray

EvaluatedPart = Literal["body", "feet", "face", "hands"]


def _indices(*parts: str) -> IntArray:
    index = np.concatenate(
        [
            np.arange(len(WHOLEBODY))[WHOLEBODY.parts[part]]
            for part in WHOLEBODY.parts
            if part in parts
        ]
    )
    index.setflags(write=False)
    return index


EVALUATED_PARTS: Mapping[EvaluatedPart, IntArray] = {
    "body": _indices("body"),
    "feet": _indices("feet"),
    "face": _indices("face"),
    "hands": _indices("left_hand", "right_hand"),
}
