"""A camera: projection of camera-space points to pixels, and unprojection.

Camera-space points have x right, y down, z forward, in metres. Pixels are those of the image as it
was taken: a lens that distorts is part of the camera, and images are never undistorted.
The principal point of an uncalibrated camera is taken at (width / 2, height / 2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.distortion import Distortion

if TYPE_CHECKING:
    import PIL.Image

CameraSource = Literal["given", "calibration", "exif", "assumed"]
"""Origin of a camera's focal length: known to the caller, a calibration file, the EXIF block of a
photo, or none."""

CAMERA_SOURCES: tuple[CameraSource, ...] = get_args(CameraSource)
DEFAULT_FOV_DEG = 55.0  # over the longer side; a common phone's main camera has 60 to 70
_MAX_SKEW = 1e-3  # of fx: calibrations with a free skew find such values for rectangular pixels
MIN_DEPTH_M = 0.05  # nearer than this nothing is visible; keeps lifted points before the camera

# Over the longer side. Lenses for people lie between 1000 mm on film (2 degrees) and 5 mm (150);
# other values in EXIF are errors, such as 65535 or 1 for "unknown".
EXIF_FOV_DEG = (2.0, 150.0)

_FULL_FRAME_DIAGONAL_MM = 43.2666  # 36 x 24 mm; CIPA DCG-001 compares focal lengths by diagonals
# Exif 2.32 tags
_EXIF_IFD, _FOCAL_LENGTH, _FOCAL_LENGTH_35MM = 0x8769, 0x920A, 0xA405
_PIXELS_X, _PIXELS_Y, _FOCAL_PLANE_X_RESOLUTION, _FOCAL_PLANE_UNIT = 0xA002, 0xA003, 0xA20E, 0xA210
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}  # inch (the default), cm, mm, micrometre


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Intrinsics of a camera.

    Attributes:
        fx: focal length in x, px.
        fy: focal length in y, px.
        cx: principal point in x, px.
        cy: principal point in y, px; it may lie outside the image (crops).
        width: of the image, px.
        height: of the image, px.
        source: "given", "calibration", "exif", or "assumed" for the default field of view; not
            compared.
        distortion: of the lens; None for a pinhole camera.

    Raises:
        InputError: a number is not finite, or a focal length or size is not positive.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    source: CameraSource = field(default="given", compare=False)
    distortion: Distortion | None = None

    def __post_init__(self) -> None:
        if self.distortion is not None and not isinstance(self.distortion, Distortion):
            raise InputError(
                f"camera: distortion must be a Distortion or None, got {self.distortion!r}"
            )
        if self.source not in CAMERA_SOURCES:
            raise InputError(
                f"camera: source must be {' or '.join(CAMERA_SOURCES)}, got {self.source!r}"
            )
        for name in ("width", "height", "fx", "fy", "cx", "cy"):
            value = getattr(self, name)
            if not isinstance(value, (int, float, np.integer, np.floating)) or not np.isfinite(
                value
            ):
                raise InputError(f"camera: {name} must be a finite number of pixels, got {value!r}")
            if value <= 0 and name not in ("cx", "cy"):
                raise InputError(f"camera: {name} must be above 0 px, got {value!r}")
            whole = name in ("width", "height")
            if whole and value != int(value):
                raise InputError(f"camera: {name} must be a whole number of pixels, got {value!r}")
            object.__setattr__(self, name, int(value) if whole else float(value))

    @classmethod
    def from_fov(cls, *, width: int, height: int, fov_deg: float | None = None) -> Camera:
        """A camera with square pixels whose field of view is known or assumed.

        Args:
            width: of the image, px.
            height: of the image, px.
            fov_deg: angle seen over the longer side of the image, in (0, 180); None for
                `DEFAULT_FOV_DEG`, which makes `source` "assumed".

        Raises:
            InputError: an impossible angle or size.
        """
        if fov_deg is None:
            assumed = cls.from_fov(width=width, height=height, fov_deg=DEFAULT_FOV_DEG)
            return replace(assumed, source="assumed")
        if not isinstance(fov_deg, (int, float, np.integer, np.floating)) or not 0 < fov_deg < 180:
            raise InputError(
                f"fov_deg is the angle over the image's longer side and must lie between 0 and "
                f"180 degrees, got {fov_deg!r}"
            )
        focal = max(width, height) / 2 / math.tan(math.radians(fov_deg) / 2)
        return cls._square(focal, width, height)

    @classmethod
    def from_matrix(
        cls,
        matrix: ArrayLike,
        *,
        width: int,
        height: int,
        distortion: Distortion | None = None,
    ) -> Camera:
        """The camera of OpenCV's matrix K = [[fx, 0, cx], [0, fy, cy], [0, 0, 1]].

        Args:
            matrix: (3, 3) px, as calibration gives it, of an image of this size.
            width: of the image, px.
            height: of the image, px.
            distortion: of the lens; None for an image without distortion.

        Raises:
            InputError: another shape or form, or a skew between the axes.
        """
        try:
            k = np.asarray(matrix, np.float64)
        except (TypeError, ValueError):
            raise InputError(f"camera: no matrix of numbers: {matrix!r}") from None
        if k.shape != (3, 3) or not np.isfinite(k).all():
            raise InputError(
                "camera: expected a finite 3x3 matrix [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] in "
                f"pixels, got shape {k.shape}"
            )
        if not np.array_equal(k[2], (0, 0, 1)):
            hint = ", which looks transposed" if np.array_equal(k[:, 2], (0, 0, 1)) else ""
            raise InputError(
                f"camera: the last row of the matrix must be 0, 0, 1; got {k.tolist()}{hint}"
            )
        if k[1, 0] != 0 or abs(k[0, 1]) > _MAX_SKEW * abs(k[0, 0]):
            raise InputError(f"camera: a matrix with skew is not supported, got {k.tolist()}")
        return cls(
            fx=k[0, 0],
            fy=k[1, 1],
            cx=k[0, 2],
            cy=k[1, 2],
            width=width,
            height=height,
            distortion=distortion,
        )

    @classmethod
    def from_exif(
        cls, source: PIL.Image.Image | Mapping[int, object], *, width: int, height: int
    ) -> Camera | None:
        """The camera that the Exif tags of a photo describe.

        Uses the focal length as on 35 mm film, else focal length and the sensor's resolution.
        Invalid for images that were cropped afterwards.

        Args:
            source: an image of Pillow, or its tags by number (`image.getexif()`).
            width: of the image as it is given to the model (rotated upright, resized), px.
            height: of the same, px.

        Returns:
            The camera with square pixels, or None where the tags do not specify it, or specify a
            field of view beyond `EXIF_FOV_DEG`.
        """
        tags = _exif_tags(source)
        for focal in (_focal_on_film(tags, width, height), _focal_on_sensor(tags, width, height)):
            if focal is not None and _is_plausible(focal, width, height):
                return replace(cls._square(focal, width, height), source="exif")
        return None

    @classmethod
    def _square(cls, focal_px: float, width: int, height: int) -> Camera:
        return cls(
            fx=focal_px, fy=focal_px, cx=width / 2, cy=height / 2, width=width, height=height
        )

    def scaled(self, width: int, height: int) -> Camera:
        """The camera of the same image resized to another width and height, px.

        Raises:
            InputError: a size that is not positive.
        """
        x, y = width / self.width, height / self.height
        return replace(
            self,
            fx=self.fx * x,
            fy=self.fy * y,
            cx=self.cx * x,
            cy=self.cy * y,
            width=width,
            height=height,
        )

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3) float64, K of OpenCV: pixels (homogeneous) from camera space."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def project(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Pixels of points.

        Args:
            points: (..., 3) metres, camera space.

        Returns:
            (..., 2) pixels of the same dtype, maybe outside the image; NaN for points that are
            not before the camera.

        Raises:
            InputError: the last axis is not 3 long.
        """
        xyz = _floats(points, 3, "points")
        depth = np.where(xyz[..., 2] > 0, xyz[..., 2], np.nan)[..., None]
        xy = xyz[..., :2] / depth
        if self.distortion is not None:
            xy = self.distortion.distort(xy)
        uv = xy * (self.fx, self.fy) + (self.cx, self.cy)
        return uv.astype(_dtype(points), copy=False)

    def unproject(
        self, uv: NDArray[np.floating], depth_m: NDArray[np.floating] | float
    ) -> NDArray[np.floating]:
        """Camera-space points of pixels at known depths.

        Args:
            uv: (..., 2) pixels.
            depth_m: (...) metres along the optical axis (z, not the distance to the camera).

        Returns:
            (..., 3) metres, camera space, of uv's dtype.

        Raises:
            InputError: the last axis of uv is not 2 long.
        """
        xy = (_floats(uv, 2, "uv") - (self.cx, self.cy)) / (self.fx, self.fy)
        if self.distortion is not None:
            xy = self.distortion.undistort(xy)
        depth = np.broadcast_to(np.asarray(depth_m, np.float64), xy.shape[:-1])[..., None]
        return np.concatenate([xy * depth, depth], axis=-1).astype(_dtype(uv), copy=False)


