"""The checks of `rtmpose3d doctor`; none of them raises."""

from rtmpose3d.cli.checks.check import Check
from rtmpose3d.cli.checks.installation import (
    all_checks,
    check_cache,
    check_hub,
    check_opencv,
    check_openmmlab,
    check_packages,
    check_python,
    check_threads,
    check_weights,
)
from rtmpose3d.cli.checks.runtimes import (
    check_gpu,
    check_onnxruntime,
    check_openvino,
    check_torch,
)

__all__ = [
    "Check",
    "all_checks",
    "check_cache",
    "check_gpu",
    "check_hub",
    "check_onnxruntime",
    "check_opencv",
    "check_openmmlab",
    "check_openvino",
    "check_packages",
    "check_python",
    "check_threads",
    "check_torch",
    "check_weights",
]
