"""ONNX files of the models. Needs the extra `export` (torch, onnx, onnxscript)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtmpose3d.errors import import_extra
from rtmpose3d.export.layouts import OPSET, Layout

if TYPE_CHECKING:
    from rtmpose3d.export.onnx_file import ExportReport, export_onnx

__all__ = ["OPSET", "ExportReport", "Layout", "export_onnx"]


def __getattr__(name: str) -> object:
    """Imports on first use, so that a missing extra is named instead of failing on import."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import_extra("torch", "export", "export")
    from rtmpose3d.export import onnx_file

    return getattr(onnx_file, name)
