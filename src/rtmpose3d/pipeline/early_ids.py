"""`EarlyIds`: identities also for the frames before they are confirmed.

A track gets its id after a few frames. Where results may wait that long, the same person in the
frames before gets the id, too.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np

from rtmpose3d.geometry.boxes import iou_matrix
from rtmpose3d.structures import PoseResult

_SAME_PERSON_IOU = 0.3


class EarlyIds:
    """Delays results by a number of frames, and fills in ids that are confirmed meanwhile.

    Args:
        wait: number of frames by which results are delayed; 0 for none.
        wait_s: seconds by which they are delayed at least.
    """

    def __init__(self, wait: int, wait_s: float = 0.0) -> None:
        self._wait, self._wait_s = wait, wait_s
        self._waiting: deque[PoseResult] = deque()
        self._known: set[int] = set()

    def add(self, result: PoseResult) -> list[PoseResult]:
        """Add the result of the next frame; returns those that wait no longer."""
        if self._wait and result.track_ids is not None:
            for person, track_id in enumerate(result.track_ids.tolist()):
                if track_id > 0 and track_id not in self._known:
                    self._known.add(track_id)
                    self._fill_in(track_id, result.bboxes[person])
        self._waiting.append(result)
        ready: list[PoseResult] = []
        while len(self._waiting) > self._wait and self._is_old(self._waiting[0], result):
            ready.append(self._waiting.popleft())
        return ready

    def flush(self) -> list[PoseResult]:
        """All results that still wait."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    def _is_old(self, first: PoseResult, last: PoseResult) -> bool:
        """Whether a result has waited long enough, by the time of the last one."""
        if not self._wait or first.time_s is None or last.time_s is None:
            return True
        return last.time_s - first.time_s >= self._wait_s

    def _fill_in(self, track_id: int, box_xyxy: np.ndarray) -> None:
        """Follow a person backwards through the waiting frames."""
        for position in reversed(range(len(self._waiting))):
            result = self._waiting[position]
            if result.track_ids is None or not len(result):
                return
            overlap = iou_matrix(result.bboxes, box_xyxy[None])[:, 0]
            overlap = np.where(result.track_ids > 0, 0.0, overlap)
            best = int(overlap.argmax())
            if overlap[best] < _SAME_PERSON_IOU:
                return
            ids = result.track_ids.copy()
            ids[best] = track_id
            box_xyxy = result.bboxes[best]
            self._waiting[position] = replace(result, track_ids=ids)
