"""Tracking of `Tracker` compared with other trackers on the same detections, as a Markdown table.

    python -m venv tracking-env
    tracking-env/bin/pip install . trackers==2.6.1
    tracking-env/bin/python benchmarks/compare_trackers.py

The package `trackers` (Apache 2.0) has the metrics and OC-SORT; it brings its own OpenCV, so it
has an environment of its own. Clips: `tracking_clips.py`. Compared are OC-SORT on boxes, with its
default threshold of detections and with ours; the rule of rtmlib 0.0.16 (greedy IoU with the frame
before, of boxes around the poses, as in its `PoseTracker`); optimal IoU with the frame before.
`Tracker` gives a person an id after a few frames; "as in files" also counts the frames before, to
which streams of files give it then (`pipeline.early_ids`).
With `--rendered FILE...` the predictions that `smoothing_errors.py --cache FILE` kept are tracked;
`Tracker` then also gets the colours of people.
"""

from __future__ import annotations

import argparse
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rendered_clips import PredictedClip
from tracking_clips import SCENARIOS, Frame, simulate

from rtmpose3d.geometry.boxes import iou_matrix
from rtmpose3d.pipeline.early_ids import EarlyIds
from rtmpose3d.structures import PoseResult
from rtmpose3d.tracking import Tracker, TrackerOptions
from rtmpose3d.tracking.assignment import optimal_pairs

OWN = "`Tracker`"
Ids = NDArray[np.int64]
Step = Callable[[Frame], Ids]
_MIN_VISIBLE = 0.25  # share of visible keypoints from which a rendered person counts
_SCORE_THR = 0.3  # detections below it are not reported at all
_RTMLIB_IOU, _RTMLIB_MIN_AREA, _RTMLIB_EXPANSION = 0.3, 1000, 1.25


def own_tracker(fps: float, options: TrackerOptions | None = None) -> Step:
    """`rtmpose3d.tracking.Tracker`."""
    tracker = Tracker(options or TrackerOptions())
    return lambda frame: tracker.update(
        frame.detected_boxes,
        frame.scores,
        frame.keypoints,
        frame.confidence,
        frame.time_s,
        colours=frame.colours,
    ).astype(np.int64)


def oc_sort(fps: float, score_thr: float) -> Step:
    """OC-SORT of `trackers`."""
    import supervision as sv  # pyright: ignore[reportMissingImports]
    from trackers import OCSORTTracker  # pyright: ignore[reportMissingImports]

    tracker = OCSORTTracker(frame_rate=fps, high_conf_det_threshold=score_thr)

    def step(frame: Frame) -> Ids:
        people = len(frame.scores)
        detections = sv.Detections(
            xyxy=frame.detected_boxes.astype(np.float32),
            confidence=frame.scores.astype(np.float32),
            data={"index": np.arange(people)},
        )
        tracked = tracker.update(detections)
        ids = np.full(people, -1, np.int64)
        if len(tracked):
            ids[np.asarray(tracked.data["index"], int)] = tracked.tracker_id
        return ids

    return step


def rtmlib_rule(fps: float) -> Step:
    """Greedy IoU with the boxes around the poses of the frame before, as rtmlib's `PoseTracker`."""
    last: list[tuple[int, NDArray[np.float64]]] = []
    next_id = 1

    def step(frame: Frame) -> Ids:
        nonlocal last, next_id
        ids, current = np.full(len(frame.scores), -1, np.int64), []
        for i, points in enumerate(frame.keypoints):
            low, high = points.min(axis=0), points.max(axis=0)
            middle, half = (low + high) / 2, (high - low) / 2 * _RTMLIB_EXPANSION
            box = np.concatenate([middle - half, middle + half])
            ious = iou_matrix(box[None], np.array([b for _, b in last]).reshape(-1, 4))[0]
            if len(ious) and ious.max() > _RTMLIB_IOU:
                ids[i], _ = last.pop(int(ious.argmax()))
            elif np.prod(box[2:] - box[:2]) >= _RTMLIB_MIN_AREA:
                ids[i], next_id = next_id, next_id + 1
            else:
                continue
            current.append((int(ids[i]), box))
        last = current
        return ids

    return step


