"""Files of safetensors as named arrays, with the element type and the sharing that numpy lacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from rtmpose3d.errors import WeightsError
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.untrusted import brief, parse_json, reading
from rtmpose3d.untrusted.limits import SAFETENSORS_HEADER
from rtmpose3d.weights.checkpoints.naming import model_names

_ELEMENT_TYPES = frozenset(
    ("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL")
)


def read_safetensors(path: Path) -> dict[str, NDArray[np.generic]]:
    """The tensors of a safetensors file, by the model's names; the library checks the offsets.

    A tensor that the model has under several names may be stored once: the header then holds, as
    safetensors.torch.save_model writes it, {other name: stored name}. All those names get the same
    array.

    Raises:
        WeightsError: the file is damaged or cannot be read, or has an element type that numpy
            lacks (bfloat16 is read as float32).
    """
    what = "safetensors file"
    advice = "download or copy it again"
    with reading(path, what, error=WeightsError, advice=advice), safe_open(path, "np") as file:
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        header = file.metadata() or {}
        shared = {n: of for n, of in header.items() if of in shapes and n not in shapes}
        shapes |= {name: shapes[stored] for name, stored in shared.items()}
        names = {name: shared.get(named, named) for name, named in model_names(shapes).items()}
        read_bfloat16 = _bfloat16_reader(path)
        stored: dict[str, NDArray[np.generic]] = {}
        for name in names.values():
            if name in stored:
                continue
            element_type = file.get_slice(name).get_dtype()
            if element_type == "BF16":
                stored[name] = read_bfloat16(name)
            elif element_type in _ELEMENT_TYPES:
                stored[name] = file.get_tensor(name)
            else:
                raise WeightsError(
                    f"{what} {path}: {brief(name)} is of type {element_type}, which is not read; "
                    "save it as float32, float16 or bfloat16"
                )
        return {name: stored[named] for name, named in names.items()}


def _bfloat16_reader(path: Path) -> Callable[[str], NDArray[np.generic]]:
    """A reader of bfloat16 tensors as float32; numpy, and so safetensors.numpy, lacks the type."""
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        content = file.read(min(header_bytes, SAFETENSORS_HEADER.max_bytes + 1))
    header = parse_json(
        content, f"the header of {path}", limits=SAFETENSORS_HEADER, error=WeightsError
    )
    assert isinstance(header, dict)  # the library has read it

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