def camera_from_relative(
    keypoints_2d: NDArray[np.floating],
    depth_m: NDArray[np.floating],
    root_depth_m: NDArray[np.floating],
    camera: Camera,
) -> NDArray[np.floating]:
    """Lift people into camera space: X = x (Z + z), Y = y (Z + z) for a pixel's ray (x, y, 1).

    Args:
        keypoints_2d: (N, K, 2) pixels of the image.
        depth_m: (N, K) metres, relative to the root.
        root_depth_m: (N,) metres, Z of each root.
        camera: of the image.

    Returns:
        (N, K, 3) metres, camera space, of the dtype of keypoints_2d. Depths below
        MIN_DEPTH_M are raised to it along the ray of the point.
    """
    depth = np.asarray(root_depth_m, np.float64)[:, None] + np.asarray(depth_m, np.float64)
    return camera.unproject(keypoints_2d, np.maximum(depth, MIN_DEPTH_M))


def _floats(array: NDArray[np.floating], last: int, name: str) -> NDArray[np.float64]:
    values = np.asarray(array, np.float64)
    if values.ndim == 0 or values.shape[-1] != last:
        raise InputError(f"{name} must have shape (..., {last}), got {values.shape}")
    return values


def _dtype(array: NDArray[np.floating]) -> np.dtype[np.floating]:
    """Dtype of a result: the array's own, float64 for whole numbers and lists."""
    dtype = np.asarray(array).dtype
    return dtype if np.issubdtype(dtype, np.floating) else np.dtype(np.float64)


