"""Files on the Hugging Face hub: their addresses, its variables, and its library's cache.

Files are received over HTTP as from every other server (`transfer.py`). Of the hub's variables,
HF_ENDPOINT (a mirror), HF_TOKEN, HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE are read at each call.
Files that the hub's own library has downloaded are found in its cache, and never changed there.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


def is_offline() -> bool:
    """Whether the hub's variables forbid to touch the network."""
    return any(_is_true(name) for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))


def hub_endpoint() -> str:
    """The address of the hub, or of the mirror that HF_ENDPOINT names."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def hub_address(repo: str, name: str) -> str:
    """The address of a file of a model repository ("owner/name")."""
    return f"{hub_endpoint()}/{repo}/resolve/main/{name}"


def hub_token(url: str) -> str | None:
    """The access token of the user for an address, if it is one of the hub; None elsewhere.

    HF_TOKEN, else the content of the file HF_TOKEN_PATH or of HF_HOME/token, where the hub's
    program logs in; the latter not where HF_HUB_DISABLE_IMPLICIT_TOKEN is set.
    """
    if not url.startswith(f"{hub_endpoint()}/"):
        return None
    token = os.environ.get("HF_TOKEN", "").strip()
    if not token and not _is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN"):
        file = _folder(("HF_TOKEN_PATH",)) or _hub_home() / "token"
        with suppress(OSError, UnicodeDecodeError):
            token = file.read_text(encoding="utf-8").strip()
    return token or None


def hub_cache_dir() -> Path:
    """The folder where the hub's library keeps downloaded files."""
    return _folder(("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")) or _hub_home() / "hub"


def find_in_hub_cache(repo: str, name: str, cache: Path) -> Path | None:
    """The file of a model repository's branch `main` in a hub cache, or None.

    Its layout is models--OWNER--NAME/refs/main, which holds the commit, and snapshots/COMMIT/FILE.
    """
    repository = cache / f"models--{repo.replace('/', '--')}"
    try:
        commit = (repository / "refs" / "main").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    file = repository / "snapshots" / commit / name
    return file if commit.isalnum() and file.is_file() else None


def _hub_home() -> Path:
    xdg = _folder(("XDG_CACHE_HOME",)) or Path.home() / ".cache"
    return _folder(("HF_HOME",)) or xdg / "huggingface"


def _folder(variables: Sequence[str]) -> Path | None:
    """The path that the first variable that is set holds."""
    values = (os.environ.get(name, "") for name in variables)
    return next((Path(os.path.expandvars(value)).expanduser() for value in values if value), None)


def _is_true(variable: str) -> bool:
    return os.environ.get(variable, "").upper() in ("1", "ON", "YES", "TRUE")
