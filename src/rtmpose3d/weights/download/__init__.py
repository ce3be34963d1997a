"""Published files: found on the disk or downloaded, checked, and cleared again."""

from rtmpose3d.weights.download.cache import CACHE_DIR, cache_dir, clear_cache
from rtmpose3d.weights.download.fetching import MIRROR_VARIABLE, fetch, locate
from rtmpose3d.weights.download.hub import hub_endpoint, is_offline

__all__ = [
    "CACHE_DIR",
    "MIRROR_VARIABLE",
    "cache_dir",
    "clear_cache",
    "fetch",
    "hub_endpoint",
    "is_offline",
    "locate",
]
