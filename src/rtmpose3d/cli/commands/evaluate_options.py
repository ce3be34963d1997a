"""Options shared by the commands of `rtmpose3d evaluate`; typer reads these annotations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rtmpose3d.errors import InputError

if TYPE_CHECKING:
    from rtmpose3d.evaluation import RunOptions

_DATA, _SCORING, _RUNNING = "Data", "Scoring", "Running"

ImagesOption = Annotated[
    Path | None,
    typer.Option(
        "--images",
        "-i",
        help="Image folder. With --predictions only the sheet of worst cases needs it.",
        show_default=False,
        rich_help_panel=_DATA,
    ),
]
DatasetAnnotationsOption = Annotated[
    str | None,
    typer.Option(
        "--annotations",
        "-a",
        help="Annotation file to use instead, relative to FOLDER if that is given. For coco-style: "
        "your own annotations.",
        show_default=False,
        rich_help_panel=_DATA,
    ),
]
DatasetImagesOption = Annotated[
    str | None,
    typer.Option(
        "--images",
        "--images-folder",
        "-i",
        help="Image folder to use instead, relative to FOLDER if that is given.",
        show_default="that of --annotations, without FOLDER",
        rich_help_panel=_DATA,
    ),
]
OutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        help="Output folder for results.json, results.md, histogram.png, worst.jpg, "
        "predictions.json; created if needed.",
        rich_help_panel=_DATA,
    ),
]
SkipBadOption = Annotated[
    bool,
    typer.Option(
        "--skip-bad",
        help="Skip bad annotations and missing or broken images, list them, and end with exit code "
        "1. Without it the first is an error.",
        rich_help_panel=_DATA,
    ),
]
BatchSizeOption = Annotated[
    int,
    typer.Option("--batch-size", min=1, help="Images per batch.", rich_help_panel=_RUNNING),
]
IgnoreExifOption = Annotated[
    bool,
    typer.Option(
        "--ignore-exif-orientation",
        help="Take images as they are stored, where the annotations were made on those pixels.",
        rich_help_panel=_RUNNING,
    ),
]
BboxThrOption = Annotated[
    float | None,
    typer.Option(
        "--bbox-thr",
        min=0.0,
        max=1.0,
        help="Minimum score of boxes.",
        show_default="0.1 for the detector, 0 for a file",
        rich_help_panel=_SCORING,
    ),
]
ScoreOption = Annotated[
    Literal["bbox-keypoint", "bbox", "keypoint"],
    typer.Option(
        "--score",
        help="Score of a pose: bbox-keypoint (score of the box times the mean score of the "
        "keypoints above --keypoint-thr), bbox, or keypoint.",
        rich_help_panel=_SCORING,
    ),
]
KeypointThrOption = Annotated[
    float,
    typer.Option(
        "--keypoint-thr", help="Minimum keypoint score for --score.", rich_help_panel=_SCORING
    ),
]
NmsOption = Annotated[
    Literal["oks", "soft-oks", "none"],
    typer.Option(
        "--nms",
        help="For two similar poses: oks drops one, soft-oks lowers its score, none keeps both.",
        rich_help_panel=_SCORING,
    ),
]
NmsThrOption = Annotated[
    float,
    typer.Option("--nms-thr", help="OKS above which poses are similar.", rich_help_panel=_SCORING),
]


@dataclass(frozen=True, kw_only=True)
class DatasetOptions:
    """Options of an evaluation on a dataset, as typed."""

    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            help="Split of the dataset.",
            show_default="val, test or the only one",
            rich_help_panel=_DATA,
        ),
    ] = None
    every: Annotated[
        int,
        typer.Option("--every", min=1, help="Take every n-th image.", rich_help_panel=_DATA),
    ] = 1
    boxes: Annotated[
        Literal["gt", "detect"],
        typer.Option(
            "--boxes",
            help="gt (annotated boxes) or detect (those of --detector; undetected people are "
            "missed).",
            rich_help_panel=_DATA,
        ),
    ] = "gt"
    root_depth: Annotated[
        str,
        typer.Option(
            "--root-depth",
            help="Distance of the hips: estimated (from bone lengths, as for your own images), "
            "true (as annotated), or metres for all people (mmpose's RTMW3D uses 5.14388).",
            rich_help_panel=_SCORING,
        ),
    ] = "estimated"
    out: OutOption = Path("evaluation")
    skip_bad: SkipBadOption = False
    bbox_thr: BboxThrOption = None
    batch_size: BatchSizeOption = 4
    ignore_exif_orientation: IgnoreExifOption = False

    def run_options(self) -> RunOptions:
        """Options of running the model.

        Raises:
            InputError: --root-depth is invalid, or needs annotated boxes.
        """
        from rtmpose3d.evaluation import RunOptions
        from rtmpose3d.evaluation.running import DETECTOR_BBOX_THR

        return RunOptions(
            boxes="annotated" if self.boxes == "gt" else "detected",
            root_depth=parse_root_depth(self.root_depth),
            bbox_thr=DETECTOR_BBOX_THR if self.bbox_thr is None else self.bbox_thr,
            batch_size=self.batch_size,
            exif_orientation=not self.ignore_exif_orientation,
        )


def dataset_files(
    folder: Path | None, annotations: str | None, images: str | None
) -> tuple[Path, str | None]:
    """The folder of a dataset, and of its images, as the options say.

    Raises:
        InputError: neither FOLDER nor --annotations is given, or --annotations is no file.
    """
    if folder is not None:
        return folder, images
    if annotations is None:
        raise InputError("FOLDER is missing: the dataset's folder; or give --annotations")
    if not Path(annotations).is_file():
        raise InputError(f"--annotations: there is no file {annotations}")
    return Path(), str(Path(annotations).parent) if images is None else images


def parse_root_depth(text: str) -> Literal["estimated", "true"] | float:
    """Parses --root-depth.

    Raises:
        InputError: neither a known word nor metres above 0.
    """
    if text == "estimated":
        return "estimated"
    if text == "true":
        return "true"
    try:
        metres = float(text)
    except ValueError:
        metres = float("nan")
    if not 0 < metres < float("inf"):
        raise InputError(f"--root-depth is {text!r}; expected estimated, true or metres above 0")
    return metres
