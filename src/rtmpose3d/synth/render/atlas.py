"""Atlas: large images that many tiles are drawn into (colours, depths, shadows).

They grow when a batch needs more space and are reused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import moderngl

SHADOW_MAP_PX = 2048
"""Side of the shadow map of a batch; constant, so that rounding does not depend on the batch."""
_STEP_PX = 64  # llvmpipe shades tiles of 64 x 64
_MAX_SIDE_PX = 8192  # of the supersampled image; every OpenGL 3.3 device has textures of 16384
_MAX_PIXELS = 1 << 21  # of a batch; larger ones are not faster


@dataclass(frozen=True, kw_only=True)
class AtlasLayout:
    """Positions of tiles (left, top) and the size of the atlas, px."""

    positions: tuple[tuple[int, int], ...]
    size_wh: tuple[int, int]


def arrange_tiles(sizes_wh: Sequence[tuple[int, int]]) -> AtlasLayout:
    """Arranges tiles in a roughly square grid whose cells have the size of the largest tile."""
    cell_w, cell_h = (-(-max(side) // _STEP_PX) * _STEP_PX for side in zip(*sizes_wh, strict=True))
    columns = max(1, round(math.sqrt(len(sizes_wh) * cell_h / cell_w)))
    rows = -(-len(sizes_wh) // columns)
    positions = [((i % columns) * cell_w, (i // columns) * cell_h) for i in range(len(sizes_wh))]
    return AtlasLayout(positions=tuple(positions), size_wh=(columns * cell_w, rows * cell_h))


class Atlas:
    """Render targets on the device."""

    def __init__(self, context: moderngl.Context, supersample: int) -> None:
        self._context = context
        self._supersample = supersample
        self._size_wh = (0, 0)
        self._held: list[moderngl.Texture | moderngl.Framebuffer] = []

    @property
    def max_side_px(self) -> int:
        """Maximum side of an image."""
        return _MAX_SIDE_PX // self._supersample

    def count_fitting(self, sizes_wh: Sequence[tuple[int, int]], shadow_px: Sequence[int]) -> int:
        """Number of leading images that can be drawn together; at least one."""
        count = 1
        while count < len(sizes_wh):
            width, height = arrange_tiles(sizes_wh[: count + 1]).size_wh
            shadows = arrange_tiles([(side, side) for side in shadow_px[: count + 1]]).size_wh
            if (
                width * height > _MAX_PIXELS
                or max(width, height) > self.max_side_px
                or max(shadows) > SHADOW_MAP_PX
            ):
                break
            count += 1
        return count

    def ensure(self, size_wh: tuple[int, int]) -> None:
        """Makes the render targets at least as large as given."""
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
        self.images.use()  # moderngl rebinds the previous framebuffer: it must still exist
        for held in smaller:
            held.release()

    def release(self) -> None:
        """Releases the device's memory."""
        for held in self._held:
            held.release()
        self._held = []
        self._size_wh = (0, 0)
