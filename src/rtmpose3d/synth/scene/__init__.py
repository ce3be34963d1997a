"""Scenes to render: the types that all packages share, objects, backdrops, light and cameras."""

from rtmpose3d.synth.scene.backdrops import SPLITS, Backdrops, Split, read_image
from rtmpose3d.synth.scene.cameras import (
    clip_from_world,
    cropped_view,
    depth_from_clip,
    eye_of,
    looking_at,
    to_camera,
)
from rtmpose3d.synth.scene.composition import (
    SceneSettings,
    backdrop_place,
    compose_scene,
    with_occluder,
    without_blockers,
)
from rtmpose3d.synth.scene.framing import choose_framing, frame_group, frame_person
from rtmpose3d.synth.scene.props import PropKit
from rtmpose3d.synth.scene.types import CameraView, Light, Material, Mesh, Person, Prop, Scene

__all__ = [
    "SPLITS",
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
    "Split",
    "backdrop_place",
    "choose_framing",
    "clip_from_world",
    "compose_scene",
    "cropped_view",
    "depth_from_clip",
    "eye_of",
    "frame_group",
    "frame_person",
    "looking_at",
    "read_image",
    "to_camera",
    "with_occluder",
    "without_blockers",
]
