"""Published weights files, by their path on OpenMMLab's server."""

from __future__ import annotations

from rtmpose3d.zoo.remote import HUB_URL, OPENMMLAB_URL, RemoteFile

HUB_REPO = "rbarac/rtmpose3d"
# A copy of the files below "projects/" by an author of RTMPose, which rtmlib uses as well when
# OpenMMLab's server is away.
HUB_MIRROR_URL = f"{HUB_URL}Tau-J/RTMPose/resolve/main/"
_COPIED = "projects/"


def published_file(path: str | None, *, on_hub: bool = False) -> RemoteFile:
    """A published checkpoint.

    Args:
        path: below `OPENMMLAB_URL`; None if nothing is published.
        on_hub: whether `HUB_REPO` holds it as well.
    """
    if path is None:
        return RemoteFile(name="")
    name = path.rsplit("/", 1)[-1]
    urls = [OPENMMLAB_URL + path]
    if path.startswith(_COPIED):
        urls.append(HUB_MIRROR_URL + path.removeprefix(_COPIED))
    return RemoteFile(
        name=name,
        urls=tuple(urls),
        hub_repo=HUB_REPO if on_hub else None,
        sha256_prefix=_sha256_prefix(name),
    )


def _sha256_prefix(name: str) -> str | None:
    """The eight hex digits at the end of a published file's name, or before the date there."""
    parts = name.removesuffix(".pth").replace("_", "-").split("-")
    hashes = [part for part in parts[-2:] if len(part) == 8 and not part.startswith("20")]
    return hashes[-1] if hashes else None
