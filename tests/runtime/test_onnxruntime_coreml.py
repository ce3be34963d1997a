"""ONNX Runtime on CoreML, with its own sessions on the CPU behind a list of providers with CoreML.

What only a Mac can show, that CoreML runs these networks, is not tested here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from rtmpose3d import BackendError, clear_cache
from rtmpose3d.runtime import Device, RuntimeOptions, open_pose, select_backend
from rtmpose3d.runtime.backends import BACKENDS, onnxruntime_devices
from rtmpose3d.zoo import resolve_pose

SPEC = resolve_pose("rtmw3d-n")
COREML = "CoreMLExecutionProvider"
OPTIONS = RuntimeOptions(backend="onnxruntime", device="coreml", threads=1)


class FakeMac:
    """ONNX Runtime's sessions on the CPU, as if on CoreML.

    Args:
        loads: whether sessions get CoreML.
        error: error of opening a session.
        offset: added to outputs of floats.
    """

    def __init__(self, *, loads: bool = True, error: str = "", offset: float = 0.0) -> None:
        self.loads, self.error, self.offset = loads, error, offset
        self.opened: list[dict[str, str]] = []
        self.sizes: list[int] = []
        self._real = ort.InferenceSession

    def session(self, model: bytes, options: object, *, providers: list, **others: object):
        if providers == ["CPUExecutionProvider"]:
            return self._real(model, options, providers=providers)
        name, settings = providers[0]
        assert name == COREML
        if self.error:
            raise RuntimeError(self.error)
        self.opened.append(settings)
        return FakeSession(self, self._real(model, options, providers=["CPUExecutionProvider"]))


class FakeSession:
    def __init__(self, mac: FakeMac, inner: ort.InferenceSession) -> None:
        self._mac = mac
        self._inner = inner
        self.get_inputs, self.get_outputs = inner.get_inputs, inner.get_outputs

    def get_providers(self) -> list[str]:
        return [COREML] if self._mac.loads else ["CPUExecutionProvider"]

    def run(self, outputs: list[str] | None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        (node,) = self._inner.get_inputs()
        (images,) = inputs.values()
        assert list(images.shape) == node.shape, "every axis is fixed"
        self._mac.sizes.append(len(images))
        offset = self._mac.offset if len(images.shape) == 4 else 0.0
        return [
            result + np.float32(offset) if result.dtype == np.float32 else result
            for result in self._inner.run(outputs, inputs)
        ]


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FakeMac]]:
    def build(**faults: object) -> FakeMac:
        fake = FakeMac(**faults)
        monkeypatch.setattr(ort, "get_available_providers", lambda: [COREML])
        monkeypatch.setattr(ort, "InferenceSession", fake.session)
        return fake

    onnxruntime_devices.coreml_fault.cache_clear()
    yield build
    onnxruntime_devices.coreml_fault.cache_clear()


@pytest.fixture
def checkpoint(made_checkpoint: Callable[[str], Path]) -> Path:
    return made_checkpoint(SPEC.name)


def crops(count: int) -> np.ndarray:
    width, height = SPEC.input_size_wh
    return np.random.default_rng(count).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def test_padded_batches_of_fixed_shapes_give_the_outputs_of_the_cpu(mac, checkpoint, tmp_path):
    cpu = open_pose(SPEC, checkpoint, replace(OPTIONS, device="cpu"))
    expected = {count: cpu.run_simcc(crops(count)) for count in (1, 3)}
    fake = mac()
    session = open_pose(SPEC, checkpoint, OPTIONS)
    assert str(session.device) == session.runtime.device == "coreml"
    assert session.runtime.precision == "fp32"
    for count in (3, 1, 3):
        for found, logits in zip(session.run_simcc(crops(count)), expected[count], strict=True):
            np.testing.assert_allclose(found, logits, rtol=1e-3, atol=1e-4)
    assert fake.sizes[-3:] == [4, 1, 4]
    _, *models = fake.opened  # the first is the trial
    assert [settings["ModelFormat"] for settings in models] == ["MLProgram"] * 2
    assert {settings["RequireStaticInputShapes"] for settings in models} == {"1"}
    folders = {Path(settings["ModelCacheDirectory"]) for settings in models}
    assert len(folders) == 2
    assert all(folder.is_dir() for folder in folders)


def test_compiled_models_are_kept_by_weights_and_cleared(mac, checkpoint, made_checkpoint):
    fake = mac()
    for _ in range(2):
        open_pose(SPEC, checkpoint, OPTIONS)
    first, again = (Path(one["ModelCacheDirectory"]) for one in fake.opened[1:])
    assert first == again
    (first / "model.mlmodelc").mkdir()
    assert first in clear_cache()
    assert not first.exists()


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ({"loads": False}, "'coreml' is not available .*use device='cpu'"),
        ({"error": "CoreML does not support this"}, "CoreML does not support this"),
        ({"offset": 0.5}, "CoreML computes other values than the CPU for rtmw3d-n"),
        ({"offset": np.nan}, "CoreML computes other values than the CPU for rtmw3d-n"),
    ],
)
def test_a_coreml_that_does_not_run_the_network_is_an_error(mac, checkpoint, faults, message):
    mac(**faults)
    with pytest.raises(BackendError, match=message):
        open_pose(SPEC, checkpoint, OPTIONS)


def test_auto_does_not_select_coreml(mac):
    mac()
    backend, device = select_backend(RuntimeOptions(backend="onnxruntime"))
    assert (backend.name, device) == ("onnxruntime", Device(kind="cpu"))
    assert select_backend(RuntimeOptions(device="coreml"))[0] is BACKENDS["onnxruntime"]


def test_without_coreml_the_device_is_an_error_that_says_where_it_is():
    with pytest.raises(BackendError, match=r"no CoreML, which the wheels for macOS have"):
        select_backend(OPTIONS)


def test_an_onnx_file_does_not_run_on_coreml(mac, tmp_path):
    mac()
    file = tmp_path / "net.onnx"
    file.write_bytes(b"")
    with pytest.raises(BackendError, match=r"net\.onnx.*device='cpu'"):
        open_pose(SPEC, file, OPTIONS)
