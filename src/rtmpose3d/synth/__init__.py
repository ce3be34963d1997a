"""Rendered people with exact labels: scenes, a renderer, datasets and streams for training.

`write_dataset` writes COCO-WholeBody folders, `CropStream` and `SceneStream` feed training,
`Renderer` draws any `Scene`. Needs the extra `synth` (moderngl) and OpenGL without a display,
and for people MakeHuman's assets (CC0) in a folder that the user names.
"""

from rtmpose3d.synth.composition import SceneSettings
from rtmpose3d.synth.crops import NO_JITTER, CropBatch, CropJitter
from rtmpose3d.synth.dataset import DatasetPlan, write_dataset
from rtmpose3d.synth.degrade import Degradation
from rtmpose3d.synth.people_source import makehuman_people
from rtmpose3d.synth.renderer import Rendered, Renderer, RenderJob
from rtmpose3d.synth.scene import Light, Material, Mesh, Person, Prop, Scene, View
from rtmpose3d.synth.shots import ShotSettings, SynthSample, make_shot
from rtmpose3d.synth.stream import CropStream, SceneBatch, SceneStream, StreamPlan
from rtmpose3d.synth.world import PeopleSource, World, WorldSettings

__all__ = [
    "NO_JITTER",
    "CropBatch",
    "CropJitter",
    "CropStream",
    "DatasetPlan",
    "Degradation",
    "Light",
    "Material",
    "Mesh",
    "PeopleSource",
    "Person",
    "Prop",
    "RenderJob",
    "Rendered",
    "Renderer",
    "Scene",
    "SceneBatch",
    "SceneSettings",
    "SceneStream",
    "ShotSettings",
    "StreamPlan",
    "SynthSample",
    "View",
    "World",
    "WorldSettings",
    "make_shot",
    "makehuman_people",
    "write_dataset",
]
