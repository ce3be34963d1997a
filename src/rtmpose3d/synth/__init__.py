"""Rendered people with exact labels: scenes, a renderer, datasets and streams for training.

`write_dataset` writes COCO-WholeBody folders, `CropStream` and `SceneStream` feed training,
`Renderer` draws any `Scene`. Needs the extra `synth` (moderngl) and OpenGL without a display,
and for people MakeHuman's assets (CC0) in a folder that the user names.
"""

from rtmpose3d.synth.output import (
    NO_JITTER,
    CropBatch,
    CropJitter,
    CropStream,
    DatasetPlan,
    SceneBatch,
    SceneStream,
    ShotSettings,
    StreamPlan,
    SynthSample,
    make_shot,
    write_dataset,
)
from rtmpose3d.synth.render import Degradation, RenderedImage, Renderer, RenderJob
from rtmpose3d.synth.scene import (
    CameraView,
    Light,
    Material,
    Mesh,
    Person,
    Prop,
    Scene,
    SceneSettings,
)
from rtmpose3d.synth.world import PeopleSource, World, WorldSettings, makehuman_people

__all__ = [
    "NO_JITTER",
    "CameraView",
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
    "RenderedImage",
    "Renderer",
    "Scene",
    "SceneBatch",
    "SceneSettings",
    "SceneStream",
    "ShotSettings",
    "StreamPlan",
    "SynthSample",
    "World",
    "WorldSettings",
    "make_shot",
    "makehuman_people",
    "write_dataset",
]
