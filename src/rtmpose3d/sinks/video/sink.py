"""`VideoSink`: an overlay video of a stream, with the source's sound, times and size."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from rtmpose3d.errors import InputError, OutputError
from rtmpose3d.sinks.sink import FileSink
from rtmpose3d.sinks.video.encoder import VideoEncoder, open_output, writing
from rtmpose3d.sinks.video.partial import partial_video
from rtmpose3d.sinks.video.sound import SoundTrack, open_sound
from rtmpose3d.sources.video import is_video
from rtmpose3d.structures.result import PoseResult
from rtmpose3d.viz.video import VideoFigure, VideoView

_DEFAULT_FPS = 30.0


class VideoSink(FileSink):
    """An .mp4 file of the results of a stream, drawn on their images (extra `video`).

    Results need their image and their time. The video starts at the first of them; its frames
    keep their distances in time and, if they come from a video file, its sound.

    Until the sink is closed the file is `NAME.part.mp4`, which can be played up to its last second
    also after the process was killed. Where the disk is full, the frames before become the file.

    Args:
        path: the file; its folder must exist.
        view: "2d" for skeletons on the images, "both" with the people in 3D next to them.
        sound: whether to copy the sound.
        fps: about the number of results per second.
        crf: quality of H.264, 0 to 51; lower is better.
        preset: of x264; faster ones make larger files.
    """

    holds_many = True
    may_be_empty = False
    keeps_interrupted = True

    def __init__(
        self,
        path: str | Path,
        *,
        view: VideoView = "2d",
        sound: bool = True,
        fps: float = _DEFAULT_FPS,
        crf: int = 23,
        preset: str = "superfast",
    ) -> None:
        super().__init__(path)
        self._view: VideoView = view
        self._with_sound = sound
        self._fps, self._crf, self._preset = fps, crf, preset

    def destination(self) -> AbstractContextManager[Path]:
        """The name to write to; see `partial_video`."""
        return partial_video(self.path)

    def start(self, path: Path) -> None:
        """Open the file; its streams are known with the first result."""
        self._failure: OutputError | None = None
        self._figure = VideoFigure(self._view)
        self._container = self.keep(open_output(path, self.path))
        self._encoder: VideoEncoder | None = None
        self._sound: SoundTrack | None = None
        self._start_s = self._last_s = 0.0
        self._step_s = 1 / self._fps

    def append(self, result: PoseResult) -> None:
        """Draw and encode one result."""
        if self._failure is not None:
            raise self._failure
        if result.time_s is None:
            raise InputError(f"{self.path}: a result without time_s cannot be part of a video")
        image = self._figure.draw(result)
        if self._encoder is None:
            self._begin(result, (image.shape[1], image.shape[0]))
            assert self._encoder is not None
        time_s = result.time_s - self._start_s
        try:
            with writing(self.path):
                self._encoder.encode(image, time_s)
                if self._sound is not None:
                    self._sound.write_until(time_s)
        except OutputError as error:
            self._failure = error
            raise
        if time_s > self._last_s:
            self._step_s = time_s - self._last_s
        self._last_s = time_s

    def _begin(self, result: PoseResult, size_wh: tuple[int, int]) -> None:
        assert result.time_s is not None
        self._start_s = result.time_s
        self._encoder = VideoEncoder(
            self._container, size_wh, fps=self._fps, crf=self._crf, preset=self._preset
        )
        if self._with_sound and result.source is not None and is_video(result.source):
            self._sound = open_sound(self._container, result.source, start_s=result.time_s)
        self.at_end(self._end)

    def _end(self, complete: bool) -> None:
        """Write what encoder and sound still hold, and close the source of the sound.

        Raises:
            OutputError: writing fails, or has failed before.
        """
        try:
            if self._failure is not None:
                raise self._failure
            if complete and self._encoder is not None:
                with writing(self.path):
                    self._encoder.finish()
                    if self._sound is not None:
                        self._sound.write_until(self._last_s + self._step_s)
        finally:
            if self._sound is not None:
                self._sound.close()
