"""Numbers that the shaders need for one image: matrices, light, contacts, tiles of the atlas.

Pure arithmetic on scenes; nothing here touches OpenGL.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from rtmpose3d.geometry import Camera
from rtmpose3d.structures.arrays import FloatArray, Image
from rtmpose3d.synth.scene import (
    CameraView,
    Mesh,
    Person,
    Scene,
    clip_from_world,
    cropped_view,
    eye_of,
    to_camera,
)

NEAR_M, FAR_M = 0.08, 60.0
CONTACTS = 8  # as in frame.glsl
_FAINTEST_CONTACT = 0.01  # of the sky's light
FRAME_FLOATS = 16 + 16 + 4 * 7 + 4 * CONTACTS
_TALLEST_SHADOW_M = 2.6
_BODY_MARGIN_M = 0.22  # skull, hands, clothes and hair around the keypoints
_CASTER_RANGE_M = 3.0  # props this far towards the light still throw shadows on people
_FEET = (15, 16, 17, 19, 20, 22)  # ankles, big toes, heels
_SEATS = (11, 12, 13, 14, 5, 6, 9, 10)  # what touches the ground when one sits, kneels or lies


@dataclass(frozen=True, kw_only=True, eq=False)
class RenderJob:
    """One image to draw.

    Attributes:
        scene: what is in it.
        view: the whole image.
        tile_from_image: (2, 3) which part of it is drawn, as `cameras.cropped_view` takes it;
            None for all of it.
        tile_size_wh: width and height of what is drawn, px; None for the whole image's.
        backdrop_from_image: (3, 3) where in the scene's backdrop each pixel of the whole
            image looks; None fits the backdrop over the image.
    """

    scene: Scene
    view: CameraView
    tile_from_image: FloatArray | None = None
    tile_size_wh: tuple[int, int] | None = None
    backdrop_from_image: FloatArray | None = None

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of what is drawn, px."""
        return self.tile_size_wh or (self.view.camera.width, self.view.camera.height)

    @property
    def tile_view(self) -> CameraView:
        """The view of what is drawn."""
        if self.tile_from_image is None:
            return self.view
        return cropped_view(self.view, self.tile_from_image, self.size_wh)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sphere:
    """A ball in the world, metres."""

    middle: FloatArray
    radius_m: float


def sphere_of(person: Person) -> Sphere:
    """A ball around a person."""
    low, high = person.keypoints_world.min(axis=0), person.keypoints_world.max(axis=0)
    radius = float(np.linalg.norm(high - low)) / 2 + _BODY_MARGIN_M
    return Sphere(middle=(low + high) / 2, radius_m=radius)


_balls: weakref.WeakKeyDictionary[Mesh, Sphere] = weakref.WeakKeyDictionary()


def ball_of_mesh(mesh: Mesh) -> Sphere:
    """A ball around a mesh, in its rest frame; kept as long as the mesh is."""
    ball = _balls.get(mesh)
    if ball is None:
        low, high = mesh.positions.min(axis=0), mesh.positions.max(axis=0)
        middle = (low + high).astype(np.float64) / 2
        ball = _balls[mesh] = Sphere(middle=middle, radius_m=float(np.linalg.norm(high - low)) / 2)
    return ball


def sphere_around(spheres: Sequence[Sphere]) -> Sphere:
    """A ball around some balls."""
    low = np.min([s.middle - s.radius_m for s in spheres], axis=0)
    high = np.max([s.middle + s.radius_m for s in spheres], axis=0)
    middle = (low + high) / 2
    radius = max(float(np.linalg.norm(s.middle - middle)) + s.radius_m for s in spheres)
    return Sphere(middle=middle, radius_m=radius)


