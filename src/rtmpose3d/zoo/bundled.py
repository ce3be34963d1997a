"""Files that come with the package: small weights that need no network, and an image."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rtmpose3d.errors import InputError

BUNDLED_FOLDER = Path(__file__).parents[1] / "bundled"
DEMO_IMAGE = BUNDLED_FOLDER / "people.jpg"


@dataclass(frozen=True, kw_only=True)
class BundledFile:
    """A checkpoint in the package, written by `python -m rtmpose3d.export.bundle`.

    Attributes:
        name: its file name, ending in .safetensors.
        max_bytes: it may not be larger than this.

    Raises:
        InputError: another ending, a name with folders in it, or no size.
    """

    name: str
    max_bytes: int

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w-][\w.-]*\.safetensors", self.name):
            raise InputError(
                f"a bundled file's name is a plain one that ends in .safetensors, got {self.name!r}"
            )
        if self.max_bytes <= 0:
            raise InputError(f"the size limit of {self.name} must be above 0, got {self.max_bytes}")

    @property
    def path(self) -> Path:
        """Path in the package, whether the file exists or not."""
        return BUNDLED_FOLDER / self.name