def _exif_tags(source: PIL.Image.Image | Mapping[int, object]) -> dict[int, object]:
    """All tags by number, those of the Exif sub-directory included; those before a damaged one."""
    tags: dict[int, object] = {}
    try:
        exif = source if isinstance(source, Mapping) else source.getexif()
        tags |= dict(exif)
        directory = getattr(exif, "get_ifd", tags.get)  # Pillow's Exif reads the sub-directory
        nested = directory(_EXIF_IFD)
        return tags | dict(nested) if isinstance(nested, Mapping) else tags
    except Exception:  # Pillow raises whatever comes (KeyError, struct.error, ...)
        return tags


def _focal_on_film(tags: Mapping[int, object], width: int, height: int) -> float | None:
    """The focal length in px by that on 35 mm film."""
    film_mm = _positive(tags.get(_FOCAL_LENGTH_35MM))
    if film_mm is None:
        return None
    return film_mm / _FULL_FRAME_DIAGONAL_MM * math.hypot(width, height)


def _focal_on_sensor(tags: Mapping[int, object], width: int, height: int) -> float | None:
    """The focal length in px by that in mm and the sensor's resolution."""
    focal_mm = _positive(tags.get(_FOCAL_LENGTH))
    resolution = _positive(tags.get(_FOCAL_PLANE_X_RESOLUTION))
    sides = [_positive(tags.get(tag)) for tag in (_PIXELS_X, _PIXELS_Y)]
    unit_mm = _UNIT_MM.get(int(_positive(tags.get(_FOCAL_PLANE_UNIT)) or 2))
    longer = max((side for side in sides if side is not None), default=None)
    if focal_mm is None or resolution is None or longer is None or unit_mm is None:
        return None
    return focal_mm * resolution / unit_mm * max(width, height) / longer


def _is_plausible(focal_px: float, width: int, height: int) -> bool:
    fov_deg = 2 * math.degrees(math.atan(max(width, height) / 2 / focal_px))
    return EXIF_FOV_DEG[0] <= fov_deg <= EXIF_FOV_DEG[1]


def _positive(value: object) -> float | None:
    """A tag's value as a positive number; None where there is none (0 means unknown in Exif)."""
    if isinstance(value, tuple) and len(value) == 2 and value[1]:
        value = Fraction(*value) if all(isinstance(part, int) for part in value) else None
    try:
        number = float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if 0 < number < math.inf else None
