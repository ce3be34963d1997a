"""Training data: batches and their sources, augmentation, dataset mixtures, rendered people.

To add a dataset, see `rtmpose3d.data`; to add a mixture, `training.recipes.mixtures`. A new
source implements `BatchSource` and is passed as `TrainingData`.
"""

from rtmpose3d.training.data.batches import Batch, BatchSource, RowSource, TrainingData
from rtmpose3d.training.data.datasets import (
    LoadedDataset,
    load_dataset,
    load_datasets,
    mixture_data,
)
from rtmpose3d.training.data.mixture import MixtureSource
from rtmpose3d.training.data.pose_batches import PoseBatch, PoseSample, stack_samples

__all__ = [
    "Batch",
    "BatchSource",
    "LoadedDataset",
    "MixtureSource",
    "PoseBatch",
    "PoseSample",
    "RowSource",
    "TrainingData",
    "load_dataset",
    "load_datasets",
    "mixture_data",
    "stack_samples",
]
