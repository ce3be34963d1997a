"""Accuracy and speed of `detect_every`, on rendered clips and on videos, as Markdown tables.

    python benchmarks/detect_every.py --clips clips --videos walk.mp4 [--every 1,2,3,5,8,12]

`clips` is a folder of rendered clips: see `rendered_clips.py`. Counted are people with a box of at
least 80 px whose body has at least 6 visible keypoints. Found: the mean error of these is below
10 % of the longer side of the box. PCK: share of the visible keypoints of the body, those of people
who are not found included, within 5 % of it. Videos have no ground truth: compared is the pose with
that of `detect_every=1` in the same frame.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rendered_clips import Truth, frames, read_truth

from rtmpose3d import RTMPose3D
from rtmpose3d.geometry import Camera
from rtmpose3d.skeletons import PART_INDICES
from rtmpose3d.sources import load_image
from rtmpose3d.structures import Frame, PoseResult

_MIN_SIZE_PX, _MIN_VISIBLE = 80, 6
_FOUND, _PCK = 0.10, 0.05  # of the size of the person
_BODY = PART_INDICES["body"]


@dataclass(kw_only=True)
class Counts:
    """Counts of one setting.

    Attributes:
        frames, detections: in all, and with the detector.
        people, found, extra: people of the truth, those found, and results without a person.
        keypoints, correct: visible keypoints of the body, and those within the threshold.
        switches: changes of the identifier of a person.
        cpu_s: CPU time.
    """

    frames: int = 0
    detections: int = 0
    people: int = 0
    found: int = 0
    extra: int = 0
    keypoints: int = 0
    correct: int = 0
    switches: int = 0
    cpu_s: float = 0.0

    def row(self, every: int) -> str:
        """A row of the table."""
        return (
            f"| {every} | {100 * self.detections / self.frames:.0f} % "
            f"| {100 * self.found / self.people:.1f} % "
            f"| {100 * self.correct / self.keypoints:.1f} % "
            f"| {self.extra / self.frames:.2f} | {self.switches} "
            f"| {1000 * self.cpu_s / self.frames:.1f} |"
        )


def clips(folder: Path) -> Iterator[tuple[list[Frame], list[Truth]]]:
    """Frames and truth of each rendered clip."""
    for _, rows in groupby(frames(folder), key=lambda row: row[1]["shot"]):
        images, truths = [], []
        for path, image, people in rows:
            pixels = load_image(path)
            known = {name: image["camera"][name] for name in ("fx", "fy", "cx", "cy")}
            camera = Camera(**known, width=image["width"], height=image["height"])
            index, time_s = image["frame"], image["time_s"]
            images.append(Frame(image=pixels, index=index, time_s=time_s, camera=camera))
            truths.append(read_truth(people))
        yield images, truths


def count_clip(counts: Counts, results: Sequence[PoseResult], truths: Sequence[Truth]) -> None:
    """Add the people of one clip."""
    last: dict[int, int] = {}
    for result, truth in zip(results, truths, strict=True):
        visible = truth.visible[:, _BODY]
        size = (truth.boxes[:, 2:] - truth.boxes[:, :2]).max(axis=1)
        counted = (size >= _MIN_SIZE_PX) & (visible.sum(axis=1) >= _MIN_VISIBLE)
        error = pose_errors(result, truth)  # (P, G, 17), of the size
        mean = np.where(visible, error, 0).sum(axis=2) / np.maximum(visible.sum(axis=1), 1)
        left = mean.copy()
        matches: dict[int, int] = {}
        while left.size and left.min() < _FOUND:
            i, j = np.unravel_index(int(left.argmin()), left.shape)
            matches[int(j)] = int(i)
            left[i], left[:, j] = np.inf, np.inf
        counts.frames += 1
        counts.extra += len(result) - len(matches)
        for person in np.flatnonzero(counted).tolist():
            counts.people += 1
            counts.keypoints += int(visible[person].sum())
            if person not in matches:
                continue
            counts.found += 1
            right = error[matches[person], person] < _PCK
            counts.correct += int((right & visible[person]).sum())
            assert result.track_ids is not None
            track, identity = int(result.track_ids[matches[person]]), int(truth.identities[person])
            counts.switches += last.get(identity, track) != track
            last[identity] = track


def pose_errors(result: PoseResult, truth: Truth) -> NDArray[np.float64]:
    """(P, G, 17) distances of each result's body from each person's, of that person's size."""
    size = (truth.boxes[:, 2:] - truth.boxes[:, :2]).max(axis=1)
    points = np.asarray(result.keypoints_2d, np.float64)[:, None, _BODY]
    distance = np.linalg.norm(points - truth.keypoints_2d[None, :, _BODY], axis=-1)
    return distance / np.maximum(size, 1)[None, :, None]


