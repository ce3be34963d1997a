"""The result of one image: a mapping of arrays that also has attributes, images and files.

`result["keypoints_2d"]` and `result.keypoints_2d` are the same array. `len(result)` is the number
of people, `result[0]` or `result[1:3]` are results with those people only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np

from rtmpose3d.errors import InputError, UnknownNameError, import_extra
from rtmpose3d.geometry.axes import Axes, axes_from_camera
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures.arrays import FloatArray, Image, IntArray

if TYPE_CHECKING:
    import pandas
    import PIL.Image

    from rtmpose3d.geometry.camera import Camera

RootDepthSource = Literal["given", "estimated", "assumed"]

PoseKey = Literal[
    "keypoints_3d",
    "keypoints_2d",
    "scores",
    "confidence",
    "bboxes",
    "bbox_scores",
    "root_depth_m",
    "root_depth_std_m",
]
_KEYS_2D: tuple[PoseKey, ...] = ("keypoints_2d", "scores", "confidence", "bboxes", "bbox_scores")
_KEYS_3D: tuple[PoseKey, ...] = ("root_depth_m", "root_depth_std_m")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PoseResult(Mapping[str, FloatArray]):
    """Poses of the N people of one image; N may be 0. K = 133 keypoints.

    Attributes:
        keypoints_2d: (N, K, 2) float32, x and y in pixels of the image.
        scores: (N, K) float32, the network's raw score; may exceed 1 (RTMW models reach about 10).
        confidence: (N, K) float32 in [0, 1], comparable between the published models: the
            probability that the network itself gives to the keypoint lying where it says (see
            `rtmpose3d.codec`).
        bboxes: (N, 4) float32, x1, y1, x2, y2 in pixels of the image.
        bbox_scores: (N,) float32 in [0, 1]; 1 for boxes that were given.
        keypoints_camera: (N, K, 3) float32, metres, OpenCV camera space (x right, y down,
            z forward, camera at the origin); None for models without 3D.
        root_depth_m: (N,) float32, distance of the root (middle of the hips) along the optical
            axis; None without 3D.
        root_depth_std_m: (N,) float32, its standard deviation, 0 if given; None without 3D.
        root_depth_source: per person "given", "estimated" (from bone lengths) or "assumed".
        axes: the frame of `keypoints_3d`.
        camera: the camera used for 3D; None without 3D.
        model: name of the pose model.
        image_size_wh: width and height of the image, px.
        image: the image itself (not copied), for `plot`; None after `without_image()`.
        source: file the image came from, if any.
        frame_index: number of the image in its stream, from 0; None for single images.
        time_s: time of the image since the start of its stream, seconds; None if unknown.
        track_ids: (N,) integers, the same for one person throughout a stream; None without
            tracking.
    """

    keypoints_2d: FloatArray
    scores: FloatArray
    confidence: FloatArray
    bboxes: FloatArray
    bbox_scores: FloatArray
    keypoints_camera: FloatArray | None = None
    root_depth_m: FloatArray | None = None
    root_depth_std_m: FloatArray | None = None
    root_depth_source: tuple[RootDepthSource, ...] = ()
    axes: Axes = "z-up"
    camera: Camera | None = None
    model: str = ""
    image_size_wh: tuple[int, int] = (0, 0)
    image: Image | None = None
    source: Path | None = None
    frame_index: int | None = None
    time_s: float | None = None
    track_ids: IntArray | None = None

    # -- a mapping of arrays -------------------------------------------------------------------

    @property
    def keypoints_3d(self) -> FloatArray:
        """(N, K, 3) float32, metres, in the frame that `axes` names.

        Raises:
            InputError: the model has no 3D.
        """
        return self.keypoints_in(self.axes)

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

    def keys(self) -> tuple[PoseKey, ...]:  # type: ignore[override]
        """Names of the arrays; a 2D model has no keypoints_3d and no root depth."""
        return (("keypoints_3d", *_KEYS_2D, *_KEYS_3D)) if self.has_3d else _KEYS_2D

    def __iter__(self) -> Iterator[PoseKey]:
        return iter(self.keys())

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def __len__(self) -> int:
        """Number of people."""
        return len(self.bboxes)

    @overload
    def __getitem__(self, key: str) -> FloatArray: ...
    @overload
    def __getitem__(self, key: int | slice | Iterable[int]) -> PoseResult: ...
    def __getitem__(self, key: str | int | slice | Iterable[int]) -> FloatArray | PoseResult:  # type: ignore[override]
        if isinstance(key, str):
            if key not in self.keys():
                raise UnknownNameError("key of a result", key, self.keys())
            return getattr(self, key)
        return self._people(key)

    def people(self) -> Iterator[PoseResult]:
        """One result per person, in order."""
        return (self._people(i) for i in range(len(self)))

    def _people(self, key: int | slice | Iterable[int]) -> PoseResult:
        if isinstance(key, (int, np.integer)):
            if not -len(self) <= key < len(self):
                raise IndexError(f"person {key} of a result with {len(self)} people")
            key = slice(key, key + 1 or None)
        everybody = np.arange(len(self))
        picked = everybody[key if isinstance(key, slice) else _as_index(key)]

        def take(array: FloatArray | None) -> FloatArray | None:
            return None if array is None else array[picked]

        return replace(
            self,
            keypoints_2d=self.keypoints_2d[picked],
            scores=self.scores[picked],
            confidence=self.confidence[picked],
            bboxes=self.bboxes[picked],
            bbox_scores=self.bbox_scores[picked],
            keypoints_camera=take(self.keypoints_camera),
            root_depth_m=take(self.root_depth_m),
            root_depth_std_m=take(self.root_depth_std_m),
            root_depth_source=tuple(self.root_depth_source[i] for i in picked)
            if self.root_depth_source
            else (),
            track_ids=None if self.track_ids is None else self.track_ids[picked],
        )

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

        Columns: person, index, keypoint, part, x_px, y_px, score, confidence and, with 3D,
        x_m, y_m, z_m in the frame that `axes` names.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        pd = import_extra("pandas", "dataframe", "to_dataframe()")
        n, k = self.scores.shape
        columns: dict[str, object] = {
            "person": np.repeat(np.arange(n), k),
            "index": np.tile(np.arange(k), n),
            "keypoint": list(WHOLEBODY.keypoint_names) * n,
            "part": list(WHOLEBODY.part_of_keypoint) * n,
            "x_px": self.keypoints_2d[..., 0].ravel(),
            "y_px": self.keypoints_2d[..., 1].ravel(),
            "score": self.scores.ravel(),
            "confidence": self.confidence.ravel(),
        }
        if self.has_3d:
            xyz = self.keypoints_3d.reshape(-1, 3)
            columns |= {"x_m": xyz[:, 0], "y_m": xyz[:, 1], "z_m": xyz[:, 2]}
        return pd.DataFrame(columns)

    def plot(
        self,
        *,
        image: Image | None = None,
        view: Literal["auto", "2d", "3d", "both"] = "auto",
        confidence_thr: float | None = None,
    ) -> PIL.Image.Image:
        """An image of boxes and skeletons on the image, beside a view of the poses in 3D.

        Args:
            image: (H, W, 3) uint8 BGR to draw on, instead of the one the result refers to.
            view: "2d", "3d", "both", or "auto": both where the model gives 3D.
            confidence_thr: keypoints below it are left out; None: below what suits the model, 0.3
                for the published ones.

        Raises:
            InputError: a 3D view of a 2D model, or no image at hand.
        """
        from rtmpose3d.viz import draw_result

        return draw_result(self, image=image, view=view, confidence_thr=confidence_thr)

    def save(self, path: str | Path) -> Path:
        """Write the result to a file; its ending says how: .json, .npz, .csv, .jpg or .png.

        The file appears whole or not at all.

        Raises:
            InputError: an ending that is not known.
            OutputError: the file cannot be written.
        """
        from rtmpose3d.sinks import save_result

        return save_result(self, path)


def _as_index(people: Iterable[int]) -> np.ndarray:
    """Numbers of people, or a mask of them; nobody is an index too."""
    index = np.asarray(people if isinstance(people, np.ndarray) else list(people))
    return index.astype(np.intp) if index.size == 0 else index
