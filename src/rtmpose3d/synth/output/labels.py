"""Exact labels of a rendered image: keypoints, visibility and boxes of every person.

A keypoint is visible if the drawn surface is no further in front of it than its own depth under
the skin (`Person.keypoint_radius_m`), occluded if another surface is in front of it, and outside
if it projects outside the image or is behind the camera.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np

from rtmpose3d.geometry import Camera
from rtmpose3d.structures.arrays import BoolArray, FloatArray, IntArray, UInt8Array
from rtmpose3d.synth.render import RenderedImage
from rtmpose3d.synth.scene import CameraView, Mesh, Person, to_camera

OUTSIDE, OCCLUDED, VISIBLE = 0, 1, 2
_MIN_DEPTH_M = 0.05
_HANDS = slice(91, 133)
_PALM_TO_BACK_RATIO = 1.5  # of a hand keypoint's depths; MakeHuman's hands have 1.1 to 1.5
_SLOPE_PX = 1.0  # tolerance for surfaces at up to 45 degrees: their depth changes with each pixel
_DIRECTIONS = np.array(
    [[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if x or y or z], float
)


@dataclass(frozen=True, kw_only=True, eq=False)
class PersonLabels:
    """Labels of one person in one image.

    Boxes are (4,) float64 x1 y1 x2 y2, the outer borders of their pixels: a box around the first
    pixel alone is -0.5, -0.5, 0.5, 0.5.

    Attributes:
        person_index: index into the scene's people.
        keypoints_px: (133, 2) float64; NaN behind the camera.
        keypoints_camera_m: (133, 3) float64, camera space of the image.
        visibility: (133,) uint8, 0 outside, 1 occluded, 2 visible.
        box_xyxy: box of the complete silhouette, occluded parts included, clipped to the image.
        full_box_xyxy: box of the complete silhouette, not clipped.
        visible_box_xyxy: box of the visible pixels; zeros if there are none.
        visible_area_px: number of visible pixels.
    """

    person_index: int
    keypoints_px: FloatArray
    keypoints_camera_m: FloatArray
    visibility: UInt8Array
    box_xyxy: FloatArray
    full_box_xyxy: FloatArray
    visible_box_xyxy: FloatArray
    visible_area_px: int


def label_people(
    people: tuple[Person, ...], view: CameraView, image: RenderedImage
) -> list[PersonLabels]:
    """Labels all people whose silhouette touches the image.

    Args:
        people: the scene's people, in its order.
        view: camera of the image.
        image: rendered with this view, before camera effects.
    """
    labels = []
    for index, person in enumerate(people):
        box = silhouette_box(person, view)
        if box is not None and _touches(box, view):
            labels.append(_label(index, person, view, image, box))
    return labels


def project(view: CameraView, points_world: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Projects points of the world (..., 3) into a view.

    Returns:
        (..., 2) pixels, NaN behind the camera, and (..., 3) camera-space metres, both float64.
    """
    points_camera = to_camera(view, np.asarray(points_world, np.float64))
    return view.camera.project(points_camera), points_camera


def clip_box(box_xyxy: FloatArray, size_wh: tuple[int, int]) -> FloatArray:
    """Clips a box (4,) to an image, whose borders are at -0.5 and size - 0.5."""
    limits = np.array([size_wh[0], size_wh[1], size_wh[0], size_wh[1]]) - 0.5
    return np.clip(box_xyxy, -0.5, limits)


def inside_image(keypoints_px: FloatArray, camera: Camera) -> BoolArray:
    """(K,) whether pixels (K, 2), NaN behind the camera, are inside a camera's image."""
    size = np.array([camera.width, camera.height])
    return np.all((keypoints_px >= -0.5) & (keypoints_px < size - 0.5), axis=1)


def keypoint_visibility(
    keypoints_px: FloatArray,
    depth_m: FloatArray,
    radius_m: FloatArray,
    focal_px: float,
    surface_m: FloatArray,
) -> UInt8Array:
    """Compares keypoints with the depth of the drawn surface.

    Args:
        keypoints_px: (K, 2), NaN behind the camera.
        depth_m: (K,) depth along the optical axis.
        radius_m: (K,) maximum depth of a visible keypoint under the drawn surface.
        focal_px: focal length of the camera, for the slope of surfaces.
        surface_m: (h, w) depth of the drawn surface along the optical axis.

    Returns:
        (K,) uint8: 0 outside, 1 occluded, 2 visible.
    """
    height, width = surface_m.shape
    u, v = np.nan_to_num(keypoints_px, nan=-10.0, posinf=-10.0, neginf=-10.0).T
    inside = (u >= -0.5) & (v >= -0.5) & (u < width - 0.5) & (v < height - 0.5)
    inside &= depth_m > _MIN_DEPTH_M
    u, v = np.clip(u, 0, width - 1), np.clip(v, 0, height - 1)
    left, top = np.floor(u).astype(int), np.floor(v).astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    tolerance = radius_m + _SLOPE_PX * depth_m / focal_px
    fraction = np.zeros(len(u))  # bilinear fraction of the surrounding pixels that show it
    for row, near_y in ((top, 1 - (v - top)), (bottom, v - top)):
        for column, near_x in ((left, 1 - (u - left)), (right, u - left)):
            fraction += near_x * near_y * (depth_m - surface_m[row, column] <= tolerance)
    visible = fraction >= 0.5
    return np.where(inside, np.where(visible, VISIBLE, OCCLUDED), OUTSIDE).astype(np.uint8)


