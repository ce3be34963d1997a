"""`rtmpose3d export`: a model as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtmpose3d.cli.terminal import DebugOption, reports_errors


@reports_errors
def export(
    model: Annotated[str, typer.Argument(help="See `rtmpose3d models`.", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The ONNX file to write.", show_default=False)
    ],
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", help="Weights from this file, not the published ones."),
    ] = None,
    layout: Annotated[
        str,
        typer.Option(
            "--layout",
            help="rtmpose3d: uint8 crops in, decoded keypoints out. "
            "mmdeploy: normalised crops in, SimCC vectors out, as mmdeploy exports them.",
        ),
    ] = "rtmpose3d",
    opset: Annotated[
        int | None, typer.Option("--opset", min=7, help="ONNX operator set.", show_default=False)
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Write a model as an ONNX file, with its weights and normalisation in it, and check it."""
