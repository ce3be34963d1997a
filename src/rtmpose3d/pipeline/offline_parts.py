"""`smooth_in_parts`: offline smoothing of a stream of any length in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from rtmpose3d.structures import PoseResult
from rtmpose3d.tracking import smooth_offline

PEOPLE_PER_PART = 20_000  # people in all frames of a part, at 50 kB each while it is smoothed
OVERLAP_S = 2.0  # past and future of a part's first and last result; longer than gaps are filled


def smooth_in_parts(
    results: Iterable[PoseResult],
    *,
    people_per_part: int = PEOPLE_PER_PART,
    on_division: Callable[[], None] = lambda: None,
) -> Iterator[PoseResult]:
    """All results smoothed with past and future; long streams part by part.

    Parts overlap, so that a part's results near its ends have neighbours on both sides. What is
    constant for a track, such as the lengths of its bones, is so within a part.

    Args:
        results: in order, with `track_ids` and `time_s`.
        people_per_part: number of people in all frames of a part, which bounds the memory.
        on_division: called when a second part begins.
    """
    part: list[PoseResult] = []
    done = people = 0  # results of the part that were given before; people in it
    for result in results:
        part.append(result)
        people += len(result)
        if people < people_per_part:
            continue
        last = len(part) - _count_last(part)
        if last <= done:  # a part shorter than its overlaps
            continue
        on_division()
        yield from smooth_offline(part)[done:last]
        first = max(0, last - _count_last(part[:last]))
        part, done = part[first:], last - first
        people = sum(map(len, part))
    if len(part) > done:
        yield from smooth_offline(part)[done:]


def _count_last(results: list[PoseResult]) -> int:
    """Number of the last results that are within the overlap."""
    times = [result.time_s for result in results]
    end_s = times[-1] if times else None
    if end_s is None:
        return 0
    return sum(time_s is not None and time_s > end_s - OVERLAP_S for time_s in times)
