"""Keypoint maps: the keypoints of each dataset among the 133 of COCO-WholeBody."""

from rtmpose3d.data.maps.keypoint_map import KeypointMap

__all__ = ["KeypointMap"]
