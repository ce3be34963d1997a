"""The model that a weights file or a folder of published files belongs to, by its own words."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from rtmpose3d.errors import InputError, WeightsError
from rtmpose3d.runtime import is_onnx_file
from rtmpose3d.runtime.layouts import MODEL_KEY
from rtmpose3d.web.addresses import is_url
from rtmpose3d.weights import read_meta
from rtmpose3d.zoo import MODELS, PoseSpec

WEIGHTS_SUFFIXES = (".pth", ".pt", ".bin", ".safetensors", ".onnx", ".zip")

_METADATA_FIELD, _LENGTH_DELIMITED = 14, 2  # ModelProto.metadata_props of ONNX's protobuf
_MAX_ENTRY_BYTES = 65_536
_FIXED_BYTES = {1: 8, 5: 4}  # wire types of protobuf with a fixed size


def find_file_model(file: Path) -> str | None:
    """Name of the model of a weights file; None if the file does not say it.

    Published files say it by their name, exported .onnx files and checkpoints of `rtmpose3d train`
    by their metadata.

    Raises:
        WeightsError: the file is no checkpoint, or damaged.
    """
    for spec in MODELS.values():
        if spec.file.name == file.name:
            return spec.name
    if is_onnx_file(file):
        name = _onnx_metadata(file).get(MODEL_KEY)
    elif file.suffix.lower() == ".zip":
        name = None
    else:
        name = read_meta(file).get("model")
    return name if isinstance(name, str) and name in MODELS else None


def find_folder_model(folder: Path, wanted: str | None = None) -> str:
    """Name of the pose model whose published file a folder holds.

    Args:
        folder: a folder without a config.json.
        wanted: name of a model; None for the only one that is there.

    Raises:
        WeightsError: it does not hold the wanted one, holds none, or those of several models.
    """
    models = [
        spec.name
        for spec in MODELS.values()
        if isinstance(spec, PoseSpec) and spec.file.name and (folder / spec.file.name).is_file()
    ]
    if wanted is not None and wanted in models:
        return wanted
    if wanted is not None:
        models = []
    if len(models) == 1:
        return models[0]
    if models:
        raise WeightsError(
            f"the folder {folder} holds the weights of {', '.join(models)}; choose one: "
            f"from_pretrained({models[0]!r}, cache_dir={str(folder)!r})"
        )
    raise WeightsError(
        f"the folder {folder} holds neither a config.json, as save_pretrained writes it, nor the "
        f"published weights of {wanted or 'a pose model'}; to download a model into it: "
        f"from_pretrained({wanted or 'rtmw3d-l'!r}, cache_dir={str(folder)!r})"
    )


def explain_no_model(text: str) -> InputError | None:
    """The error for a text that names a weights file that does not exist, or an address.

    None for other texts, which may be names of models.
    """
    if is_url(text):
        return InputError(
            f"{text} is an address, not the name of a model; name its model and pass the address "
            f"as pose_checkpoint: from_pretrained('rtmw3d-l', pose_checkpoint={text!r})"
        )
    if text.lower().endswith(WEIGHTS_SUFFIXES):
        return InputError(f"there is no weights file {text!r}")
    return None


def _onnx_metadata(file: Path) -> dict[str, str]:
    """The metadata of an .onnx file, without reading its graph; empty if it is none.

    Raises:
        WeightsError: the file cannot be read.
    """
    found: dict[str, str] = {}
    try:
        with file.open("rb") as handle:
            size = handle.seek(0, 2)
            handle.seek(0)
            while handle.tell() < size:
                key = _varint(handle)
                field, wire_type = key >> 3, key & 7
                if wire_type == 0:
                    _varint(handle)
                elif wire_type == _LENGTH_DELIMITED:
                    length = _varint(handle)
                    if field == _METADATA_FIELD and length <= _MAX_ENTRY_BYTES:
                        found |= _entry(handle.read(length))
                    else:
                        handle.seek(length, 1)
                elif wire_type in _FIXED_BYTES:
                    handle.seek(_FIXED_BYTES[wire_type], 1)
                else:
                    return found
    except (EOFError, ValueError, OverflowError):  # not a protobuf file
        return found
    except OSError as error:
        raise WeightsError(f"cannot open {file}: {error.strerror or error}") from error
    return found


def _entry(data: bytes) -> dict[str, str]:
    """Key and value of a StringStringEntryProto: fields 1 and 2."""
    texts: dict[int, str] = {}
    position = 0
    while position + 2 <= len(data):
        field, length, start = data[position] >> 3, data[position + 1], position + 2
        if length >= 128:  # longer values are none of ours
            break
        texts[field] = data[start : start + length].decode("utf-8")
        position = start + length
    return {texts[1]: texts[2]} if {1, 2} <= set(texts) else {}


def _varint(handle: BinaryIO) -> int:
    """A number in protobuf's encoding: seven bits a byte, the lowest first."""
    value = 0
    for shift in range(0, 70, 7):
        byte = handle.read(1)
        if not byte:
            raise EOFError
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 128:
            return value
    raise ValueError("no number of protobuf")
