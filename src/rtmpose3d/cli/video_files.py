"""Videos among the inputs of a command, and the files that their results are written to."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rtmpose3d.cli.outputs import SaveFormat
from rtmpose3d.errors import InputError

if TYPE_CHECKING:
    from rtmpose3d.sinks import Sink


@dataclass(frozen=True, kw_only=True)
class VideoInput:
    """A video of the inputs.

    Attributes:
        location: a file, or an http(s) address.
        stem: path of its results below the output folder, without an ending.
    """

    location: Path | str
    stem: PurePosixPath


def split_videos(
    inputs: Sequence[str], *, recursive: bool, out: Path
) -> tuple[list[VideoInput], list[str]]:
    """Separate the videos from the other inputs.

    Folders and globs give the videos in them; they remain inputs if they hold anything else.
    Videos in the output folder are no inputs unless they are named.

    Args:
        inputs: as typed.
        recursive: whether to search subfolders.
        out: folder of the results.

    Returns:
        The videos, each once, and the inputs that may hold images.
    """
    found: dict[str, VideoInput] = {}
    others: list[str] = []
    for text in inputs:
        videos, has_others = _videos_in(text, recursive=recursive, out=out)
        for video in videos:
            found.setdefault(os.path.realpath(video.location), video)
        if has_others:
            others.append(text)
    return _with_unique_stems(list(found.values())), others


def _videos_in(text: str, *, recursive: bool, out: Path) -> tuple[list[VideoInput], bool]:
    """The videos of an input, and whether it may hold images, too."""
    from rtmpose3d.sources import is_url
    from rtmpose3d.sources.video import is_video

    if is_url(text):
        path = PurePosixPath(urlsplit(text).path)
        if not is_video(Path(path)):
            return [], True
        return [VideoInput(location=text, stem=PurePosixPath(path.stem or "video"))], False
    path = Path(text).expanduser()
    if path.is_dir():
        pattern, base = ("**/*" if recursive else "*"), path
        files = [one for one in sorted(path.glob(pattern)) if one.is_file()]
    elif path.exists() or not glob.has_magic(text):
        if not is_video(path):
            return [], True
        return [VideoInput(location=path, stem=PurePosixPath(path.stem))], False
    else:
        base = Path()
        files = [Path(one) for one in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
        base = Path(os.path.commonpath([one.parent for one in files])) if files else base
    shown = [one for one in files if is_video(one) and not _is_below(one, out)]
    videos = [
        VideoInput(
            location=one, stem=PurePosixPath(one.relative_to(base).with_suffix("").as_posix())
        )
        for one in shown
    ]
    return videos, not videos or any(not is_video(one) for one in files)


def _is_below(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _with_unique_stems(videos: list[VideoInput]) -> list[VideoInput]:
    """The videos with stems that differ, also where case is ignored."""
    taken: set[str] = set()
    unique = []
    for video in videos:
        stem, number = video.stem, 2
        while str(stem).casefold() in taken:
            stem = video.stem.with_name(f"{video.stem.name}-{number}")
            number += 1
        taken.add(str(stem).casefold())
        unique.append(VideoInput(location=video.location, stem=stem))
    return unique


def make_sinks(
    stem: Path, formats: Sequence[SaveFormat], *, fps: float | None, view: str
) -> list[Sink]:
    """A sink for each format, for the results of one stream.

    Formats of one result write a folder of files, the others one file each.

    Args:
        stem: path without an ending.
        formats: of --save.
        fps: about the number of results per second.
        view: of overlay videos.
    """
    from rtmpose3d.sinks import FORMATS
    from rtmpose3d.sinks.per_result import FilePerResultSink
    from rtmpose3d.sinks.record_sink import RecordSink
    from rtmpose3d.sinks.video import VideoSink

    sinks: list[Sink] = []
    for row in formats:
        path = stem.with_name(f"{stem.name}{row.ending}")
        kind = FORMATS[row.name].sink
        if kind is VideoSink:
            sinks.append(VideoSink(path, view="both" if view == "both" else "2d", fps=fps or 30.0))
        elif issubclass(kind, RecordSink):
            sinks.append(kind(path, line_by_line=True))
        elif kind.holds_many:
            sinks.append(kind(path))
        else:
            sinks.append(FilePerResultSink(stem, row.ending, kind))
    return sinks


def check_not_overwritten(video: VideoInput, stem: Path, formats: Sequence[SaveFormat]) -> None:
    """Check that no result replaces its own video.

    Raises:
        InputError: one would.
    """
    for row in formats:
        path = stem.with_name(f"{stem.name}{row.ending}")
        if path.exists() and path.resolve() == Path(video.location).resolve():
            raise InputError(f"{path} is an input and would be overwritten; use another --out")
