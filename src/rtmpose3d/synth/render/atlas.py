"""The large images that many small ones are drawn into: colours, depths, shadows.

They grow when a batch needs more room and are kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import moderngl

SHADOW_MAP_PX = 2048
"""Side of the map of all shadows of a batch: always the same, so that rounding is, too."""
_STEP_PX = 64  # llvmpipe shades tiles of 64 x 64
_LARGEST_SIDE_PX = 8192  # of the larger image; every OpenGL 3.3 device has textures of 16384
_MOST_PIXELS = 1 << 21  # of a batch; beyond it nothing is gained


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where tiles lie: left and top of each, and the size of all, px."""

    places: tuple[tuple[int, int], ...]
    size_wh: tuple[int, int]


def grid(sizes_wh: Sequence[tuple[int, int]]) -> Layout:
    """Places for tiles in rows of about a square, all cells as large as the largest tile."""
    cell_w, cell_h = (-(-max(side) // _STEP_PX) * _STEP_PX for side in zip(*sizes_wh, strict=True))
    columns = max(1, round(math.sqrt(len(sizes_wh) * cell_h / cell_w)))
    rows = -(-len(sizes_wh) // columns)
    places = [((i % columns) * cell_w, (i // columns) * cell_h) for i in range(len(sizes_wh))]
    return Layout(places=tuple(places), size_wh=(columns * cell_w, rows * cell_h))


class Atlas:
    """The device's images."""

    def __init__(self, context: moderngl.Context, supersample: int) -> None:
        self._context = context
        self._supersample = supersample
        self._size_wh = (0, 0)
        self._held: list[moderngl.Texture | moderngl.Framebuffer] = []

    @property
    def largest_px(self) -> int:
        """The longest side that an image may have."""
        return _LARGEST_SIDE_PX // self._supersample

    def fitting(self, sizes_wh: Sequence[tuple[int, int]], shadow_px: Sequence[int]) -> int:
        """How many of the first images can be drawn together; at least one."""
        count = 1
        while count < len(sizes_wh):
            width, height = grid(sizes_wh[: count + 1]).size_wh
            shadows = grid([(side, side) for side in shadow_px[: count + 1]]).size_wh
            if (
                width * height > _MOST_PIXELS
                or max(width, height) > self.largest_px
                or max(shadows) > SHADOW_MAP_PX
            ):
                break
            count += 1
        return count

    def ensure(self, size_wh: tuple[int, int]) -> None:
        """Make room for a batch."""
        if self._held and all(
            have >= need for have, need in zip(self._size_wh, size_wh, strict=True)
        ):
            return
        import moderngl

        size_wh = max(self._size_wh[0], size_wh[0]), max(self._size_wh[1], size_wh[1])
        smaller, self._size_wh = self._held, size_wh
        context = self._context
        large = size_wh[0] * self._supersample, size_wh[1] * self._supersample
        self.colours = context.texture(large, 4)
        self.depths = context.depth_texture(large)
        self.depths.compare_func = ""
        self.depths.filter = moderngl.NEAREST, moderngl.NEAREST
        self.images = context.framebuffer(self.colours, self.depths)
        self.pixels = context.texture(size_wh, 4)
        self.pixel_depths = context.texture(size_wh, 1, dtype="f4")
        self.resolved = context.framebuffer([self.pixels, self.pixel_depths])
        self.backdrops = context.texture(size_wh, 3, alignment=1)
        self.shadow_map = context.depth_texture((SHADOW_MAP_PX, SHADOW_MAP_PX))
        self.shadow_map.compare_func = "<="
        self.shadow_map.filter = moderngl.LINEAR, moderngl.LINEAR
        self.shadows = context.framebuffer(depth_attachment=self.shadow_map)
        self._held = [
            *(self.images, self.resolved, self.shadows),
            *(self.colours, self.depths, self.pixels, self.pixel_depths),
            *(self.backdrops, self.shadow_map),
        ]
        self.images.use()  # moderngl binds again what was bound before: it must still be there
        for held in smaller:
            held.release()

    def release(self) -> None:
        """Free the device's memory."""
        for held in self._held:
            held.release()
        self._held = []
        self._size_wh = (0, 0)