def is_seen(view: CameraView, sphere: Sphere) -> bool:
    """Whether a ball may show in a view's image."""
    x, y, z = to_camera(view, sphere.middle)
    if z < NEAR_M - sphere.radius_m:
        return False
    camera, radius = view.camera, sphere.radius_m
    for centre, at, focal, size in (
        (x, camera.cx, camera.fx, camera.width),
        (y, camera.cy, camera.fy, camera.height),
    ):
        for edge, sign in ((-0.5, 1.0), (size - 0.5, -1.0)):
            # distance to the plane through the camera and this edge of the image
            slope = (edge - at) / focal
            if sign * (centre - slope * z) / math.hypot(1.0, slope) < -radius:
                return False
    return True


def pixels_per_m(camera: Camera, view: CameraView, sphere: Sphere) -> float:
    """How large a metre appears where a ball is nearest to the camera."""
    nearest = float(to_camera(view, sphere.middle)[2]) - 0.5 * sphere.radius_m
    return camera.fx / max(nearest, 0.25)


def shadow_matrix(scene: Scene, lit: Sphere) -> FloatArray:
    """(4, 4) from the world to the unit cube in which the light sees a ball, depth included."""
    towards = np.asarray(scene.light.direction_world, np.float64)
    side = np.cross([0.0, 0.0, 1.0] if abs(towards[2]) < 0.95 else [0.0, 1.0, 0.0], towards)
    side = side / np.linalg.norm(side)
    rotation = np.stack([side, np.cross(towards, side), -towards])
    middle, radius = rotation @ lit.middle, lit.radius_m
    low = middle - (radius, radius, radius + _CASTER_RANGE_M)
    extent = np.array([2 * radius, 2 * radius, 2 * radius + _CASTER_RANGE_M])
    matrix = np.eye(4)
    matrix[:3, :3] = rotation / extent[:, None]
    matrix[:3, 3] = -low / extent
    return matrix


def contacts_of(people: Sequence[Person]) -> FloatArray:
    """(CONTACTS, 4) x, y, radius in m, strength: what is close to the ground darkens it."""
    contacts = np.zeros((CONTACTS, 4), np.float32)
    contacts[:, 2] = 1.0
    found: list[tuple[float, float, float, float]] = []
    for person in people:
        for index, radius in [(i, 0.10) for i in _FEET] + [(i, 0.22) for i in _SEATS]:
            x, y, z = person.keypoints_world[index]
            strength = 0.42 * math.exp(-max(z - 0.02, 0.0) / (0.9 * radius))
            if strength > _FAINTEST_CONTACT:
                found.append((strength, x, y, radius + 0.4 * max(float(z), 0.0)))
    found.sort(reverse=True)
    for row, (strength, x, y, radius) in zip(contacts, found, strict=False):
        row[:] = x, y, radius, strength
    return contacts


def floor_corners(job: RenderJob, view: CameraView, people: Sequence[Person]) -> FloatArray:
    """(4,) low x, low y, high x, high y of the floor to draw.

    All around the camera; of a floor that only darkens a backdrop, the part that can be dark.
    """
    if job.scene.floor_material is not None or job.scene.backdrop is None:
        x, y, _ = eye_of(view)
        return np.array([x - FAR_M, y - FAR_M, x + FAR_M, y + FAR_M])
    if not people:
        return np.zeros(4)
    towards = np.asarray(job.scene.light.direction_world)
    slide = towards[:2] / max(float(towards[2]), 0.05)  # of a shadow, by metre of height
    corners = []
    for ball in map(sphere_of, people):
        middle, radius = ball.middle, ball.radius_m
        for height in (0.0, min(float(middle[2]) + radius, _TALLEST_SHADOW_M)):
            foot = middle[:2] - slide * height
            corners += [foot - radius, foot + radius]
    return np.concatenate([np.min(corners, axis=0), np.max(corners, axis=0)])


