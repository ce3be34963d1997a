"""ONNX files from the networks. Needs the extra `export` (torch, onnx, onnxscript)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtmpose3d.errors import import_extra

if TYPE_CHECKING:
    from rtmpose3d.export.graphs import Layout
    from rtmpose3d.export.onnx_file import ExportReport, export_onnx

__all__ = ["ExportReport", "Layout", "export_onnx"]


def __getattr__(name: str) -> object:
    """Import on first use, so that a missing extra is named instead of failing on import."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import_extra("torch", "export", "export")
    from rtmpose3d.export import graphs, onnx_file

    return getattr(graphs if name == "Layout" else onnx_file, name)
