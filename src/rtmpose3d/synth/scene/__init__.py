"""Scenes to render: the types that all packages share, objects, backdrops, light and cameras."""

from rtmpose3d.synth.scene.backdrops import ASSET_SPLITS, AssetSplit, Backdrops, read_image
from rtmpose3d.synth.scene.cameras import (
    camera_position,
    clip_from_world,
    cropped_view,
    depth_from_clip,
    looking_at,
    to_camera,
)
from rtmpose3d.synth.scene.composition import (
    SceneSettings,
    compose_scene,
    fit_backdrop,
    with_occluder,
    without_blockers,
)
from rtmpose3d.synth.scene.framing import choose_framing, frame_group, frame_person
from rtmpose3d.synth.scene.props import PropKit
from rtmpose3d.synth.scene.types import CameraView, Light, Material, Mesh, Person, Prop, Scene

__all__ = [
    "ASSET_SPLITS",
    "AssetSplit",
    "Backdrops",
    "CameraView",
    "Light",
    "Material",
    "Mesh",
    "Person",
    "Prop",
    "PropKit",
    "Scene",
    "SceneSettings",
    "camera_position",
    "choose_framing",
    "clip_from_world",
    "compose_scene",
    "cropped_view",
    "depth_from_clip",
    "fit_backdrop",
    "frame_group",
    "frame_person",
    "looking_at",
    "read_image",
    "to_camera",
    "with_occluder",
    "without_blockers",
]
