"""The networks, in every backend, against small recordings that are part of the repository."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from network_recordings import (
    FOLDER,
    OURS,
    PUBLISHED,
    open_with_recipe,
    run_network,
    synthetic_image,
)

from recordings import recorded_arrays
from reference.recipe_weights import recipe_weight
from rtmpose3d.runtime import BACKENDS
from rtmpose3d.runtime.graph_files import graph_file
from rtmpose3d.zoo import resolve

TOLERANCE = 5e-4  # of logits, as between the reference in float32 and in float64
BOX_TOLERANCE_PX = 0.05
FAST = ("rtmdet-nano", *OURS)
MODELS = [
    name if name in FAST else pytest.param(name, marks=pytest.mark.slow)
    for name in (*PUBLISHED, *OURS)
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", MODELS)
def test_outputs_equal_the_recorded_ones(name: str, backend: str) -> None:
    pytest.importorskip(BACKENDS[backend].package)
    recorded = recorded_arrays(FOLDER / f"{name}.npz")
    computed = run_network(open_with_recipe(resolve(name), backend))
    assert computed.keys() == recorded.keys()
    if "scores" in recorded:
        np.testing.assert_allclose(computed["scores"], recorded["scores"], atol=TOLERANCE, rtol=0)
        np.testing.assert_allclose(
            computed["boxes_xyxy"], recorded["boxes_xyxy"], atol=BOX_TOLERANCE_PX, rtol=1e-4
        )
        return
    for axis in "xyz"[: len(recorded) // 4]:
        for key in (f"logits_{axis}", f"max_{axis}"):
            np.testing.assert_allclose(computed[key], recorded[key], atol=TOLERANCE, rtol=0)
        certain = recorded[f"margin_{axis}"] > TOLERANCE
        assert certain.mean() > 0.95
        np.testing.assert_array_equal(
            computed[f"argmax_{axis}"][certain], recorded[f"argmax_{axis}"][certain]
        )


def test_recorded_outputs_differ_among_keypoints_and_among_cells() -> None:
    for file in FOLDER.glob("*.npz"):
        recorded = recorded_arrays(file)
        if "argmax_x" in recorded:
            assert len(np.unique(recorded["argmax_x"])) > 30, file.name
            assert recorded["logits_y"].std(axis=0).mean() > 1000 * TOLERANCE, file.name
        else:
            assert np.ptp(recorded["scores"]) > 100 * TOLERANCE, file.name


def test_the_recipe_is_the_one_of_the_references_recordings(recipe: ModuleType) -> None:
    for name in ("rtmdet-nano", "rtmdet-m", "rtmpose-m-256x192"):
        for key, shape in list(graph_file(resolve(name)).shapes.items())[::5]:
            np.testing.assert_array_equal(recipe_weight(key, shape), recipe.weight(key, shape))


def test_the_synthetic_image_is_smooth_of_high_contrast_and_not_symmetric() -> None:
    image = synthetic_image((192, 256)).astype(int)
    assert image.shape == (256, 192, 3)
    assert np.abs(np.diff(image, axis=0)).max() < 20
    assert np.abs(np.diff(image, axis=1)).max() < 20
    assert image.std(axis=(0, 1)).min() > 60
    assert np.abs(image - image[:, ::-1]).mean() > 30
    assert np.abs(image - image[..., ::-1]).mean() > 30
