"""Left and right exchanged for a few frames: found and mended.

For arms, legs and trunk separately, the assignment of sides over a whole track is the one of the
smallest total motion (Viterbi). Each exchanged frame has a small cost, so that what the network
says in most frames remains.
"""

from __future__ import annotations

import numpy as np

from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures import BoolArray, FloatArray

_HANDS = (*range(91, 133),)
GROUPS: tuple[tuple[int, ...], ...] = (
    (5, 6, 11, 12),  # trunk
    (7, 8, 9, 10, *_HANDS),  # arms
    (13, 14, 15, 16, *range(17, 23)),  # legs
)
_DECIDING = np.arange(23)  # keypoints whose motion counts: body and feet
_MAX_MOTION = 0.15  # of the size of the person: larger motions are no worse
_SWAP_COST = 0.002  # squared motion per keypoint that one exchanged frame costs
_DEPTH_WEIGHT = 0.5  # depths are less certain than pixels


def swapped_frames(
    points: FloatArray, relative_m: FloatArray | None, weight: FloatArray, size_px: FloatArray
) -> BoolArray:
    """Frames in which left and right of a group are exchanged.

    Args:
        points: (F, K, 2) px, frames with a sighting only.
        relative_m: (F, K) depths relative to the root, or None.
        weight: (F, K) reliability.
        size_px: (F,) sizes of the person.

    Returns:
        (F, 3) bool, for each of `GROUPS`.
    """
    position = points / size_px[:, None, None]
    if relative_m is not None:
        depth = _DEPTH_WEIGHT * relative_m[..., None] / 1.7
        position = np.concatenate([position, depth], axis=2)
    position = np.where(np.isfinite(position), position, 0.0)
    flip = WHOLEBODY.flip_index
    columns = []
    for group in GROUPS:
        members = np.array([k for k in group if k in _DECIDING])
        here, there = position[:, members], position[:, flip[members]]
        certainty = np.minimum(weight[:, members], weight[:, flip[members]])
        joint = np.minimum(certainty[1:], certainty[:-1])
        stay = _motion(here[1:] - here[:-1], joint)
        cross = _motion(there[1:] - here[:-1], joint)
        columns.append(_cheapest_states(stay, cross, _SWAP_COST * certainty.mean(axis=1)))
    return np.stack(columns, axis=1)


def flipped_groups(array: FloatArray, swapped: BoolArray) -> FloatArray:
    """(F, K, ...) values with left and right exchanged where (F, 3) `swapped` says so."""
    index = np.tile(np.arange(len(WHOLEBODY)), (len(array), 1))
    for column, group in enumerate(GROUPS):
        members = np.array(group)
        rows = np.flatnonzero(swapped[:, column])
        index[np.ix_(rows, members)] = WHOLEBODY.flip_index[members]
    return array[np.arange(len(array))[:, None], index]


def _motion(difference: FloatArray, weight: FloatArray) -> FloatArray:
    """(F - 1,) mean squared motion of the keypoints of a group, with a maximum."""
    squared = np.minimum(np.square(difference).sum(axis=2), _MAX_MOTION**2)
    return (weight * squared).mean(axis=1)


def _cheapest_states(stay: FloatArray, cross: FloatArray, cost: FloatArray) -> BoolArray:
    """(F,) states of the cheapest path: False as the network says, True exchanged.

    Args:
        stay: (F - 1,) cost between frames of the same state.
        cross: (F - 1,) cost between frames of different states.
        cost: (F,) of a frame being exchanged.
    """
    frames = len(cost)
    total = np.array([0.0, cost[0]])
    previous = np.zeros((frames, 2), np.int64)
    for i in range(1, frames):
        steps = total[:, None] + [[stay[i - 1], cross[i - 1]], [cross[i - 1], stay[i - 1]]]
        previous[i] = steps.argmin(axis=0)
        total = steps.min(axis=0) + np.array([0.0, cost[i]])
    state = int(total.argmin())
    states = np.zeros(frames, bool)
    for i in range(frames - 1, -1, -1):
        states[i] = bool(state)
        state = int(previous[i, state])
    return states
