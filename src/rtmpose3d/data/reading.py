"""Reading a split of a dataset: `read_dataset` returns a `Reading` to iterate over.

Records are yielded in the order of the files; no image is opened. Annotations that are skipped by
rule are counted by reason. A bad annotation is an error that names file and index or, with
`on_bad="skip"`, an entry of `Reading.bad`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from rtmpose3d.data.candidates import AnnotationFile, Candidate, Reader, ReadOptions, Skipped
from rtmpose3d.data.own import COCO_STYLE
from rtmpose3d.data.records import PoseRecord, is_file
from rtmpose3d.data.specs import DatasetSpec
from rtmpose3d.data.table import DATASETS
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.untrusted import brief, reading

OnBad: TypeAlias = Literal["raise", "skip"]


@dataclass(frozen=True, kw_only=True)
class BadLabel:
    """An annotation that cannot be used.

    Attributes:
        file: annotation file.
        index: index in that file, from 0.
        text: error message, with file and index.
    """

    file: Path
    index: int
    text: str


@dataclass(eq=False)
class Reading:
    """The records of a split. Iterating again starts over.

    Attributes:
        spec: row of the dataset.
        files: annotation files.
        reader: reader of the files.
        options: options of reading.
        on_bad: "raise" at the first bad annotation, or "skip" it and continue.
        records: number of records yielded so far.
        with_3d: number of those with 3D labels.
        skipped: number of annotations skipped by rule, by reason.
        bad: bad annotations that were skipped.
    """

    spec: DatasetSpec
    files: Sequence[AnnotationFile]
    reader: Reader
    options: ReadOptions
    on_bad: OnBad
    records: int = 0
    with_3d: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    bad: list[BadLabel] = field(default_factory=list)

    def __iter__(self) -> Iterator[PoseRecord]:
        """The records.

        Raises:
            InputError: a file is missing, broken or empty; an annotation is bad and `on_bad` is
                "raise"; no annotation could be used.
        """
        self.records = self.with_3d = 0
        self.skipped.clear()
        self.bad.clear()
        exists: dict[Path, bool] = {}
        for file in self.files:
            for candidate in self._candidates(file):
                record = self._build(candidate, exists)
                if record is not None:
                    self.records += 1
                    self.with_3d += record.has_3d
                    yield record
        if not self.records:
            raise InputError(self._no_records_text())

    def _candidates(self, file: AnnotationFile) -> Iterator[Candidate]:
        """Candidates of a file; whatever its content leads to becomes an InputError."""
        with reading(file.path, "annotation file"):
            candidates = iter(self.reader(file, self.options))
        while True:
            with reading(file.path, "annotation file"):
                candidate = next(candidates, None)
            if candidate is None:
                return
            yield candidate

    def _build(self, candidate: Candidate, exists: dict[Path, bool]) -> PoseRecord | None:
        """Builds a record; None if the annotation is skipped."""
        try:
            built = _build_checked(candidate)
            if isinstance(built, Skipped):
                self.skipped[built.reason] += 1
                return None
            if self.options.check_images:
                _check_image(built, exists)
        except InputError as error:
            if self.on_bad == "raise":
                raise
            ref = candidate.ref
            self.bad.append(BadLabel(file=ref.file.path, index=ref.index, text=str(error)))
            return None
        return built

    def _no_records_text(self) -> str:
        reasons = [f"{count} x {reason}" for reason, count in self.skipped.items()]
        if self.bad:
            reasons.append(f"{len(self.bad)} bad, the first: {self.bad[0].text}")
        files = ", ".join(str(file.path) for file in self.files[:3])
        why = "; ".join(reasons) or "its files hold no annotations"
        return f"{self.spec.name}: no usable annotation in {files}: {why}"


def _build_checked(candidate: Candidate) -> PoseRecord | Skipped:
    """Builds a record; any error that a broken annotation leads to becomes an InputError."""
    try:
        return candidate.build()
    except InputError as error:
        ref = str(candidate.ref)
        if ref in str(error):
            raise
        raise InputError(f"{ref}: {error}") from error
    except KeyError as error:
        raise InputError(f"{candidate.ref}: it has no {error}") from error
    except Exception as error:  # whatever numpy and OpenCV raise
        reason = brief(str(error)) or type(error).__name__
        raise InputError(f"{candidate.ref}: broken annotation: {reason}") from error


def _check_image(record: PoseRecord, exists: dict[Path, bool]) -> None:
    if not isinstance(record.image, Path):
        return
    if record.image not in exists:
        exists.clear()  # people of one image follow each other
        exists[record.image] = is_file(record.image)
    if not exists[record.image]:
        raise InputError(f"{record.source}: its image {record.image} does not exist")


def read_dataset(
    name: str,
    folder: Path | str,
    split: str = "train",
    *,
    on_bad: OnBad = "raise",
    options: ReadOptions | None = None,
    annotations: str | None = None,
    images: str | None = None,
) -> Reading:
    """Opens a split of a dataset for reading.

    Args:
        name: name of the dataset, a key of `DATASETS`.
        folder: folder of the dataset, named as in the table or as mmpose names it, or the folder
            around it.
        split: name of the split.
        on_bad: what to do at a bad annotation: "raise", or "skip" it and continue.
        options: how to read; None: the default, for training.
        annotations: annotation file to use instead, relative to the folder.
        images: image folder to use instead, relative to the folder.

    Returns:
        The reading; iterate over it for the records.

    Raises:
        UnknownNameError: there is no such dataset or split.
        InputError: its files do not exist; `on_bad` is neither.

    Example:
        >>> reading = read_dataset("coco-wholebody", "data/coco-wholebody", "val")
        >>> records = list(reading)
    """
    if name not in DATASETS:
        raise UnknownNameError("dataset", name, DATASETS)
    if on_bad not in ("raise", "skip"):
        raise InputError(f"on_bad must be 'raise' or 'skip', got {on_bad!r}")
    spec = DATASETS[name]
    return Reading(
        spec=spec,
        files=spec.files(Path(folder), split, annotations=annotations, images=images),
        reader=spec.split(split).reader or spec.reader,
        options=options or ReadOptions(),
        on_bad=on_bad,
    )


def read_coco_style(
    annotations: Path | str,
    images: Path | str | None = None,
    *,
    on_bad: OnBad = "raise",
    options: ReadOptions | None = None,
) -> Reading:
    """Opens one's own annotations for reading: a COCO-style file of any name.

    Args:
        annotations: the file, with 133 keypoints or the 17 of the body (docs/datasets.md).
        images: folder that its file names are relative to; None: the folder of the file.
        on_bad: what to do at a bad annotation: "raise", or "skip" it and continue.
        options: how to read; None: the default, for training.

    Raises:
        InputError: there is no such file or folder.

    Example:
        >>> records = list(read_coco_style("mine.json", "photos"))
    """
    file = Path(annotations).expanduser()
    folder = file.parent if images is None else Path(images).expanduser()
    if not is_file(file):
        raise InputError(f"there is no annotation file {file}")
    if not folder.is_dir():
        raise InputError(f"the image folder {folder} of {file} is no folder")
    return read_dataset(
        COCO_STYLE.name,
        file.parent,
        on_bad=on_bad,
        options=options,
        annotations=str(file.absolute()),
        images=str(folder.absolute()),
    )
