"""`rtmpose3d evaluate`: metrics of a model, or of poses in files, on annotated people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtmpose3d.cli.commands import evaluate_options as option
from rtmpose3d.cli.model_options import ModelOptions
from rtmpose3d.cli.options import expand_options
from rtmpose3d.cli.tables import print_table
from rtmpose3d.cli.terminal import FAILED, DebugOption, echo, plural, reports_errors
from rtmpose3d.errors import InputError

if TYPE_CHECKING:
    from rtmpose3d.data import AnnotatedImage
    from rtmpose3d.evaluation import Evaluation, Protocol, RunOptions, SkippedItems

MAX_REASONS = 10
MODEL_OPTIONS = ModelOptions()
DATASET_OPTIONS = option.DatasetOptions()
COCO_EXAMPLES = """
Examples:

- rtmpose3d evaluate coco-wholebody -a coco_wholebody_val_v1.0.json -i val2017/ --flip-test
- rtmpose3d evaluate coco-wholebody -a val.json -i val2017/ --boxes person_detections.json
- rtmpose3d evaluate coco-wholebody -a val.json -i val2017/ --boxes gt --model rtmw-l-384x288
- rtmpose3d evaluate coco-wholebody -a val.json --predictions results.json
"""
H3WB_EXAMPLES = """
Examples:

- rtmpose3d evaluate h3wb data/h3wb --every 64
- rtmpose3d evaluate h3wb data/h3wb --root-depth 5.14388 --flip-test
- rtmpose3d evaluate h3wb --annotations test_3d.json --predictions 2Dto3D_pred.json
"""
DATASET_EXAMPLES = """
Examples:

