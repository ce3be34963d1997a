"""The public surface: names, import cost, the layers."""

from __future__ import annotations

import subprocess
import sys

import rtmpose3d

PUBLIC = {
    "CACHE_DIR",
    "WHOLEBODY",
    "BackendError",
    "Camera",
    "DownloadError",
    "InputError",
    "MissingDependencyError",
    "OutputError",
    "PoseResult",
    "RTMPose3D",
    "RTMPose3DConfig",
    "RTMPose3DError",
    "RTMPose3DInference",
    "UnknownNameError",
    "WeightsError",
    "clear_cache",
    "load_result",
}


def test_all_lists_exactly_the_public_names() -> None:
    assert set(rtmpose3d.__all__) == PUBLIC
    assert all(hasattr(rtmpose3d, name) for name in PUBLIC)


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.strip()


def test_importing_loads_nothing_heavy_and_makes_no_folder() -> None:
    code = (
        "import sys, logging; from rtmpose3d import *;"
        "heavy = {'torch', 'onnxruntime', 'onnx', 'pandas', 'rich', 'typer', 'http.client'};"
        "print(sorted(heavy & set(sys.modules)), logging.getLogger().handlers)"
    )
    assert run_python(code) == "[] []"


def test_errors_form_one_family_that_also_fits_the_builtin_ones() -> None:
    assert issubclass(rtmpose3d.InputError, ValueError)
    assert issubclass(rtmpose3d.UnknownNameError, KeyError)
    assert issubclass(rtmpose3d.MissingDependencyError, ImportError)
    assert issubclass(rtmpose3d.OutputError, OSError)
    for name in PUBLIC:
        if name.endswith("Error"):
            assert issubclass(getattr(rtmpose3d, name), rtmpose3d.RTMPose3DError)


def test_unknown_name_error_lists_what_there_is_and_guesses() -> None:
    error = rtmpose3d.UnknownNameError("model", "rtmw3d-xl", ["rtmw3d-l", "rtmw3d-x", "rtmdet-m"])
    assert str(error).startswith("unknown model 'rtmw3d-xl'; did you mean 'rtmw3d-")
    assert "rtmdet-m" in str(error)


def test_a_broken_dependency_does_not_keep_the_command_line_from_starting() -> None:
    code = (
        "import sys; sys.modules['cv2'] = None;"
        "from rtmpose3d.cli import main; sys.argv = ['rtmpose3d', '--version']; main()"
    )
    assert run_python(code).split()[-1][0].isdigit()
