"""`Calibration`: the intrinsics of a camera, from which that of an image follows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera, Distortion

_ROUNDING_PX = 1.5  # of a side of an image that was resized in proportion
_OFF_CENTRE = 0.2  # of a side; principal points of whole images are nearer to the middle


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """Intrinsics of one camera as a file states them.

    Attributes:
        name: of the camera.
        matrix: (3, 3) float64, K of OpenCV, px.
        size_wh: width and height of the images that it was calibrated with, px; None if unknown.
        distortion: of the lens; None if there is none.
        origin: where it was read from, for messages.

    Raises:
        InputError: no such matrix, or a size that is not positive.
    """

    name: str
    matrix: NDArray[np.float64]
    size_wh: tuple[int, int] | None = None
    distortion: Distortion | None = None
    origin: str = "calibration"

    def __post_init__(self) -> None:
        try:
            self._camera(self.size_wh or (1, 1))
        except InputError as error:
            raise InputError(f"{self.origin}: {error}") from None

    def camera_for(self, size_wh: tuple[int, int]) -> Camera:
        """The camera of an image, whose size may be another one of the same aspect ratio.

        Args:
            size_wh: width and height of the image, px.

        Raises:
            InputError: another aspect ratio; or the calibration states no size, and its principal
                point is not near the middle of the image.
        """
        if self.size_wh is None:
            self._check_principal_point(size_wh)
            return self._camera(size_wh)
        (width, height), (known_width, known_height) = size_wh, self.size_wh
        off = abs(width * known_height - height * known_width)
        if off > _ROUNDING_PX * max(known_width, known_height):
            rotated = (height, width) == self.size_wh
            hint = (
                "the image is rotated by 90 degrees; take it as it is stored"
                if rotated
                else "calibrate with images of this aspect ratio, or give those that it was made of"
            )
            raise InputError(
                f"{self.origin}: calibrated for {known_width}x{known_height} px, but the image has "
                f"{width}x{height}, another aspect ratio; {hint}"
            )
        return self._camera(self.size_wh).scaled(width, height)

    def _camera(self, size_wh: tuple[int, int]) -> Camera:
        width, height = size_wh
        camera = Camera.from_matrix(
            self.matrix, width=width, height=height, distortion=self.distortion
        )
        return replace(camera, source="calibration")

    def _check_principal_point(self, size_wh: tuple[int, int]) -> None:
        centre = np.asarray(self.matrix)[:2, 2]
        if (np.abs(centre / size_wh - 0.5) > _OFF_CENTRE).any():
            raise InputError(
                f"{self.origin}: states no image size, and its principal point ({centre[0]:.0f}, "
                f"{centre[1]:.0f}) is far from the middle of an image of {size_wh[0]}x{size_wh[1]} "
                "px; add image_width and image_height"
            )
