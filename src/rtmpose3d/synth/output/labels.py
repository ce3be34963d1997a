"""Exact labels of a rendered image: keypoints, visibility, boxes and masks of every person.

A keypoint is visible if nothing lies further before it than it lies under its own skin
(`Person.keypoint_radius_m`); occluded if something does; outside if the image does not show
its place or it is behind the camera.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np

from rtmpose3d.geometry import Camera
from rtmpose3d.structures.arrays import BoolArray, FloatArray, IntArray, UInt8Array
from rtmpose3d.synth.render import Rendered
from rtmpose3d.synth.scene import Mesh, Person, View, to_camera

OUTSIDE, OCCLUDED, VISIBLE = 0, 1, 2
_NEAREST_M = 0.05
_HANDS = slice(91, 133)
_PALM_BY_BACK = 1.5  # measured on MakeHuman's hands: 1.1 to 1.5
_SLOPE_PX = 1.0  # a surface at 45 degrees gets as much deeper a pixel further
_DIRECTIONS = np.array(
    [[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if x or y or z], float
)


@dataclass(frozen=True, kw_only=True, eq=False)
class PersonLabels:
    """What is known of one person in one image.

    Attributes:
        person_index: in the scene.
        keypoints_px: (133, 2) float64; NaN behind the camera.
        keypoints_camera_m: (133, 3) float64, camera space of the image.
        visibility: (133,) uint8, 0 outside, 1 occluded, 2 visible.
        box_xyxy: (4,) float64, pixel borders of the whole silhouette, hidden parts included,
            cut at the image's border.
        full_box_xyxy: (4,) float64, the same, not cut.
        visible_box_xyxy: (4,) float64 of what is seen; zeros if nothing is.
        visible_area_px: number of pixels that are seen.
    """

    person_index: int
    keypoints_px: FloatArray
    keypoints_camera_m: FloatArray
    visibility: UInt8Array
    box_xyxy: FloatArray
    full_box_xyxy: FloatArray
    visible_box_xyxy: FloatArray
    visible_area_px: int


def label_people(people: tuple[Person, ...], view: View, image: Rendered) -> list[PersonLabels]:
    """Labels of everybody whose silhouette touches the image.

    Args:
        people: of the scene, in its order.
        view: of the image.
        image: as rendered with this view, before it is degraded.
    """
    labels = []
    for index, person in enumerate(people):
        box = silhouette_box(person, view)
        if box is not None and _touches(box, view):
            labels.append(_label(index, person, view, image, box))
    return labels


def project(view: View, points_world: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Pixels (..., 2), NaN behind the camera, and camera-space metres (..., 3), both float64."""
    places = to_camera(view, np.asarray(points_world, np.float64))
    return view.camera.project(places), places


def clipped(box_xyxy: FloatArray, size_wh: tuple[int, int]) -> FloatArray:
    """(4,) the part of a box that lies in an image; its borders are at -0.5 and size - 0.5."""
    limits = np.array([size_wh[0], size_wh[1], size_wh[0], size_wh[1]]) - 0.5
    return np.clip(box_xyxy, -0.5, limits)


def within(keypoints_px: FloatArray, camera: Camera) -> BoolArray:
    """(K,) whether (K, 2) pixels, NaN behind the camera, lie in a camera's image."""
    size = np.array([camera.width, camera.height])
    return np.all((keypoints_px >= -0.5) & (keypoints_px < size - 0.5), axis=1)


def visibility(
    keypoints_px: FloatArray,
    depth_m: FloatArray,
    radius_m: FloatArray,
    focal_px: float,
    surface_m: FloatArray,
) -> UInt8Array:
    """Whether each keypoint is seen.

    Args:
        keypoints_px: (K, 2), NaN behind the camera.
        depth_m: (K,) along the axis.
        radius_m: (K,) how deep a visible keypoint may lie under what is seen.
        focal_px: of the camera, for the slope of surfaces.
        surface_m: (h, w) what is seen, metres along the axis.

    Returns:
        (K,) uint8: 0 outside, 1 occluded, 2 visible.
    """
    height, width = surface_m.shape
    u, v = np.nan_to_num(keypoints_px, nan=-10.0, posinf=-10.0, neginf=-10.0).T
    inside = (u >= -0.5) & (v >= -0.5) & (u < width - 0.5) & (v < height - 0.5)
    inside &= depth_m > _NEAREST_M
    u, v = np.clip(u, 0, width - 1), np.clip(v, 0, height - 1)
    left, top = np.floor(u).astype(int), np.floor(v).astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    tolerance = radius_m + _SLOPE_PX * depth_m / focal_px
    share = np.zeros(len(u))  # of the pixels around, by their nearness
    for row, near_y in ((top, 1 - (v - top)), (bottom, v - top)):
        for column, near_x in ((left, 1 - (u - left)), (right, u - left)):
            share += near_x * near_y * (depth_m - surface_m[row, column] <= tolerance)
    seen = share >= 0.5
    return np.where(inside, np.where(seen, VISIBLE, OCCLUDED), OUTSIDE).astype(np.uint8)


