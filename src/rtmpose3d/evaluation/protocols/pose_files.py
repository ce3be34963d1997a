"""Existing poses for annotated images: which of the files of `PoseResult.save` is of which image.

A result names its image by a path, the annotations by another one. They are of one image if the
shorter path is the end of the longer one, so that folders of cameras and videos count wherever both
name them, and the file name alone only where no other image has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from rtmpose3d.data import AnnotatedImage
from rtmpose3d.errors import InputError
from rtmpose3d.sinks import load_results
from rtmpose3d.structures import PoseResult

RESULT_ENDINGS = (".npz", ".json")  # the first of the same name is read; .npz files are exact


@dataclass(frozen=True, kw_only=True)
class ImageIndex:
    """Annotated images by the ends of their paths.

    Attributes:
        images: the images.
    """

    images: Sequence[AnnotatedImage]
    _by_name: Mapping[str, list[AnnotatedImage]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_name: dict[str, list[AnnotatedImage]] = {}
        for image in self.images:
            by_name.setdefault(image.path.name, []).append(image)
        object.__setattr__(self, "_by_name", by_name)

    def find(self, source: Path | None, where: str) -> list[AnnotatedImage]:
        """The images that a result is of: one, or more if one file is listed under several ids.

        Args:
            source: path of the image as the result has it.
            where: the file of the result, for messages.

        Raises:
            InputError: no image is that, or several files are.
        """
        named = "" if source is None else str(source)
        parts = () if source is None else _parts(named)
        candidates = self._by_name.get(parts[-1], []) if parts else []
        fitting = [(_common(parts, image), image) for image in candidates]
        best = max((common for common, _ in fitting), default=0)
        chosen = [image for common, image in fitting if common and common == best]
        if not chosen:
            raise InputError(f"{where}: its image {named!r} is not in the annotations")
        files = sorted({str(image.path) for image in chosen})
        if len(files) > 1:
            raise InputError(
                f"{where}: its image {named!r} may be {files[0]} or {files[1]}; results that hold "
                "the folder of their image are distinguished"
            )
        return chosen


def _parts(path: str) -> tuple[str, ...]:
    """Parts of a path, also of one with backslashes; without . and the root."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    return tuple(part for part in parts if part not in ("/", "."))


def _common(parts: tuple[str, ...], image: AnnotatedImage) -> int:
    """Number of parts that two paths share at their ends; 0 if they contradict each other."""
    best = 0
    for path in {image.file_name or image.path.name, str(image.path)}:
        own = _parts(path)
        shorter = min(len(own), len(parts))
        if own[-shorter:] == parts[-shorter:]:
            best = max(best, shorter)
    return best


def result_files(path: Path) -> list[Path]:
    """Files of results: the one given, or those of a folder and its subfolders.

    Of files that differ in their ending alone, which `--save json,npz` gives, the .npz is taken.

    Raises:
        InputError: the folder holds none.
    """
    if not path.is_dir():
        return [path]
    by_stem: dict[Path, Path] = {}
    for ending in RESULT_ENDINGS:
        for file in sorted(path.rglob(f"*{ending}")):
            by_stem.setdefault(file.with_suffix(""), file)
    if not by_stem:
        raise InputError(f"{path} holds no .json or .npz file")
    return [by_stem[stem] for stem in sorted(by_stem)]


def read_own_results(
    path: Path, images: Sequence[AnnotatedImage]
) -> Iterator[tuple[AnnotatedImage, PoseResult]]:
    """Reads results of this package with the annotated images that they are of.

    Args:
        path: a .json, .npz or .jsonl file of this package, or a folder of .json and .npz files.
        images: annotated images.

    Raises:
        InputError: a file is no such result, is of an image that is not annotated or of another
            size, or of the image of another file.
    """
    index = ImageIndex(images=images)
    seen: dict[Path, Path] = {}
    results = ((file, result) for file in result_files(path) for result in load_results(file))
    for file, result in results:
        found = index.find(result.source, str(file))
        if found[0].path in seen:
            raise InputError(
                f"{file} and {seen[found[0].path]} both hold poses of {found[0].path.name!r}; keep "
                "one of them"
            )
        seen[found[0].path] = file
        for image in found:
            if image.size_wh is not None and result.image_size_wh not in ((0, 0), image.size_wh):
                raise InputError(
                    f"{file}: its image has {result.image_size_wh} (width, height) pixels, the "
                    f"annotations say {image.size_wh}"
                )
            yield image, result
