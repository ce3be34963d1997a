"""Files of safetensors as named arrays, with the element type and the sharing that numpy lacks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from rtmpose3d.errors import WeightsError
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.weights.checkpoints.naming import model_names


def read_safetensors(path: Path) -> dict[str, NDArray[np.generic]]:
    """The tensors of a safetensors file, by the model's names; the library checks the offsets.

    A tensor that the model has under several names may be stored once: the header then holds, as
    safetensors.torch.save_model writes it, {other name: stored name}.

    Raises:
        WeightsError: the file is damaged or cannot be read.
    """
    try:
        with safe_open(path, framework="np") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            header = file.metadata() or {}
            shared = {n: of for n, of in header.items() if of in shapes and n not in shapes}
            shapes |= {name: shapes[stored] for name, stored in shared.items()}
            read = _bfloat16_reader(path)
            arrays: dict[str, NDArray[np.generic]] = {}
            for name, named in model_names(shapes).items():
                stored = shared.get(named, named)
                bfloat16 = file.get_slice(stored).get_dtype() == "BF16"
                arrays[name] = read(stored) if bfloat16 else file.get_tensor(stored)
            return arrays
    except (SafetensorError, OSError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path} is a damaged or unreadable safetensors file: {error}; "
            "download or copy it again"
        ) from error


def _bfloat16_reader(path: Path) -> Callable[[str], NDArray[np.generic]]:
    """A reader of bfloat16 tensors as float32; numpy, and so safetensors.numpy, lacks the type."""
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(header_bytes))

    def read(name: str) -> NDArray[np.generic]:
        begin, end = header[name]["data_offsets"]
        with path.open("rb") as file:
            file.seek(8 + header_bytes + begin)
            halves = np.frombuffer(file.read(end - begin), dtype="<u2")
        return (halves.astype(np.uint32) << 16).view(np.float32).reshape(header[name]["shape"])

    return read


def write_safetensors(
    path: Path | str,
    tensors: Mapping[str, NDArray[np.generic]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Writes a .safetensors file, complete or not at all.

    Args:
        path: the file to write.
        tensors: name -> array, any memory order.
        metadata: texts for the file's header.

    Raises:
        OutputError: it could not be written.
    """
    # np.ascontiguousarray would make 0-d arrays 1-d.
    ordered = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    with atomic_write(path) as file:
        file.write(save(ordered, metadata=dict(metadata or {})))
