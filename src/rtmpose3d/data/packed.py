"""Compact storage of records: `RecordTable`, a sequence that builds its records on access.

A record of a body dataset has 133 rows for 12 keypoints, and a million of them as Python objects
are gigabytes that every worker copies. The table stores labelled keypoints only, in a few arrays.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast, get_args, overload

import numpy as np

from rtmpose3d.data.ids import FileId
from rtmpose3d.data.records import BoxKind, PoseRecord, annotation_text
from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.skeletons import NUM_KEYPOINTS
from rtmpose3d.structures import FloatArray, IntArray

_BOX_KINDS: tuple[BoxKind, ...] = get_args(BoxKind)
_NONE = -1  # a size that a record does not have
_NO_ID = -(2**62)  # ids below it are indices of the list of texts and of other large ids


class RecordTable(Sequence[PoseRecord]):
    """Records of image files, packed.

    Records come back equal, except that keypoints neither visible nor known in 3D are at (0, 0)
    with a label weight of 1, and that `occluded` and `unclipped_box_xyxy`, which only evaluation
    needs, are None.

    Args:
        records: records of image files with annotation file and index, as readers yield them.

    Raises:
        InputError: a record holds its image as an array, or has no annotation file or index.
    """

    def __init__(self, records: Iterable[PoseRecord]) -> None:
        packer = _Packer()
        for record in records:
            packer.add(record)
        self._texts = packer.texts
        self._first = np.frombuffer(packer.first, np.int64)
        self._which = np.frombuffer(packer.which, np.uint8)
        self._points = np.frombuffer(packer.points, np.float32).reshape(-1, 4)
        self._first_3d = np.frombuffer(packer.first_3d, np.int64)
        self._metres = np.frombuffer(packer.metres, np.float32).reshape(-1, 3)
        self._floats = np.frombuffer(packer.floats, np.float64).reshape(-1, 9)
        self._ints = np.frombuffer(packer.ints, np.int64).reshape(-1, 11)
        self._other_ids = tuple(packer.other_ids)
        self._names = bytes(packer.names)
        self._name_ends = np.frombuffer(packer.name_ends, np.int64)

    def __len__(self) -> int:
        return len(self._ints)

    @property
    def nbytes(self) -> int:
        """Size of all arrays, bytes."""
        arrays = (self._first, self._which, self._points, self._first_3d, self._metres)
        more = (self._floats, self._ints, self._name_ends)
        return sum(a.nbytes for a in (*arrays, *more)) + len(self._names)

    @overload
    def __getitem__(self, index: int) -> PoseRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[PoseRecord]: ...
    def __getitem__(self, index: int | slice) -> PoseRecord | list[PoseRecord]:
        """One record, or a list of them for a slice."""
        if isinstance(index, slice):
            return [self._record(i) for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        return self._record(int(index) % len(self))

    def _record(self, i: int) -> PoseRecord:
        dataset, licence, file, index, width, height, *rest = self._ints[i].tolist()
        box_kind, image_id, annotation_id, crowd, ignored = rest
        path = Path(self._texts[file])
        size = None if width == _NONE else (width, height)
        keypoints, visible, weight, metres = self._keypoints(i)
        floats = self._floats[i]
        start = int(self._name_ends[i - 1]) if i else 0
        return PoseRecord(
            image=Path(os.fsdecode(self._names[start : self._name_ends[i]])),
            box_xyxy=floats[:4].astype(np.float32),
            keypoints_px=keypoints,
            visible=visible,
            source=annotation_text(self._texts[dataset], path, index, self._id(annotation_id)),
            licence=self._texts[licence],
            keypoints_camera_m=metres,
            camera=_camera(floats[5:], size),
            dataset=self._texts[dataset],
            annotation_file=path,
            index=index,
            image_size_wh=size,
            box_kind=_BOX_KINDS[box_kind],
            image_id=self._id(image_id),
            annotation_id=self._id(annotation_id),
            area_px2=None if np.isnan(floats[4]) else float(floats[4]),
            crowd=bool(crowd),
            ignored=bool(ignored),
            label_weight=None if (weight == 1).all() else weight,
        )

    def _id(self, code: int) -> FileId | None:
        if code == _NO_ID:
            return None
        return code if code > _NO_ID else self._other_ids[_NO_ID - 1 - code]

    def _keypoints(self, i: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray | None]:
        """Positions, visibility, label weights and metres."""
        which = self._which[self._first[i] : self._first[i + 1]]
        points = self._points[self._first[i] : self._first[i + 1]]
        keypoints = np.zeros((NUM_KEYPOINTS, 2), np.float32)
        visible = np.zeros(NUM_KEYPOINTS, np.float32)
        weight = np.ones(NUM_KEYPOINTS, np.float32)
        keypoints[which], visible[which], weight[which] = points[:, :2], points[:, 2], points[:, 3]
        start, end = self._first_3d[i : i + 2]
        if start == end:
            return keypoints, visible, weight, None
        metres = np.full((NUM_KEYPOINTS, 3), np.nan, np.float32)
        metres[which] = self._metres[start:end]
        return keypoints, visible, weight, metres


def _camera(intrinsics: FloatArray, size: tuple[int, int] | None) -> Camera | None:
    if size is None or np.isnan(intrinsics).any():
        return None
    fx, fy, cx, cy = intrinsics.tolist()
    return Camera(fx=fx, fy=fy, cx=cx, cy=cy, width=size[0], height=size[1])


class _Packer:
    """Builder of a table's arrays."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._text_index: dict[str, int] = {}
        self.first, self.first_3d = array("q", [0]), array("q", [0])
        self.which = bytearray()
        self.points, self.metres = array("f"), array("f")
        self.floats, self.ints = array("d"), array("q")
        self.names = bytearray()
        self.other_ids: list[FileId] = []
        self.name_ends = array("q")

    def add(self, record: PoseRecord) -> None:
        path, index = record.annotation_file, record.index
        if not isinstance(record.image, Path) or path is None or index is None:
            raise InputError(
                f"{record.source}: only records of image files with annotation file and index "
                "can be packed"
            )
        self._add_keypoints(record)
        camera = record.camera
        lens = [np.nan] * 4 if camera is None else [camera.fx, camera.fy, camera.cx, camera.cy]
        area = np.nan if record.area_px2 is None else record.area_px2
        self.floats.extend([*record.box_xyxy.tolist(), area, *lens])
        texts = (record.dataset, record.licence, str(path))
        ids = (record.image_id, record.annotation_id)
        self.ints.extend(
            [
                *(self._index_text(text) for text in texts),
                index,
                *(record.image_size_wh or (_NONE, _NONE)),
                _BOX_KINDS.index(record.box_kind),
                *(self._id_code(known) for known in ids),
                record.crowd,
                record.ignored,
            ]
        )
        self.names += os.fsencode(record.image)
        self.name_ends.append(len(self.names))

    def _add_keypoints(self, record: PoseRecord) -> None:
        keep = record.visible > 0
        metres = record.keypoints_camera_m
        if metres is not None:
            keep = keep | ~np.isnan(metres).all(axis=1)
        which = cast("IntArray", np.flatnonzero(keep))
        self.which += which.astype(np.uint8).tobytes()
        weight = record.label_weight
        weight = np.ones(NUM_KEYPOINTS, np.float32) if weight is None else weight
        columns = [record.keypoints_px, record.visible[:, None], weight[:, None]]
        points = np.concatenate(columns, axis=1)[which]
        self.points.frombytes(points.astype(np.float32).tobytes())
        self.first.append(self.first[-1] + len(which))
        count = 0 if metres is None else len(which)
        if metres is not None:
            self.metres.frombytes(metres[which].tobytes())
        self.first_3d.append(self.first_3d[-1] + count)

    def _id_code(self, known: FileId | None) -> int:
        if known is None:
            return _NO_ID
        if isinstance(known, int) and abs(known) < -_NO_ID:
            return known
        self.other_ids.append(known)
        return _NO_ID - len(self.other_ids)

    def _index_text(self, text: str) -> int:
        if text not in self._text_index:
            self._text_index[text] = len(self.texts)
            self.texts.append(text)
        return self._text_index[text]
