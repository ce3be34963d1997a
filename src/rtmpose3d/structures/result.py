"""The result of one image: a mapping of arrays that also has attributes, images and files.

`result["keypoints_2d"]` and `result.keypoints_2d` are the same array. `len(result)` is the number
of people, `result[0]` or `result[1:3]` are results with those people only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args, overload

import numpy as np

from rtmpose3d.errors import InputError, UnknownNameError, import_extra
from rtmpose3d.geometry.axes import AXES, Axes, axes_from_camera
from rtmpose3d.skeletons import HIPS, WHOLEBODY
from rtmpose3d.structures.arrays import FloatArray, Image, IntArray, NumberArray
from rtmpose3d.structures.fields import PersonField, is_absent, person_fields
from rtmpose3d.structures.frame import check_image, check_index, check_size, check_time

if TYPE_CHECKING:
    import pandas
    import PIL.Image

    from rtmpose3d.geometry.camera import Camera

RootDepthSource = Literal["given", "estimated", "assumed"]

_K = len(WHOLEBODY)
_KEYPOINTS_3D = PersonField(
    name="keypoints_3d",
    description="x, y, z in metres, in the frame that `axes` names.",
    shape=(_K, 3),
    unit="m",
    only_3d=True,
    json_name="keypoints_3d_m",
    columns=("x_m", "y_m", "z_m"),
    stored=False,
)
_ORIGIN = PersonField(
    name="origin_camera_m",
    description="Origin of that frame in camera space (x right, y down, z forward), in metres: "
    "0, 0, 0 unless `axes` is root.",
    shape=(3,),
    unit="m",
    only_3d=True,
    key=False,
    json_name="origin_camera_m",
    stored=False,
)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PoseResult(Mapping[str, NumberArray]):
    """Poses of the N people of one image; N may be 0. K = 133 keypoints.

    The first fields are per person; shape, unit and meaning of each are in its declaration. Float
    arrays are float32 as the model returns them; other floating types are kept.

    As a mapping, a result has the arrays for values: iteration, `keys()`, `values()`, `items()`,
    `get()`, `in`, `dict(result)` and `**result` go by their names. `len(result)` is the number of
    people and `bool(result)` whether there are any; `result[0]`, `result[1:3]`, `result[[0, 2]]`
    and `result[mask]` select people. Results are equal if everything but the image is equal,
    with NaN equal to NaN, and are not hashable.

    Attributes:
        axes: the frame of `keypoints_3d`.
        camera: the camera used for 3D; None without 3D.
        model: name of the pose model.
        image_size_wh: width and height of the image, px.
        image: the image itself (not copied), for `plot`; None after `without_image()`.
        source: file the image came from, if any.
        frame_index: number of the image in its stream, from 0; None for single images.
        time_s: time of the image since the start of its stream, seconds; None if unknown.

    Raises:
        InputError: a field has another type, dtype or shape than declared.
        UnknownNameError: there is no such frame as `axes`.
    """

    bboxes: FloatArray = field(
        metadata=PersonField(
            description="Left, top, right, bottom of the person's box in pixels of the image; "
            "may lie partly outside.",
            shape=(4,),
            unit="px",
            json_name="box_xyxy_px",
        ).metadata
    )
    bbox_scores: FloatArray = field(
        metadata=PersonField(
            description="Score of the detection, 0 to 1; 1 for a box that was given.",
            json_name="box_score",
        ).metadata
    )
    keypoints_2d: FloatArray = field(
        metadata=PersonField(
            description="x (right) and y (down) in pixels of the image.",
            shape=(_K, 2),
            unit="px",
            json_name="keypoints_2d_px",
            columns=("x_px", "y_px"),
        ).metadata
    )
    scores: FloatArray = field(
        metadata=PersonField(
            description="Raw score of the network, which may exceed 1 (RTMW models reach "
            "about 10); comparable within one model only.",
            shape=(_K,),
            json_name="scores",
            columns=("score",),
        ).metadata
    )
    confidence: FloatArray = field(
        metadata=PersonField(
            description="Confidence, 0 to 1, comparable between the published models: the "
            "probability that the network itself assigns to the keypoint being there.",
            shape=(_K,),
            minimum=0,
            maximum=1,
            json_name="confidence",
            columns=("confidence",),
        ).metadata
    )
    keypoints_camera: FloatArray | None = field(
        default=None,
        metadata=PersonField(
            description="x, y, z in metres, in camera space (x right, y down, z forward, "
            "camera at the origin).",
            shape=(_K, 3),
            unit="m",
            only_3d=True,
            key=False,
            written_as=(_KEYPOINTS_3D, _ORIGIN),
        ).metadata,
    )
    root_depth_m: FloatArray | None = field(
        default=None,
        metadata=PersonField(
            description="Distance of the root (the middle of the hips) along the optical "
            "axis, in metres.",
            unit="m",
            only_3d=True,
            json_name="root_depth_m",
        ).metadata,
    )
    root_depth_std_m: FloatArray | None = field(
        default=None,
        metadata=PersonField(
            description="Standard deviation of the root's depth in metres, with the camera "
            "taken as exact; 0 if the depth was given; null if nothing is known of it.",
            unit="m",
            only_3d=True,
            json_name="root_depth_std_m",
        ).metadata,
    )
    root_depth_source: tuple[RootDepthSource, ...] = field(
        default=(),
        metadata=PersonField(
            description="Origin of the root's depth: given by the caller, estimated from the "
            "lengths of bones, or assumed.",
            type="choice",
            choices=get_args(RootDepthSource),
            only_3d=True,
            key=False,
            json_name="root_depth_source",
        ).metadata,
    )
    track_ids: IntArray | None = field(
        default=None,
        metadata=PersonField(
            description="Identifier of the person throughout a stream.",
            type="integer",
            optional=True,
            json_name="track_id",
            columns=("track_id",),
        ).metadata,
    )
    axes: Axes = "z-up"
    camera: Camera | None = None
    model: str = ""
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
    ) -> PIL.Image.Image:
        """An image of boxes and skeletons on the image, next to a view of the poses in 3D.

        Args:
            image: (H, W, 3) uint8 BGR to draw on, instead of the one the result refers to.
            view: "2d", "3d", "both", or "auto": both where the model gives 3D.
            confidence_thr: keypoints below it are not drawn; None takes the model's own, 0.3 for
                the published ones.

        Raises:
            InputError: a 3D view of a 2D model, or no image at hand.
        """
        from rtmpose3d.viz import draw_result

        return draw_result(self, image=image, view=view, confidence_thr=confidence_thr)

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
