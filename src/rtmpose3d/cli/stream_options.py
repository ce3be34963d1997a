"""Options for videos and cameras, shared by `predict` and `live`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rtmpose3d.cli.predict_options import PredictOptions
from rtmpose3d.errors import InputError
from rtmpose3d.geometry.camera import Camera

if TYPE_CHECKING:
    from rtmpose3d.api import RTMPose3D
    from rtmpose3d.pipeline import PoseStream
    from rtmpose3d.sources.video import FrameSource
    from rtmpose3d.structures import Frame

_VIDEO = "Videos and cameras"


@dataclass(frozen=True, kw_only=True)
class VideoOptions:
    """Choice of frames, and treatment of people over time, as typed.

    Raises:
        InputError: options that contradict each other, or a number out of range.
    """

    track: Annotated[
        bool,
        typer.Option(
            "--track/--no-track",
            help="Give people ids that last over frames; without, every frame is on its own.",
            rich_help_panel=_VIDEO,
        ),
    ] = True
    smooth: Annotated[
        Literal["live", "offline", "off"] | None,
        typer.Option(
            "--smooth",
            help="Smooth motion: live, without delay; offline, which reads a video twice and is "
            "smoother; off.",
            show_default="live; off with --no-track",
            rich_help_panel=_VIDEO,
        ),
    ] = None
    detect_every: Annotated[
        int | None,
        typer.Option(
            "--detect-every",
            min=1,
            help="The detector runs at least every this many frames; in between, boxes follow "
            "the poses.",
            show_default="8; 1 with --no-track",
            rich_help_panel=_VIDEO,
        ),
    ] = None
    max_people: Annotated[
        int | None,
        typer.Option("--max-people", min=1, help="People per frame.", rich_help_panel=_VIDEO),
    ] = None
    start: Annotated[
        float,
        typer.Option("--start", min=0, help="First second of a video.", rich_help_panel=_VIDEO),
    ] = 0.0
    end: Annotated[
        float | None,
        typer.Option("--end", help="Second at which to end.", rich_help_panel=_VIDEO),
    ] = None
    every: Annotated[
        int,
        typer.Option(
            "--every", min=1, help="Use the first of this many frames.", rich_help_panel=_VIDEO
        ),
    ] = 1
    fps: Annotated[
        float | None,
        typer.Option(
            "--fps", help="Use at most this many frames per second.", rich_help_panel=_VIDEO
        ),
    ] = None
    view: Annotated[
        Literal["2d", "both"],
        typer.Option(
            "--view",
            help="Overlay videos: skeletons on the frames, or both: and in 3D next to them.",
            rich_help_panel=_VIDEO,
        ),
    ] = "2d"

    def __post_init__(self) -> None:
        if self.end is not None and self.end <= self.start:
            raise InputError(f"--end must be after --start, got {self.end:g} and {self.start:g}")
        if self.fps is not None and not 0 < self.fps < float("inf"):
            raise InputError(f"--fps must be above 0, got {self.fps:g}")
        if not self.track and self.smooth not in (None, "off"):
            raise InputError("--smooth follows people over time and needs --track")
        if not self.track and (self.detect_every or 1) > 1:
            raise InputError("--detect-every follows people over time and needs --track")

    def open(
        self,
        model: RTMPose3D,
        source: FrameSource,
        people: PredictOptions,
        *,
        flip_test: bool | None,
        reconnects: int = 0,
        timeout_s: float = 10.0,
    ) -> PoseStream:
        """Open the results of a source.

        Args:
            model: loaded.
            source: a video, a camera or an address.
            people: selection of people, and known facts for 3D.
            flip_test: as typed; None for the default.
            reconnects: attempts to connect again.
            timeout_s: seconds without a frame after which a live source has failed.

        Raises:
            InputError: it cannot be opened.
            MissingDependencyError: PyAV is not installed.
        """

        def camera(frame: Frame) -> Camera | None:
            return people.camera(frame.source or "", frame.image) if people.has_camera else None

        return model.stream(
            source,
            track=self.track,
            smooth=self.smooth,
            detect_every=self.detect_every,
            max_people=self.max_people,
            start=self.start,
            end=self.end,
            every=self.every,
            fps=self.fps,
            bbox_thr=people.bbox_thr,
            single_person=people.single_person,
            camera=camera,
            root_depth_m=people.root_depth_m,
            height_m=people.height_m,
            axes=people.axes,
            flip_test=flip_test,
            reconnects=reconnects,
            timeout_s=timeout_s,
        )

    def count_frames(self, fps: float | None, duration_s: float | None) -> int | None:
        """About the number of frames that are used; None if it is not known."""
        if not fps or not duration_s:
            return None
        end = duration_s if self.end is None else min(self.end, duration_s)
        used_fps = min(fps, self.fps or fps) / self.every
        return max(1, round(max(0.0, end - self.start) * used_fps))
