"""`rtmpose3d doctor`: checks of the installation, with advice."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtmpose3d.cli.terminal import FAILED, DebugOption, echo, reports_errors

if TYPE_CHECKING:
    from rtmpose3d.cli.checks import Check

COLOURS = {"OK": "green", "WARN": "yellow", "FAIL": "bold red"}


@reports_errors
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    cache_dir: Annotated[
        Path | None, typer.Option("--cache-dir", help="Folder of downloaded weights.")
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Check the installation: packages, devices, weights, network.

    Exit code 1 if a check fails.
    """
    from rtmpose3d.cli.checks import all_checks

    checks = all_checks(cache_dir)
    failed = any(check.status == "FAIL" for check in checks)
    if as_json:
        echo(json.dumps({"ok": not failed, "checks": [asdict(c) for c in checks]}, indent=2))
    else:
        _print(checks)
    if failed:
        raise typer.Exit(FAILED)


def _print(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    width = max(len(check.name) for check in checks)
    for check in checks:
        line = Text(f"{check.status:<4}", style=COLOURS[check.status])
        line.append(f"  {check.name:<{width}}  {check.found}", style="default")
        console.print(line)
        if check.advice:
            console.print(Text(f"{'':<{width + 8}}-> {check.advice}", style="yellow"))
