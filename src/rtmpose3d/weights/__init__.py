"""Published weights: fetched, kept, read without torch and without running what is in them."""

from rtmpose3d.weights.cache import CACHE_DIR, cache_dir, clear_cache
from rtmpose3d.weights.checkpoint import (
    match_weights,
    read_checkpoint,
    read_meta,
    write_safetensors,
)
from rtmpose3d.weights.download import fetch, locate
from rtmpose3d.weights.torch_file import TorchFile, open_torch_file
from rtmpose3d.weights.torch_writer import write_torch_file

__all__ = [
    "CACHE_DIR",
    "TorchFile",
    "cache_dir",
    "clear_cache",
    "fetch",
    "locate",
    "match_weights",
    "open_torch_file",
    "read_checkpoint",
    "read_meta",
    "write_safetensors",
    "write_torch_file",
]
