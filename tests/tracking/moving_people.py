"""People on analytic paths: boxes and poses at any time, for tests of tracking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.skeletons import NUM_KEYPOINTS
from rtmpose3d.structures import FloatArray
from rtmpose3d.tracking import Tracker
from rtmpose3d.tracking.appearance import NUM_REGIONS


@dataclass(frozen=True, kw_only=True)
class Walker:
    """A person of constant shape that moves at constant velocity.

    Attributes:
        start_xy: centre of the box at time 0, px.
        velocity_xy: px / s.
        size_wh: of the box, px.
        shape: seed of the pose.
        colour: of clothes and skin; None where the appearance is unknown.
    """

    start_xy: tuple[float, float]
    velocity_xy: tuple[float, float] = (0.0, 0.0)
    size_wh: tuple[float, float] = (100.0, 300.0)
    shape: int = 0
    colour: float | None = None

    def box(self, time_s: float) -> FloatArray:
        """(4,) px."""
        centre = np.add(self.start_xy, np.multiply(self.velocity_xy, time_s))
        half = np.divide(self.size_wh, 2)
        return np.concatenate([centre - half, centre + half])

    def keypoints(self, time_s: float) -> FloatArray:
        """(133, 2) px, inside the box."""
        unit = np.random.default_rng(self.shape).uniform(0.05, 0.95, (NUM_KEYPOINTS, 2))
        box = self.box(time_s)
        return box[:2] + unit * (box[2:] - box[:2])

    def colours(self) -> FloatArray:
        """(6, 3) the same colour all over the body."""
        return np.full((NUM_REGIONS, 3), np.nan if self.colour is None else self.colour)


def update(
    tracker: Tracker, people: list[Walker], time_s: float, *, order: list[int] | None = None
) -> list[int]:
    """Show people to a tracker, maybe in another order; their ids, in their own order."""
    order = list(range(len(people))) if order is None else order
    boxes = np.array([people[i].box(time_s) for i in order]).reshape(-1, 4)
    keypoints = np.array([people[i].keypoints(time_s) for i in order])
    ids = tracker.update(
        boxes,
        np.full(len(order), 0.9),
        keypoints.reshape(-1, NUM_KEYPOINTS, 2),
        np.full((len(order), NUM_KEYPOINTS), 0.8),
        time_s,
        colours=np.array([people[i].colours() for i in order]).reshape(-1, NUM_REGIONS, 3),
    )
    assert ids.dtype == np.int64
    found = dict(zip(order, ids.tolist(), strict=True))
    return [found[i] for i in range(len(people))]
