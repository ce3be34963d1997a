"""Fixtures that all tests share: the folder of real samples and recordings, where there is one."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real samples and of the reference's recordings, beside the checkout."""
    folder = Path(os.environ.get("RTMPOSE3D_SHARED", ROOT.parent / "shared"))
    if not (folder / "golden").is_dir():
        pytest.skip(
            f"the samples and recordings are not at {folder} "
            "(set RTMPOSE3D_SHARED to their folder to run this test)"
        )
    return folder


@pytest.fixture(scope="session")
def golden(shared: Path) -> Path:
    """The reference implementation's recordings."""
    return shared / "golden"


@pytest.fixture(scope="session")
def recipe(golden: Path) -> ModuleType:
    """The recipe of the recorded weights: state_dict(shapes), weight(key, shape)."""
    spec = importlib.util.spec_from_file_location("weights_recipe", golden / "weights_recipe.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
