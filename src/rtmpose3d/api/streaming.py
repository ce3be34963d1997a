"""Opens the stream of results of a source: frames, estimator with state, threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rtmpose3d.api.arguments import CameraLike, loaded_camera, to_camera
from rtmpose3d.pipeline import (
    CameraRule,
    PoseEstimator,
    PoseOptions,
    PoseStream,
    StreamEstimator,
    StreamOptions,
)
from rtmpose3d.runtime import usable_cores
from rtmpose3d.sources.video import FrameStream

_GPU_BATCH = 8  # frames; on a CPU batches gain nothing and delay the first result


def open_stream(
    estimator: PoseEstimator,
    open_source: Callable[[], FrameStream],
    stream_options: StreamOptions,
    pose_options: PoseOptions,
    *,
    camera: CameraLike | CameraRule | None = None,
    batch_size: int | None = None,
    flip_test: bool | None = None,
    once: bool = False,
) -> PoseStream:
    """Open the stream of results of a source.

    Args:
        estimator: of single frames.
        open_source: opens the frames.
        stream_options: treatment of consecutive frames.
        pose_options: selection of people, and known facts for 3D.
        camera: of the frames.
        batch_size: frames that are estimated together; None for 1 on a CPU and 8 elsewhere.
        flip_test: None for the estimator's own, else the model's default if people are not
            tracked, and none if they are: it doubles the time of the network, and smoothing over
            time removes far more of the jitter.
        once: whether the source can be opened only once.

    Raises:
        InputError: the source cannot be opened, or options that contradict each other.
    """
    if flip_test is None and estimator.flip_test is None and stream_options.track:
        flip_test = False
    if flip_test is not None:
        estimator = replace(estimator, flip_test=flip_test)
    on_cpu = estimator.pose.device.kind == "cpu"
    if on_cpu and estimator.pose.threads == 1:  # faster than two threads of one call, which wait
        estimator = replace(estimator, workers=usable_cores())
    if on_cpu and stream_options.track:  # GPUs would have to copy all logits
        estimator = replace(estimator, with_std=True)
    if batch_size is None:
        batch_size = 1 if on_cpu else _GPU_BATCH
    frames = open_source()
    try:
        stream_estimator = StreamEstimator(
            estimator,
            stream_options,
            pose_options,
            camera=_camera_rule(camera),
            is_live=frames.is_live,
        )
        return PoseStream(
            frames,
            stream_estimator,
            batch_size=batch_size,
            offline=stream_options.smooth == "offline",
            reopen=None if once else open_source,
        )
    except BaseException:
        frames.close()
        raise


def _camera_rule(camera: CameraLike | CameraRule | None) -> CameraRule | None:
    """A function that gives the camera of a frame; None where none is given."""
    if camera is None or callable(camera):
        return camera
    loaded = loaded_camera(camera)
    return lambda frame: to_camera(loaded, frame.size_wh)
