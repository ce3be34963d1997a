"""`rtmpose3d evaluate`: figures of a model, or of poses in files, on annotated people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtmpose3d.cli import evaluate_options as shared
from rtmpose3d.cli.model_options import ModelOptions
from rtmpose3d.cli.options import expand_options
from rtmpose3d.cli.terminal import DebugOption, reports_errors

evaluate = typer.Typer(
    name="evaluate",
    help="Measure how good poses are: COCO-WholeBody's AP and AR, H3WB's errors in 3D.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
MODEL_OPTIONS = ModelOptions()
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
PEOPLE_EXAMPLES = """
Examples:

- rtmpose3d evaluate people rendered held_out/ --model rtmw3d-n
- rtmpose3d evaluate people h36m samples/ --root-depth true
- rtmpose3d evaluate people crowdpose data/crowdpose --split test --model rtmw-l-384x288
"""


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
    images: shared.Images = None,
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
            "format, or what `rtmpose3d predict` wrote (a .json or .npz file, or their folder).",
            show_default=False,
            rich_help_panel="Data",
        ),
    ] = None,
    out: shared.Out = Path("evaluation"),
    skip_bad: shared.SkipBad = False,
    model: ModelOptions = MODEL_OPTIONS,
    bbox_thr: shared.BboxThr = None,
    score: shared.Score = "bbox-keypoint",
    keypoint_thr: shared.KeypointThr = 0.2,
    nms: shared.Nms = "oks",
    nms_thr: shared.NmsThr = 0.9,
    batch_size: shared.BatchSize = 4,
    debug: DebugOption = False,
) -> None:
    """AP and AR of whole body, body, feet, face and hands on COCO-WholeBody.

    The figures are those of the official script; poses are scored and thinned out as for the
    published figures. `predictions.json` is in the official results format, ready to submit.
    """
    from typing import cast

    from rtmpose3d.cli.evaluate_coco import CocoEvaluation, evaluate_coco
    from rtmpose3d.evaluation.protocols.rescoring import NmsMode, Rescoring, ScoreMode
    from rtmpose3d.structures.atomic import make_directory

    rescoring = Rescoring(
        score=cast("ScoreMode", score),
        keypoint_thr=keypoint_thr,
        nms=cast("NmsMode", nms),
        nms_thr=nms_thr,
    )
    choice = None
    if predictions is None:
        choice = model if boxes is None else model.without_detector()
    evaluation = CocoEvaluation(
        annotations=annotations,
        images=images,
        boxes=boxes,
        predictions=predictions,
        bbox_thr=bbox_thr,
        batch_size=batch_size,
        rescoring=rescoring,
        model=choice,
    )
    make_directory(out)
    evaluate_coco(evaluation, out, skip_bad=skip_bad)


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
    split: Annotated[
        str, typer.Option("--split", help="Part of the dataset.", rich_help_panel="Data")
    ] = "val",
    every: shared.Every = 1,
    annotations: Annotated[
        Path | None,
        typer.Option(
            "--annotations",
            "-a",
            help="With --predictions: true poses in H3WB's JSON format, instead of FOLDER.",
            show_default=False,
            rich_help_panel="Data",
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions",
            "-p",
            help="With --annotations: poses in H3WB's JSON format, as its leaderboard takes them.",
            show_default=False,
            rich_help_panel="Data",
        ),
    ] = None,
    boxes: shared.DetectOrNot = "gt",
    root_depth: shared.RootDepth = "estimated",
    out: shared.Out = Path("evaluation"),
    skip_bad: shared.SkipBad = False,
    model: ModelOptions = MODEL_OPTIONS,
    bbox_thr: shared.BboxThr = None,
    batch_size: shared.BatchSize = 4,
    debug: DebugOption = False,
) -> None:
    """Errors in 3D on H3WB: the six figures of its official script, and more.

    MPJPE of whole body, body, face and hands, aligned at the pelvis, the nose and the wrists;
    PA-MPJPE, N-MPJPE, PCK at 150 mm, AUC, and errors in camera space.
    """
    from rtmpose3d.cli.evaluate_space import (
        SpaceEvaluation,
        evaluate_dataset,
        evaluate_h3wb_files,
    )
    from rtmpose3d.errors import InputError
    from rtmpose3d.structures.atomic import make_directory

    if annotations is not None and predictions is not None and folder is None:
        make_directory(out)
        evaluate_h3wb_files(annotations, predictions, out)
        return
    if folder is None or annotations is not None or predictions is not None:
        raise InputError(
            "expected either FOLDER, to run a model, or both --annotations and --predictions, to "
            "compare poses that exist already"
        )
    evaluation = SpaceEvaluation(
        title="H3WB",
        data=f"h3wb, {split}, in {folder}" + (f", every {every}th frame" if every > 1 else ""),
        boxes=boxes,
        root_depth=root_depth,
        batch_size=batch_size,
        bbox_thr=bbox_thr,
        model=model.without_detector() if boxes == "gt" else model,
    )
    evaluate_dataset(evaluation, "h3wb", folder, split, every, out, skip_bad=skip_bad)


@evaluate.command("people", epilog=PEOPLE_EXAMPLES)
@reports_errors
@expand_options
def people_command(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET",
            help="rendered (what `rtmpose3d synth` writes), h36m or mpi_inf_3dhp (annotation "
            "samples of mmpose), or any dataset of docs/datasets.md.",
            show_default=False,
        ),
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where it lies.", show_default=False)
    ],
    split: Annotated[
        str, typer.Option("--split", help="Part of the dataset.", rich_help_panel="Data")
    ] = "val",
    every: shared.Every = 1,
    boxes: shared.DetectOrNot = "gt",
    root_depth: shared.RootDepth = "estimated",
    out: shared.Out = Path("evaluation"),
    skip_bad: shared.SkipBad = False,
    model: ModelOptions = MODEL_OPTIONS,
    bbox_thr: shared.BboxThr = None,
    batch_size: shared.BatchSize = 4,
    debug: DebugOption = False,
) -> None:
    """PCK, and errors in 3D where there is 3D, on any dataset that this package reads.

    Keypoints that a dataset does not label do not count.
    """
    from rtmpose3d.cli.evaluate_space import SpaceEvaluation, evaluate_dataset

    evaluation = SpaceEvaluation(
        title=dataset,
        data=f"{dataset} in {folder}" + (f", every {every}th image" if every > 1 else ""),
        boxes=boxes,
        root_depth=root_depth,
        batch_size=batch_size,
        bbox_thr=bbox_thr,
        model=model.without_detector() if boxes == "gt" else model,
    )
    evaluate_dataset(evaluation, dataset, folder, split, every, out, skip_bad=skip_bad)
