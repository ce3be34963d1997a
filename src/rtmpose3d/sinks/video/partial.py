"""`partial_video`: an MP4 file in fragments, of which nothing is lost when writing ends early.

While it is written, the file is `NAME.part.mp4` next to its final name, and can be played up to its
last fragment at any time: also after the process was killed. A complete file is rewritten as an
ordinary MP4 whose index comes first, where the disk has room for both; after a failure of writing,
the fragments become the file.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rtmpose3d.errors import OutputError
from rtmpose3d.sinks.video.encoder import open_output
from rtmpose3d.sources.video.containers import open_container
from rtmpose3d.sources.video.truncation import top_level_boxes
from rtmpose3d.sources.video.video_file import file_address
from rtmpose3d.structures.atomic import atomic_path, output_errors, resolve_target

_ROOM = 1.05  # free space for a second copy, times its size


def part_path(path: Path) -> Path:
    """The name of a video while it is written."""
    return path.with_name(f"{path.stem}.part{path.suffix}")


@contextmanager
def partial_video(path: Path) -> Iterator[Path]:
    """Yield the name to write fragments to; they become `path`.

    Args:
        path: final name of the file, whose folder must exist. A device or pipe is written directly.

    Raises:
        OutputError: writing failed, in the block or after it; the message says whether `path` has
            what was written before. After any other error of the block, nothing is kept.
    """
    target = resolve_target(path)
    if target.exists() and not target.is_file():
        with output_errors(path, target):
            yield target
        return
    part = part_path(target)
    try:
        with output_errors(path, target, part):
            yield part
            if _boxes(part)[-1:] != [b"mfra"]:  # PyAV does not report failures of the last write
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OutputError as error:
        if not _keep_fragments(part, target):
            raise
        raise OutputError(f"{error}; {path} has the frames before") from error
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    if not _rewrite(part, target):
        with output_errors(path, target, part):
            part.replace(target)


def _keep_fragments(part: Path, target: Path) -> bool:
    """Whether the complete fragments of a file were kept, under the final name."""
    try:
        size = part.stat().st_size
        with part.open("rb+") as file:
            boxes = [(name, end) for name, end in top_level_boxes(file, size) if end <= size]
            ends = [end for name, end in boxes if name == b"mdat"]  # its index comes before it
            if ends:
                file.truncate(ends[-1])  # also makes room for what other files still hold
        if not ends:
            part.unlink()
            return False
        part.replace(target)
    except OSError:
        return False
    return True


def _boxes(path: Path) -> list[bytes]:
    """Names of the boxes of a file, without one that is cut off."""
    size = path.stat().st_size
    with path.open("rb") as file:
        return [name for name, end in top_level_boxes(file, size) if end <= size]


def _rewrite(part: Path, target: Path) -> bool:
    """Whether the fragments were written to `target` as one file with its index in front."""
    from av.error import FFmpegError

    if shutil.disk_usage(part.parent).free < _ROOM * part.stat().st_size:
        return False
    try:
        with (
            atomic_path(target) as whole,
            open_container(file_address(part), str(part), timeout_s=None, options={}) as source,
            open_output(whole, target, fragments=False) as output,
        ):
            streams = [output.add_stream_from_template(stream) for stream in source.streams]
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    output.mux(packet)
            output.close()
            if not {b"moov", b"mdat"} <= set(_boxes(whole)):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except (OutputError, FFmpegError, OSError):  # the disk is full: fragments can be played, too
        return False
    with suppress(OSError):
        part.unlink()
    return True
