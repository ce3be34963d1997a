"""Checkpoint files as named arrays, read without torch and without running their pickle."""

from rtmpose3d.weights.checkpoints.matching import match_weights
from rtmpose3d.weights.checkpoints.reading import read_checkpoint, read_meta
from rtmpose3d.weights.checkpoints.safetensors_file import write_safetensors
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
