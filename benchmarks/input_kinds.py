"""Kinds of files that `mutate_inputs.py` reads, with small intact ones, and their mutations."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d import Camera, PoseResult

Read = Callable[[Path], object]
_HOSTILE: tuple[object, ...] = (
    None, True, -1, 0, 2**63, 10**400, 1e308, float("nan"), float("inf"), "", "x" * 5000, "\ud800",
    "a\0b", "\x1b[2J", "http://127.0.0.1:9/x.pth", "/dev/zero", "../../x", [], {}, [[]], {"a": {}},
    [None], [1e999], "[" * 50,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of file.

    Attributes:
        name: name in the report, and ending of the files.
        seeds: intact files.
        read: the reader.
        is_json: whether values are mutated as well as bytes.
    """

    name: str
    seeds: Sequence[bytes]
    read: Read
    is_json: bool = False


def kinds(folder: Path) -> list[Kind]:
    """All kinds of files, their intact seeds made in a scratch folder."""
    return [
        *_checkpoint_kinds(folder),
        *_array_kinds(folder),
        *_json_kinds(folder),
        *_image_kinds(),
    ]


def _checkpoint_kinds(folder: Path) -> list[Kind]:
    from rtmpose3d.weights import read_checkpoint, read_meta, write_safetensors, write_torch_file

    arrays = {
        "backbone.w": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        "head.b": np.arange(5, dtype=np.float16),
        "head.n": np.array(3),
    }
    torch_file, tensors = folder / "seed.pth", folder / "seed.safetensors"
    write_torch_file(torch_file, arrays, {"meta": {"epoch": 3, "name": "seed", "best": 0.5}})
    write_safetensors(tensors, arrays, {"format": "pt", "head.again": "head.b"})

    def read_both(path: Path) -> object:
        read_meta(path)
        return read_checkpoint(path)

    legacy = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."
    legacy += pickle.dumps({"protocol_version": 1001, "little_endian": True}, protocol=2)
    legacy += _legacy_tree() + pickle.dumps(["0"], protocol=2)
    legacy += (4).to_bytes(8, "little") + np.arange(4, dtype=np.float32).tobytes()
    return [
        Kind(name="pth", seeds=[torch_file.read_bytes()], read=read_both),
        Kind(name="old.pth", seeds=[legacy], read=read_both),
        Kind(name="safetensors", seeds=[tensors.read_bytes()], read=read_both),
    ]


def _legacy_tree() -> bytes:
    identity = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ"
    layout = b"K\0K\x02K\x02\x86K\x02K\x01\x86\x89ccollections\nOrderedDict\n)R"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + identity + layout + b"tR"
    return b"\x80\x02}X\x01\0\0\0w" + tensor + b"s."


def _array_kinds(folder: Path) -> list[Kind]:
    from rtmpose3d.data.readers.array_files import read_pickle, read_pickled_npz
    from rtmpose3d.sinks import load_result, save_result
    from rtmpose3d.untrusted import read_arrays

    content = {"S1": {"walk": [np.eye(3), np.arange(4), 3.5]}, ("S1", "54"): {"K": np.eye(3)}}
    plain, objects = io.BytesIO(), io.BytesIO()
    np.savez_compressed(plain, names=np.array(["a", "b"]), points=np.zeros((2, 17, 3)))
    np.savez_compressed(objects, x=np.array(content, dtype=object), y=np.arange(6).reshape(2, 3))
    result = save_result(_result(), folder / "seed.npz").read_bytes()
    return [
        Kind(name="npz", seeds=[plain.getvalue()], read=lambda path: read_arrays(path, "names")),
        Kind(name="objects.npz", seeds=[objects.getvalue()], read=read_pickled_npz),
        Kind(
            name="pkl",
            seeds=[pickle.dumps(content, protocol=protocol) for protocol in (2, 3, 4)],
            read=read_pickle,
        ),
        Kind(name="result.npz", seeds=[result], read=load_result),
    ]


