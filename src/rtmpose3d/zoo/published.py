"""Published weights files, by their path on OpenMMLab's server."""

from __future__ import annotations

from rtmpose3d.zoo.remote import OPENMMLAB_URL, RemoteFile

HUB_REPO = "rbarac/rtmpose3d"


def published_file(path: str | None, *, on_hub: bool = False) -> RemoteFile:
    """A published checkpoint.

    Args:
        path: below `OPENMMLAB_URL`; None if nothing is published.
        on_hub: whether `HUB_REPO` holds it as well.
    """
    if path is None:
        return RemoteFile(name="")
    name = path.rsplit("/", 1)[-1]
    return RemoteFile(
        name=name,
        urls=(OPENMMLAB_URL + path,),
        hub_repo=HUB_REPO if on_hub else None,
        sha256_prefix=_sha256_prefix(name),
    )


def _sha256_prefix(name: str) -> str | None:
    """The eight hex digits at the end of a published file's name, or before the date there."""
    parts = name.removesuffix(".pth").replace("_", "-").split("-")
    hashes = [part for part in parts[-2:] if len(part) == 8 and not part.startswith("20")]
    return hashes[-1] if hashes else None
