"""Draws scenes: several images at once into one large one, which is read back in one go.

In: `RenderJob`s (a scene, a view, the part of it that is wanted). Out: `RenderedImage` images with
the depth of every pixel and whose it is. Skinning runs in the vertex shader; shadows come from
one small map for each image. Needs the extra `synth` and OpenGL 3.3 without a display.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from rtmpose3d.errors import BackendError, InputError
from rtmpose3d.structures.arrays import FloatArray, Image, UInt8Array
from rtmpose3d.synth.render.atlas import Atlas, grid
from rtmpose3d.synth.render.context import current, open_context
from rtmpose3d.synth.render.frames import FAR_M, FRAME_FLOATS, NEAR_M, RenderJob, paint_backdrop
from rtmpose3d.synth.render.plan import Plan, plan_images, shadow_size_px
from rtmpose3d.synth.render.programs import BONES_BINDING, FRAME_BINDING, SHADOW_UNIT
from rtmpose3d.synth.render.surfaces import BACKDROP, Floors, Screens, Surfaces
from rtmpose3d.synth.scene import CameraView, Scene, depth_from_clip

if TYPE_CHECKING:
    import moderngl

NOBODY, PROP = 0, 255
"""Owners of pixels: backdrop and floor; props. The people are 1, 2, ... in the scene's order."""
MOST_PEOPLE = BACKDROP - 1
MOST_BONES = 256
_SOFT_SHADOWS_FROM_PX = 320  # in smaller images one lookup, bilinear, is soft enough
_BLOCK_ALIGNMENT = 256  # the largest that OpenGL allows a device to ask for
_BONES_BYTES = MOST_BONES * 3 * 4 * 4


@dataclass(frozen=True, kw_only=True, eq=False)
class RenderedImage:
    """A drawn image.

    Attributes:
        image: (h, w, 3) uint8 BGR.
        depth_m: (h, w) float32, metres along the axis; inf where only the backdrop is.
        owner: (h, w) uint8, 0 for nobody, 255 for props, i + 1 for `scene.people[i]`.
    """

    image: Image
    depth_m: FloatArray
    owner: UInt8Array


