"""`rtmpose3d evaluate h3wb`, `rendered` and `samples`: errors in 3D, from options to the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.cli.evaluate_running import (
    DETECTOR_BBOX_THR,
    ImageTask,
    check_files,
    estimate_images,
)
from rtmpose3d.cli.evaluate_writing import Report, write_report
from rtmpose3d.cli.model_options import ModelOptions
from rtmpose3d.data import DATASETS, ReadOptions, read_dataset
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.evaluation.errors import Skips
from rtmpose3d.evaluation.matching import ComparedPeople, compare_people
from rtmpose3d.evaluation.metrics.metrics_2d import (
    PART_PLACES,
    box_errors,
    keypoint_figures,
    part_figures,
)
from rtmpose3d.evaluation.metrics.metrics_3d import (
    SPACE_PARTS,
    h3wb_lines,
    keypoint_errors_m,
    keypoint_mpjpe_mm,
    root_figures,
    space_figures,
)
from rtmpose3d.evaluation.metrics.mpjpe import HIPS
from rtmpose3d.evaluation.predictions import by_image, collect
from rtmpose3d.evaluation.protocols.h3wb_json import compare_h3wb, read_h3wb_json
from rtmpose3d.evaluation.real_people import RealPerson, person_of_record
from rtmpose3d.evaluation.real_samples import read_real_people
from rtmpose3d.evaluation.rendered_people import read_rendered_people
from rtmpose3d.evaluation.reports.histogram import BOX_AXIS, SPACE_AXIS, draw_histograms
from rtmpose3d.evaluation.reports.tables import (
    ROOT_TITLE,
    errors_by_part,
    h3wb_table,
    pixel_document,
    pixel_keypoint_table,
    pixel_table,
    root_table,
    space_document,
    space_keypoint_table,
    space_table,
)
from rtmpose3d.evaluation.reports.writing import Table
from rtmpose3d.structures import FloatArray
from rtmpose3d.structures.atomic import make_directory

H3WB = "H3WB"
MOTION_CAPTURE = ("h36m", "mpi_inf_3dhp")
ANNOTATED, DETECTED = "gt", "detect"
ESTIMATED, TRUE = "estimated", "true"


@dataclass(frozen=True, kw_only=True)
class SpaceEvaluation:
    """How to evaluate.

    Attributes:
        title: of the page.
        data: what people are told of the data.
        boxes: "gt" or "detect".
        root_depth: "estimated", "true" or metres.
        batch_size: images at once.
        bbox_thr: least score of a detected person; None: 0.1.
        model: the pose model.

    Raises:
        InputError: boxes or root depth that are none of these.
    """

    title: str
    data: str
    boxes: str
    root_depth: str
    batch_size: int
    bbox_thr: float | None
    model: ModelOptions

    def __post_init__(self) -> None:
        if self.boxes not in (ANNOTATED, DETECTED):
            raise InputError(f"--boxes is {self.boxes!r}; expected {ANNOTATED} or {DETECTED}")
        if self.root_depth not in (ESTIMATED, TRUE):
            self.given_depth_m()

    def given_depth_m(self) -> float | None:
        """Metres for everybody, if that was asked for."""
        if self.root_depth in (ESTIMATED, TRUE):
            return None
        try:
            metres = float(self.root_depth)
        except ValueError:
            metres = float("nan")
        if not 0 < metres < float("inf"):
            raise InputError(
                f"--root-depth is {self.root_depth!r}; expected {ESTIMATED}, {TRUE} or metres "
                "above 0"
            )
        return metres


def evaluate_people(
    evaluation: SpaceEvaluation, people: Sequence[RealPerson], out: Path, skips: Skips
) -> None:
    """Run the model over annotated people, write the report to a folder.

    Raises:
        InputError: data that cannot be used.
        OutputError: a file cannot be written.
        typer.Exit: bad items were left out.
    """
    tasks = [_task(evaluation, path, rows, people) for path, rows in by_image(people).items()]
    there = check_files(tasks, skips)
    results = estimate_images(
        evaluation.model.load(),
        there,
        skips,
        batch_size=evaluation.batch_size,
        bbox_thr=DETECTOR_BBOX_THR if evaluation.bbox_thr is None else evaluation.bbox_thr,
    )
    chosen = [person for person in people if person.image_path in results]
    if not chosen:
        raise InputError("nobody is left to evaluate on")
    found = collect(chosen, results, given_boxes=evaluation.boxes == ANNOTATED)
    counted = [i for i, person in enumerate(chosen) if not person.crowd]
    camera = found.keypoints_camera
    compared = compare_people(
        [chosen[i] for i in counted],
        found.keypoints[counted],
        None if camera is None else camera[counted],
    )
    weights = evaluation.model.pose_checkpoint
    facts = {
        "data": evaluation.data,
        "people": f"{len(compared)} in {len(results)} images",
        "poses": evaluation.model.model + (f", weights of {weights}" if weights else ""),
        "boxes": "annotated"
        if evaluation.boxes == ANNOTATED
        else f"detected by {evaluation.model.detector_name}",
        "flip test": "yes" if evaluation.model.uses_flip_test else "no",
        "root depth": evaluation.root_depth,
    }
    write_report(people_report(evaluation.title, facts, compared), out, skips)


def evaluate_h3wb_files(annotations: Path, predictions: Path, out: Path) -> None:
    """Compare poses in H3WB's JSON files, write the report to a folder.

    Raises:
        InputError: a file that cannot be used, or samples that do not go together.
        OutputError: a file cannot be written.
    """
    people = compare_h3wb(read_h3wb_json(annotations), read_h3wb_json(predictions))
    tables, document = space_tables(people)
    tables = [table for table in tables if table.title != ROOT_TITLE]  # no camera is known
    histogram, badness, texts = _space_images(H3WB, people)
    facts = {
        "annotations": str(annotations),
        "poses": str(predictions),
        "people": f"{len(people)} samples",
    }
    report = Report(
        title=H3WB,
        facts=facts,
        figures=document,
        tables=tables,
        shown=2,
        histogram=histogram,
        people=people,
        badness=badness,
        badness_texts=texts,
    )
    write_report(report, out, Skips())


def evaluate_dataset(
    evaluation: SpaceEvaluation,
    dataset: str,
    folder: Path,
    split: str,
    every: int,
    out: Path,
    *,
    skip_bad: bool,
) -> None:
    """Read a dataset, evaluate everybody in it, write the results.

    Args:
        evaluation: what is asked for.
        dataset: as `read_people` takes it.
        folder: likewise.
        split: likewise.
        every: likewise.
        out: folder of the results; made if it is not there.
        skip_bad: go on without what cannot be used.
    """
    skips = Skips(allowed=skip_bad)
    people = read_people(dataset, folder, split, every, skips)
    make_directory(out)
    evaluate_people(evaluation, people, out, skips)


def read_people(
    dataset: str, folder: Path, split: str, every: int, skips: Skips
) -> list[RealPerson]:
    """Everybody of a dataset.

    Args:
        dataset: "rendered", a motion capture set of `real_samples`, or a name of `DATASETS`.
        folder: where it lies.
        split: of the datasets that have some.
        every: take every n-th image.
        skips: takes labels that are broken.

    Raises:
        UnknownNameError: no such dataset or split.
        InputError: data that cannot be used.
    """
    if dataset == "rendered":
        return _every_image(read_rendered_people(folder), every)
    if dataset in MOTION_CAPTURE:
        people = read_real_people(folder, [dataset], missing=True)
        return _every_image(people, every)
    if dataset not in DATASETS:
        raise UnknownNameError("dataset", dataset, ["rendered", *MOTION_CAPTURE, *DATASETS])
    options = ReadOptions(every=every, check_images=False)
    on_bad = "skip" if skips.allowed else "raise"
    reading = read_dataset(dataset, folder, split, on_bad=on_bad, options=options)
    people = [person_of_record(record) for record in reading]
    for bad in reading.bad:
        skips.note(bad.text)
    return people


def _every_image(people: Sequence[RealPerson], every: int) -> list[RealPerson]:
    """Everybody of every n-th image."""
    chosen = set(list(by_image(people))[::every])
    return [person for person in people if person.image_path in chosen]


def _task(
    evaluation: SpaceEvaluation, path: Path, rows: Sequence[int], people: Sequence[RealPerson]
) -> ImageTask:
    first = people[rows[0]]
    gt = evaluation.boxes == ANNOTATED
    depth = None
    if evaluation.root_depth == TRUE:
        if not gt:
            raise InputError("--root-depth true needs --boxes gt: who is who must be known")
        depth = np.array([_root_depth_m(people[i]) for i in rows])
    elif (metres := evaluation.given_depth_m()) is not None:
        depth = metres
    camera = first.camera
    return ImageTask(
        path=path,
        where=f"{evaluation.data}, {first.dataset}",
        size_wh=None if camera is None else (camera.width, camera.height),
        boxes_xyxy=np.stack([people[i].box_xyxy for i in rows]) if gt else None,
        camera=camera,
        root_depth_m=depth,
    )


def _root_depth_m(person: RealPerson) -> float:
    if person.keypoints_camera is None or not person.annotated[list(HIPS)].all():
        raise InputError(
            f"{person.image_path}: the true root depth of a person is not known (no hips in 3D); "
            "use --root-depth estimated"
        )
    return float(person.keypoints_camera[list(HIPS), 2].mean())


def people_report(title: str, facts: Mapping[str, str], people: ComparedPeople) -> Report:
    """All figures, tables and images; 3D where data and poses have it."""
    parts, keypoints = part_figures(people), keypoint_figures(people)
    document: dict[str, object] = {
        "parts": pixel_document(parts),
        "keypoints": pixel_document(keypoints),
    }
    tables = [pixel_table(parts)]
    in_3d = people.true_camera is not None and people.found_camera is not None
    if in_3d:
        more, space = space_tables(people)
        h3wb, *by_part, by_keypoint = more
        official = [h3wb] if title == H3WB else []
        tables = [*official, *by_part, *tables, by_keypoint, pixel_keypoint_table(keypoints)]
        document |= space
        histogram, badness, texts = _space_images(title, people)
    else:
        tables.append(pixel_keypoint_table(keypoints))
        errors = 100 * np.where(people.annotated, box_errors(people), np.nan)
        histogram = draw_histograms(errors_by_part(errors, PART_PLACES), BOX_AXIS, title)
        badness = 1 - people.oks
        texts = [f"OKS {oks:.2f}" for oks in people.oks.tolist()]
    return Report(
        title=title,
        facts=facts,
        figures=document,
        tables=tables,
        shown=len(tables) - (2 if in_3d else 1),
        histogram=histogram,
        people=people,
        badness=badness,
        badness_texts=texts,
        predictions=predictions_document(people),
    )


def space_tables(people: ComparedPeople) -> tuple[list[Table], dict[str, object]]:
    """The tables of errors in 3D, that of every keypoint last, and the same as plain data."""
    figures, roots, keypoints = (
        space_figures(people),
        root_figures(people),
        keypoint_mpjpe_mm(people),
    )
    tables = [
        h3wb_table(figures),
        space_table(figures),
        root_table(roots),
        space_keypoint_table(keypoints),
    ]
    document: dict[str, object] = {
        "h3wb_mm": h3wb_lines(figures),
        "space": space_document(figures),
        "root": {
            "people": roots.people,
            "depth_mm": roots.depth_mm,
            "depth_share": roots.depth_share,
            "bias_share": roots.bias_share,
        },
        "keypoints_mpjpe_mm": {name: row[1] for name, row in keypoints.items()},
    }
    return tables, document


def _space_images(title: str, people: ComparedPeople) -> tuple[np.ndarray, FloatArray, list[str]]:
    errors = 1000 * keypoint_errors_m(people)
    histogram = draw_histograms(errors_by_part(errors, SPACE_PARTS), SPACE_AXIS, title)
    known = np.isfinite(errors)
    count = known.sum(axis=1)
    total = np.where(known, errors, 0.0).sum(axis=1)
    badness = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    texts = ["not found" if np.isnan(mm) else f"MPJPE {mm:.0f} mm" for mm in badness.tolist()]
    return histogram, badness, texts


def predictions_document(people: ComparedPeople) -> list[dict[str, object]]:
    """What was found of each person, as plain data: pixels, and metres in camera space."""
    rows = []
    for i, name in enumerate(people.names):
        there = bool(people.was_found[i])
        row: dict[str, object] = {
            "person": name,
            "box_xyxy_px": people.boxes_xyxy[i].round(3).tolist(),
            "keypoints_2d_px": people.found[i].round(3).tolist() if there else None,
        }
        if people.found_camera is not None:
            metres = people.found_camera[i].astype(np.float64).round(5).tolist()
            row["keypoints_camera_m"] = metres if there else None
        rows.append(row)
    return rows
