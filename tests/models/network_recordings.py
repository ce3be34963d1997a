"""Small recordings of networks on a synthetic image, in tests/fixtures/networks.

`python tests/models/network_recordings.py` writes them. Do so only where
`tests/models/test_networks_equal_reference.py` passes with the reference's recordings at hand: what
is written is then what the reference computes, within its tolerance.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reference.recipe_weights import recipe_weights
from rtmpose3d.runtime import (
    DetectorSession,
    PoseSession,
    RuntimeOptions,
    open_detector,
    open_pose,
)
from rtmpose3d.runtime.graph_files import graph_file
from rtmpose3d.structures import Image
from rtmpose3d.zoo import ModelSpec, PoseSpec, resolve

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "networks"
PUBLISHED = ("rtmw3d-l", "rtmw-m-256x192", "rtmpose-m-256x192", "rtmdet-m", "rtmdet-nano")
OURS = ("rtmw3d-n", "rtmdet-n")  # small networks of the same parts, for the fast tests
KEYPOINT_STEP, BIN_STEP = 4, 16  # of the logits that are kept
CELL_STEP = 7  # of the boxes


def synthetic_image(size_wh: tuple[int, int], *, cell: int = 64) -> Image:
    """(H, W, 3) uint8 of smooth random colours, in whole numbers: the same on every machine.

    The contrast is high: of a grey image these networks report one bin for nearly all keypoints.
    """
    width, height = size_wh
    rows, columns = height // cell + 2, width // cell + 2
    corners = np.random.default_rng(20).integers(0, 256, (rows, columns, 3))
    y, x = np.arange(height), np.arange(width)
    top, left = y // cell, x // cell
    down, right = (y % cell)[:, None, None], (x % cell)[None, :, None]
    upper, lower = corners[top], corners[top + 1]
    edges = upper * (cell - down) + lower * down  # (H, columns, 3), times cell
    levels = edges[:, left] * (cell - right) + edges[:, left + 1] * right
    return (4 * levels // cell**2 - 352).clip(0, 255).astype(np.uint8)


def open_with_recipe(spec: ModelSpec, backend: str) -> PoseSession | DetectorSession:
    """A session with the recipe's weights."""
    options = RuntimeOptions(backend=backend, device="cpu", precision="fp32")
    weights = recipe_weights(graph_file(spec).shapes)
    if isinstance(spec, PoseSpec):
        return open_pose(spec, weights, options)
    return open_detector(spec, weights, options)


def run_network(session: PoseSession | DetectorSession) -> dict[str, np.ndarray]:
    """Recorded outputs of a network: float32 and int32 arrays by name."""
    pixels = synthetic_image(session.spec.input_size_wh)[None]
    if isinstance(session, DetectorSession):
        (candidates,) = session.run(pixels)
        boxes = np.asarray(candidates.boxes_xyxy)[::CELL_STEP]
        return {"scores": np.asarray(candidates.scores), "boxes_xyxy": boxes}
    arrays = {}
    for axis, logits in zip("xyz", session.run_simcc(pixels), strict=False):
        best = np.partition(logits[0], -2, axis=1)[:, -2:]
        arrays[f"logits_{axis}"] = logits[0, ::KEYPOINT_STEP, ::BIN_STEP]
        arrays[f"max_{axis}"] = best[:, 1]
        arrays[f"margin_{axis}"] = best[:, 1] - best[:, 0]
        arrays[f"argmax_{axis}"] = logits[0].argmax(axis=1).astype(np.int32)
    return arrays


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in (*PUBLISHED, *OURS):
        spec = resolve(name)
        np.savez_compressed(FOLDER / f"{name}.npz", **run_network(open_with_recipe(spec, "torch")))
        print(f"{name}: {(FOLDER / f'{name}.npz').stat().st_size / 1024:.0f} kB")
