"""Range of human statures: a check that refuses centimetres and typing errors at once."""

from __future__ import annotations

import numpy as np

from rtmpose3d.errors import InputError

MIN_STATURE_M, MAX_STATURE_M = 0.3, 2.6  # preterm children; the tallest adults reach 2.5 m


def check_height_m(height_m: object, name: str = "height_m") -> None:
    """Check statures in metres; NaN stands for unknown ones.

    Args:
        height_m: one number or an array of them.
        name: name of the value in the message.

    Raises:
        InputError: no numbers, or a stature that no person has.
    """
    try:
        heights = np.asarray(height_m, np.float64).ravel()
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a stature in metres, got {height_m!r}") from None
    bad = heights[~(np.isnan(heights) | ((heights >= MIN_STATURE_M) & (heights <= MAX_STATURE_M)))]
    if not len(bad):
        return
    hint = ""
    if 100 * MIN_STATURE_M <= bad[0] <= 100 * MAX_STATURE_M:
        hint = f"; {bad[0]:g} cm are {bad[0] / 100:g} m"
    raise InputError(
        f"{name} is a stature in metres, between {MIN_STATURE_M:g} and {MAX_STATURE_M:g}; "
        f"got {bad[0]:g}{hint}"
    )
