"""Readers of MakeHuman's formats: base mesh, rig, shape targets, poses and clothes."""

from rtmpose3d.synth.assets.bvh import PoseUnits
from rtmpose3d.synth.assets.makehuman import (
    BODY_VERTICES,
    KeypointMap,
    MakeHumanAssets,
    read_keypoint_map,
)
from rtmpose3d.synth.assets.obj import Surface, connected_parts, surface_of, vertex_normals
from rtmpose3d.synth.assets.proxy import Proxy, read_texture
from rtmpose3d.synth.assets.rig import Rig, reduce_weights
from rtmpose3d.synth.assets.targets import Targets

__all__ = [
    "BODY_VERTICES",
    "KeypointMap",
    "MakeHumanAssets",
    "PoseUnits",
    "Proxy",
    "Rig",
    "Surface",
    "Targets",
    "connected_parts",
    "read_keypoint_map",
    "read_texture",
    "reduce_weights",
    "surface_of",
    "vertex_normals",
]
