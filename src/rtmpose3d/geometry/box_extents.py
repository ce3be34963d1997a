"""Size of people's boxes in metres: what the size of a box alone says about a person's distance.

Of a person whom the border of the image cuts off, little is visible, and often little is known of
the bones. The box then says most: its longer side, by the lowest joint that is visible and by
whether the box touches the border.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.camera import Camera

LOWEST_JOINTS = ("none", "shoulders", "hips", "knees", "ankles")
"""Kinds of people, by the lowest joints of the body that are reliable, in this order."""

_BORDER = 0.01  # of the image's side: boxes that come closer to the border count as cut off
_MIN_SIDE = 1e-6  # at depth 1


@dataclass(frozen=True, kw_only=True)
class BoxExtents:
    """Longer sides of people's boxes at the depth of the root, by the lowest reliable joint.

    Attributes:
        whole: per kind of `LOWEST_JOINTS` the median in metres and the standard deviation of its
            log, of boxes inside the image.
        cut: the same of boxes that touch the border of the image.

    Raises:
        InputError: not one pair for each kind.
    """

    whole: tuple[tuple[float, float], ...]
    cut: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        for name in ("whole", "cut"):
            if np.shape(getattr(self, name)) != (len(LOWEST_JOINTS), 2):
                raise InputError(
                    f"{name} must hold metres and a standard deviation for each of "
                    f"{', '.join(LOWEST_JOINTS)}, got {getattr(self, name)!r}"
                )

    def log_depth(
        self,
        side: NDArray[np.float64],
        cut: NDArray[np.bool_],
        lowest: NDArray[np.integer],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Depths that the sizes of boxes suggest.

        Args:
            side: (N,) longer sides at depth 1, as `visible_boxes` gives them.
            cut: (N,) whether the border of the image cuts the person off.
            lowest: (N,) index in `LOWEST_JOINTS`.

        Returns:
            (N,) mean and (N,) standard deviation of log Z, Z in metres.
        """
        metres, std = np.where(
            cut[:, None], np.array(self.cut)[lowest], np.array(self.whole)[lowest]
        ).T
        return np.log(metres / side), std


def visible_boxes(
    boxes_xyxy: NDArray[np.floating], camera: Camera
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Sizes of the parts of boxes inside the image, and whether its border cuts the person off.

    Args:
        boxes_xyxy: (N, 4) px, of the visible part of each person.
        camera: of the image.

    Returns:
        (N,) longer side at depth 1, above 0, and (N,) bool, whether a box touches the border.
    """
    low, high = np.array([-0.5, -0.5]), np.array([camera.width, camera.height]) - 0.5
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 2, 2).clip(low, high)
    margin = _BORDER * (high - low)
    outside = np.concatenate([low + margin - boxes[:, 0], boxes[:, 1] - high + margin], axis=1)
    corners = camera.unproject(boxes, 1.0)[..., :2]
    side = np.maximum((corners[:, 1] - corners[:, 0]).max(axis=1), _MIN_SIDE)
    return side, outside.max(axis=1) > 0