- rtmpose3d evaluate dataset rendered held_out/ --model rtmw3d-n
- rtmpose3d evaluate dataset h36m data/h36m --every 64 --root-depth true
- rtmpose3d evaluate dataset crowdpose data/crowdpose --split test --model rtmw-l-384x288
- rtmpose3d evaluate dataset coco-style --annotations mine.json --images photos/
"""

evaluate = typer.Typer(
    name="evaluate",
    help="Measure accuracy: AP and AR on COCO-WholeBody, errors in 3D on H3WB, PCK on any dataset.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@evaluate.command("coco-wholebody", epilog=COCO_EXAMPLES)
@reports_errors
@expand_options
def coco_wholebody(
    annotations: Annotated[
        Path,
        typer.Option(
            "--annotations",
            "-a",
            help="COCO-WholeBody annotations, JSON as published (V1.0).",
            show_default=False,
            rich_help_panel="Data",
        ),
    ],
    images: option.ImagesOption = None,
    boxes: Annotated[
        str | None,
        typer.Option(
            "--boxes",
            help="People's boxes: gt (annotated), or a file of detections in COCO's JSON format.",
            show_default="those of --detector",
            rich_help_panel="Data",
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions",
            "-p",
            help="Evaluate these poses instead of running a model: results JSON in the official "
            "format, or files of `rtmpose3d predict` (a .json, .jsonl or .npz file, or a folder).",
            show_default=False,
            rich_help_panel="Data",
        ),
    ] = None,
    out: option.OutOption = Path("evaluation"),
    skip_bad: option.SkipBadOption = False,
    model: ModelOptions = MODEL_OPTIONS,
    bbox_thr: option.BboxThrOption = None,
    score: option.ScoreOption = "bbox-keypoint",
    keypoint_thr: option.KeypointThrOption = 0.2,
    nms: option.NmsOption = "oks",
    nms_thr: option.NmsThrOption = 0.9,
    batch_size: option.BatchSizeOption = 4,
    ignore_exif_orientation: option.IgnoreExifOption = False,
    debug: DebugOption = False,
) -> None:
    """AP and AR of whole body, body, feet, face and hands on COCO-WholeBody.

    The metrics are those of the official script; poses are rescored and duplicates suppressed as
    for the published results. `predictions.json` is in the official results format.
    """
    from rtmpose3d.evaluation import CocoWholeBodyProtocol, Rescoring
    from rtmpose3d.evaluation.protocols.coco_wholebody import read_coco_images
    from rtmpose3d.structures.atomic import make_directory

    if predictions is not None and boxes is not None:
        raise InputError("--boxes cannot be combined with --predictions, which are poses already")
    if predictions is None and images is None:
        raise InputError("--images is missing: the image folder; or give --predictions")
    if images is not None and not images.is_dir():
        raise InputError(f"--images: {images} is no folder")
    protocol = CocoWholeBodyProtocol(
        rescoring=Rescoring(score=score, keypoint_thr=keypoint_thr, nms=nms, nms_thr=nms_thr)
    )
    make_directory(out)
    skipped = _skipped_items(skip_bad)
    annotated = read_coco_images(annotations, images, skipped)
    facts = {"annotations": str(annotations)}
    if predictions is not None:
        poses = protocol.read_poses(predictions, annotated, skipped)
        evaluation = replace(protocol.score_poses(annotated, poses), predictions=None)
        _report(evaluation, out, facts | {"poses": str(predictions)}, skipped)
        return
    options = _coco_run_options(boxes, annotated, bbox_thr, batch_size, skipped)
    options = replace(options, exif_orientation=not ignore_exif_orientation)
    chosen = model if boxes is None else model.without_detector()
    facts |= _model_facts(chosen, None if boxes == "gt" else boxes)
    facts["scoring"] = f"{score}, keypoints above {keypoint_thr:g}, NMS {nms} at {nms_thr:g}"
    _report(_run(chosen, annotated, protocol, options, skipped), out, facts, skipped)


@evaluate.command("h3wb", epilog=H3WB_EXAMPLES)
@reports_errors
@expand_options
def h3wb(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]",
            help="Folder of H3WB with Human3.6M's images; see docs/datasets.md.",
            show_default=False,
        ),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(
            "--annotations",
            "-a",
            help="With --predictions: ground truth in H3WB's JSON format, instead of FOLDER.",
            show_default=False,
            rich_help_panel="Data",
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions",
            "-p",
            help="With --annotations: poses in H3WB's JSON format, as for its leaderboard.",
            show_default=False,
            rich_help_panel="Data",
        ),
    ] = None,
    options: option.DatasetOptions = DATASET_OPTIONS,
    model: ModelOptions = MODEL_OPTIONS,
    debug: DebugOption = False,
) -> None:
    """Errors in 3D on H3WB: the six metrics of its official script, and more.

    MPJPE of whole body, body, face and hands, aligned at the pelvis, the nose and the wrists;
    PA-MPJPE, N-MPJPE, PCK at 150 mm, AUC, and errors in camera space.
    """
    from rtmpose3d.evaluation import H3wbProtocol
    from rtmpose3d.structures.atomic import make_directory

    if annotations is not None and predictions is not None and folder is None:
        make_directory(options.out)
        facts = {"annotations": str(annotations), "poses": str(predictions)}
        evaluation = H3wbProtocol().score_files(annotations, predictions)
        _report(evaluation, options.out, facts, _skipped_items(options.skip_bad))
        return
    if folder is None or annotations is not None or predictions is not None:
        raise InputError(
            "expected either FOLDER, to run a model, or both --annotations and --predictions, to "
            "compare existing poses"
        )
    _evaluate_dataset("h3wb", folder, model, H3wbProtocol(), options)


@evaluate.command("dataset", epilog=DATASET_EXAMPLES)
@reports_errors
@expand_options
def dataset(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Dataset name; `rtmpose3d datasets` lists them.",
            show_default=False,
        ),
    ],
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]",
            help="Dataset folder; not needed with --annotations.",
            show_default=False,
        ),
    ] = None,
    annotations: option.DatasetAnnotationsOption = None,
    images: option.DatasetImagesOption = None,
    options: option.DatasetOptions = DATASET_OPTIONS,
    model: ModelOptions = MODEL_OPTIONS,
    debug: DebugOption = False,
) -> None:
    """PCK, and errors in 3D where there is 3D, on any dataset that this package reads.

    Keypoints that a dataset does not label, crowds and hardly visible people do not count.
    """
    from rtmpose3d.evaluation import DatasetProtocol

    protocol = DatasetProtocol(title=name)
    chosen, images = option.dataset_files(folder, annotations, images)
    _evaluate_dataset(name, chosen, model, protocol, options, annotations, images)


def _evaluate_dataset(
    name: str,
    folder: Path,
    model: ModelOptions,
    protocol: Protocol,
    options: option.DatasetOptions,
    annotations: str | None = None,
    images_folder: str | None = None,
) -> None:
    """Reads the images, runs the model, reports."""
    from rtmpose3d.evaluation.protocols.dataset import read_annotated_images
    from rtmpose3d.structures.atomic import make_directory

    run_options = options.run_options()
    chosen = model.without_detector() if options.boxes == "gt" else model
    skipped = _skipped_items(options.skip_bad)
    images = read_annotated_images(
        name,
        folder,
        skipped,
        split=options.split,
        every=options.every,
        annotations=annotations,
        images=images_folder,
    )
    make_directory(options.out)
    evaluation = _run(chosen, images, protocol, run_options, skipped)
    where = folder if annotations is None else folder / annotations
    facts = {"data": f"{name} in {where}", "root depth": options.root_depth}
    facts |= _model_facts(chosen, boxes_file=None)
    _report(evaluation, options.out, facts, skipped)


def _skipped_items(skip_bad: bool) -> SkippedItems:
    from rtmpose3d.evaluation import SkippedItems

    return SkippedItems(allowed=skip_bad, hint="; --skip-bad skips such items and lists them")


def _coco_run_options(
    boxes: str | None,
    images: Sequence[AnnotatedImage],
    bbox_thr: float | None,
    batch_size: int,
    skipped: SkippedItems,
) -> RunOptions:
    from rtmpose3d.evaluation import RunOptions
    from rtmpose3d.evaluation.protocols.coco_results import read_detections
    from rtmpose3d.evaluation.running import DETECTOR_BBOX_THR

    thr = DETECTOR_BBOX_THR if bbox_thr is None else bbox_thr
    if boxes in (None, "gt"):
        source = "annotated" if boxes else "detected"
        return RunOptions(boxes=source, bbox_thr=thr, batch_size=batch_size)
    detections = read_detections(Path(boxes), images, bbox_thr=bbox_thr or 0.0, skipped=skipped)
    return RunOptions(boxes=detections, batch_size=batch_size)


def _run(
    model: ModelOptions,
    images: Sequence[AnnotatedImage],
    protocol: Protocol,
    options: RunOptions,
    skipped: SkippedItems,
) -> Evaluation:
    from rtmpose3d.evaluation import evaluate as run_evaluation
    from rtmpose3d.progress import progress_bar

    with progress_bar(len(images), "images") as bar:
        return run_evaluation(
            model.load(), images, protocol, options=options, skipped=skipped, progress=bar.advance
        )


def _model_facts(model: ModelOptions, boxes_file: str | None) -> dict[str, str]:
    weights = f", weights of {model.pose_checkpoint}" if model.pose_checkpoint else ""
    boxes = "annotated" if model.detector is None else f"detected by {model.detector_name}"
    return {
        "poses": model.model + weights,
        "boxes": f"from {boxes_file}" if boxes_file else boxes,
        "flip test": "yes" if model.uses_flip_test else "no",
    }


def _report(
    evaluation: Evaluation, out: Path, facts: dict[str, str], skipped: SkippedItems
) -> None:
    """Writes the files and prints the tables; exits with code 1 if items were skipped."""
    from rtmpose3d.evaluation import write_evaluation

    write_evaluation(evaluation, out, facts=facts, skipped=skipped)
    for table in evaluation.tables[: evaluation.summary]:
        print_table(table)
    for line in skipped.lines:
        echo(f"note: {line}", err=True)
    echo(f"results in {out}", err=True)
    if not skipped.reasons:
        return
    echo(f"{plural(len(skipped.reasons), 'item', 'items')} skipped:", err=True)
    for reason in skipped.reasons[:MAX_REASONS]:
        echo(f"  {reason}", err=True)
    if len(skipped.reasons) > MAX_REASONS:
        echo("  ... all are listed in results.json under skipped", err=True)
    raise typer.Exit(FAILED)
