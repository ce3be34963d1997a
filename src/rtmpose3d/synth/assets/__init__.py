"""Readers of MakeHuman's formats: base mesh, rig, shape targets, poses and clothes."""

from rtmpose3d.synth.assets.bvh import PoseUnits
from rtmpose3d.synth.assets.makehuman import (
    BODY_VERTICES,
    KeypointAnchors,
    MakeHumanAssets,
    read_keypoint_anchors,
)
from rtmpose3d.synth.assets.obj import Surface, build_surface, connected_parts, vertex_normals
from rtmpose3d.synth.assets.proxy import Proxy, read_texture
from rtmpose3d.synth.assets.rig import Rig, reduce_weights
from rtmpose3d.synth.assets.targets import Targets

__all__ = [
    "BODY_VERTICES",
    "KeypointAnchors",
    "MakeHumanAssets",
    "PoseUnits",
    "Proxy",
    "Rig",
    "Surface",
    "Targets",
    "build_surface",
    "connected_parts",
    "read_keypoint_anchors",
    "read_texture",
    "reduce_weights",
    "vertex_normals",
]
