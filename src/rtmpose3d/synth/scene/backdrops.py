"""Backdrops: photographs and painted images behind the people, and textures cut from them.

In: a directory with photographs (in `photos/` or directly), objects (`objects/`) and optionally a
`SOURCES.csv` of licences and of which photographs show the same location. Out: (H, W, 3) uint8 BGR
images. Train and validation split by location, so no location is in both.
"""

from __future__ import annotations

import csv
import zlib
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.structures.arrays import Image, UInt8Array

AssetSplit = Literal["train", "val"]
ASSET_SPLITS: tuple[AssetSplit, ...] = ("train", "val")
_VAL_FRACTION = 0.12  # of the locations
_MAX_SIDE_PX = 1280  # larger photographs are halved until they fit
_CACHE_BYTES = 400 << 20
_PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A photograph or object.

    Attributes:
        path: the file.
        location: where a photograph was taken; files of one location are in one split.
        credit: author, source and licence.
    """

    path: Path
    location: str
    credit: str = ""


@dataclass(eq=False)
class Backdrops:
    """Photographs and objects of one split.

    Attributes:
        photos: image files.
        objects: .glb files.
    """

    photos: tuple[SourceFile, ...] = ()
    objects: tuple[SourceFile, ...] = ()
    _cache: OrderedDict[Path, Image] = field(default_factory=OrderedDict, repr=False)
    _bytes: int = field(default=0, repr=False)

    @classmethod
    def open(cls, folder: Path | str | None, split: AssetSplit) -> Backdrops:
        """Lists the files of one split in a directory.

        Args:
            folder: the directory; None for no files, that is, painted images only.
            split: "train" or "val".

        Raises:
            InputError: the directory does not exist or holds no image.
        """
        if folder is None:
            return cls()
        folder = Path(folder)
        if not folder.is_dir():
            raise InputError(f"{folder}: expected a folder of background photographs")
        rows = _read_sources(folder)
        photos = _files(folder / "photos" if (folder / "photos").is_dir() else folder)
        photos = [p for p in photos if p.suffix.lower() in _PHOTO_SUFFIXES]
        if not photos:
            raise InputError(
                f"{folder} holds no photographs ({', '.join(_PHOTO_SUFFIXES)}), "
                "neither directly nor in its folder `photos`"
            )
        objects = [p for p in _files(folder / "objects") if p.suffix.lower() == ".glb"]
        return cls(
            photos=_select_split([_source_file(p, folder, rows) for p in photos], split),
            objects=_select_split([_source_file(p, folder, rows) for p in objects], split),
        )

    def photo(self, rng: np.random.Generator) -> Image:
        """A random photograph, flipped half of the time; a painted image if there are none."""
        if not self.photos:
            return painted_image(rng)
        image = self._read(self.photos[rng.integers(len(self.photos))].path)
        return np.ascontiguousarray(image[:, ::-1]) if rng.random() < 0.5 else image

    def _read(self, path: Path) -> Image:
        image = self._cache.pop(path, None)
        if image is None:
            image = read_image(path)
            self._bytes += image.nbytes
        self._cache[path] = image
        while self._bytes > _CACHE_BYTES and len(self._cache) > 1:
            self._bytes -= self._cache.popitem(last=False)[1].nbytes
        return image


def read_image(path: Path) -> Image:
    """Reads an image file as (H, W, 3) uint8 BGR, halved until its sides are 1280 px or less.

    Raises:
        InputError: the file is not a readable image.
    """
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f"{path} is not a readable image; remove or replace it")
    while max(image.shape[:2]) > _MAX_SIDE_PX:
        image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.asarray(image, np.uint8)


def assign_split(location: str) -> AssetSplit:
    """Split that a location belongs to, independent of all other locations."""
    return "val" if zlib.crc32(location.encode()) % 1000 < 1000 * _VAL_FRACTION else "train"


def painted_image(rng: np.random.Generator, size_wh: tuple[int, int] = (320, 240)) -> Image:
    """A synthetic (H, W, 3) uint8 BGR image: colour noise with shapes and lines on it."""
    width, height = size_wh
    canvas = colour_noise(rng, size_wh)
    for _ in range(rng.integers(0, 30)):
        colour = [int(c) for c in rng.integers(0, 256, 3)]
        shape = rng.integers(4)
        a, b = ([int(c) for c in rng.integers(0, (width, height))] for _ in range(2))
        thick = int(rng.integers(1, 14))
        if shape == 0:
            cv2.line(canvas, a, b, colour, thick, cv2.LINE_AA)
        elif shape == 1:
            cv2.rectangle(canvas, a, b, colour, -1 if rng.random() < 0.6 else thick)
        elif shape == 2:
            axes = [int(c) for c in rng.integers(4, 70, 2)]
            cv2.ellipse(canvas, a, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
        else:
            points = rng.integers(0, (width, height), (int(rng.integers(3, 6)), 2))
            cv2.fillPoly(canvas, [points.astype(np.int32)], colour, cv2.LINE_AA)
    return canvas


def colour_noise(rng: np.random.Generator, size_wh: tuple[int, int]) -> Image:
    """(H, W, 3) uint8 noise of several scales around a random colour."""
    width, height = size_wh
    total = np.zeros((height, width, 3), np.float32)
    base = rng.uniform(0, 255, 3).astype(np.float32)
    for octave in range(int(rng.integers(2, 7))):
        cells = max(2, min(2 << octave, width, height))
        noise = rng.normal(0, 60 / (octave + 1), (cells, cells, 3 if octave < 2 else 1))
        grown = cv2.resize(noise.astype(np.float32), size_wh, interpolation=cv2.INTER_CUBIC)
        total += grown.reshape(height, width, -1)
    return np.clip(base + total, 0, 255).astype(np.uint8)


def cut_texture(photo: Image, rng: np.random.Generator, side_px: int = 128) -> UInt8Array:
    """Cuts a random square from a photograph as a (side, side, 4) uint8 RGBA texture."""
    height, width = photo.shape[:2]
    size = int(min(height, width) * rng.uniform(0.15, 0.9))
    top, left = rng.integers(0, height - size + 1), rng.integers(0, width - size + 1)
    part = photo[top : top + size, left : left + size]
    part = cv2.resize(part, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(part, cv2.COLOR_BGR2RGBA), np.uint8)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []


def _read_sources(folder: Path) -> dict[str, dict[str, str]]:
    """Rows of SOURCES.csv by the path of the file within the directory."""
    table = folder / "SOURCES.csv"
    if not table.is_file():
        return {}
    try:
        with table.open(encoding="utf-8", newline="") as handle:
            return {row["file"]: row for row in csv.DictReader(handle)}
    except (KeyError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{table}: expected a CSV table with the columns file, source, path, licence, "
            f"author; {error!r}"
        ) from error


def _source_file(path: Path, folder: Path, rows: dict[str, dict[str, str]]) -> SourceFile:
    name = path.relative_to(folder).as_posix()
    row = rows.get(name)
    if row is None:
        return SourceFile(path=path, location=name)
    location = row.get("path") or name
    credit = ", ".join(row.get(key) or "" for key in ("author", "source", "licence"))
    return SourceFile(path=path, location=f"{row.get('source', '')}:{location}", credit=credit)


def _select_split(files: list[SourceFile], split: AssetSplit) -> tuple[SourceFile, ...]:
    """Files of a split; if no location falls into val, the last one does."""
    locations = sorted({file.location for file in files})
    val = {name for name in locations if assign_split(name) == "val"} or set(locations[-1:])
    if len(val) == len(locations):
        return tuple(files)
    return tuple(file for file in files if (file.location in val) == (split == "val"))
