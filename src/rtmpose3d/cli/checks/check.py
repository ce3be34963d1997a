"""The result of one check, and the versions of installed packages."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Check:
    """Result of one check: its subject, status, finding, and advice if there is a problem."""

    name: str
    status: Literal["OK", "WARN", "FAIL"]
    found: str
    advice: str = ""


def installed(names: tuple[str, ...]) -> dict[str, str]:
    """Name and version of those of the packages that are installed."""
    return {name: version for name in names if (version := _version(name)) is not None}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
