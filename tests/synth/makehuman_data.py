"""MakeHuman's data in the shared folder, opened once for all tests that need it."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import pytest

from rtmpose3d.synth.assets.makehuman import MakeHumanAssets
from rtmpose3d.synth.people.cast import Cast

ACTORS = 6


@cache
def assets_at(shared: Path) -> MakeHumanAssets:
    folder = shared / "people" / "makehuman"
    if not folder.is_dir():
        pytest.skip(f"MakeHuman's data is not at {folder}")
    # the packed morphs are kept between runs: reading 1,200 text files takes seconds
    return MakeHumanAssets.open(folder, cache=Path(tempfile.gettempdir()) / "rtmpose3d-tests")


@cache
def cast_at(shared: Path) -> Cast:
    return Cast(assets_at(shared), seed=7, size=ACTORS)