def print_clips(model: RTMPose3D, folder: Path, settings: Sequence[int]) -> None:
    """Print the table of the rendered clips."""
    every_count = {every: Counts() for every in settings}
    for images, truths in clips(folder):
        for every, counts in every_count.items():
            cpu = time.process_time()
            with model.stream(images, detect_every=every, smooth="off") as stream:
                results = list(stream)
            counts.cpu_s += time.process_time() - cpu
            counts.detections += stream.detections
            count_clip(counts, results, truths)
    print("\n| `detect_every` | frames with detector | people found | PCK | others per frame "
          "| identity switches | CPU time per frame, ms |")  # fmt: skip
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for every, counts in every_count.items():
        print(counts.row(every))


def print_video(model: RTMPose3D, video: Path, settings: Sequence[int], end: float) -> None:
    """Print the table of a video."""
    print(f"\n| {video.name}, `detect_every` | frames with detector | people per frame | tracks "
          "| same pose as with 1 | CPU time per frame, ms |")  # fmt: skip
    print("|---:|---:|---:|---:|---:|---:|")
    reference: list[PoseResult] = []
    for every in settings:
        cpu = time.process_time()
        with model.stream(video, detect_every=every, smooth="off", end=end) as stream:
            results = [result.without_image() for result in stream]
        cpu = time.process_time() - cpu
        reference = reference or results
        people = sum(map(len, results)) / len(results)
        tracks = {int(one) for r in results if r.track_ids is not None for one in r.track_ids}
        same = [agreement(a, b) for a, b in zip(results, reference, strict=True) if len(b)]
        print(f"| {every} | {100 * stream.detections / len(results):.0f} % | {people:.2f} "
              f"| {len(tracks)} | {100 * np.mean(same):.1f} % "
              f"| {1000 * cpu / len(results):.1f} |")  # fmt: skip


def agreement(result: PoseResult, reference: PoseResult) -> float:
    """Share of the reference's confident keypoints of bodies that a person of the result has."""
    known = reference.confidence[:, _BODY] > 0.3
    if not len(result):
        return 0.0
    size = (reference.bboxes[:, 2:] - reference.bboxes[:, :2]).max(axis=1)
    apart = reference.keypoints_2d[None, :, _BODY] - result.keypoints_2d[:, None, _BODY]
    near = np.linalg.norm(apart, axis=-1) < _PCK * size[None, :, None]
    best = (near & known).sum(axis=2).max(axis=0)
    return float(best.sum() / max(int(known.sum()), 1))


def main() -> None:
    """Measures all settings."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--videos", type=Path, nargs="*", default=[])
    parser.add_argument("--end", type=float, default=1e9, help="seconds of a video")
    parser.add_argument("--every", default="1,2,3,5,8,12")
    parser.add_argument("--model", default="rtmw3d-n")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    settings = [int(text) for text in options.every.split(",")]
    model = RTMPose3D.from_pretrained(options.model, threads=options.threads)
    if options.clips is not None:
        print_clips(model, options.clips, settings)
    for video in options.videos:
        print_video(model, video, settings, options.end)


if __name__ == "__main__":
    main()
