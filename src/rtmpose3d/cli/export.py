"""`rtmpose3d export`: a model as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from rtmpose3d.cli.terminal import DebugOption, reports_errors

if TYPE_CHECKING:
    from rtmpose3d.export import Layout


@reports_errors
def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="See `rtmpose3d models`.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The .onnx file to write.", show_default=False)
    ],
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", help="Weights from this file, not the published ones."),
    ] = None,
    layout: Annotated[
        str,
        typer.Option(
            "--layout",
            help="rtmpose3d: uint8 crops in, decoded keypoints and SimCC vectors out; "
            "mmdeploy: normalised crops in, SimCC vectors out, as mmdeploy and rtmlib have it.",
        ),
    ] = "rtmpose3d",
    opset: Annotated[
        int | None,
        typer.Option("--opset", min=18, help="ONNX operator set.", show_default="18"),
    ] = None,
    cache_dir: Annotated[
        Path | None, typer.Option("--cache-dir", help="Where downloaded weights are kept.")
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Write a model as one ONNX file that needs nothing else, proven equal to the network.

    Needs the extra `export`: torch, onnx and onnxscript.
    """
    from rtmpose3d.zoo import resolve

    resolve(model)  # a wrong name is reported before torch is imported
    from rtmpose3d.export import export_onnx

    settings = {} if opset is None else {"opset": opset}
    report = export_onnx(
        model,
        out,
        checkpoint=checkpoint,
        layout=cast("Layout", layout),
        cache_dir=cache_dir,
        **settings,
    )
    typer.echo(
        f"{report.path}: {report.model}, layout {report.layout}, {report.size_bytes:,} bytes"
    )
    typer.echo("largest difference from torch on the same images:")
    for name, difference in report.max_difference.items():
        typer.echo(f"  {name:<12} {difference:.2g}")
