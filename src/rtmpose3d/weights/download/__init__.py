"""Published files: found on the disk or downloaded, checked, and cleared again."""

from rtmpose3d.weights.download.addressed import fetch_address
from rtmpose3d.weights.download.cache import CACHE_DIR, cache_dir, clear_cache
from rtmpose3d.weights.download.fetching import (
    MIRROR_VARIABLE,
    LocalCopy,
    check_copy,
    fetch,
    locate,
    source_addresses,
)
from rtmpose3d.weights.download.hub import hub_endpoint, is_offline

__all__ = [
    "CACHE_DIR",
    "MIRROR_VARIABLE",
    "LocalCopy",
    "cache_dir",
    "check_copy",
    "clear_cache",
    "fetch",
    "fetch_address",
    "hub_endpoint",
    "is_offline",
    "locate",
    "source_addresses",
]
