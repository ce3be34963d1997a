"""Fixtures of all tests: an own cache, random checkpoints, the folder of samples and recordings."""

from __future__ import annotations

import importlib.util
import os
import socket
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import hypothesis
import numpy as np
import pytest

from raw_server import RawServer
from rtmpose3d.runtime.backends.onnxruntime_package import disable_telemetry
from rtmpose3d.runtime.backends.openvino_package import import_openvino
from rtmpose3d.runtime.graph_files import graph_file
from rtmpose3d.weights import write_torch_file
from rtmpose3d.zoo import resolve

ROOT = Path(__file__).resolve().parents[1]

disable_telemetry()  # before a test imports onnxruntime itself
if importlib.util.find_spec("openvino") is not None:
    import_openvino()  # before a test imports it with its telemetry

# Several workers share the cores: torch, which reads this when imported, starts fewer threads.
_workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if _workers > 1:
    os.environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // _workers, 1)))

# No test depends on the speed of the machine.
hypothesis.settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any-machine")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test reads or writes the user's folder of downloaded checkpoints."""
    folder = tmp_path_factory.mktemp("cache") / "checkpoints"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RTMPOSE3D_CACHE", str(folder))
        yield folder


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every attempt to connect fails."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.fixture
def raw_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    """A server whose `answer` the test sets."""
    monkeypatch.setenv("no_proxy", "*")
    server = RawServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real samples and of the reference's recordings, next to the checkout."""
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


@pytest.fixture(scope="session")
def made_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Writes a model's checkpoint in the published .pth format, with random weights; once each."""
    folder = tmp_path_factory.mktemp("checkpoints")

    @cache
    def make(name: str) -> Path:
        spec = resolve(name)
        rng = np.random.default_rng(0)
        weights = {
            key: _made_weight(rng, key, shape) for key, shape in graph_file(spec).shapes.items()
        }
        name = spec.file.name if spec.file.name.endswith(".pth") else f"{spec.name}.pth"
        path = folder / name
        write_torch_file(path, weights, {"meta": {"epoch": 270}})
        return path

    return make


def _made_weight(rng: np.random.Generator, key: str, shape: tuple[int, ...]) -> np.ndarray:
    """Weights that keep signals at their size, and classifiers that score above 0."""
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if len(shape) >= 2:
        gain = np.sqrt(2.0 / np.prod(shape[1:]))
        return (rng.standard_normal(shape) * gain).astype(np.float32)
    if key.endswith((".weight", ".g", ".scale", "running_var")):
        return np.ones(shape, np.float32)
    return (rng.standard_normal(shape) * 0.1).astype(np.float32)