def silhouette_box(person: Person, view: CameraView) -> FloatArray | None:
    """Box (4,) of a person's complete silhouette; None if all of it is behind the camera.

    Parts behind the camera are ignored.
    """
    points_camera = to_camera(view, outline_world(person))
    in_front = points_camera[:, 2] > _MIN_DEPTH_M
    if not in_front.any():
        return None
    pixels = view.camera.project(points_camera[in_front])
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])


def outline_world(person: Person) -> FloatArray:
    """(P, 3) world positions of the outermost vertices of every bone: enough for a box."""
    parts = [
        _skin_vertices(mesh, _outermost_vertices(mesh), person.bone_matrices)
        for mesh in person.meshes
    ]
    return np.concatenate(parts)


def visible_depth_m(person: Person) -> FloatArray:
    """(133,) maximum depth of a visible keypoint under the skin, from any viewing direction.

    `keypoint_radius_m` is the depth under the nearest skin; joints of the hand are nearer to its
    back than to the palm.
    """
    depth = np.array(person.keypoint_radius_m, np.float64)
    depth[_HANDS] *= _PALM_TO_BACK_RATIO
    return depth


def mask_box(mask: BoolArray) -> FloatArray:
    """Box (4,) of a mask (H, W); zeros if the mask is empty."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return np.zeros(4)
    return np.array([columns[0] - 0.5, rows[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5])


def _label(
    index: int, person: Person, view: CameraView, image: RenderedImage, full_box: FloatArray
) -> PersonLabels:
    pixels, points_camera = project(view, person.keypoints_world)
    mask = image.owner == index + 1
    camera = view.camera
    return PersonLabels(
        person_index=index,
        keypoints_px=pixels,
        keypoints_camera_m=points_camera,
        visibility=keypoint_visibility(
            pixels, points_camera[:, 2], visible_depth_m(person), camera.fx, image.depth_m
        ),
        box_xyxy=clip_box(full_box, (camera.width, camera.height)),
        full_box_xyxy=full_box,
        visible_box_xyxy=mask_box(mask),
        visible_area_px=int(mask.sum()),
    )


def _touches(box: FloatArray, view: CameraView) -> bool:
    inside = clip_box(box, (view.camera.width, view.camera.height))
    return bool(((inside[2:] - inside[:2]) >= 1.0).all())


_outermost_cache: weakref.WeakKeyDictionary[Mesh, IntArray] = weakref.WeakKeyDictionary()


def _outermost_vertices(mesh: Mesh) -> IntArray:
    """Indices of the outermost vertices in 26 directions, for every bone that leads some."""
    outermost = _outermost_cache.get(mesh)
    if outermost is None:
        rows = np.arange(len(mesh.positions))
        leading = mesh.bone_ids[rows, mesh.bone_weights.argmax(axis=1)]
        order = np.argsort(leading, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(leading[order]) > 0])
        reach = mesh.positions[order].astype(np.float64) @ _DIRECTIONS.T
        best = []
        for low, high in zip(starts, np.r_[starts[1:], len(order)], strict=True):
            best.append(order[low + reach[low:high].argmax(axis=0)])
        outermost = np.unique(np.concatenate(best)) if best else np.zeros(0, np.int64)
        _outermost_cache[mesh] = outermost
    return outermost


def _skin_vertices(mesh: Mesh, chosen: IntArray, bone_matrices: FloatArray) -> FloatArray:
    """(P, 3) world positions of some vertices of a mesh."""
    matrices = np.einsum(
        "pk,pkij->pij", mesh.bone_weights[chosen], bone_matrices[mesh.bone_ids[chosen]]
    )
    return np.einsum("pij,pj->pi", matrices[:, :, :3], mesh.positions[chosen]) + matrices[:, :, 3]
