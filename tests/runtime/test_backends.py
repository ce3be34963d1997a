"""Devices and backends: a request is checked, and never silently replaced."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from rtmpose3d import BackendError, InputError, MissingDependencyError, UnknownNameError
from rtmpose3d.runtime import (
    BACKENDS,
    Device,
    RuntimeOptions,
    options,
    parse_device,
    select_backend,
)
from rtmpose3d.runtime.backends import onnxruntime_devices
from rtmpose3d.runtime.backends.onnxruntime_devices import CUDA

FIRST = next(name for name, row in BACKENDS.items() if find_spec(row.package) is not None)


@pytest.fixture
def only_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(wanted: Device | None) -> Device:
        raise MissingDependencyError('run: pip install "rtmpose3d[torch]"')

    replace_resolver(monkeypatch, "torch", missing)


def replace_resolver(
    monkeypatch: pytest.MonkeyPatch, name: str, resolve: Callable[[Device | None], Device]
) -> None:
    row = replace(BACKENDS[name], resolve_device=resolve, device_precisions=None)
    monkeypatch.setitem(BACKENDS, name, row)


def select(backend: str, device: str) -> tuple[str, Device]:
    row, selected = select_backend(RuntimeOptions(backend=backend, device=device))
    return row.name, selected


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("cpu", Device(kind="cpu")),
        ("CUDA", Device(kind="cuda")),
        ("cuda:3", Device(kind="cuda", index=3)),
        ("mps", Device(kind="mps")),
        ("gpu:1", Device(kind="gpu", index=1)),
        ("NPU", Device(kind="npu")),
        ("auto", None),
    ],
)
def test_device_names_are_read(name: str, device: Device | None) -> None:
    assert parse_device(name) == device


@pytest.mark.parametrize(
    "device",
    [Device(kind="cpu"), Device(kind="cuda", index=2), Device(kind="gpu"), Device(kind="npu")],
)
def test_a_device_is_written_as_it_is_read(device: Device) -> None:
    assert parse_device(str(device)) == device


@pytest.mark.parametrize(
    "name", ["xpu", "gpu:", "npu:1", "cuda:", "cuda:-1", "cuda:a", "", "cpu:0", "0"]
)
def test_unknown_device_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match="cuda:N"):
        parse_device(name)


@pytest.mark.usefixtures("only_cpu", "no_torch")
def test_missing_cuda_is_an_error_that_names_the_remedy() -> None:
    for backend in ("auto", "onnxruntime"):
        with pytest.raises(BackendError, match="pip install onnxruntime-gpu"):
            select(backend, "cuda:0")
    with pytest.raises(BackendError, match="backend='torch'"):
        select("auto", "mps")


@pytest.mark.usefixtures("only_cpu", "no_torch")
def test_torch_backend_without_torch_names_the_extra() -> None:
    with pytest.raises(MissingDependencyError, match=r"rtmpose3d\[torch\]"):
        select("torch", "cpu")


@pytest.mark.usefixtures("only_cpu")
def test_auto_backend_takes_torch_where_only_torch_has_the_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replace_resolver(monkeypatch, "torch", lambda wanted: wanted or Device(kind="mps"))
    assert select("auto", "mps") == ("torch", Device(kind="mps"))
    assert select("auto", "cpu") == (FIRST, Device(kind="cpu"))
    assert select("auto", "auto") == (FIRST, Device(kind="cpu"))


@pytest.mark.usefixtures("only_cpu", "no_torch")
def test_auto_never_takes_a_backend_that_is_for_use_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    third = replace(BACKENDS["torch"], name="third", resolve_device=lambda wanted: wanted)
    monkeypatch.setitem(BACKENDS, "third", replace(third, auto=False))
    assert select("third", "mps") == ("third", Device(kind="mps"))
    with pytest.raises(BackendError, match="not available with onnxruntime"):
        select("auto", "mps")
    monkeypatch.setitem(BACKENDS, "third", third)
    assert select("auto", "mps") == ("third", Device(kind="mps"))


@pytest.mark.usefixtures("only_cpu")
def test_an_onnx_file_runs_in_a_backend_that_opens_files(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_resolver(monkeypatch, "torch", lambda wanted: wanted or Device(kind="cuda"))
    file = Path("net.onnx")
    with pytest.raises(InputError, match=r"net\.onnx is an ONNX file, which the torch backend"):
        select_backend(RuntimeOptions(backend="torch"), file)
    with pytest.raises(BackendError, match="no CUDA"):
        select_backend(RuntimeOptions(device="cuda"), file)
    assert select_backend(RuntimeOptions(device="cuda"), Path("net.pth"))[0].name == "torch"
    assert select_backend(RuntimeOptions(), file)[0].name == FIRST


class FakeCuda:
    """A session in place of ONNX Runtime's: it opens where CUDA "works", and counts the runs."""

    def __init__(self, *, error: str | None = None, providers: tuple[str, ...] = (CUDA,)) -> None:
        self.error = error
        self.providers = providers
        self.runs: list[int] = []

    def __call__(self, model: bytes, options: object, *, providers: list, **_: object) -> FakeCuda:
        ((name, settings),) = providers
        assert name == CUDA
        self.runs.append(settings["device_id"])
        if self.error is not None:
            raise RuntimeError(self.error + "\nand more lines")
        return self

    def get_providers(self) -> list[str]:
        return list(self.providers)

    def run(self, outputs: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        return [inputs["x"] * 2]


@pytest.fixture
def cuda_build(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FakeCuda]]:
    """A function that makes ONNX Runtime one that was built with CUDA, with such sessions."""
    for function in (onnxruntime_devices.cuda_fault, onnxruntime_devices._warn_once):
        function.cache_clear()

    def build(**values: object) -> FakeCuda:
        fake = FakeCuda(**values)
        providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
        monkeypatch.setattr(onnxruntime, "InferenceSession", fake)
        row = replace(BACKENDS["onnxruntime"], may_have_accelerator=lambda: True)
        monkeypatch.setitem(BACKENDS, "onnxruntime", row)
        return fake

    yield build
    for function in (onnxruntime_devices.cuda_fault, onnxruntime_devices._warn_once):
        function.cache_clear()


