"""Nothing is sent, and nothing is written outside the output folder and the cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "src" / "rtmpose3d"


def environment(home: Path) -> dict[str, str]:
    """That of a user: a fresh home, and no `CI`, which disables ONNX Runtime's telemetry."""
    for folder in ("home", "cache", "tmp", "work"):
        (home / folder).mkdir()
    dropped = ("CI", "ORT_DISABLE_TELEMETRY", "HF_HOME")
    env = {name: value for name, value in os.environ.items() if name not in dropped}
    return env | {
        "HOME": str(home / "home"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "RTMPOSE3D_CACHE": str(home / "cache" / "rtmpose3d"),
        "TMPDIR": str(home / "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run_demo(folder: Path, *wrapper: str) -> None:
    command = [*wrapper, sys.executable, "-m", "rtmpose3d", "demo", "--out", str(folder / "out")]
    done = subprocess.run(
        command,
        env=environment(folder),
        cwd=folder / "work",
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "\x1b[" not in done.stderr, "a warning of ONNX Runtime"
    assert "onnxruntime" not in done.stderr
    assert "openvino" not in done.stderr


@pytest.mark.slow
def test_the_demo_writes_its_results_and_nothing_else(tmp_path: Path) -> None:
    run_demo(tmp_path)
    written = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.parts[0] for path in written} <= {"out", "cache"}
    in_cache = {path.parent for path in written if path.parts[0] == "cache"}
    assert in_cache <= {Path("cache/rtmpose3d/compiled")}
    assert {path.name for path in written if path.parts[0] == "out"} == {
        "people.json",
        "people_pose.jpg",
    }


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_demo_opens_no_socket_to_another_machine(tmp_path: Path) -> None:
    log = tmp_path / "strace.log"
    try:
        subprocess.run(["strace", "-o", os.devnull, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("strace may not trace processes here")
    run_demo(tmp_path, "strace", "-f", "-e", "trace=socket,connect", "-o", str(log))
    sockets = re.findall(r"socket\((\w+)", log.read_text())
    assert set(sockets) <= {"AF_UNIX"}


@pytest.mark.parametrize("package", ["onnxruntime", "openvino"])
def test_a_runtime_with_telemetry_is_imported_in_one_file_only(package: str) -> None:
    direct = re.compile(rf"^\s*(import {package}|from {package})", re.MULTILINE)
    typing_only = re.compile(r"^if TYPE_CHECKING:\n(    .*\n)+", re.MULTILINE)
    files = {
        str(path.relative_to(SOURCES))
        for path in SOURCES.rglob("*.py")
        if direct.search(typing_only.sub("", path.read_text(encoding="utf-8")))
    }
    assert files == {f"runtime/backends/{package}_package.py"}


def test_openvino_is_imported_without_its_telemetry() -> None:
    pytest.importorskip("openvino")
    code = (
        "import sys; from rtmpose3d.runtime.backends.openvino_package import import_openvino;"
        "assert 'openvino' not in sys.modules; assert import_openvino().Core is not None;"
        "assert not [name for name in sys.modules if name.startswith('openvino_telemetry')];"
        "import openvino_telemetry"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "CI": ""})


@pytest.mark.parametrize("chosen", [None, "0"])
def test_telemetry_is_disabled_before_the_import_unless_the_user_chose(chosen: str | None) -> None:
    code = (
        "import os; from rtmpose3d.runtime.backends.onnxruntime_package import import_onnxruntime;"
        "assert 'onnxruntime' not in __import__('sys').modules;"
        "before = os.environ.get('ORT_DISABLE_TELEMETRY'); os.environ['CI'] = '1';"
        "import_onnxruntime(); print(before, os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    env = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    if chosen is not None:
        env["ORT_DISABLE_TELEMETRY"] = chosen
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(chosen), chosen or "1"]
