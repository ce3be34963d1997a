"""The options of `rtmpose3d predict`: people, 3D, input and output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtmpose3d.cli.outputs import SaveFormat, parse_save
from rtmpose3d.cli.parsing import BoxesByImage, find_boxes, parse_boxes, parse_intrinsics
from rtmpose3d.errors import InputError
from rtmpose3d.geometry.axes import Axes
from rtmpose3d.geometry.camera import DEFAULT_FOV_DEG, Camera
from rtmpose3d.geometry.stature import check_height_m

if TYPE_CHECKING:
    from rtmpose3d.api import RTMPose3D
    from rtmpose3d.sources import Calibration, ImageLocation
    from rtmpose3d.structures import Image, PoseResult

_IMAGE_SAVE, VIDEO_SAVE = "json,image", "video,jsonl"
_PEOPLE, _SPACE, _OUTPUT = "People", "3D", "Input and output"

OutputFolder = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        help="Folder for the results; made if it does not exist.",
        rich_help_panel=_OUTPUT,
    ),
]


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """Output files, and how images are read."""

    out: OutputFolder = Path("outputs")
    save: Annotated[
        str | None,
        typer.Option(
            "--save",
            "-s",
            help="Files to write: json, npz, csv, parquet, image (for each image), jsonl (one for "
            "all images); png, jpg or webp instead of image chooses its format. For each video: "
            "video (with skeletons and sound), jsonl, csv, parquet, or a folder of the others.",
            show_default=f"{_IMAGE_SAVE}; of videos {VIDEO_SAVE}",
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    recursive: Annotated[
        bool,
        typer.Option("--recursive", "-r", help="Search subfolders, too.", rich_help_panel=_OUTPUT),
    ] = False
    ignore_exif_orientation: Annotated[
        bool,
        typer.Option(
            "--ignore-exif-orientation",
            help="Take images as they are stored, not rotated upright as their EXIF block says.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            help="Skip images whose files all exist, to resume an interrupted run.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False
    batch_size: Annotated[
        int,
        typer.Option(
            "--batch-size",
            min=1,
            help="Images at once; more is faster on a GPU and needs more memory.",
            rich_help_panel=_OUTPUT,
        ),
    ] = 4

    @cached_property
    def formats(self) -> tuple[SaveFormat, ...]:
        """The formats of --save.

        Raises:
            UnknownNameError: an unknown format.
            InputError: no format, or with --skip-existing one that is written only at the end.
        """
        formats = tuple(row for row in parse_save(self.save or _IMAGE_SAVE) if not row.only_streams)
        if self.skip_existing and any(row.one_file for row in formats):
            raise InputError(
                "--skip-existing needs a file for each image; jsonl is one file for all, which is "
                "written at the end"
            )
        return formats

    @cached_property
    def video_formats(self) -> tuple[SaveFormat, ...]:
        """The formats of --save for a video.

        Raises:
            UnknownNameError: an unknown format.
            InputError: no format, or --skip-existing.
        """
        if self.skip_existing:
            raise InputError("--skip-existing is for images; give the videos that are missing")
        return parse_save(self.save or VIDEO_SAVE)


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """Selection of people and what is known for 3D, as typed.

    Raises:
        InputError: a value out of range, or two that contradict each other.
    """

    bbox_thr: Annotated[
        float,
        typer.Option(
            "--bbox-thr",
            min=0.0,
            max=1.0,
            help="Minimum detection score of a person.",
            rich_help_panel=_PEOPLE,
        ),
    ] = 0.3
    single_person: Annotated[
        bool,
        typer.Option(
            "--single-person", help="Only the most prominent person.", rich_help_panel=_PEOPLE
        ),
    ] = False
    boxes: Annotated[
        str | None,
        typer.Option(
            "--boxes",
            help="People's boxes in pixels instead of a detector: x1,y1,x2,y2;... for all images, "
            "or a file: JSON with a list of boxes for each file name or path, or CSV rows "
            "file,x1,y1,x2,y2, with or without a header.",
            rich_help_panel=_PEOPLE,
        ),
    ] = None
    axes: Annotated[
        Axes,
        typer.Option("--axes", help="Frame of the 3D keypoints.", rich_help_panel=_SPACE),
    ] = "z-up"
    fov_deg: Annotated[
        float | None,
        typer.Option(
            "--fov-deg",
            help="Field of view of the camera over the longer side, in degrees.",
            show_default=f"{DEFAULT_FOV_DEG:g}",
            rich_help_panel=_SPACE,
        ),
    ] = None
    intrinsics: Annotated[
        str | None,
        typer.Option("--intrinsics", help="fx,fy,cx,cy in pixels.", rich_help_panel=_SPACE),
    ] = None
    calibration: Annotated[
        Path | None,
        typer.Option(
            "--calibration",
            help="Calibration file of the camera, with the distortion of its lens: OpenCV's or "
            "ROS's .yml or .json, Pose2Sim's or anipose's .toml.",
            rich_help_panel=_SPACE,
        ),
    ] = None
    camera_name: Annotated[
        str | None,
        typer.Option(
            "--camera-name",
            help="The camera of --calibration, if the file has several.",
            rich_help_panel=_SPACE,
        ),
    ] = None
    exif: Annotated[
        bool,
        typer.Option(
            "--exif",
            help="Take the field of view from each photo's EXIF where it is given.",
            rich_help_panel=_SPACE,
        ),
    ] = False
    height_m: Annotated[
        float | None,
        typer.Option(
            "--height-m", help="The person's height in metres, if known.", rich_help_panel=_SPACE
        ),
    ] = None
    root_depth_m: Annotated[
        float | None,
        typer.Option(
            "--root-depth-m",
            help="Distance of the hips from the camera in metres, if known.",
            rich_help_panel=_SPACE,
        ),
    ] = None

    def __post_init__(self) -> None:
        known = (self.fov_deg, self.intrinsics, self.calibration, self.exif or None)
        if sum(value is not None for value in known) > 1:
            raise InputError(
                "--fov-deg, --intrinsics, --calibration and --exif exclude each other; give one"
            )
        if self.camera_name is not None and self.calibration is None:
            raise InputError("--camera-name chooses a camera of --calibration; give that, too")
        if self.fov_deg is not None:
            Camera.from_fov(width=1, height=1, fov_deg=self.fov_deg)  # raises if out of range
        if self.height_m is not None:
            check_height_m(self.height_m, "--height-m")
            if self.root_depth_m is not None:
                raise InputError(
                    "--height-m has no effect with --root-depth-m, which is the distance that it "
                    "would be estimated for; give one of them"
                )
        if self.root_depth_m is not None and not 0 < self.root_depth_m < float("inf"):
            raise InputError(f"--root-depth-m must be above 0 m, got {self.root_depth_m:g}")
        _ = self.boxes_by_image, self.focal_and_center, self.calibrated

    @cached_property
    def boxes_by_image(self) -> BoxesByImage | None:
        """The given boxes; None if people are to be detected."""
        return None if self.boxes is None else parse_boxes(self.boxes)

    @cached_property
    def focal_and_center(self) -> tuple[float, float, float, float] | None:
        """The given fx, fy, cx, cy in pixels."""
        return None if self.intrinsics is None else parse_intrinsics(self.intrinsics)

    @cached_property
    def calibrated(self) -> Calibration | None:
        """The camera of the calibration file; None if there is none."""
        if self.calibration is None:
            return None
        from rtmpose3d.sources import load_calibration

        return load_calibration(self.calibration, self.camera_name)

    @property
    def has_camera(self) -> bool:
        """Whether one camera for all images is given."""
        return bool(self.fov_deg or self.focal_and_center or self.calibrated)

    def estimate(
        self, model: RTMPose3D, sources: Sequence[ImageLocation], images: Sequence[Image]
    ) -> list[PoseResult]:
        """Estimate the poses of several images; one result per image.

        Raises:
            InputError: no boxes for an image, or intrinsics that are no camera's.
        """
        given = self.boxes_by_image
        return model(
            list(images),
            bbox_thr=self.bbox_thr,
            single_person=self.single_person,
            boxes=None if given is None else [find_boxes(given, source) for source in sources],
            camera=[self.camera(*item) for item in zip(sources, images, strict=True)],
            root_depth_m=self.root_depth_m,
            height_m=self.height_m,
            axes=self.axes,
        )

    def camera(self, source: ImageLocation, image: Image) -> Camera:
        """The camera of an image.

        Raises:
            InputError: the intrinsics are no camera's, or the calibration is for another aspect
                ratio.
        """
        from rtmpose3d.sources import read_exif

        height, width = image.shape[:2]
        if self.calibrated is not None:
            return self.calibrated.camera_for((width, height))
        if self.focal_and_center is not None:
            fx, fy, cx, cy = self.focal_and_center
            return Camera(fx=fx, fy=fy, cx=cx, cy=cy, width=width, height=height)
        camera = None
        if self.exif and isinstance(source, Path):
            camera = Camera.from_exif(read_exif(source), width=width, height=height)
        return camera or Camera.from_fov(width=width, height=height, fov_deg=self.fov_deg)
