"""The result of one image: a mapping of arrays that also has attributes, images and files.

`result["keypoints_2d"]` and `result.keypoints_2d` are the same array. `len(result)` is the number
of people, `result[0]` or `result[1:3]` are results with those people only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np

from rtmpose3d.errors import InputError, UnknownNameError, import_extra
from rtmpose3d.geometry.axes import AXES, Axes, axes_from_camera
from rtmpose3d.skeletons import HIPS
from rtmpose3d.structures.arrays import FloatArray, Image, IntArray, NumberArray
from rtmpose3d.structures.declarations import (
    BBOX_SCORES,
    BBOXES,
    CONFIDENCE,
    DEPTH_STD_M,
    FILLED,
    KEYPOINTS_2D,
    KEYPOINTS_2D_STD,
    KEYPOINTS_CAMERA,
    ROOT_DEPTH_M,
    ROOT_DEPTH_SOURCE,
    ROOT_DEPTH_STD_M,
    SCORES,
    TRACK_IDS,
    RootDepthSource,
)
from rtmpose3d.structures.fields import PersonField, is_absent, person_fields
from rtmpose3d.structures.frame import check_image, check_index, check_size, check_time
from rtmpose3d.structures.runtime import Runtime

if TYPE_CHECKING:
    import pandas
    import PIL.Image

    from rtmpose3d.geometry.camera import Camera


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PoseResult(Mapping[str, NumberArray]):
    """Poses of the N people of one image; N may be 0. K = 133 keypoints.

    The first fields are per person; shape, unit and meaning of each are in
    `rtmpose3d.structures.declarations`. Float arrays are float32 as the model returns them; other
    floating types are kept.

    As a mapping, a result has the arrays for values: iteration, `keys()`, `values()`, `items()`,
    `get()`, `in`, `dict(result)` and `**result` go by their names. `len(result)` is the number of
    people and `bool(result)` whether there are any; `result[0]`, `result[1:3]`, `result[[0, 2]]`
    and `result[mask]` select people. Results are equal if everything but the image is equal,
    with NaN equal to NaN, and are not hashable.

    Attributes:
        axes: the frame of `keypoints_3d`.
        camera: the camera used for 3D; None without 3D.
        model: name of the pose model.
        runtime: backend, device and precision of the pose network; None if unknown.
        image_size_wh: width and height of the image, px.
        image: the image itself (not copied), for `plot`; None after `without_image()`.
        source: file the image came from, if any.
        frame_index: number of the image in its stream, from 0; None for single images.
        time_s: time of the image since the start of its stream, seconds; None if unknown.

    Raises:
        InputError: a field has another type, dtype or shape than declared.
        UnknownNameError: there is no such frame as `axes`.
    """

    bboxes: FloatArray = field(metadata=BBOXES.metadata)
    bbox_scores: FloatArray = field(metadata=BBOX_SCORES.metadata)
    keypoints_2d: FloatArray = field(metadata=KEYPOINTS_2D.metadata)
    scores: FloatArray = field(metadata=SCORES.metadata)
    confidence: FloatArray = field(metadata=CONFIDENCE.metadata)
    keypoints_camera: FloatArray | None = field(default=None, metadata=KEYPOINTS_CAMERA.metadata)
    root_depth_m: FloatArray | None = field(default=None, metadata=ROOT_DEPTH_M.metadata)
    root_depth_std_m: FloatArray | None = field(default=None, metadata=ROOT_DEPTH_STD_M.metadata)
    root_depth_source: tuple[RootDepthSource, ...] = field(
        default=(), metadata=ROOT_DEPTH_SOURCE.metadata
    )
    track_ids: IntArray | None = field(default=None, metadata=TRACK_IDS.metadata)
    keypoints_2d_std: FloatArray | None = field(default=None, metadata=KEYPOINTS_2D_STD.metadata)
    depth_std_m: FloatArray | None = field(default=None, metadata=DEPTH_STD_M.metadata)
    filled: IntArray | None = field(default=None, metadata=FILLED.metadata)
    axes: Axes = "z-up"
    camera: Camera | None = None
    model: str = ""
    runtime: Runtime | None = None
    image_size_wh: tuple[int, int] = (0, 0)
    image: Image | None = field(default=None, compare=False)
    source: Path | None = None
    frame_index: int | None = None
    time_s: float | None = None

    def __post_init__(self) -> None:
        people = len(self.bboxes) if np.ndim(self.bboxes) else 0
        for entry in person_fields(type(self)):
            if entry.stored:
                value = getattr(self, entry.name)
                entry.check(value, people)
                if entry.only_3d and not self.has_3d and not is_absent(value):
                    raise InputError(f"{entry.name} is for 3D, but keypoints_camera is None")
        if self.axes not in AXES:
            raise UnknownNameError("axes", self.axes, AXES)
        check_size(self.image_size_wh, "image_size_wh")
        if self.image is not None:
            check_image(self.image, "image")
        if self.frame_index is not None:
            check_index(self.frame_index, "frame_index")
        check_time(self.time_s, "time_s")

    @property
    def keypoints_3d(self) -> FloatArray:
        """(N, K, 3) float32, metres, in the frame that `axes` names.

        Raises:
            InputError: the model has no 3D.
        """
        return self.keypoints_in(self.axes)

    @property
    def origin_camera_m(self) -> FloatArray:
        """(N, 3) float32, metres, origin of the frame of `keypoints_3d` in camera space.

        Raises:
            InputError: the model has no 3D.
        """
        camera_space = self.keypoints_in("camera")
        if self.axes == "root":
            with np.errstate(invalid="ignore", over="ignore"):  # infinite hips give NaN
                return camera_space[:, list(HIPS)].mean(axis=1)
        return np.zeros_like(camera_space[:, 0])

    @property
    def has_3d(self) -> bool:
        """Whether the model gives 3D."""
        return self.keypoints_camera is not None

    def keypoints_in(self, axes: Axes) -> FloatArray:
        """(N, K, 3) float32, metres, in another frame: see `rtmpose3d.geometry`.

        Raises:
            InputError: the model has no 3D.
            UnknownNameError: there is no such frame.
        """
        if self.keypoints_camera is None:
            raise InputError(
                f"model {self.model!r} gives 2D keypoints only; "
                "for keypoints_3d use a 3D model such as rtmw3d-l"
            )
        return axes_from_camera(self.keypoints_camera, axes)

    def has(self, entry: PersonField) -> bool:
        """Whether this result has a per-person field."""
        return not is_absent(getattr(self, entry.name)) if entry.stored else self.has_3d

    # -- a mapping of arrays -------------------------------------------------------------------

    def keys(self) -> KeysView[str]:
        """Names of the arrays; 2D models have no keypoints_3d and no root depth."""
        names = (entry.name for entry in person_fields(type(self)) if entry.key and self.has(entry))
        return dict.fromkeys(names).keys()

    def values(self) -> ValuesView[NumberArray]:
        """The arrays, in the order of `keys()`."""
        return dict(self).values()

    def items(self) -> ItemsView[str, NumberArray]:
        """Names and arrays."""
        return dict(self).items()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def __len__(self) -> int:
        """Number of people."""
        return len(self.bboxes)

    def __bool__(self) -> bool:
        """Whether there are any people."""
        return len(self) > 0

    def __eq__(self, other: object) -> bool:
        """Whether all fields but the image are equal, with NaN equal to NaN."""
        if type(other) is not type(self):
            return NotImplemented
        return all(
            _equal(getattr(self, entry.name), getattr(other, entry.name))
            for entry in dataclasses.fields(self)
            if entry.compare
        )

    @overload
    def __getitem__(self, key: str) -> NumberArray: ...
    @overload
    def __getitem__(self, key: int | slice | Iterable[int]) -> PoseResult: ...
    def __getitem__(self, key: str | int | slice | Iterable[int]) -> NumberArray | PoseResult:
        if isinstance(key, str):
            if key not in self.keys():
                raise UnknownNameError("key of a result", key, self.keys())
            return getattr(self, key)
        return self._select(key)

    def people(self) -> Iterator[PoseResult]:
        """One result per person, in order."""
        return (self._select(i) for i in range(len(self)))

    def _select(self, key: int | slice | Iterable[int]) -> PoseResult:
        if isinstance(key, (int, np.integer)):
            if not -len(self) <= key < len(self):
                raise IndexError(f"person {key} of a result with {len(self)} people")
            key = slice(key, key + 1 or None)
        picked = np.arange(len(self))[key if isinstance(key, slice) else _as_index(key)]
        chosen: dict[str, object] = {}
        for entry in person_fields(type(self)):
            if entry.stored and self.has(entry):
                value = getattr(self, entry.name)
                is_array = isinstance(value, np.ndarray)
                chosen[entry.name] = value[picked] if is_array else tuple(value[i] for i in picked)
        return replace(self, **chosen)

    def __repr__(self) -> str:
        people = "person" if len(self) == 1 else "people"
        keys = ", ".join(f"{key} {self[key].shape}" for key in self.keys())
        return f"PoseResult({len(self)} {people}, {self.model}, {keys})"

    def without_image(self) -> PoseResult:
        """The same result without its reference to the image, to keep many in memory."""
        return replace(self, image=None)

    # -- other forms ---------------------------------------------------------------------------

    def to_dict(self) -> dict[str, object]:
        """Plain lists and numbers, as the JSON file has them for this image."""
        from rtmpose3d.sinks import result_to_dict

        return result_to_dict(self)

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per person and keypoint.

        Columns: person, index, keypoint, part, x_px, y_px, score, confidence; with 3D x_m, y_m,
        z_m in the frame that `axes` names; where they are known frame_index and time_s (first)
        and track_id (last).

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        pd = import_extra("pandas", "dataframe", "to_dataframe()")
        from rtmpose3d.sinks.table import table_columns

        return pd.DataFrame({column.name: column.values for column in table_columns(self)})

    def plot(
        self,
        *,
        image: Image | None = None,
        view: Literal["auto", "2d", "3d", "both"] = "auto",
        confidence_thr: float | None = None,
        azimuth_deg: float | None = None,
    ) -> PIL.Image.Image:
        """An image of boxes and skeletons on the image, next to a view of the poses in 3D.

        Args:
            image: (H, W, 3) uint8 BGR to draw on, instead of the one the result refers to.
            view: "2d", "3d", "both", or "auto": both where the model gives 3D.
            confidence_thr: keypoints below it are not drawn; None takes the model's own, 0.3 for
                the published ones.
            azimuth_deg: side that the 3D view is seen from: 0 from behind the camera, positive
                from the right, negative from the left; None: from the right, always the same side.

        Raises:
            InputError: a 3D view of a 2D model, or no image at hand.
        """
        from rtmpose3d.viz import draw_result

        return draw_result(
            self, image=image, view=view, confidence_thr=confidence_thr, azimuth_deg=azimuth_deg
        )

    def save(self, path: str | Path) -> Path:
        """Write the result to a file: .json, .jsonl, .npz, .csv, .jpg, .png or .webp.

        The file appears complete or not at all.

        Raises:
            InputError: an unknown suffix.
            OutputError: the file cannot be written.
        """
        from rtmpose3d.sinks import save_result

        return save_result(self, path)


def _as_index(people: Iterable[int]) -> np.ndarray:
    """Numbers of people, or a mask of them, as an array; an empty list selects no people."""
    index = np.asarray(people if isinstance(people, np.ndarray) else list(people))
    return index.astype(np.intp) if index.size == 0 else index


def _equal(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.array_equal(a, b, equal_nan=True)
    return a is b or (type(a) is type(b) and a == b)
