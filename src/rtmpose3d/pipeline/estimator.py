"""`PoseEstimator`: frames in, a `PoseResult` for each out, by a detector and a pose network.

Detect, crop, run, decode, lift, assemble; all people of all frames share the network's batches. It
holds no state over time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.geometry import AXES, Axes, Camera
from rtmpose3d.geometry.stature import check_height_m
from rtmpose3d.pipeline.close_up import find_close_ups
from rtmpose3d.pipeline.detect import detect_people, select_main_person
from rtmpose3d.pipeline.lift import lift_people
from rtmpose3d.pipeline.plausibility import plausible_people
from rtmpose3d.pipeline.pose import Poses, estimate_poses
from rtmpose3d.runtime import DetectorSession, PoseSession
from rtmpose3d.structures import Detections, FloatArray, Frame, PoseResult, Runtime
from rtmpose3d.structures.field_types import check_field_types
from rtmpose3d.zoo import PoseSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseOptions:
    """Selection of people, and known facts for lifting them to 3D.

    Attributes:
        bbox_thr: people must be detected with a score above this, in [0, 1].
        single_person: keep only the person with the largest area times score.
        root_depth_m: depth of the people's roots, if known: one for all, or (N,).
        height_m: statures of the people, if known: one for all, or (N,).
        axes: frame of `PoseResult.keypoints_3d`.

    Raises:
        InputError: a value of another type, a threshold outside [0, 1], or a stature that no
            person has.
        UnknownNameError: unknown axes.
    """

    bbox_thr: float = 0.3
    single_person: bool = False
    root_depth_m: float | FloatArray | None = None
    height_m: float | FloatArray | None = None
    axes: Axes = "z-up"

    def __post_init__(self) -> None:
        check_field_types(self)
        if not 0 <= self.bbox_thr <= 1:
            raise InputError(f"bbox_thr must be between 0 and 1, got {self.bbox_thr!r}")
        if self.axes not in AXES:
            raise UnknownNameError("axes", self.axes, AXES)
        if self.height_m is not None:
            check_height_m(self.height_m)


DEFAULT_POSE_OPTIONS = PoseOptions()


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseEstimator:
    """Whole-body pose estimation from open sessions.

    Attributes:
        pose: the pose network.
        detector: the person detector, or a function that returns it, called when people are to be
            detected; None if boxes are always given.
        flip_test: also run every crop flipped and average; None: as the pose model's spec says.
        with_std: also compute standard deviations where the flip test, which gives them, is off.
        workers: number of calls of the pose network at once; more than one only where each runs
            on one thread.
    """

    pose: PoseSession
    detector: DetectorSession | Callable[[], DetectorSession] | None = None
    flip_test: bool | None = None
    with_std: bool = False
    workers: int = 1

    def run(
        self,
        frames: Sequence[Frame],
        options: PoseOptions = DEFAULT_POSE_OPTIONS,
        *,
        people: Sequence[Detections | None] | None = None,
    ) -> list[PoseResult]:
        """Estimate the poses of the people in each frame.

        Args:
            frames: images of any sizes; a frame without a camera gets the default field of view.
            options: selection of people, and known facts for 3D.
            people: known people of each frame, None where they are to be detected; detections
                that the pose network contradicts are dropped (`plausible_people`), and where
                none is left, a face that fills the image is looked for (`find_close_ups`).

        Returns:
            One result per frame, with the frame's index, time and source.

        Raises:
            InputError: an unusable box or option, or no detector where one is needed.
            BackendError: the runtime failed.
        """
        detections = self.detect(frames, options, known=people)
        poses = estimate_poses(
            self.pose,
            [frame.image for frame in frames],
            [detected.boxes_xyxy for detected in detections],
            flip_test=self.flip_test,
            with_std=self.with_std,
            workers=self.workers,
        )
        known = people or [None] * len(frames)
        found = [
            self._confirm(detected, pose) if given is None else (detected, pose)
            for detected, pose, given in zip(detections, poses, known, strict=True)
        ]
        empty = [i for i, given in enumerate(known) if given is None and not len(found[i][0])]
        for i, close_up in zip(empty, self._find_close_ups(frames, empty, options), strict=True):
            found[i] = close_up or found[i]
        return [
            assemble_result(frame, *parts, options, self.pose.spec, runtime=self.pose.runtime)
            for frame, parts in zip(frames, found, strict=True)
        ]

    def _find_close_ups(
        self, frames: Sequence[Frame], index: Sequence[int], options: PoseOptions
    ) -> list[tuple[Detections, Poses] | None]:
        """The people whose faces fill the frames of an index."""
        return find_close_ups(
            self.pose,
            [frames[i].image for i in index],
            bbox_thr=options.bbox_thr,
            flip_test=self.flip_test,
            with_std=self.with_std,
        )

    def _confirm(self, people: Detections, poses: Poses) -> tuple[Detections, Poses]:
        """The detections that the pose network confirms."""
        plausible = plausible_people(
            people.boxes_xyxy, people.scores, poses.keypoints_2d, poses.confidence, self.pose.spec
        )
        if plausible.all():
            return people, poses
        index = np.flatnonzero(plausible)
        return people.select(index), poses.select(index)

    def detect(
        self,
        frames: Sequence[Frame],
        options: PoseOptions = DEFAULT_POSE_OPTIONS,
        *,
        known: Sequence[Detections | None] | None = None,
    ) -> list[Detections]:
        """The people of each frame: the known ones, the others from one run of the detector.

        Args:
            frames: images of any sizes.
            options: selection of people.
            known: known people of each frame, None where they are to be detected.

        Raises:
            InputError: no detector where one is needed.
            BackendError: the runtime failed.
        """
        known = known or [None] * len(frames)
        unknown = [
            frame.image for frame, people in zip(frames, known, strict=True) if people is None
        ]
        detected: Iterator[Detections] = iter(())
        if unknown:
            detected = iter(
                detect_people(self._open_detector(), unknown, bbox_thr=options.bbox_thr)
            )
        everyone = [next(detected) if people is None else people for people in known]
        if not options.single_person:
            return everyone
        return [select_main_person(people) for people in everyone]

    def _open_detector(self) -> DetectorSession:
        if self.detector is None:
            raise InputError(
                "there is no detector (detector=None) to find people with; pass their boxes, or "
                "load a detector such as 'rtmdet-m'"
            )
        return self.detector() if callable(self.detector) else self.detector


def assemble_result(
    frame: Frame,
    people: Detections,
    poses: Poses,
    options: PoseOptions,
    spec: PoseSpec,
    *,
    runtime: Runtime | None = None,
) -> PoseResult:
    """Lift the poses of one frame, if the model has depths, and join everything in a result.

    Args:
        frame: the image, with its camera if it is known.
        people: N boxes and scores.
        poses: of the same N people.
        options: the known depths or statures, and the axes.
        spec: of the pose model.
        runtime: what the pose network ran on.

    Raises:
        InputError: a root depth or a stature that is not positive, or not one per person.
    """
    camera = lifted = None
    if poses.depth_m is not None:
        width, height = frame.size_wh
        camera = frame.camera or Camera.from_fov(width=width, height=height)
        lifted = lift_people(
            poses.keypoints_2d,
            poses.depth_m,
            poses.confidence,
            camera,
            root_depth_m=options.root_depth_m,
            height_m=options.height_m,
            accuracy=spec.accuracy,
            boxes_xyxy=people.boxes_xyxy,
        )
    return PoseResult(
        keypoints_2d=poses.keypoints_2d,
        scores=poses.scores,
        confidence=poses.confidence,
        bboxes=people.boxes_xyxy,
        bbox_scores=people.scores,
        keypoints_2d_std=poses.std_px,
        depth_std_m=None if lifted is None else poses.depth_std_m,
        keypoints_camera=None if lifted is None else lifted.keypoints_camera,
        root_depth_m=None if lifted is None else lifted.root_depth_m,
        root_depth_std_m=None if lifted is None else lifted.root_depth_std_m,
        root_depth_source=() if lifted is None else lifted.root_depth_source,
        axes=options.axes,
        camera=camera,
        model=spec.name,
        runtime=runtime,
        image_size_wh=frame.size_wh,
        image=frame.image,
        source=frame.source,
        frame_index=frame.index,
        time_s=frame.time_s,
    )
