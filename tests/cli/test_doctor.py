"""`rtmpose3d doctor`: each trap of an installation is found, and said what to do about it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import socket
import sys
import threading
from collections import namedtuple
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from rtmpose3d import BackendError, MissingDependencyError
from rtmpose3d.cli import checks
from rtmpose3d.cli.checks import installation
from rtmpose3d.runtime import BACKENDS, Device
from rtmpose3d.runtime.backends import onnxruntime_devices

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No test asks the network, except of this machine."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def wheels(monkeypatch):
    """A function that says which packages shall count as installed."""
    real = importlib.metadata.version

    def install(**versions: str | None) -> None:
        named = {name.replace("_", "-"): version for name, version in versions.items()}

        def version(name: str) -> str:
            if name not in named:
                return real(name)
            if named[name] is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return named[name]

        monkeypatch.setattr(importlib.metadata, "version", version)

    return install


class FakeModule:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def test_a_working_installation_passes(cli, tmp_path):
    done = cli("doctor", "--cache-dir", tmp_path / "not there yet")
    assert done.exit_code == 0, done.output
    assert "FAIL" not in done.output
    for name in ("Python", "OpenCV", "OpenVINO", "ONNX Runtime", "cache folder", "weights", "hub"):
        assert name in done.output
    assert not (tmp_path / "not there yet").exists()


def test_json_has_every_check(cli, tmp_path):
    done = cli("doctor", "--json", "--cache-dir", tmp_path)
    report = json.loads(done.output)
    assert report["ok"] is True
    assert {check["status"] for check in report["checks"]} <= {"OK", "WARN"}
    assert set(report["checks"][0]) == {"name", "status", "found", "advice"}


def test_two_onnxruntime_wheels_that_lost_cuda_fail(cli, wheels, monkeypatch):
    wheels(onnxruntime="1.20.1", onnxruntime_gpu="1.20.1")
    providers = ["CPUExecutionProvider"]
    fake = FakeModule(
        get_available_providers=lambda: providers, set_default_logger_severity=lambda severity: None
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    check = checks.check_onnxruntime()
    assert check.status == "FAIL"
    assert "overwrite each other" in check.found
    assert "uninstall -y onnxruntime onnxruntime-gpu; pip install onnxruntime-gpu" in check.advice
    assert cli("doctor").exit_code == 1
    providers.insert(0, "CUDAExecutionProvider")
    assert checks.check_onnxruntime().status == "WARN"


def test_an_onnxruntime_that_cannot_be_imported_fails(wheels, monkeypatch):
    wheels(onnxruntime=None, openvino=None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    check = checks.check_onnxruntime()
    assert check.status == "FAIL"
    assert "pip install onnxruntime" in check.advice


def test_two_opencv_wheels_are_a_warning_and_an_empty_cv2_a_failure(wheels, monkeypatch):
    wheels(opencv_python="4.12.0", opencv_python_headless="4.12.0")
    check = checks.check_opencv()
    assert check.status == "WARN"
    assert "opencv-python 4.12.0" in check.found
    assert "pip uninstall -y" in check.advice
    monkeypatch.setitem(sys.modules, "cv2", FakeModule(__version__="4"))
    assert checks.check_opencv().status == "FAIL"
    monkeypatch.setitem(sys.modules, "cv2", FakeModule())
    assert checks.check_opencv().status == "FAIL"
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert checks.check_opencv().status == "FAIL"


def test_a_missing_package_fails_by_name(wheels):
    wheels(safetensors=None)
    check = checks.check_packages()
    assert check.status == "FAIL"
    assert check.advice == "pip install safetensors"


def test_an_old_python_fails(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    assert checks.check_python().status == "FAIL"


@pytest.mark.parametrize("reason", [None, "onnxruntime's CUDA does not run: libcudart is missing"])
def test_the_device_that_runs_is_named_and_a_gpu_that_does_not(monkeypatch, reason):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnxruntime_devices, "unused_gpu", lambda: reason)

    def missing(device):
        raise MissingDependencyError("openvino is not installed")

    # Not deleted: undone, it would be the last of the backends for all further tests.
    without = replace(BACKENDS["openvino"], resolve_device=missing)
    monkeypatch.setitem(BACKENDS, "openvino", without)

    def resolve(device):
        if device is not None and device.kind != "cpu":
            raise BackendError("not here")
        return Device(kind="cpu")

    row = replace(BACKENDS["onnxruntime"], resolve_device=resolve)
    monkeypatch.setitem(BACKENDS, "onnxruntime", row)
    check = checks.check_gpu()
    assert "'auto' selects cpu with onnxruntime" in check.found
    assert check.status == ("OK" if reason is None else "WARN")
    assert (reason or "") in check.found
    assert reason is None or "onnxruntime-gpu" in check.advice
    cuda = replace(row, resolve_device=lambda device: device or Device(kind="cuda"))
    monkeypatch.setitem(BACKENDS, "onnxruntime", cuda)
    check = checks.check_gpu()
    assert check.status == "OK"
    assert "'auto' selects cuda with onnxruntime" in check.found


def test_openvino_says_the_precision_that_auto_is(wheels, monkeypatch):
    pytest.importorskip("openvino")
    from rtmpose3d.runtime.backends import openvino_package

    for capabilities, words in (
        ({"FP32"}, "is fp32: the processor has no bf16"),
        ({"BF16"}, "'auto' is bf16"),
    ):
        monkeypatch.setattr(openvino_package, "read_capabilities", lambda device, c=capabilities: c)
        check = checks.check_openvino()
        assert check.status == "OK"
        assert words in check.found


def test_one_of_openvino_and_onnxruntime_is_enough(wheels, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    wheels(openvino=None)
    assert checks.check_openvino().status == "OK"
    wheels(openvino="2026.4.1", onnxruntime=None, onnxruntime_gpu=None)
    assert checks.check_onnxruntime().status == "OK"


def test_torch_is_optional_but_a_broken_one_is_a_warning(wheels, monkeypatch):
    wheels(torch=None)
    assert checks.check_torch().status == "OK"
    wheels(torch="2.4.0")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert checks.check_torch().status == "WARN"


def test_a_cache_folder_without_room_or_rights_is_reported(tmp_path, monkeypatch):
    (tmp_path / "a.pth").write_bytes(bytes(300_000_000 // 1000))
    assert checks.check_cache(tmp_path).status == "OK"
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1, 1, 10**9))
    assert checks.check_cache(tmp_path).status == "WARN"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    check = checks.check_cache(tmp_path)
    assert check.status == "FAIL"
    assert "RTMPOSE3D_CACHE" in check.advice


def test_weights_on_disk_and_missing_ones_are_reported(tmp_path, monkeypatch):
    from rtmpose3d.zoo import MODELS

    assert "none on this disk; rtmw3d-l, rtmdet-m will be" in checks.check_weights(tmp_path).found
    for name in ("rtmw3d-l", "rtmdet-m"):
        (tmp_path / MODELS[name].file.name).write_bytes(b"x")
        file = replace(MODELS[name].file, sha256_prefix=hashlib.sha256(b"x").hexdigest()[:8])
        monkeypatch.setitem(MODELS, name, replace(MODELS[name], file=file))
    assert checks.check_weights(tmp_path).found == (
        "in the package: rtmw3d-n, rtmw3d-n-cc0, rtmdet-n, rtmdet-n-cc0; "
        "on this disk: rtmw3d-l, rtmdet-m"
    )


def test_a_file_of_the_package_that_is_missing_fails(tmp_path, monkeypatch):
    monkeypatch.setattr("rtmpose3d.zoo.bundled.BUNDLED_FOLDER", tmp_path)
    check = checks.check_weights(tmp_path)
    assert check.status == "FAIL"
    assert str(tmp_path / "rtmw3d-n.safetensors") in check.found
    assert "--force-reinstall" in check.advice


def test_offline_means_that_nothing_is_asked(monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    for check in (checks.check_hub(), checks.check_openmmlab()):
        assert check.status == "OK"
        assert "not asked" in check.found


def test_servers_are_asked_and_their_absence_is_a_warning(monkeypatch):
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append(self.path)
            self.send_response(404)  # an answer is an answer
            self.end_headers()

        def log_message(self, *args):
            pass

    monkeypatch.delenv("HF_HUB_OFFLINE")
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setenv("RTMPOSE3D_OPENMMLAB_URL", f"{address}/mmpose/v1/")
        answers = [checks.check_hub(), checks.check_openmmlab()]
        server.shutdown()
        thread.join(5)
    assert [check.found for check in answers] == [f"{address} answers"] * 2
    assert len(asked) == 2
    for check in (checks.check_hub(), checks.check_openmmlab()):  # the server is gone
        assert check.status == "WARN"
        assert "cannot be reached" in check.found
        assert "HTTPS_PROXY" in check.advice


def test_a_check_that_breaks_is_a_failed_check(monkeypatch):
    def broken():
        raise RuntimeError("damaged")

    monkeypatch.setattr(installation, "check_threads", broken)
    check = next(check for check in checks.all_checks() if check.name == "threads")
    assert check.status == "FAIL"
    assert check.found == "RuntimeError: damaged"
