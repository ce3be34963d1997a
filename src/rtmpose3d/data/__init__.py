"""Training data: one checked record for whatever data set it comes from."""

from rtmpose3d.data.records import PoseRecord

__all__ = ["PoseRecord"]