class Renderer:
    """A context with what was sent to it. Use it in the thread that made it; close it at the end.

    Args:
        device: number of the EGL device (GPU); None for the first.
        supersample: 1, or 2 for four samples a pixel.

    Raises:
        MissingDependencyError: moderngl is not installed.
        BackendError: there is no OpenGL or no such device.
    """

    def __init__(self, device: int | None = None, *, supersample: int = 2) -> None:
        if supersample not in (1, 2):
            raise InputError(f"supersample must be 1 or 2, got {supersample!r}")
        self.context: moderngl.Context = open_context(device)
        self._supersample = supersample
        with current(self.context):
            self.device_name = str(self.context.info["GL_RENDERER"])
            self._surfaces = Surfaces(self.context)
            self._floors = Floors(self.context, self._surfaces.store)
            self._screens = Screens(self.context, supersample)
            self._atlas = Atlas(self.context, supersample)
            self._frames = self.context.buffer(reserve=_BLOCK_ALIGNMENT)
            self._bones = self.context.buffer(reserve=_BONES_BYTES)

    def __enter__(self) -> Renderer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free everything on the device."""
        with current(self.context):
            self._surfaces.store.release()
            self._atlas.release()
        self.context.release()

    def render(self, scene: Scene, view: CameraView) -> RenderedImage:
        """One whole image of a scene."""
        return self.render_jobs([RenderJob(scene=scene, view=view)])[0]

    def render_jobs(self, jobs: Sequence[RenderJob]) -> list[RenderedImage]:
        """Many images; those of a like size are drawn together.

        Args:
            jobs: what to draw. For the same bytes in every run, give the same jobs together.

        Raises:
            InputError: an image that is too large, or more people or bones than can be told
                apart.
            BackendError: the device failed.
        """
        for job in jobs:
            self._check(job)
        done: list[RenderedImage] = []
        rest = list(jobs)
        while rest:
            count = self._atlas.fitting(
                [job.size_wh for job in rest], [shadow_size_px(job) for job in rest]
            )
            with current(self.context):
                done += self._render_batch(rest[:count])
            rest = rest[count:]
        return done

    def _check(self, job: RenderJob) -> None:
        largest = self._atlas.largest_px
        if max(job.size_wh) > largest or min(job.size_wh) < 1:
            raise InputError(f"an image's sides must be 1 to {largest} px, got {job.size_wh}")
        people = job.scene.people
        if len(people) > MOST_PEOPLE:
            raise InputError(f"a scene holds at most {MOST_PEOPLE} people, got {len(people)}")
        for person in people:
            shape = person.bone_matrices.shape
            if shape[0] > MOST_BONES or shape[1:] != (3, 4):
                raise InputError(
                    f"bone_matrices must be (B, 3, 4) with B at most {MOST_BONES}, got {shape}"
                )

    def _render_batch(self, jobs: Sequence[RenderJob]) -> list[RenderedImage]:
        import moderngl

        try:
            self._surfaces.store.release_unused()
            layout = grid([job.size_wh for job in jobs])
            plan = plan_images(jobs)
            self._atlas.ensure(layout.size_wh)
            self._surfaces.send_textures(plan.materials)
            self._send_blocks(plan)
            self._draw_shadows(plan)
            self._clear(jobs, layout.places, layout.size_wh)
            self._draw_images(plan, layout.places)
            pixels, depths = self._screens.resolve(self._atlas, layout.size_wh)
        except moderngl.Error as error:
            raise BackendError(f"{self.device_name} failed to draw: {error}") from error
        if (failure := self.context.error) != "GL_NO_ERROR":
            raise BackendError(
                f"{self.device_name} failed to draw {len(jobs)} images: {failure}; if that is "
                "GL_OUT_OF_MEMORY, draw fewer or smaller ones at once"
            )
        return [
            _cut_out(pixels, depths, place, job.size_wh)
            for job, place in zip(jobs, layout.places, strict=True)
        ]

    def _send_blocks(self, plan: Plan) -> None:
        """All images' frames and all people's bones, in one buffer each."""
        stride = -(-FRAME_FLOATS * 4 // _BLOCK_ALIGNMENT) * _BLOCK_ALIGNMENT
        frames = np.zeros((len(plan.images), stride // 4), np.float32)
        for row, image in zip(frames, plan.images, strict=True):
            row[:FRAME_FLOATS] = image.frame
        bones = np.zeros((max(len(plan.bones), 1), MOST_BONES, 3, 4), np.float32)
        for block, matrices in zip(bones, plan.bones, strict=False):
            block[: len(matrices)] = matrices
        self._frames.orphan(frames.nbytes)
        self._frames.write(frames)
        self._bones.orphan(bones.nbytes)
        self._bones.write(bones)
        self._frame_stride = stride

    def _use_frame(self, index: int) -> None:
        stride = self._frame_stride
        self._frames.bind_to_uniform_block(FRAME_BINDING, offset=index * stride, size=stride)

    def _use_bones(self, index: int) -> None:
        self._bones.bind_to_uniform_block(
            BONES_BINDING, offset=index * _BONES_BYTES, size=_BONES_BYTES
        )

    def _draw_shadows(self, plan: Plan) -> None:
        import moderngl

        if not plan.shadows:
            return
        target = self._atlas.shadows
        target.use()
        target.viewport = (0, 0, *target.size)
        for shadow in plan.shadows:
            target.clear(depth=1.0, viewport=shadow.tile)
        self.context.enable_only(moderngl.DEPTH_TEST)
        self.context.front_face = "ccw"
        self.context.polygon_offset = (1.5, 2.0)
        for shadow in plan.shadows:
            self._use_frame(shadow.frame_index)
            target.scissor = shadow.tile  # pyright: ignore[reportAttributeAccessIssue]
            for prop in shadow.props:
                self._surfaces.draw_prop(prop.prop, prop.level, 0, shadow_pass=True)
            for person in shadow.people:
                self._use_bones(person.bones_index)
                self._surfaces.draw_person(person.person, person.level, 0, shadow_pass=True)
        target.scissor = None  # pyright: ignore[reportAttributeAccessIssue]
        self.context.polygon_offset = (0.0, 0.0)

    def _clear(
        self,
        jobs: Sequence[RenderJob],
        places: Sequence[tuple[int, int]],
        size_wh: tuple[int, int],
    ) -> None:
        width, height = size_wh
        canvas = np.zeros((height, width, 3), np.uint8)
        for job, (x, y) in zip(jobs, places, strict=True):
            w, h = job.size_wh
            paint_backdrop(job, canvas[y : y + h, x : x + w])
        self._screens.clear(self._atlas, canvas)

    def _draw_images(self, plan: Plan, places: Sequence[tuple[int, int]]) -> None:
        import moderngl

        target, scale = self._atlas.images, self._supersample
        self._atlas.shadow_map.use(SHADOW_UNIT)
        target.use()
        self.context.front_face = "cw"  # the image's first row is the framebuffer's first
        for index, (image, (x, y)) in enumerate(zip(plan.images, places, strict=True)):
            self.context.enable_only(moderngl.DEPTH_TEST)
            self._use_frame(index)
            w, h = image.size_wh
            soft = self._surfaces.soft_shadows = max(w, h) > _SOFT_SHADOWS_FROM_PX
            target.viewport = x * scale, y * scale, w * scale, h * scale
            for person in image.people:
                self._use_bones(person.bones_index)
                owner = person.index + 1
                self._surfaces.draw_person(person.person, person.level, owner, shadow_pass=False)
            for prop in image.props:
                self._surfaces.draw_prop(prop.prop, prop.level, PROP, shadow_pass=False)
            self._floors.draw(image.scene, soft_shadows=soft)


def _cut_out(
    pixels: UInt8Array, depths: FloatArray, place: tuple[int, int], size_wh: tuple[int, int]
) -> RenderedImage:
    (x, y), (w, h) = place, size_wh
    tile = pixels[y : y + h, x : x + w]
    return RenderedImage(
        image=np.ascontiguousarray(tile[..., :3]),
        depth_m=depth_from_clip(depths[y : y + h, x : x + w], NEAR_M, FAR_M),
        owner=np.where(tile[..., 3] == BACKDROP, np.uint8(NOBODY), tile[..., 3]),
    )
