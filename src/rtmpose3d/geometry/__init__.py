"""Cameras, frames, crops, boxes, root depth; the conventions of the package.

Image: pixels, x right, y down. Integer coordinates are pixel centres, as in OpenCV: the first
    pixel covers -0.5 to 0.5. Sizes are (width, height); only the shapes of arrays are (h, w).
    Boxes are x1, y1, x2, y2. Resizing multiplies coordinates by the ratio of the sizes, and an
    uncalibrated principal point is (width / 2, height / 2), both as in the reference.
Camera space (internal): OpenCV's frame, x right, y down, z forward, metres, camera at the origin.
World of the results, "z-up" (the default): x right, y away from the camera, z up, metres, camera
    at the origin. "root" and "rtmpose3d" are the others; axes are exchanged in
    `axes_from_camera` alone.
Root: the midpoint of the hips, keypoints 11 and 12. Depth is z along the optical axis, in metres,
    not the distance to the camera; relative depth is depth minus the root's.
Left and right are the person's own.
Lengths are metres, angles degrees, times seconds; names end in _px, _m, _deg, _s, _xy, _xyxy,
    _wh, _hw where the unit or order is not obvious. Transforms are named to_from:
    `image_from_crop` maps crop pixels to image pixels, and `a_from_b @ b_from_c` is `a_from_c`.
"""

from rtmpose3d.geometry.axes import AXES, Axes, axes_from_camera, camera_from_axes
from rtmpose3d.geometry.camera import DEFAULT_FOV_DEG, Camera, camera_from_relative
from rtmpose3d.geometry.distortion import Distortion
from rtmpose3d.geometry.root_depth import RootDepth, solve_root_depth

__all__ = [
    "AXES",
    "DEFAULT_FOV_DEG",
    "Axes",
    "Camera",
    "Distortion",
    "RootDepth",
    "axes_from_camera",
    "camera_from_axes",
    "camera_from_relative",
    "solve_root_depth",
]
