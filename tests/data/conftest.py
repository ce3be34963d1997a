from pathlib import Path

import pytest
from made_up_sets import MadeUpSet


@pytest.fixture
def made_up(tmp_path: Path) -> MadeUpSet:
    """A small folder in COCO-WholeBody's layout that tests may break."""
    return MadeUpSet(tmp_path / "coco")
