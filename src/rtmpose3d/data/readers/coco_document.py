"""The document of a COCO-style annotation file: images by id, annotations, categories of people.

Files differ in what they call an id (`rtmpose3d.data.ids`), which categories they count, and how
they write file names. All of that is decided here, for training and evaluation alike.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import TypedDict, cast

from rtmpose3d.data.candidates import AnnotationFile, read_json
from rtmpose3d.data.ids import FileId, id_key, parse_id
from rtmpose3d.errors import InputError

PERSON_NAMES = frozenset({"person", "persons", "people", "human"})
_MAX_NAME_BYTES, _MAX_PATH_BYTES = 255, 4095  # of a file system


class ImageEntry(TypedDict):
    """Fields of an image that readers use; accessing one that the file lacks is a KeyError."""

    id: FileId
    file_name: str
    width: int
    height: int
    capture: int | str
    camera: int | str
    frame_idx: int | str


@dataclass(frozen=True, kw_only=True, eq=False)
class CocoDocument:
    """A COCO-style annotation file.

    Attributes:
        images: entries of the images by `id_key` of their ids, in the file's order.
        annotations: as the file has them, not checked.
        person_categories: ids of the categories of people by `id_key`; None: all categories are.
    """

    images: Mapping[Hashable, ImageEntry]
    annotations: Sequence[object]
    person_categories: Mapping[Hashable, FileId] | None

    @property
    def person_category(self) -> FileId | None:
        """Id of the first category of people; None where the file does not say."""
        return next(iter(self.person_categories.values()), None) if self.person_categories else None

    def shows_person(self, annotation: Mapping[str, object]) -> bool:
        """Whether an annotation is of a person; one without a category is.

        Raises:
            InputError: its category is no id.
        """
        category = annotation.get("category_id")
        if category is None or self.person_categories is None:
            return True
        return id_key(parse_id(category, "category_id")) in self.person_categories


def read_document(file: AnnotationFile) -> CocoDocument:
    """Reads the document of an annotation file.

    Raises:
        InputError: the file is of another format, or empty; an image has no usable id or name, or
            the id of another.
    """
    document = read_json(file.path)
    if not isinstance(document, dict):
        raise InputError(
            f"{file.path} is of another format: it must hold `images` and `annotations`"
        )
    for name in ("images", "annotations"):
        entries = document.get(name)
        if not isinstance(entries, list):
            raise InputError(f"{file.path} must hold a list `{name}`, as COCO's files do")
        if not entries:
            raise InputError(f"{file.path} is empty: `{name}` has no entry")
    annotations: list[object] = document["annotations"]
    return CocoDocument(
        images=_images(file, document["images"]),
        annotations=annotations,
        person_categories=_person_categories(document.get("categories"), annotations),
    )


def _images(file: AnnotationFile, entries: Iterable[object]) -> dict[Hashable, ImageEntry]:
    images: dict[Hashable, ImageEntry] = {}
    for index, entry in enumerate(entries):
        where = f"{file.path}, image {index}"
        if not isinstance(entry, dict) or "id" not in entry or "file_name" not in entry:
            raise InputError(f"{where}: it needs `id` and `file_name`")
        try:
            image_id = parse_id(entry["id"], "its id")
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        if not isinstance(entry["file_name"], str) or not entry["file_name"]:
            raise InputError(f"{where}: its file_name must be text that is not empty")
        image = cast("ImageEntry", {**entry, "id": image_id})
        first = images.setdefault(id_key(image_id), image)
        if first["file_name"] != image["file_name"]:
            raise InputError(
                f"{where}: the id {image_id!r} occurs twice, for {first['file_name']!r} and "
                f"{image['file_name']!r}"
            )
    return images


def _person_categories(
    categories: object, annotations: Iterable[object]
) -> dict[Hashable, FileId] | None:
    """Ids of the categories of people; None where the file does not say, so that all count.

    People are the categories with a name of `PERSON_NAMES`, otherwise those that declare keypoints,
    otherwise the only one. A file with one category whose annotations all have another id, which
    some tools write (one counts from 0, the other from 1), has only people.
    """
    entries = categories if isinstance(categories, list) else []
    rows = [row for row in entries if isinstance(row, dict)]
    named = [row for row in rows if str(row.get("name", "")).strip().lower() in PERSON_NAMES]
    declared = [row for row in rows if isinstance(row.get("keypoints"), list) and row["keypoints"]]
    chosen = named or declared or (rows if len(rows) == 1 else [])
    people = _ids(row.get("id") for row in chosen)
    if not people:
        return None
    used = _ids(a.get("category_id") for a in annotations if isinstance(a, dict))
    one_renumbered = len(rows) == len(used) == 1 and used.keys() != people.keys()
    return None if one_renumbered else people


def _ids(values: Iterable[object]) -> dict[Hashable, FileId]:
    """Those values that are ids, by their keys."""
    ids: dict[Hashable, FileId] = {}
    for value in values:
        with contextlib.suppress(InputError):
            one = parse_id(value, "id")
            ids.setdefault(id_key(one), one)
    return ids


def image_path(folder: Path, name: str) -> Path:
    """The file of an image, inside the folder of the images.

    Backslashes are separators, as on Windows, unless there is a file with them in its name.

    Args:
        folder: folder of the images.
        name: file name as in the annotations: relative to the folder, or absolute inside it.

    Raises:
        InputError: it cannot be a file name, or lies outside of the folder.
    """
    try:
        encoded = os.fsencode(name)
    except UnicodeEncodeError as error:
        raise InputError(f"file_name {name[:100]!a} holds characters of no text") from error
    if b"\0" in encoded:
        raise InputError(f"file_name {name[:100]!a} holds a zero byte")
    if len(encoded) > _MAX_PATH_BYTES or max(map(len, encoded.split(b"/"))) > _MAX_NAME_BYTES:
        raise InputError(f"file_name {name[:40]!r}... is too long: {len(encoded)} bytes")
    if "\\" in name and not os.path.lexists(folder / name):
        name = PureWindowsPath(name).as_posix()
        if PureWindowsPath(name).is_absolute():
            raise InputError(_outside_text(name, folder))
    path = folder / name
    if ".." in name or os.path.isabs(name):  # noqa: PTH117 - of the text
        root, whole = os.path.abspath(folder), os.path.abspath(path)  # noqa: PTH100 - lexical
        if whole == root or os.path.commonpath([root, whole]) != root:
            raise InputError(_outside_text(name, folder))
        path = folder / os.path.relpath(whole, root)
    return path


def _outside_text(name: str, folder: Path) -> str:
    return (
        f"file_name {name[:200]!r} lies outside of the image folder {folder}; file names are "
        "relative to it, so choose an image folder that contains them all"
    )
