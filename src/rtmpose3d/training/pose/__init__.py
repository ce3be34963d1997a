"""Training of pose models: the task, its losses, targets, distillation and validation."""

from rtmpose3d.training.pose.initialization import InitialWeights
from rtmpose3d.training.pose.task import PoseTask, prepare_pose

__all__ = ["InitialWeights", "PoseTask", "prepare_pose"]
