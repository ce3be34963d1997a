"""Labels, crops, images, streams for training, and datasets on disk."""

from rtmpose3d.synth.output.crops import NO_JITTER, CropBatch, CropJitter
from rtmpose3d.synth.output.dataset import DatasetPlan, write_dataset
from rtmpose3d.synth.output.labels import PersonLabels, label_people
from rtmpose3d.synth.output.preview import preview_sheet
from rtmpose3d.synth.output.shards import ANNOTATIONS, write_shard
from rtmpose3d.synth.output.shots import ShotSettings, SynthSample, make_shot
from rtmpose3d.synth.output.stream import (
    CropStream,
    SceneBatch,
    SceneStream,
    StreamPlan,
)

__all__ = [
    "ANNOTATIONS",
    "NO_JITTER",
    "CropBatch",
    "CropJitter",
    "CropStream",
    "DatasetPlan",
    "PersonLabels",
    "SceneBatch",
    "SceneStream",
    "ShotSettings",
    "StreamPlan",
    "SynthSample",
    "label_people",
    "make_shot",
    "preview_sheet",
    "write_dataset",
    "write_shard",
]
