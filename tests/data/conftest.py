from pathlib import Path

import pytest
from synthetic_dataset import SyntheticDataset


@pytest.fixture
def synthetic(tmp_path: Path) -> SyntheticDataset:
    """A small folder in COCO-WholeBody's layout that tests may break."""
    return SyntheticDataset(tmp_path / "coco")