def _json_kinds(folder: Path) -> list[Kind]:
    from rtmpose3d import RTMPose3DConfig
    from rtmpose3d.cli.parsing import parse_boxes
    from rtmpose3d.sinks import load_result, save_result
    from rtmpose3d.sources import load_calibrations

    def read_config(path: Path) -> object:
        return RTMPose3DConfig.from_pretrained(_alone(path, "config.json"))

    config = json.dumps(RTMPose3DConfig(model_size="n").to_dict()).encode()
    result = save_result(_result(), folder / "seed.json").read_bytes()
    boxes = b'{"a.jpg": [[1, 2, 30, 40], [5, 6, 70.5, 80]], "b.jpg": []}'
    return [
        Kind(name="config.json", seeds=[config], read=read_config, is_json=True),
        Kind(name="result.json", seeds=[result], read=load_result, is_json=True),
        Kind(name="boxes.json", seeds=[boxes], read=lambda p: parse_boxes(str(p)), is_json=True),
        Kind(name="coco.json", seeds=[_annotations()], read=_read_annotations, is_json=True),
        Kind(name="latest.json", seeds=[_latest()], read=_read_latest, is_json=True),
        Kind(name="camera.json", seeds=[_camera_json()], read=load_calibrations, is_json=True),
        Kind(name="camera.yml", seeds=[_CAMERA_YAML], read=load_calibrations),
        Kind(name="camera.toml", seeds=[_CAMERA_TOML], read=load_calibrations),
    ]


_CAMERA_YAML = b"""%YAML:1.0
---
image_width: 1280
image_height: 720
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 1145., 0., 700.25, 0., 1000.5, 310.5, 0., 0., 1. ]
distortion_coefficients: !!opencv-matrix
   rows: 5
   cols: 1
   dt: d
   data: [ -0.28, 0.11, 0.0012, -0.0007, -2.e-02 ]
"""
_CAMERA_TOML = b"""[cam_0]
name = "A"
size = [ 1280, 720,]
matrix = [ [ 1145.0, 0.0, 700.25,], [ 0.0, 1000.5, 310.5,], [ 0.0, 0.0, 1.0,],]
distortions = [ -0.28, 0.11, 0.0012, -0.0007, -0.02,]
fisheye = false
"""


def _camera_json() -> bytes:
    matrix = {"rows": 3, "cols": 3, "dt": "d", "data": [900, 0, 600, 0, 901, 350, 0, 0, 1]}
    return json.dumps({"camera_matrix": matrix, "size": [1280, 720], "D": [0.1] * 5}).encode()


def _alone(path: Path, name: str) -> Path:
    """A folder in which the file has a given name."""
    folder = path.with_name(f"process-{os.getpid()}")
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(path.read_bytes())
    return folder


def _result() -> PoseResult:
    """Two people in 3D."""
    rng = np.random.default_rng(3)
    points = rng.uniform(1, 3, (2, 133, 3)).astype(np.float32)
    return PoseResult(
        bboxes=np.array([[1, 2, 30, 40], [5, 6, 70, 80]], np.float32),
        bbox_scores=np.array([0.9, 0.5], np.float32),
        keypoints_2d=points[..., :2] * 10,
        scores=points[..., 2],
        confidence=points[..., 2] / 3,
        keypoints_camera=points,
        root_depth_m=np.array([2, 3], np.float32),
        root_depth_std_m=np.array([0.1, 0.2], np.float32),
        root_depth_source=("estimated", "assumed"),
        camera=Camera(fx=600, fy=610, cx=50, cy=40, width=100, height=80),
        model="rtmw3d-l",
        image_size_wh=(100, 80),
    )


def _annotations() -> bytes:
    person = {
        "id": 1, "image_id": 7, "category_id": 1, "bbox": [10, 20, 60, 120], "area": 7200,
        "iscrowd": 0, "num_keypoints": 17, "keypoints": [30, 40, 2] * 17,
        "foot_kpts": [30, 130, 1] * 6, "face_kpts": [30, 30, 2] * 68,
        "lefthand_kpts": [20, 80, 2] * 21, "righthand_kpts": [50, 80, 0] * 21,
        "face_valid": True, "foot_valid": True, "lefthand_valid": True, "righthand_valid": False,
        "face_box": [25, 25, 20, 20], "lefthand_box": [15, 75, 10, 10],
        "righthand_box": [45, 75, 10, 10],
    }  # fmt: skip
    document = {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 100, "height": 200}],
        "annotations": [person, {**person, "id": 2, "iscrowd": 1}],
        "categories": [{"id": 1, "name": "person"}],
    }
    return json.dumps(document).encode()


