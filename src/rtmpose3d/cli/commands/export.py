"""`rtmpose3d export`: a model as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtmpose3d.cli.options import expand_options
from rtmpose3d.cli.terminal import DebugOption, echo, reports_errors
from rtmpose3d.errors import InputError
from rtmpose3d.export.layouts import OPSET, Layout
from rtmpose3d.structures.atomic import make_directory


@reports_errors
@expand_options
def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Name of the model, see `rtmpose3d models`.", show_default=False
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The .onnx file to write.", show_default=False)
    ],
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint", "--pose-checkpoint", help="Weights file instead of the published one."
        ),
    ] = None,
    layout: Annotated[
        Layout,
        typer.Option(
            "--layout",
            help="rtmpose3d: uint8 crops in, bins, scores, confidence and SimCC vectors out; "
            "keypoints: the same, and first the keypoints in crop pixels and metres; "
            "mmdeploy: normalised crops in, SimCC vectors out, as mmdeploy and rtmlib read them.",
        ),
    ] = "rtmpose3d",
    opset: Annotated[int, typer.Option("--opset", min=OPSET, help="ONNX operator set.")] = OPSET,
    cache_dir: Annotated[
        Path | None, typer.Option("--cache-dir", help="Directory of downloaded weights.")
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Write a model as one ONNX file that needs nothing else, proven equal to the network.

    Needs the extra `export`: torch, onnx and onnxscript.
    """
    from rtmpose3d.zoo import resolve

    resolve(model)  # a wrong name is reported before torch is imported
    if checkpoint is not None and not checkpoint.is_file():
        raise InputError(f"--checkpoint: there is no file {checkpoint}")
    from rtmpose3d.export import export_onnx

    make_directory(out.parent)
    report = export_onnx(
        model, out, checkpoint=checkpoint, layout=layout, opset=opset, cache_dir=cache_dir
    )
    echo(f"{report.path}: {report.model}, layout {report.layout}, {report.size_bytes:,} bytes")
    echo("largest difference from torch on the same images:")
    for name, difference in report.max_difference.items():
        echo(f"  {name:<12} {difference:.2g}")
