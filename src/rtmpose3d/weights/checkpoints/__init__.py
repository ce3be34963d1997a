"""Checkpoint files as named arrays, read without torch and without running what is in them."""

from rtmpose3d.weights.checkpoints.reading import (
    match_weights,
    read_checkpoint,
    read_meta,
    write_safetensors,
)
from rtmpose3d.weights.checkpoints.torch_file import TorchFile, open_torch_file
from rtmpose3d.weights.checkpoints.torch_writer import write_torch_file

__all__ = [
    "TorchFile",
    "match_weights",
    "open_torch_file",
    "read_checkpoint",
    "read_meta",
    "write_safetensors",
    "write_torch_file",
]
