"""Reader of MakeHuman's shape morphs: a directory of .target text files, or targets.tar.xz.

The files (some 1,200, 125 MB of text) are read once and cached as one packed .npz file. A morph
moves some vertices by fixed offsets; bodies are weighted sums of morphs.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.errors import InputError, OutputError, UnknownNameError
from rtmpose3d.structures import FloatArray, IntArray
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.untrusted import read_arrays, reading

logger = logging.getLogger(__name__)

STEP = 0.001  # decimetres: the text files have three decimals
_FORMAT = 2  # to be increased when the layout of the cached file changes
_SKIPPED = ("expression/",)  # faces are moved by the bones of the pose units instead


@dataclass(frozen=True, kw_only=True, eq=False)
class Targets:
    """All morphs of a mesh, packed.

    Attributes:
        ranges: name (path without ".target", with "/" as separator) to start and end row.
        vertices: (N,) uint16 moved vertices.
        offsets: (N, 3) int16 in units of 0.001 decimetres.
    """

    ranges: Mapping[str, tuple[int, int]]
    vertices: IntArray
    offsets: IntArray

    def __contains__(self, name: str) -> bool:
        return name in self.ranges

    def apply(self, positions: FloatArray, weights: Mapping[str, float]) -> FloatArray:
        """Applies weighted morphs.

        Args:
            positions: (V, 3), decimetres.
            weights: weight of each morph by name; 1 is the full morph.

        Returns:
            (V, 3) float32, a new array.

        Raises:
            UnknownNameError: a morph does not exist.
        """
        moved = positions.astype(np.float32)
        for name, weight in weights.items():
            if name not in self.ranges:
                raise UnknownNameError("shape morph", name, self.ranges)
            start, end = self.ranges[name]
            if weight != 0.0 and end > start:
                scaled = self.offsets[start:end] * np.float32(weight * STEP)
                moved[self.vertices[start:end]] += scaled
        return moved


def open_targets(folder: Path, cache: Path | None = None) -> Targets:
    """Opens the morphs in `folder/targets` or `folder/targets.tar.xz`, using the cache.

    Args:
        folder: directory of MakeHuman's data.
        cache: directory of the packed file; by default next to the downloaded checkpoints, or the
            system's temporary directory if that is not writable.

    Raises:
        InputError: neither exists, or it is damaged.
    """
    loose, packed = folder / "targets", folder / "targets.tar.xz"
    if loose.is_dir():
        source = loose
    elif packed.is_file():
        source = packed
    else:
        raise InputError(
            f"no shape morphs in {folder}: expected the folder 'targets' or the file "
            "'targets.tar.xz' of MakeHuman's data"
        )
    file = (cache or _cache_folder()) / f"makehuman-targets-{_fingerprint(source)}.npz"
    if file.is_file():
        cached = _load(file)
        if cached is not None:
            return cached
    targets = _pack(_read_folder(loose) if source is loose else _read_archive(packed))
    if not targets.ranges:
        raise InputError(f"{source} has no .target files")
    _save(file, targets)
    return targets


def _cache_folder() -> Path:
    named = os.environ.get("RTMPOSE3D_CACHE")
    if named:
        return Path(named).expanduser().resolve().parent
    home = Path("~/.cache/rtmpose3d").expanduser()
    return home if os.access(home.parent, os.W_OK) else Path(tempfile.gettempdir())


def _fingerprint(source: Path) -> str:
    """Hash of the files' names, sizes and times, without reading them."""
    files = sorted(source.rglob("*.target")) if source.is_dir() else [source]
    digest = hashlib.sha256(f"{_FORMAT} {source.resolve()}".encode())
    for file in files:
        status = file.stat()
        digest.update(f"{file.name} {status.st_size} {status.st_mtime_ns};".encode())
    return digest.hexdigest()[:16]


def _read_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.rglob("*.target")):
        yield file.relative_to(folder).with_suffix("").as_posix(), file.read_bytes()


def _read_archive(archive: Path) -> Iterator[tuple[str, bytes]]:
    logger.info("reading %s once; this takes about ten seconds", archive)
    try:
        with tarfile.open(archive, "r:xz") as tar:
            for member in tar:
                if member.isfile() and member.name.endswith(".target"):
                    content = tar.extractfile(member)
                    name = member.name.removesuffix(".target").partition("targets/")[2]
                    if content is not None:
                        yield name, content.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"{archive} is damaged: {error}; get it again") from error


def _pack(texts: Iterator[tuple[str, bytes]]) -> Targets:
    ranges: dict[str, tuple[int, int]] = {}
    vertices: list[IntArray] = []
    offsets: list[IntArray] = []
    row = 0
    for name, text in texts:
        if name.startswith(_SKIPPED):
            continue
        body = b"\n".join(line for line in text.splitlines() if not line.startswith(b"#"))
        try:
            values = np.array(body.split(), np.float64).reshape(-1, 4)
        except ValueError as error:
            raise InputError(f"the shape morph {name!r} is damaged: {error}") from error
        vertices.append(values[:, 0].astype(np.uint16))
        offsets.append(np.round(values[:, 1:] / STEP).astype(np.int16))
        ranges[name] = (row, row + len(values))
        row += len(values)
    if not ranges:
        return Targets(
            ranges={}, vertices=np.zeros(0, np.uint16), offsets=np.zeros((0, 3), np.int16)
        )
    return Targets(
        ranges=ranges, vertices=np.concatenate(vertices), offsets=np.concatenate(offsets)
    )


def _save(file: Path, targets: Targets) -> None:
    """Writes the packed file; if it cannot be written, the morphs are read again next time."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(file, "wb") as handle:
            np.savez(
                handle,
                names=np.array(list(targets.ranges)),
                rows=np.array(list(targets.ranges.values()), np.int64),
                vertices=targets.vertices,
                offsets=targets.offsets,
            )
    except (OutputError, OSError) as error:
        logger.warning("the shape morphs could not be cached: %s", error)


def _load(file: Path) -> Targets | None:
    """Reads the packed file; None if it is damaged and must be written again."""
    try:
        packed = read_arrays(file, "names", "rows", "vertices", "offsets")
        with reading(file):
            return _checked(packed)
    except InputError as error:
        logger.warning("%s is damaged and will be rebuilt: %s", file, error)
        return None


def _checked(packed: Mapping[str, NDArray[np.generic]]) -> Targets:
    """The morphs of a packed file, of shapes and indices that a mesh can have."""
    vertices, offsets, rows = packed["vertices"], packed["offsets"], packed["rows"]
    if vertices.dtype != np.uint16 or vertices.ndim != 1:
        raise ValueError(f"vertices of {vertices.dtype}, shape {vertices.shape}")
    if offsets.dtype != np.int16 or offsets.shape != (len(vertices), 3):
        raise ValueError(f"offsets of {offsets.dtype}, shape {offsets.shape}")
    if rows.dtype.kind != "i" or rows.shape != (len(packed["names"]), 2):
        raise ValueError(f"rows of {rows.dtype}, shape {rows.shape}")
    if rows.size and not (rows.min() >= 0 and rows.max() <= len(vertices)):
        raise ValueError("rows beyond the morphs")
    ranges = {
        str(name): (int(start), int(end))
        for name, (start, end) in zip(packed["names"].tolist(), rows.tolist(), strict=True)
    }
    return Targets(
        ranges=ranges, vertices=vertices.astype(np.uint16), offsets=offsets.astype(np.int16)
    )