def silhouette_box(person: Person, view: View) -> FloatArray | None:
    """(4,) pixel borders of a person's whole silhouette; None if all of it is behind the camera.

    Parts behind the camera are left out.
    """
    places = to_camera(view, outline_world(person))
    before = places[:, 2] > _NEAREST_M
    if not before.any():
        return None
    pixels = view.camera.project(places[before])
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])


def outline_world(person: Person) -> FloatArray:
    """(P, 3) world, the vertices that lie furthest out on every bone: enough for a box."""
    parts = [_moved(mesh, _outermost(mesh), person.bone_matrices) for mesh in person.meshes]
    return np.concatenate(parts)


def hidden_depth_m(person: Person) -> FloatArray:
    """(133,) how deep a visible keypoint may lie, on whichever side it is seen from.

    `keypoint_radius_m` is the depth under the nearest skin; joints of the hand are nearer to its
    back than to the palm.
    """
    depth = np.array(person.keypoint_radius_m, np.float64)
    depth[_HANDS] *= _PALM_BY_BACK
    return depth


def mask_box(mask: BoolArray) -> FloatArray:
    """(4,) pixel borders of a mask; zeros where it is empty."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return np.zeros(4)
    return np.array([columns[0] - 0.5, rows[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5])


def _label(
    index: int, person: Person, view: View, image: Rendered, full_box: FloatArray
) -> PersonLabels:
    pixels, places = project(view, person.keypoints_world)
    mask = image.owner == index + 1
    camera = view.camera
    return PersonLabels(
        person_index=index,
        keypoints_px=pixels,
        keypoints_camera_m=places,
        visibility=visibility(
            pixels, places[:, 2], hidden_depth_m(person), camera.fx, image.depth_m
        ),
        box_xyxy=clipped(full_box, (camera.width, camera.height)),
        full_box_xyxy=full_box,
        visible_box_xyxy=mask_box(mask),
        visible_area_px=int(mask.sum()),
    )


def _touches(box: FloatArray, view: View) -> bool:
    inside = clipped(box, (view.camera.width, view.camera.height))
    return bool(((inside[2:] - inside[:2]) >= 1.0).all())


_outermost_of: weakref.WeakKeyDictionary[Mesh, IntArray] = weakref.WeakKeyDictionary()


def _outermost(mesh: Mesh) -> IntArray:
    """The vertices that lie furthest out in 26 directions, for every bone that leads some."""
    found = _outermost_of.get(mesh)
    if found is None:
        rows = np.arange(len(mesh.positions))
        leading = mesh.bone_ids[rows, mesh.bone_weights.argmax(axis=1)]
        order = np.argsort(leading, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(leading[order]) > 0])
        reach = mesh.positions[order].astype(np.float64) @ _DIRECTIONS.T
        best = []
        for low, high in zip(starts, np.r_[starts[1:], len(order)], strict=True):
            best.append(order[low + reach[low:high].argmax(axis=0)])
        found = np.unique(np.concatenate(best)) if best else np.zeros(0, np.int64)
        _outermost_of[mesh] = found
    return found


def _moved(mesh: Mesh, chosen: IntArray, bone_matrices: FloatArray) -> FloatArray:
    """(P, 3) world positions of some vertices."""
    matrices = np.einsum(
        "pk,pkij->pij", mesh.bone_weights[chosen], bone_matrices[mesh.bone_ids[chosen]]
    )
    return np.einsum("pij,pj->pi", matrices[:, :, :3], mesh.positions[chosen]) + matrices[:, :, 3]
