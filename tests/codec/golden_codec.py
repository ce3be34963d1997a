"""The reference's recordings as arrays and specs.

tests/fixtures/codec holds arrays that mmpose 759b39c1 (its codecs, run on seeded random numbers)
gave: simcc3d_*.npz labels and decoded labels of SimCC3DLabel; peaks3d.npz part of
get_simcc_maximum's input and output; visibility.npz four keypoints of SimCCLabel with
decode_visibility. The full recordings are read from the shared folder where it is there.
"""

from pathlib import Path

import numpy as np

from rtmpose3d.codec import SimCCSpec

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "codec"
RTMW3D = SimCCSpec(input_size_wh=(288, 384), depth_size=288, sigma=(6.0, 6.93, 6.0), beta=10.0)
RTMPOSE_M = SimCCSpec(input_size_wh=(192, 256), sigma=(4.9, 5.66), beta=10.0)


def load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def random_logits(spec: SimCCSpec, n: int, k: int, *, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.normal(0.3, 0.4, (n, k, bins)).astype(np.float32) for bins in spec.bins]
