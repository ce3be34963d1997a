"""`rtmpose3d evaluate coco-wholebody`, from checked options to the written report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
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
from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.coco_annotations import CocoImage, read_coco_wholebody
from rtmpose3d.evaluation.errors import Skips
from rtmpose3d.evaluation.inputs import (
    annotated_boxes,
    people_of_result,
    read_boxes,
    read_predictions,
)
from rtmpose3d.evaluation.matching import ComparedPeople, compare_coco
from rtmpose3d.evaluation.metrics.coco_ap import coco_wholebody_figures
from rtmpose3d.evaluation.metrics.metrics_2d import (
    PART_PLACES,
    box_errors,
    keypoint_figures,
    part_figures,
)
from rtmpose3d.evaluation.protocols.coco_results import FoundPeople, results_document
from rtmpose3d.evaluation.protocols.rescoring import Rescoring
from rtmpose3d.evaluation.reports.histogram import BOX_AXIS, draw_histograms
from rtmpose3d.evaluation.reports.tables import (
    coco_document,
    coco_table,
    errors_by_part,
    pixel_document,
    pixel_keypoint_table,
    pixel_table,
)
from rtmpose3d.structures import Detections

ANNOTATED = "gt"
TITLE = "COCO-WholeBody"


@dataclass(frozen=True, kw_only=True)
class CocoEvaluation:
    """What to evaluate.

    Attributes:
        annotations: JSON file.
        images: folder of the images; None only with predictions.
        boxes: "gt", a file of detections, or None to detect people.
        predictions: poses that exist already; None to run the model.
        bbox_thr: boxes that score less are left out; None: 0.1 of a detector, 0 of a file.
        batch_size: images at once.
        rescoring: how poses are scored and thinned out.
        model: None with predictions.

    Raises:
        InputError: options that do not go together.
    """

    annotations: Path
    images: Path | None
    boxes: str | None
    predictions: Path | None
    bbox_thr: float | None
    batch_size: int
    rescoring: Rescoring
    model: ModelOptions | None

    def __post_init__(self) -> None:
        if self.predictions is not None and self.boxes is not None:
            raise InputError("--predictions hold poses already; --boxes would do nothing with them")
        if self.predictions is None and self.images is None:
            raise InputError(
                "--images is missing: the folder of the images; or give --predictions to "
                "evaluate poses that exist already"
            )
        if self.images is not None and not self.images.is_dir():
            raise InputError(f"--images: {self.images} is no folder")


def evaluate_coco(evaluation: CocoEvaluation, out: Path, *, skip_bad: bool) -> None:
    """Run it, write the report to a folder.

    Raises:
        InputError: data that cannot be used.
        OutputError: a file cannot be written.
        typer.Exit: bad items were left out.
    """
    skips = Skips(allowed=skip_bad)
    images = read_coco_wholebody(evaluation.annotations, skips)
    if evaluation.predictions is None:
        images, found = _estimated(evaluation, images, skips)
    else:
        found = read_predictions(evaluation.predictions, images, evaluation.rescoring)
    write_report(_report(evaluation, images, found), out, skips)


def _estimated(
    evaluation: CocoEvaluation, images: Sequence[CocoImage], skips: Skips
) -> tuple[list[CocoImage], dict[int, FoundPeople]]:
    """The images that could be used, and the poses in them."""
    assert evaluation.images is not None
    assert evaluation.model is not None
    given = _given_boxes(evaluation, images)
    ids: dict[Path, int] = {}
    tasks = []
    for index, image in enumerate(images):
        path = evaluation.images / image.file_name
        ids[path] = image.image_id
        boxes = None if given is None else given[image.image_id].boxes_xyxy
        where = f"{evaluation.annotations}, image {index} (id {image.image_id})"
        tasks.append(ImageTask(path=path, where=where, size_wh=image.size_wh, boxes_xyxy=boxes))
    there = check_files(tasks, skips)
    usable = {ids[task.path] for task in there}
    # Nothing is to be run where boxes are given and an image has none.
    busy = [task for task in there if task.boxes_xyxy is None or len(task.boxes_xyxy)]
    thr = DETECTOR_BBOX_THR if evaluation.bbox_thr is None else evaluation.bbox_thr
    results = estimate_images(
        evaluation.model.load(), busy, skips, batch_size=evaluation.batch_size, bbox_thr=thr
    )
    usable -= {ids[task.path] for task in busy if task.path not in results}
    found = {}
    for path, result in results.items():
        scores = None if given is None else given[ids[path]].scores
        found[ids[path]] = people_of_result(result, evaluation.rescoring, scores)
    return [image for image in images if image.image_id in usable], found


def _given_boxes(
    evaluation: CocoEvaluation, images: Sequence[CocoImage]
) -> dict[int, Detections] | None:
    if evaluation.boxes is None:
        return None
    if evaluation.boxes == ANNOTATED:
        return {image.image_id: annotated_boxes(image) for image in images}
    return read_boxes(Path(evaluation.boxes), images, bbox_thr=evaluation.bbox_thr or 0.0)


def _report(
    evaluation: CocoEvaluation,
    images: Sequence[CocoImage],
    found: Mapping[int, FoundPeople],
) -> Report:
    figures = coco_wholebody_figures(images, found)
    people = compare_coco(images, found, evaluation.images)
    parts, keypoints = part_figures(people), keypoint_figures(people)
    errors = 100 * np.where(people.annotated, box_errors(people), np.nan)
    facts = _facts(evaluation, images, people)
    return Report(
        title=TITLE,
        facts=facts,
        settings={"rescoring": asdict(evaluation.rescoring), "bbox_thr": evaluation.bbox_thr},
        figures={
            "ap_ar": coco_document(figures),
            "parts": pixel_document(parts),
            "keypoints": pixel_document(keypoints),
        },
        tables=[coco_table(figures), pixel_table(parts), pixel_keypoint_table(keypoints)],
        shown=2,
        histogram=draw_histograms(
            errors_by_part(errors, PART_PLACES), BOX_AXIS, f"{TITLE}: {facts['poses']}"
        ),
        people=people,
        badness=1 - people.oks,
        badness_texts=[f"OKS {oks:.2f}" for oks in people.oks.tolist()],
        predictions=None if evaluation.predictions is not None else results_document(found),
    )


def _facts(
    evaluation: CocoEvaluation, images: Sequence[CocoImage], people: ComparedPeople
) -> dict[str, str]:
    facts = {
        "annotations": str(evaluation.annotations),
        "people": f"{len(people)} with labelled body keypoints in {len(images)} images",
    }
    if evaluation.predictions is not None:
        return facts | {"poses": str(evaluation.predictions)}
    assert evaluation.model is not None
    boxes = {None: f"detected by {evaluation.model.detector_name}", ANNOTATED: "annotated"}
    rescoring = evaluation.rescoring
    weights = evaluation.model.pose_checkpoint
    return facts | {
        "poses": evaluation.model.model + (f", weights of {weights}" if weights else ""),
        "boxes": boxes.get(evaluation.boxes, f"of {evaluation.boxes}"),
        "flip test": "yes" if evaluation.model.uses_flip_test else "no",
        "scoring": f"{rescoring.score}, keypoints above {rescoring.keypoint_thr:g}, "
        f"NMS {rescoring.nms} at {rescoring.nms_thr:g}",
    }
