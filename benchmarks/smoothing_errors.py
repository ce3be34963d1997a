"""Jitter, lag and accuracy of keypoints before and after smoothing, as a Markdown table.

    python benchmarks/smoothing_errors.py clips [--model rtmw3d-n]

`clips` is a folder of rendered clips: see `rendered_clips.py`. Counted are episodes of at least 12
consecutive frames in which one track follows one person. Acceleration error: mean length of the
difference between the second differences of prediction and truth, times the squared frame rate.
Lag: shift in time of the truth with which the speeds of the keypoints correlate best.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rendered_clips import PredictedClip, predicted_clips

from rtmpose3d import RTMPose3D
from rtmpose3d.skeletons import HIPS, PART_INDICES
from rtmpose3d.structures import PoseResult
from rtmpose3d.tracking import LiveSmoother, smooth_offline

Array = NDArray[np.float64]
Smooth = Callable[[list[PoseResult]], list[PoseResult]]
PARTS = ("body", "feet", "face", "hands")
_MAX_LAG_FRAMES = 8
_GOOD, _GOOD_SHARE = 0.05, 0.9  # error relative to the size of the person; share of the frames


def live(results: list[PoseResult]) -> list[PoseResult]:
    """Results smoothed frame by frame."""
    smoother = LiveSmoother()
    return [smoother.update(result) for result in results]


METHODS: dict[str, Smooth] = {
    "none": lambda results: results,
    "live": live,
    "offline": smooth_offline,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Episode:
    """One track that follows one person through consecutive frames.

    Attributes:
        points, true_points: (F, 133, 2) px, relative to the size of the person.
        space, true_space: (F, 133, 3) metres, relative to the root.
        root_m, true_root_m, root_std_m: (F,) metres.
        good: (F, 133) keypoints that are right before smoothing: others say nothing about lag.
        fps: frames per second.
    """

    points: Array
    true_points: Array
    space: Array
    true_space: Array
    root_m: Array
    true_root_m: Array
    root_std_m: Array
    good: NDArray[np.bool_]
    fps: float


def episodes(
    results: list[PoseResult], clip: PredictedClip, original: list[PoseResult]
) -> list[Episode]:
    """Episodes of a clip.

    Args:
        results: smoothed; the people of a frame are those of the original one, then filled ones.
        clip: the truth.
        original: results before smoothing, from which follows who is who.
    """
    runs: dict[tuple[int, int], list[list[tuple[int, int, int]]]] = {}
    for frame, (result, truth) in enumerate(zip(original, clip.truths, strict=True)):
        for i, j in truth.match(result):
            assert result.track_ids is not None
            track_id = int(result.track_ids[i])
            if track_id < 0:
                continue
            known = runs.setdefault((track_id, int(truth.identities[j])), [[]])
            if known[-1] and known[-1][-1][0] != frame - 1:
                known.append([])
            known[-1].append((frame, i, j))
    fps = 1 / np.median(np.diff([result.time_s or 0.0 for result in original]))
    found = [run for per_pair in runs.values() for run in per_pair if len(run) >= 12]
    return [_episode(run, results, clip, original, float(fps)) for run in found]


def _episode(
    run: list[tuple[int, int, int]],
    results: list[PoseResult],
    clip: PredictedClip,
    original: list[PoseResult],
    fps: float,
) -> Episode:
    people = [results[frame][i] for frame, i, _ in run]
    truths = [(clip.truths[frame], j) for frame, _, j in run]
    size = float(np.median([(t.boxes[j, 2:] - t.boxes[j, :2]).max() for t, j in truths]))
    before = np.array([original[frame].keypoints_2d[i] for frame, i, _ in run])
    true_points = np.array([t.keypoints_2d[j] for t, j in truths])
    space = np.array([person.keypoints_camera[0] for person in people], np.float64)  # pyright: ignore
    true_space = np.array([t.keypoints_camera[j] for t, j in truths])
    return Episode(
        points=np.array([person.keypoints_2d[0] for person in people], np.float64) / size,
        true_points=true_points / size,
        space=space - space[:, list(HIPS)].mean(axis=1, keepdims=True),
        true_space=true_space - true_space[:, list(HIPS)].mean(axis=1, keepdims=True),
        root_m=np.array([person.root_depth_m[0] for person in people], np.float64),  # pyright: ignore
        true_root_m=np.array([t.root_depth_m[j] for t, j in truths]),
        root_std_m=np.array([person.root_depth_std_m[0] for person in people], np.float64),  # pyright: ignore
        good=np.linalg.norm(before - true_points, axis=2) < _GOOD * size,
        fps=fps,
    )


def _distances(a: Array, b: Array, part: str) -> Array:
    return np.linalg.norm((a - b)[:, PART_INDICES[part]], axis=2)


def _acceleration(a: Array, b: Array, part: str, fps: float) -> Array:
    return _distances(np.diff(a, 2, axis=0), np.diff(b, 2, axis=0), part) * fps**2


def lag_ms(all_episodes: Iterable[Episode], part: str = "body") -> float:
    """Shift of the truth, in ms, with which the speeds correlate best."""
    shifts = 2 * _MAX_LAG_FRAMES + 1
    common, energy, fps = np.zeros(shifts), np.zeros(shifts), 30.0
    for episode in all_episodes:
        index, fps = PART_INDICES[part], episode.fps
        speed = np.diff(episode.points[:, index], axis=0)
        used = (episode.good[:, index].mean(axis=0) > _GOOD_SHARE)[:, None]
        true_speed = np.diff(episode.true_points[:, index], axis=0)
        frames, edge = len(speed), _MAX_LAG_FRAMES
        if frames <= 2 * edge + 4:
            continue
        inner = speed[edge : frames - edge]
        for k in range(shifts):
            shifted = true_speed[2 * edge - k : frames - k]
            common[k] += (used * inner * shifted).sum()
            energy[k] += (used * np.square(shifted)).sum()
    correlation = common / np.sqrt(np.maximum(energy, 1e-12))
    best = int(np.clip(correlation.argmax(), 1, shifts - 2))
    left, middle, right = correlation[best - 1 : best + 2]
    offset = 0.5 * (left - right) / (left - 2 * middle + right)
    return float((best - _MAX_LAG_FRAMES + offset) / fps * 1000)


def keypoint_table(by_method: dict[str, list[Episode]]) -> list[str]:
    """Rows with the errors of keypoints, in pixels relative to the person and in metres."""
    rows = [
        "| smoothing | part | error, % of size | median | acceleration error, sizes/s² "
        "| 3D error, mm | acceleration error, m/s² |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for name, found in by_method.items():
        for part in PARTS:
            points = [_distances(e.points, e.true_points, part).ravel() for e in found]
            space = [_distances(e.space, e.true_space, part).ravel() for e in found]
            jitter = [_acceleration(e.points, e.true_points, part, e.fps).ravel() for e in found]
            space_jitter = [
                _acceleration(e.space, e.true_space, part, e.fps).ravel() for e in found
            ]
            error = np.concatenate(points)
            rows.append(
                f"| {name} | {part} | {100 * error.mean():.2f} | {100 * np.median(error):.2f} "
                f"| {np.concatenate(jitter).mean():.1f} "
                f"| {1000 * np.concatenate(space).mean():.0f} "
                f"| {np.concatenate(space_jitter).mean():.1f} |"
            )
    return rows


def track_table(by_method: dict[str, list[Episode]]) -> list[str]:
    """Rows with the lag, and the errors of the root's depth."""
    rows = [
        "| smoothing | lag, ms | root depth: mean error | its spread over a track | z-score, RMS "
        "| reported std |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, found in by_method.items():
        errors = [np.log(e.root_m / e.true_root_m) for e in found]
        relative = np.concatenate([e.root_std_m / e.root_m for e in found])
        every = np.concatenate(errors)
        spread = np.concatenate([error - error.mean() for error in errors])
        rows.append(
            f"| {name} | {lag_ms(found):.0f} | {100 * np.abs(every).mean():.1f} % "
            f"| {100 * spread.std():.1f} % | {np.sqrt(np.mean(np.square(every / relative))):.2f} "
            f"| {100 * relative.mean():.1f} % |"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--model", default="rtmw3d-n")
    parser.add_argument(
        "--cache", type=Path, help="File that keeps the predictions for another run."
    )
    options = parser.parse_args()
    if options.cache and options.cache.is_file():
        clips: list[PredictedClip] = pickle.loads(options.cache.read_bytes())
    else:
        model = RTMPose3D.from_pretrained(options.model)
        clips = list(predicted_clips(options.clips, model))
        if options.cache:
            options.cache.write_bytes(pickle.dumps(clips))
    by_method: dict[str, list[Episode]] = {name: [] for name in METHODS}
    for clip in clips:
        for name, smooth in METHODS.items():
            by_method[name] += episodes(smooth(clip.results), clip, clip.results)
    print("\n".join([*keypoint_table(by_method), "", *track_table(by_method)]))


if __name__ == "__main__":
    main()
