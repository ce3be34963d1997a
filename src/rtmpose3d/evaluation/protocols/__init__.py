"""Evaluation protocols: who counts, how predictions are matched, which metrics are reported."""

from rtmpose3d.evaluation.protocols.coco_wholebody import CocoWholeBodyProtocol
from rtmpose3d.evaluation.protocols.dataset import DatasetProtocol
from rtmpose3d.evaluation.protocols.h3wb import H3wbProtocol
from rtmpose3d.evaluation.protocols.rescoring import Rescoring

__all__ = ["CocoWholeBodyProtocol", "DatasetProtocol", "H3wbProtocol", "Rescoring"]
