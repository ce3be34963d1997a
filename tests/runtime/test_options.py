"""`RuntimeOptions`: values that cannot be are refused when they are written down."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from rtmpose3d import InputError, UnknownNameError
from rtmpose3d.runtime import BACKENDS, RuntimeOptions


def test_defaults_leave_everything_to_the_backend() -> None:
    options = RuntimeOptions()
    assert (options.backend, options.device) == ("auto", "auto")
    assert (options.precision, options.threads) == ("auto", None)


@pytest.mark.parametrize("backend", ["auto", *BACKENDS])
def test_every_row_of_the_table_is_a_backend(backend: str) -> None:
    assert RuntimeOptions(backend=backend).backend == backend


def test_an_unknown_backend_is_an_error_that_lists_the_table() -> None:
    with pytest.raises(UnknownNameError, match=f"Known: auto, {', '.join(BACKENDS)}"):
        RuntimeOptions(backend="onnx")


def test_an_unknown_device_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match="unknown device 'xpu'"):
        RuntimeOptions(device="xpu")


@pytest.mark.parametrize("precision", ["int8", "float16", "FP32", ""])
def test_an_unknown_precision_is_an_error(precision: str) -> None:
    with pytest.raises(InputError, match="precision must be one of auto, fp32, bf16, fp16"):
        RuntimeOptions(precision=precision)


@pytest.mark.parametrize("threads", [0, -1])
def test_less_than_one_thread_is_an_error(threads: int) -> None:
    with pytest.raises(InputError, match="threads must be at least 1"):
        RuntimeOptions(threads=threads)


def test_options_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        RuntimeOptions().device = "cpu"  # type: ignore[misc]
