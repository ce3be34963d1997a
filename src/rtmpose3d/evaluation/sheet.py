"""The evaluation sheet: Markdown tables of a model's figures, the mean pose beside each of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from rtmpose3d.evaluation.mean_pose import MeanPose
from rtmpose3d.evaluation.metrics.detection import AnnotatedImage, DetectionScores
from rtmpose3d.evaluation.metrics.mpjpe import HIPS, mpjpe, pa_mpjpe, relative_to_root
from rtmpose3d.evaluation.metrics.oks import (
    AveragePrecision,
    OksImage,
    average_precision,
    oks_matrix,
)
from rtmpose3d.evaluation.metrics.pck import PCK_THRESHOLDS, PartPck, pck, relative_errors
from rtmpose3d.evaluation.parts import EVALUATED_PARTS, EvaluatedPart
from rtmpose3d.evaluation.predictions import Predictions, by_image
from rtmpose3d.evaluation.real_people import RealPerson
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.structures import BoolArray, FloatArray

COMPLETE = frozenset({"coco", "crowdpose", "jhmdb", "humanart", "h36m", "mpi_inf_3dhp", "rendered"})
NO_PERSON_BOX = frozenset({"mpii"})  # a square of the person's height, which is no box around it


def pck_table(people: Sequence[RealPerson], found: FloatArray, mean: MeanPose) -> Iterator[str]:
    """PCK of every part at three thresholds, model and mean pose.

    Where the dataset tells what is hidden, the model's also over what is seen.

    Args:
        people: annotated.
        found: (N, 133, 2) px.
        mean: put into the annotated boxes.
    """
    true, annotated, boxes = truth(people)
    ours = pck(found, true, annotated, boxes)
    base = pck(mean.place(boxes), true, annotated, boxes)
    seen = [person.seen for person in people if person.seen is not None]
    of_seen = pck(found, true, np.array(seen), boxes) if len(seen) == len(people) else {}
    more = ("PCK of seen ones", "seen") if of_seen else ()
    yield _row("part", *(f"PCK@{t:g}" for t in PCK_THRESHOLDS), "mean pose", "keypoints", *more)
    yield _rule(1 + len(PCK_THRESHOLDS) + 2 + len(more))
    for part, scores in ours.items():
        yield _row(
            part,
            *(f"**{share(s)}**" for s in scores.shares),
            _shares(base[part]),
            str(scores.points),
            *((_shares(of_seen[part]), str(of_seen[part].points)) if of_seen else ()),
        )


def dataset_table(
    people: Sequence[RealPerson], found: FloatArray, mean: MeanPose, threshold: float = 0.1
) -> Iterator[str]:
    """PCK at one threshold for each dataset, the mean pose in brackets."""
    yield _row("data", "boxes", *EVALUATED_PARTS)
    yield _rule(2 + len(EVALUATED_PARTS))
    for name in dict.fromkeys(person.dataset for person in people):
        rows = [i for i, person in enumerate(people) if person.dataset == name]
        chosen = [people[i] for i in rows]
        true, annotated, boxes = truth(chosen)
        ours = pck(found[rows], true, annotated, boxes, [threshold])
        base = pck(mean.place(boxes), true, annotated, boxes, [threshold])
        cells = [
            f"{share(ours[part].shares[0])} ({share(base[part].shares[0])})"
            if ours[part].points
            else "–"
            for part in EVALUATED_PARTS
        ]
        yield _row(name, str(len(rows)), *cells)


def oks_table(
    people: Sequence[RealPerson], predictions: Predictions, mean: MeanPose
) -> Iterator[str]:
    """AP of every part over people whose box encloses the whole person, model and mean pose."""
    rows = [i for i, person in enumerate(people) if person.shown == "person"]
    if not rows:
        return
    chosen = [people[i] for i in rows]
    placed = mean.place(truth(chosen)[2])
    yield _row("part", "OKS-AP", "AP@.5", "AP@.75", "AR", "mean pose AP", "people")
    yield _rule(7)
    for part, index in EVALUATED_PARTS.items():
        scores = _part_scores(predictions, part)[rows]
        ours = part_ap(chosen, predictions.keypoints[rows], scores, part)
        base = part_ap(chosen, placed, np.ones(len(chosen)), part)
        if ours.people:
            figures = [f"**{share(ours.ap)}**", *map(share, (ours.ap50, ours.ap75, ours.ar))]
            yield _row(f"{part} ({len(index)})", *figures, share(base.ap), str(ours.people))


def part_ap(
    people: Sequence[RealPerson], found: FloatArray, scores: FloatArray, part: EvaluatedPart
) -> AveragePrecision:
    """AP of one part, one detection a person.

    Args:
        people: annotated.
        found: (N, 133, 2) px; rows of nan are people who were not found.
        scores: (N,) of the detections.
        part: which keypoints.
    """
    index = EVALUATED_PARTS[part]
    true, annotated, boxes = truth(people)
    area = np.array([person.area_px2 for person in people])
    crowd = np.array([person.crowd for person in people])
    images = []
    for rows in by_image(people).values():
        seen = [i for i in rows if np.isfinite(found[i]).all()]
        oks = oks_matrix(
            found[seen][:, index],
            true[rows][:, index],
            annotated[rows][:, index],
            area[rows],
            boxes[rows],
            WHOLEBODY.sigmas[index],
        )
        ignored = crowd[rows] | ~annotated[rows][:, index].any(axis=1)
        images.append(OksImage(oks=oks, scores=scores[seen], ignored=ignored, crowd=crowd[rows]))
    return average_precision(images)


def space_table(
    people: Sequence[RealPerson], predictions: Predictions, mean: MeanPose
) -> Iterator[str]:
    """Errors in 3D by dataset and part, hip-centred and best aligned, in millimetres."""
    if predictions.keypoints_camera is None:
        return
    yield _row("data", "part", "MPJPE, mm", "PA-MPJPE, mm", "mean pose", "mean pose, PA", "people")
    yield _rule(7)
    names = [person.dataset for person in people]
    for name in dict.fromkeys(names):
        rows = [
            i
            for i, person in enumerate(people)
            if names[i] == name
            and person.keypoints_camera is not None
            and person.annotated[list(HIPS)].all()
            and np.isfinite(predictions.keypoints[i]).all()
        ]
        if rows:
            yield from _space_rows(name, [people[i] for i in rows], predictions, rows, mean)


def _space_rows(
    name: str,
    people: Sequence[RealPerson],
    predictions: Predictions,
    rows: Sequence[int],
    mean: MeanPose,
) -> Iterator[str]:
    assert predictions.keypoints_camera is not None
    true = relative_to_root(np.stack([_in_space(person) for person in people]))
    found = relative_to_root(predictions.keypoints_camera[list(rows)])
    base = np.broadcast_to(mean.relative_m, true.shape)
    for part, index in EVALUATED_PARTS.items():
        known = np.stack([person.annotated[index] for person in people])
        if not known.any():
            continue
        figures = [
            1000 * float(np.nanmean(measure(which[:, index], true[:, index], known)))
            if np.isfinite(which[:, index][known]).all()
            else float("nan")
            for which in (found, base)
            for measure in (mpjpe, pa_mpjpe)
        ]
        cells = ["–" if math.isnan(figure) else f"{figure:.0f}" for figure in figures]
        yield _row(name, part, f"**{cells[0]}**", *cells[1:], str(int(known.any(axis=1).sum())))


def confidence_table(
    people: Sequence[RealPerson], predictions: Predictions, threshold: float = 0.1
) -> Iterator[str]:
    """PCK at one threshold among the keypoints of each tenth of confidence."""
    true, annotated, boxes = truth(people)
    right = relative_errors(predictions.keypoints, true, boxes)[annotated] <= threshold
    tenths = np.clip(predictions.confidence[annotated] * 10, 0, 9).astype(int)
    yield _row("confidence", f"PCK@{threshold:g}", "keypoints")
    yield _rule(3)
    for tenth in np.unique(tenths):
        chosen = right[tenths == tenth]
        limits = f"{tenth / 10:.1f} to {(tenth + 1) / 10:.1f}"
        yield _row(limits, share(float(chosen.mean())), str(len(chosen)))


def detector_table(scores: Iterable[tuple[float, DetectionScores]]) -> Iterator[str]:
    """Recall and precision at several thresholds of the score."""
    yield _row("score above", "recall", "precision", "people", "finds")
    yield _rule(5)
    for threshold, s in scores:
        yield _row(
            f"{threshold:g}", share(s.recall), share(s.precision), str(s.people), str(s.finds)
        )


def annotated_images(
    people: Sequence[RealPerson], sizes_wh: Mapping[Path, tuple[int, int]]
) -> list[AnnotatedImage]:
    """The images' true boxes, in the order of `by_image`, for `score_detections`.

    Args:
        people: everybody in the images.
        sizes_wh: of the images, px.
    """
    images = []
    for path, rows in by_image(people).items():
        images.append(
            AnnotatedImage(
                boxes_xyxy=np.stack([people[i].box_xyxy for i in rows]),
                ignored=np.array([people[i].crowd for i in rows]),
                size_wh=sizes_wh[path],
                complete=people[rows[0]].dataset in COMPLETE,
            )
        )
    return images


def with_person_box(people: Sequence[RealPerson]) -> list[RealPerson]:
    """Those whose annotated box encloses the whole person, as a detector is to find it."""
    return [p for p in people if p.shown == "person" and p.dataset not in NO_PERSON_BOX]


def truth(people: Sequence[RealPerson]) -> tuple[FloatArray, BoolArray, FloatArray]:
    """Keypoints (N, 133, 2) px, annotated (N, 133), boxes (N, 4) px."""
    return (
        np.stack([person.keypoints for person in people]),
        np.stack([person.annotated for person in people]),
        np.stack([person.box_xyxy for person in people]),
    )


def share(value: float) -> str:
    """A share as text: .87, or a dash where there is none."""
    if math.isnan(value):
        return "–"
    return "1.00" if value >= 0.995 else f"{value:.2f}".removeprefix("0")


def _in_space(person: RealPerson) -> FloatArray:
    assert person.keypoints_camera is not None
    return person.keypoints_camera


def _part_scores(predictions: Predictions, part: EvaluatedPart) -> FloatArray:
    """(N,) score of the box times the mean confidence of the part's keypoints."""
    return predictions.box_scores * predictions.confidence[:, EVALUATED_PARTS[part]].mean(axis=1)


def _shares(scores: PartPck) -> str:
    """One cell with all thresholds' shares."""
    return " / ".join(share(s) for s in scores.shares)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _rule(columns: int) -> str:
    return "|---|" + "---:|" * (columns - 1)