def frame_block(
    job: RenderJob,
    view: CameraView,
    people: Sequence[Person],
    shadow: tuple[FloatArray, FloatArray, float] | None,
    exposure: float = 1.0,
) -> FloatArray:
    """The uniform block `Frame` of frame.glsl.

    Args:
        job: what is drawn.
        view: its tile's view.
        people: that are seen, for the floor's contacts.
        shadow: (4, 4) atlas from world, (4,) tile and the size of a texel in m; None without.
        exposure: factor on the light.

    Returns:
        (FRAME_FLOATS,) float32.
    """
    light = job.scene.light
    matrix, tile, texel_m = shadow if shadow else (np.eye(4), np.array([2.0, 2.0, -2.0, -2.0]), 0.0)
    return np.concatenate(
        [
            clip_from_world(view, NEAR_M, FAR_M).T.ravel(),
            matrix.T.ravel(),
            tile,
            [*eye_of(view), 0.0],
            [*light.direction_world, exposure],
            [*light.colour_rgb, 1.2 * texel_m],
            [*light.sky_rgb, 0.0],
            [*light.ground_rgb, 0.0],
            floor_corners(job, view, people),
            contacts_of(people).ravel(),
        ]
    ).astype(np.float32)


def paint_backdrop(job: RenderJob, canvas: Image) -> None:
    """Fill a tile with the part of the backdrop that it shows.

    Args:
        job: what is drawn.
        canvas: (h, w, 3) uint8 BGR of the tile's size, overwritten.
    """
    height, width = canvas.shape[:2]
    if job.scene.backdrop is None:
        _paint_sky(job, canvas)
        return
    backdrop = job.scene.backdrop
    tile_from_image = np.eye(3)
    if job.tile_from_image is not None:
        tile_from_image[:2] = job.tile_from_image
    backdrop_from_image = job.backdrop_from_image
    if backdrop_from_image is None:
        backdrop_from_image = cover(job.view.camera, backdrop)
    matrix = backdrop_from_image @ np.linalg.inv(tile_from_image)
    backdrop, matrix = _reduced(backdrop, matrix)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if np.allclose(matrix[2], (0, 0, 1)):
        warped = cv2.warpAffine(
            backdrop, matrix[:2], (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101
        )
    else:
        warped = cv2.warpPerspective(
            backdrop, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101
        )
    canvas[...] = warped


def cover(camera: Camera, backdrop: Image) -> FloatArray:
    """(3, 3) backdrop from image: as large as covers the image, in the middle."""
    height, width = backdrop.shape[:2]
    scale = min(width / camera.width, height / camera.height)
    return np.array(
        [
            [scale, 0.0, (width - 1) / 2 - scale * (camera.width - 1) / 2],
            [0.0, scale, (height - 1) / 2 - scale * (camera.height - 1) / 2],
            [0.0, 0.0, 1.0],
        ]
    )


def _reduced(backdrop: Image, matrix: FloatArray) -> tuple[Image, FloatArray]:
    """Halve the backdrop as long as bilinear sampling would leave texels out."""
    step = math.sqrt(abs(np.linalg.det(matrix[:2, :2]))) / abs(matrix[2, 2])
    while step >= 2 and min(backdrop.shape[:2]) >= 8:
        height, width = backdrop.shape[0] // 2, backdrop.shape[1] // 2
        even = backdrop[: 2 * height, : 2 * width]
        smaller = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
        backdrop = np.asarray(smaller, np.uint8)
        half = np.array([[0.5, 0.0, -0.25], [0.0, 0.5, -0.25], [0.0, 0.0, 1.0]])
        matrix, step = half @ matrix, step / 2
    return backdrop, matrix


def _paint_sky(job: RenderJob, canvas: Image) -> None:
    """From the sky's colour above to the ground's at the horizon."""
    view = job.tile_view
    rows = np.arange(canvas.shape[0])
    middle = np.column_stack([np.full(len(rows), canvas.shape[1] / 2), rows])
    rays = view.camera.unproject(middle, 1.0) @ view.camera_from_world[:, :3]
    up = np.clip(rays[:, 2] / np.linalg.norm(rays, axis=1), 0, 1)[:, None]
    light = job.scene.light
    sky = np.array(light.sky_rgb[::-1]) * 1.6
    pale = (sky + sky.mean()) / 2 + 0.2
    colour = np.sqrt(np.clip(pale * (1 - up) ** 2 + sky * (1 - (1 - up) ** 2), 0, 1))
    canvas[...] = np.round(colour * 255).astype(np.uint8)[:, None]
