"""Published weights: downloaded, cached, and read without torch and without running their pickle.

`rtmpose3d.weights.checkpoints` reads and writes checkpoint files, `rtmpose3d.weights.download`
puts published ones on this machine.
"""

from rtmpose3d.weights.checkpoints import (
    TorchFile,
    match_weights,
    open_torch_file,
    read_checkpoint,
    read_meta,
    write_safetensors,
    write_torch_file,
)
from rtmpose3d.weights.download import (
    CACHE_DIR,
    LocalCopy,
    cache_dir,
    check_copy,
    clear_cache,
    fetch,
    fetch_address,
    locate,
)

__all__ = [
    "CACHE_DIR",
    "LocalCopy",
    "TorchFile",
    "cache_dir",
    "check_copy",
    "clear_cache",
    "fetch",
    "fetch_address",
    "locate",
    "match_weights",
    "open_torch_file",
    "read_checkpoint",
    "read_meta",
    "write_safetensors",
    "write_torch_file",
]
