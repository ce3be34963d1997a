"""Image files of results, drawn by `PoseResult.plot`."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np

from rtmpose3d.sinks.images import encode_image, mark_drawing
from rtmpose3d.sinks.sink import FileSink
from rtmpose3d.structures.result import PoseResult


class ImageSink(FileSink):
    """A .jpg, .png or .webp file of one result, as `plot` draws it."""

    _file: IO[bytes]

    def start(self, path: Path) -> None:
        """Open the file."""
        self._file = self.keep(path.open("wb"))

    def append(self, result: PoseResult) -> None:
        """Draw the result and write the image."""
        drawn = np.asarray(result.plot().convert("RGB"))[..., ::-1]
        self._file.write(mark_drawing(encode_image(drawn, self.path.suffix)))
