"""The bundled model and its image: real results without a network."""

from __future__ import annotations

import numpy as np
import pytest

from rtmpose3d import RTMPose3D
from rtmpose3d.sources import load_image
from rtmpose3d.zoo import DEMO_IMAGE


@pytest.fixture(scope="session")
def bundled() -> RTMPose3D:
    """rtmw3d-n with its detector, without the flip test, which doubles the time."""
    return RTMPose3D.from_pretrained("rtmw3d-n", device="cpu", flip_test=False)


@pytest.fixture(scope="session")
def people() -> np.ndarray:
    """The demo's image of three people."""
    return load_image(DEMO_IMAGE)
