"""Reading the reference's recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def recorded_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an .npz file, which is closed again."""
    with np.load(path) as file:
        return {name: file[name] for name in file.files}
