"""The networks against what the reference implementation computed with the recipe's weights.

Tolerances are those of the recordings' README: logits to 5e-4, the same bins wherever the recorded
margin between the two highest logits is larger than that.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="the networks need the extra torch")

from recordings import recorded_arrays  # noqa: E402
from rtmpose3d.models import build_graph, build_network, load_arrays  # noqa: E402
from rtmpose3d.zoo import MODELS, PoseSpec, resolve  # noqa: E402

LOGIT_TOLERANCE = 5e-4
GOLDEN_NAMES = {  # ours: the recordings'
    "rtmw3d-l": "rtmw3d-l",
    "rtmw3d-x": "rtmw3d-x",
    "rtmw-m-256x192": "rtmw-m_256x192",
    "rtmw-l-256x192": "rtmw-l_256x192",
    "rtmw-l-384x288": "rtmw-l_384x288",
    "rtmw-x-256x192": "rtmw-x_256x192",
    "rtmw-x-384x288": "rtmw-x_384x288",
    "rtmpose-m-256x192": "rtmpose-m_256x192",
    "rtmpose-l-256x192": "rtmpose-l_256x192",
    "rtmpose-l-384x288": "rtmpose-l_384x288",
    "rtmpose-x-384x288": "rtmpose-x_384x288",
    "rtmdet-m": "rtmdet-m_640",
    "rtmdet-nano": "rtmdet-nano_320",
    "dwpose-m-256x192": "rtmpose-m_256x192",
    "dwpose-l-256x192": "rtmpose-l_256x192",
    "dwpose-l-384x288": "rtmpose-l_384x288",
}
FORWARD = [
    "rtmpose-m-256x192",
    "rtmpose-l-256x192",
    "rtmpose-x-384x288",
    "rtmw-m-256x192",
    "rtmw-l-256x192",
    "rtmw-l-384x288",
    "rtmw-x-256x192",
    "rtmw3d-l",
]


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_state_dict_has_exactly_the_published_keys_and_shapes(name: str, golden: Path) -> None:
    published = json.loads((golden / "keys" / f"{GOLDEN_NAMES[name]}.json").read_text())
    with torch.device("meta"):
        ours = build_network(MODELS[name]).state_dict()
    assert {key: list(value.shape) for key, value in ours.items()} == published


@pytest.mark.parametrize("name", MODELS)
def test_table_states_the_number_of_parameters(name: str) -> None:
    with torch.device("meta"):
        network = build_network(MODELS[name])
    assert sum(p.numel() for p in network.parameters()) == MODELS[name].params


def recipe_graph(name: str, recipe: ModuleType) -> torch.nn.Module:
    spec = resolve(name)
    network = build_network(spec)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    load_arrays(network, recipe.state_dict(shapes))
    return build_graph(spec, network)


@pytest.mark.parametrize("name", FORWARD)
def test_logits_and_bins_equal_the_recording(name: str, golden: Path, recipe: ModuleType) -> None:
    spec = resolve(name)
    assert isinstance(spec, PoseSpec)
    width, height = spec.input_size_wh
    recorded = recorded_arrays(golden / "forward" / f"{GOLDEN_NAMES[name]}.npz")
    crops = recorded_arrays(golden / "forward" / f"input_{height}x{width}.npz")["crop_bgr_uint8"]
    with torch.inference_mode():
        bins, scores, confidence, *simcc = recipe_graph(name, recipe)(torch.from_numpy(crops))
    for axis, logits in zip("xyz", simcc, strict=False):
        np.testing.assert_allclose(
            logits[0].numpy(), recorded[f"pred_{axis}"], atol=LOGIT_TOLERANCE, rtol=0
        )
        np.testing.assert_allclose(
            logits.amax(2).numpy(), recorded[f"max_{axis}"], atol=LOGIT_TOLERANCE, rtol=0
        )
        sure = recorded[f"margin_{axis}"] > LOGIT_TOLERANCE
        np.testing.assert_array_equal(
            logits.argmax(2).numpy()[sure], recorded[f"argmax_{axis}"][sure]
        )
    lower = np.minimum(recorded["max_x"], recorded["max_y"])
    np.testing.assert_allclose(scores.numpy(), lower, atol=LOGIT_TOLERANCE, rtol=0)
    assert ((bins.numpy() == -1).all(axis=2) == (scores.numpy() <= 0)).all()
    assert (confidence.numpy() >= 0).all()
    assert (confidence.numpy() <= 1).all()


@pytest.mark.parametrize("name", ["rtmdet-m", "rtmdet-nano"])
def test_detector_levels_equal_the_recording(name: str, golden: Path, recipe: ModuleType) -> None:
    recorded = recorded_arrays(golden / "rtmdet" / f"{GOLDEN_NAMES[name]}.npz")
    graph = recipe_graph(name, recipe)
    images = sorted({key.split(".")[0] for key in recorded if ".cls" in key})
    assert images
    for image in images[:2]:
        pixels = recorded[f"{image}.input_bgr_uint8_chw"].transpose(1, 2, 0)[None].copy()
        with torch.inference_mode():
            logits, distances = graph.network(graph.normalise(torch.from_numpy(pixels)))
        for level in range(3):
            for ours, key in ((logits, "cls"), (distances, "reg")):
                theirs = recorded[f"{image}.{key}.{level}"]
                np.testing.assert_allclose(
                    ours[level][0].numpy(), theirs, atol=5e-4 * max(1.0, np.abs(theirs).max())
                )


def test_parts_of_the_network_can_be_switched_off() -> None:
    from dataclasses import replace

    spec = resolve("rtmw-m-256x192")
    assert isinstance(spec, PoseSpec)
    small = replace(spec, width=0.25, depth=0.17)
    crops = torch.zeros(1, 256, 192, 3, dtype=torch.uint8)
    sizes = set()
    for pafpn in (False, True):
        for hem in (False, True):
            for gau in (False, True):
                graph = build_graph(replace(small, pafpn=pafpn, hem=hem, gau=gau))
                with torch.inference_mode():
                    bins = graph(crops)[0]
                assert bins.shape == (1, 133, 2)
                sizes.add(sum(p.numel() for p in graph.parameters()))
    assert len(sizes) == 8, "each switch must change the network"
