"""Renderer: draws several images at once into one atlas, which is read back in one transfer.

In: `RenderJob`s (a scene, a view, optionally a part of its image). Out: `RenderedImage`s with the
depth and owner of every pixel. Skinning runs in the vertex shader; each image has one small shadow
map. Needs the extra `synth` and OpenGL 3.3 without a display.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from rtmpose3d.errors import BackendError, InputError
from rtmpose3d.structures.arrays import FloatArray, Image, UInt8Array
from rtmpose3d.synth.render.atlas import Atlas, arrange_tiles
from rtmpose3d.synth.render.context import open_context, use_context
from rtmpose3d.synth.render.frames import FAR_M, FRAME_FLOATS, NEAR_M, RenderJob, paint_backdrop
from rtmpose3d.synth.render.plan import RenderPlan, plan_images, shadow_size_px
from rtmpose3d.synth.render.programs import BONES_BINDING, FRAME_BINDING, SHADOW_UNIT
from rtmpose3d.synth.render.surfaces import BACKDROP, Floors, Screens, Surfaces
from rtmpose3d.synth.scene import CameraView, Scene, depth_from_clip

if TYPE_CHECKING:
    import moderngl

BACKGROUND, PROP = 0, 255
"""Owners of pixels: backdrop and floor; props. People are 1, 2, ... in the scene's order."""
MAX_OWNERS = BACKDROP - 1
MAX_PERSON_BONES = 256  # ids are stored in a byte
_SOFT_SHADOWS_FROM_PX = 320  # in smaller images one bilinear lookup is soft enough
_BLOCK_ALIGNMENT = 256  # the largest that OpenGL allows a device to require
_BONES_BYTES = MAX_PERSON_BONES * 3 * 4 * 4


@dataclass(frozen=True, kw_only=True, eq=False)
class RenderedImage:
    """A rendered image.

    Attributes:
        image: (h, w, 3) uint8 BGR.
        depth_m: (h, w) float32, metres along the optical axis; inf where only the backdrop is.
        owner: (h, w) uint8, 0 for the background, 255 for props, i + 1 for `scene.people[i]`.
    """

    image: Image
    depth_m: FloatArray
    owner: UInt8Array