def iou_alone(fps: float) -> Step:
    """Optimal assignment by IoU with the frame before."""
    boxes, track_ids, next_id = np.zeros((0, 4)), np.zeros(0, np.int64), 1

    def step(frame: Frame) -> Ids:
        nonlocal boxes, track_ids, next_id
        overlap = iou_matrix(boxes, frame.detected_boxes)
        rows, columns = optimal_pairs(np.where(overlap > 0.3, overlap, 0.0))
        ids = np.full(len(frame.scores), -1, np.int64)
        ids[columns] = track_ids[rows]
        new = np.flatnonzero(ids < 0)
        ids[new] = next_id + np.arange(len(new))
        next_id += len(new)
        boxes, track_ids = frame.detected_boxes, ids
        return ids

    return step


TRACKERS: dict[str, Callable[[float], Step]] = {
    OWN: own_tracker,
    "OC-SORT, default": lambda fps: oc_sort(fps, 0.6),
    f"OC-SORT, scores from {_SCORE_THR}": lambda fps: oc_sort(fps, _SCORE_THR),
    "rtmlib's rule": rtmlib_rule,
    "IoU alone": iou_alone,
}


def fill_in(frames: Sequence[Frame], ids: Sequence[Ids]) -> list[Ids]:
    """The ids of `Tracker` with those of the frames before a track was confirmed."""
    options = TrackerOptions()
    early = EarlyIds(options.min_hits - 1, options.min_age_s)
    results: list[PoseResult] = []
    for frame, track_ids in zip(frames, ids, strict=True):
        confidence = np.asarray(frame.confidence, np.float32)
        result = PoseResult(
            bboxes=np.asarray(frame.detected_boxes, np.float32),
            bbox_scores=np.asarray(frame.scores, np.float32),
            keypoints_2d=np.asarray(frame.keypoints, np.float32),
            scores=confidence,
            confidence=confidence,
            track_ids=track_ids,
            time_s=frame.time_s,
        )
        results += early.add(result)
    results += early.flush()
    return [np.asarray(result.track_ids, np.int64) for result in results]


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Metrics of clips, in percent, and identity switches."""

    hota: float
    det_a: float
    ass_a: float
    idf1: float
    switches: int


class Evaluation:
    """Collects the clips of one tracker and one row of the table."""

    def __init__(self) -> None:
        self.hota: list[dict[str, object]] = []
        self.identity: list[dict[str, object]] = []
        self.clear: list[dict[str, object]] = []

    def add(self, frames: list[Frame], ids: list[Ids]) -> None:
        """Adds one clip; people without an id are not reported."""
        from trackers.eval import (  # pyright: ignore[reportMissingImports]
            compute_clear_metrics,
            compute_hota_metrics,
            compute_identity_metrics,
        )

        truth = [frame.ids for frame in frames]
        reported = [frame_ids[frame_ids >= 0] for frame_ids in ids]
        similarity = [
            np.maximum(
                iou_matrix(frame.boxes, frame.detected_boxes[frame_ids >= 0]),
                iou_matrix(frame.visible_boxes, frame.detected_boxes[frame_ids >= 0]),
            )
            for frame, frame_ids in zip(frames, ids, strict=True)
        ]
        self.hota.append(compute_hota_metrics(truth, reported, similarity))
        self.identity.append(compute_identity_metrics(truth, reported, similarity))
        self.clear.append(compute_clear_metrics(truth, reported, similarity))

    def metrics(self) -> Metrics:
        """Metrics of all clips together."""
        from trackers.eval import (  # pyright: ignore[reportMissingImports]
            aggregate_clear_metrics,
            aggregate_hota_metrics,
            aggregate_identity_metrics,
        )

        hota = aggregate_hota_metrics(self.hota)
        return Metrics(
            hota=100 * float(hota["HOTA"]),
            det_a=100 * float(hota["DetA"]),
            ass_a=100 * float(hota["AssA"]),
            idf1=100 * float(aggregate_identity_metrics(self.identity)["IDF1"]),
            switches=int(aggregate_clear_metrics(self.clear)["IDSW"]),
        )


Clips = Iterator[tuple[tuple[str, ...], float, list[Frame]]]
"""Rows of the table that a clip counts for, its frame rate, and its frames."""


def synthetic_clips(rates: Iterable[float], seeds: Iterable[int], seconds: float) -> Clips:
    """Clips of all scenarios."""
    for scenario in SCENARIOS:
        for fps in rates:
            for seed in seeds:
                frames = list(simulate(scenario, fps=fps, seconds=seconds, seed=seed))
                yield (scenario.name, f"{fps:g} fps", "all"), fps, frames


def rendered_clips(files: Iterable[Path]) -> Clips:
    """Predictions of networks for rendered clips; people who are hardly visible do not count."""
    for file in files:
        clips: list[PredictedClip] = pickle.loads(file.read_bytes())
        for clip in clips:
            frames = []
            for result, colours, full in zip(clip.results, clip.colours, clip.truths, strict=True):
                truth = full.select(full.visible.mean(axis=1) >= _MIN_VISIBLE)
                frames.append(
                    Frame(
                        time_s=result.time_s or 0.0,
                        ids=truth.identities,
                        boxes=truth.boxes,
                        visible_boxes=np.nan_to_num(truth.visible_boxes),
                        colours=colours,
                        detected_boxes=np.asarray(result.bboxes, np.float64),
                        scores=np.asarray(result.bbox_scores, np.float64),
                        keypoints=np.asarray(result.keypoints_2d, np.float64),
                        confidence=np.asarray(result.confidence, np.float64),
                    )
                )
            fps = 1 / float(np.median(np.diff([frame.time_s for frame in frames])))
            yield (file.stem, "all"), fps, frames


def run(trackers: dict[str, Callable[[float], Step]], clips: Clips) -> None:
    """Prints the table."""
    rows: dict[str, dict[str, Evaluation]] = {}
    spent, count = dict.fromkeys(trackers, 0.0), 0
    for names, fps, frames in clips:
        count += len(frames)
        for name, create in trackers.items():
            step = create(fps)
            start = time.perf_counter()
            ids = [step(frame) for frame in frames]
            spent[name] += time.perf_counter() - start
            reported = {name: ids}
            if name == OWN:
                reported[f"{name}, as in files"] = fill_in(frames, ids)
            for row, (label, found) in product(names, reported.items()):
                rows.setdefault(row, {}).setdefault(label, Evaluation()).add(frames, found)
    print("| clips | tracker | HOTA | DetA | AssA | IDF1 | switches | ms per frame |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for row, by_tracker in rows.items():
        for name, evaluation in by_tracker.items():
            m = evaluation.metrics()
            ms = f"{1000 * spent[name] / count:.2f}" if row == "all" and name in spent else ""
            print(
                f"| {row} | {name} | {m.hota:.1f} | {m.det_a:.1f} | {m.ass_a:.1f} | {m.idf1:.1f} "
                f"| {m.switches} | {ms} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rates", type=float, nargs="+", default=[10, 25, 60])
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102])
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--rendered", type=Path, nargs="+", help="Track these predictions instead.")
    options = parser.parse_args()
    if options.rendered:
        # As in a stream: detections that the pose network confirmed start tracks at any score.
        confirmed = TrackerOptions(min_birth_score=0.0)
        trackers = {**TRACKERS, OWN: lambda fps: own_tracker(fps, confirmed)}
        run(trackers, rendered_clips(options.rendered))
    else:
        run(TRACKERS, synthetic_clips(options.rates, options.seeds, options.seconds))


if __name__ == "__main__":
    main()