def test_auto_takes_cuda_where_it_has_run_a_network(cuda_build, caplog) -> None:
    fake = cuda_build()
    for _ in range(3):
        assert select("auto", "auto") == ("onnxruntime", Device(kind="cuda"))
    assert select("auto", "cuda:2")[1] == Device(kind="cuda", index=2)
    assert fake.runs == [0, 2], "once for each device and process"
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"error": "libcublas.so.12: cannot open"}, r"libcublas\.so\.12: cannot open"),
        ({"providers": ("CPUExecutionProvider",)}, "libraries cannot be loaded"),
    ],
)
@pytest.mark.usefixtures("no_torch")
def test_auto_runs_on_the_cpu_where_cuda_does_not_run_and_says_why_once(
    cuda_build, caplog, fault, reason
) -> None:
    cuda_build(**fault)
    for _ in range(3):
        assert select("auto", "auto") == (FIRST, Device(kind="cpu"))
    (record,) = caplog.records
    assert re.search(reason, record.getMessage())
    assert "running on the CPU" in record.getMessage()
    assert "and more lines" not in record.getMessage()
    for backend in ("auto", "onnxruntime"):
        with pytest.raises(BackendError, match=rf"'cuda:0' is not available.*{reason}"):
            select(backend, "cuda")


def test_the_network_of_the_trial_runs_on_the_cpu() -> None:
    session = onnxruntime.InferenceSession(
        onnxruntime_devices._TRIAL_NETWORK, providers=["CPUExecutionProvider"]
    )
    (result,) = session.run(None, {"x": np.ones(1, np.float32)})
    assert result.tolist() == [2.0]


@pytest.mark.usefixtures("only_cpu")
def test_an_unused_gpu_is_reported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    onnxruntime_devices._warn_once.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/" + name)
    select("onnxruntime", "auto")
    assert "onnxruntime-gpu" in caplog.text
    onnxruntime_devices._warn_once.cache_clear()


@pytest.mark.parametrize("is_installed", [True, False])
def test_auto_says_why_an_installed_backend_does_not_run(monkeypatch, caplog, is_installed) -> None:
    def damaged(wanted: Device | None) -> Device:
        raise MissingDependencyError("onnxruntime is damaged; run: pip install onnxruntime")

    options._warn_damaged.cache_clear()
    rows = {
        name: replace(BACKENDS[name], resolve_device=resolve, device_precisions=None)
        for name, resolve in (("onnxruntime", damaged), ("torch", lambda _: Device(kind="cpu")))
    }
    monkeypatch.setattr(options, "BACKENDS", rows)  # not in place: the order of the rows counts
    monkeypatch.setattr(options, "find_spec", lambda package: is_installed or None)
    for _ in range(2):
        assert select("auto", "auto")[0] == "torch"
    messages = ["onnxruntime is damaged; run: pip install onnxruntime; running on torch instead"]
    assert [r.getMessage() for r in caplog.records] == (messages if is_installed else [])
    options._warn_damaged.cache_clear()


@pytest.mark.usefixtures("no_torch")
def test_an_onnxruntime_that_cannot_be_imported_is_an_error_of_ours(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        MissingDependencyError, match=r"cannot be imported.*pip install onnxruntime"
    ):
        select("onnxruntime", "auto")


def test_torch_refuses_a_cuda_device_that_is_missing() -> None:
    torch = pytest.importorskip("torch")
    beyond = torch.cuda.device_count() if torch.cuda.is_available() else 0
    with pytest.raises(BackendError, match="CUDA"):
        select("torch", f"cuda:{beyond}")