def _read_annotations(path: Path) -> object:
    from rtmpose3d.data import ReadOptions, read_coco_style

    options = ReadOptions(check_images=False)
    return list(read_coco_style(path, path.parent, on_bad="skip", options=options))


def _latest() -> bytes:
    entry = {"weights": "step_00000002.pth", "step": 2, "sha256": {"step_00000002.pth": "00"}}
    return json.dumps({**entry, "previous": {**entry, "step": 1}}).encode()


def _read_latest(path: Path) -> object:
    from rtmpose3d.training.loop.checkpoint_folder import find_checkpoints

    return find_checkpoints(_alone(path, "latest.json"))


def _image_kinds() -> list[Kind]:
    from PIL import Image, features

    from rtmpose3d.sources import load_image

    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 255, (23, 31, 3), dtype=np.uint8))
    encoded: list[Kind] = []
    for ending, form in (
        ("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP"), ("bmp", "BMP"), ("tif", "TIFF"),
        ("gif", "GIF"), ("ppm", "PPM"), ("jp2", "JPEG2000"), ("tga", "TGA"), ("avif", "AVIF"),
    ):  # fmt: skip
        if form == "AVIF" and not features.check("avif"):
            continue
        stream = io.BytesIO()
        image.save(stream, form, **({"exif": _exif()} if form in ("JPEG", "WEBP") else {}))
        encoded.append(Kind(name=ending, seeds=[stream.getvalue()], read=load_image))
    return encoded


def _exif() -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    return exif.tobytes()


def mutate(kind: Kind, rng: random.Random) -> bytes:
    """A mutation of one of the kind's intact files."""
    data = rng.choice(kind.seeds)
    if kind.is_json and rng.random() < 0.7:
        return _mutate_json(data, rng)
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        _mutate_bytes(changed, rng)
    return bytes(changed)


def _mutate_bytes(data: bytearray, rng: random.Random) -> None:
    if not data:
        return
    # Headers and directories are at the ends.
    reach = rng.choice((min(len(data), 64), len(data)))
    at = rng.randrange(reach) if rng.random() < 0.7 else len(data) - 1 - rng.randrange(reach)
    length = rng.choice((1, 2, 4, 8, 64))
    choice = rng.randrange(8)
    if choice == 0:
        data[at] ^= 1 << rng.randrange(8)
    elif choice == 1:
        data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))
    elif choice == 2:
        data[at : at + length] = rng.choice((b"\0", b"\xff", b"\x7f")) * length
    elif choice == 3:
        del data[at : at + length]
    elif choice == 4:
        data[at:at] = data[at : at + length] * rng.choice((1, 2, 100))
    elif choice == 5:
        del data[at:]
    elif choice == 6:
        data[at : at + 4] = rng.choice((0, 1, 2**31 - 1, 2**32 - 1)).to_bytes(4, "little")
    else:
        data[at:at] = rng.randbytes(length)


def _mutate_json(data: bytes, rng: random.Random) -> bytes:
    document = json.loads(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        document = _mutate_value(document, rng)
    return json.dumps(document).encode()


def _mutate_value(value: object, rng: random.Random, depth: int = 0) -> object:
    if isinstance(value, (dict, list)) and value and rng.random() < (1.0 if depth < 2 else 0.6):
        key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
        copy = dict(value) if isinstance(value, dict) else list(value)
        action = rng.randrange(10)
        if action == 0:
            del copy[key]  # type: ignore[arg-type]
        elif action == 1 and isinstance(copy, list):
            copy += copy[: rng.choice((1, 100))]
        elif action == 2 and isinstance(copy, dict):
            copy[rng.choice(("", "x" * 300, "a\0", "id"))] = rng.choice(_HOSTILE)
        else:
            copy[key] = _mutate_value(value[key], rng, depth + 1)  # type: ignore[index]
        return copy
    return rng.choice(_HOSTILE)
