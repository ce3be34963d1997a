"""Training of person detectors (RTMDet): the task, its losses, assignment, images, validation."""

from rtmpose3d.training.detector.images import DetectorBatch, LabelledImage
from rtmpose3d.training.detector.task import DetectorTask, prepare_detector

__all__ = ["DetectorBatch", "DetectorTask", "LabelledImage", "prepare_detector"]