class Renderer:
    """An OpenGL context with its meshes, textures and render targets. A context manager.

    To be used in the thread that created it.

    Args:
        device: number of the EGL device (GPU); None for the first.
        supersample: 1, or 2 for four samples per pixel.

    Raises:
        MissingDependencyError: moderngl is not installed.
        BackendError: there is no OpenGL or no such device.
    """

    def __init__(self, device: int | None = None, *, supersample: int = 2) -> None:
        if supersample not in (1, 2):
            raise InputError(f"supersample must be 1 or 2, got {supersample!r}")
        self.context: moderngl.Context = open_context(device)
        self._supersample = supersample
        with use_context(self.context):
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
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Releases everything on the device."""
        with use_context(self.context):
            self._surfaces.store.release()
            self._atlas.release()
        self.context.release()

    def render(self, scene: Scene, view: CameraView) -> RenderedImage:
        """Renders a full image of a scene."""
        return self.render_jobs([RenderJob(scene=scene, view=view)])[0]

    def render_jobs(self, jobs: Sequence[RenderJob]) -> list[RenderedImage]:
        """Renders many images, as many at once as fit the atlas.

        Args:
            jobs: the images. The same bytes in every run need the same jobs in one call.

        Raises:
            InputError: an image is too large, or there are too many people or bones.
            BackendError: the device failed.
        """
        for job in jobs:
            self._check(job)
        done: list[RenderedImage] = []
        rest = list(jobs)
        while rest:
            count = self._atlas.count_fitting(
                [job.size_wh for job in rest], [shadow_size_px(job) for job in rest]
            )
            with use_context(self.context):
                done += self._render_batch(rest[:count])
            rest = rest[count:]
        return done

    def _check(self, job: RenderJob) -> None:
        max_px = self._atlas.max_side_px
        if max(job.size_wh) > max_px or min(job.size_wh) < 1:
            raise InputError(f"an image's sides must be 1 to {max_px} px, got {job.size_wh}")
        people = job.scene.people
        if len(people) > MAX_OWNERS:
            raise InputError(f"a scene holds at most {MAX_OWNERS} people, got {len(people)}")
        for person in people:
            shape = person.bone_matrices.shape
            if shape[0] > MAX_PERSON_BONES or shape[1:] != (3, 4):
                raise InputError(
                    f"bone_matrices must be (B, 3, 4), B at most {MAX_PERSON_BONES}, got {shape}"
                )

    def _render_batch(self, jobs: Sequence[RenderJob]) -> list[RenderedImage]:
        import moderngl

        try:
            self._surfaces.store.release_unused()
            layout = arrange_tiles([job.size_wh for job in jobs])
            plan = plan_images(jobs)
            self._atlas.ensure(layout.size_wh)
            self._surfaces.upload_textures(plan.materials)
            self._upload_blocks(plan)
            self._draw_shadows(plan)
            self._clear(jobs, layout.positions, layout.size_wh)
            self._draw_images(plan, layout.positions)
            pixels, depths = self._screens.resolve(self._atlas, layout.size_wh)
        except moderngl.Error as error:
            raise BackendError(f"{self.device_name} failed to draw: {error}") from error
        if (failure := self.context.error) != "GL_NO_ERROR":
            raise BackendError(
                f"{self.device_name} failed to draw {len(jobs)} images: {failure}; if that is "
                "GL_OUT_OF_MEMORY, draw fewer or smaller images at once"
            )
        return [
            _cut_out(pixels, depths, position, job.size_wh)
            for job, position in zip(jobs, layout.positions, strict=True)
        ]

    def _upload_blocks(self, plan: RenderPlan) -> None:
        """Uploads the frames of all images and the bones of all people, one buffer each."""
        stride = -(-FRAME_FLOATS * 4 // _BLOCK_ALIGNMENT) * _BLOCK_ALIGNMENT
        frames = np.zeros((len(plan.images), stride // 4), np.float32)
        for row, image in zip(frames, plan.images, strict=True):
            row[:FRAME_FLOATS] = image.frame
        bones = np.zeros((max(len(plan.bones), 1), MAX_PERSON_BONES, 3, 4), np.float32)
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

    def _draw_shadows(self, plan: RenderPlan) -> None:
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
        positions: Sequence[tuple[int, int]],
        size_wh: tuple[int, int],
    ) -> None:
        width, height = size_wh
        canvas = np.zeros((height, width, 3), np.uint8)
        for job, (x, y) in zip(jobs, positions, strict=True):
            w, h = job.size_wh
            paint_backdrop(job, canvas[y : y + h, x : x + w])
        self._screens.clear(self._atlas, canvas)

    def _draw_images(self, plan: RenderPlan, positions: Sequence[tuple[int, int]]) -> None:
        import moderngl

        target, scale = self._atlas.images, self._supersample
        self._atlas.shadow_map.use(SHADOW_UNIT)
        target.use()
        self.context.front_face = "cw"  # the image's first row is the framebuffer's first
        for index, (image, (x, y)) in enumerate(zip(plan.images, positions, strict=True)):
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
    pixels: UInt8Array, depths: FloatArray, position: tuple[int, int], size_wh: tuple[int, int]
) -> RenderedImage:
    (x, y), (w, h) = position, size_wh
    tile = pixels[y : y + h, x : x + w]
    return RenderedImage(
        image=np.ascontiguousarray(tile[..., :3]),
        depth_m=depth_from_clip(depths[y : y + h, x : x + w], NEAR_M, FAR_M),
        owner=np.where(tile[..., 3] == BACKDROP, np.uint8(BACKGROUND), tile[..., 3]),
    )
