"""Published files: names, addresses and the hashes that verify them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rtmpose3d.errors import InputError

# Base of every address of OpenMMLab's files; a mirror replaces it through an environment
# variable (see weights/download/fetching.py).
OPENMMLAB_URL = "https://download.openmmlab.com/mmpose/v1/"
HUB_URL = "https://huggingface.co/"


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A published file.

    Attributes:
        name: its file name, also its name in the cache folder; "" if nothing is published.
        urls: http(s) addresses of the same bytes, in the order to try them.
        hub_repo: the Hugging Face model repository that holds a file of that name, or None.
        sha256_prefix: the first hex digits of its sha256 (eight in OpenMMLab's names), or None.
        sha256: all 64 digits of its sha256, or None where only the prefix is known.
        size_bytes: its exact size, or None where it is not known.

    Raises:
        InputError: a name with folders in it, an address that is not http(s), ...
    """

    name: str
    urls: tuple[str, ...] = ()
    hub_repo: str | None = None
    sha256_prefix: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None

    def __post_init__(self) -> None:
        if re.search(r"[/\\:\x00-\x1f]", self.name) or self.name.startswith("."):
            raise InputError(f"a published file's name is a plain file name, got {self.name!r}")
        for url in self.urls:
            if not re.match(r"https?://[^/]", url):
                raise InputError(f"the address of {self.name} must be http(s), got {url!r}")
        if self.sha256_prefix is not None and not re.fullmatch(
            r"[0-9a-f]{4,64}", self.sha256_prefix
        ):
            raise InputError(
                f"the sha256 prefix of {self.name} must be 4 to 64 lower-case hex digits, "
                f"got {self.sha256_prefix!r}"
            )
        if self.sha256 is not None and not (
            re.fullmatch(r"[0-9a-f]{64}", self.sha256)
            and self.sha256.startswith(self.sha256_prefix or "")
        ):
            raise InputError(
                f"the sha256 of {self.name} must be 64 lower-case hex digits that start with its "
                f"prefix, got {self.sha256!r}"
            )
        if self.size_bytes is not None and self.size_bytes <= 0:
            raise InputError(f"the size of {self.name} must be positive, got {self.size_bytes}")
        if not self.name and (self.urls or self.hub_repo):
            raise InputError("a published file needs a name")

    @property
    def known_sha256(self) -> str | None:
        """The digits of its sha256 that are known: all, its first ones, or None."""
        return self.sha256 or self.sha256_prefix
