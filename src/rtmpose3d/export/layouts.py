"""Choices of an export that need no torch: the layout of inputs and outputs, the operator set."""

from __future__ import annotations

from typing import Literal, TypeAlias

Layout: TypeAlias = Literal["rtmpose3d", "keypoints", "mmdeploy"]
"""rtmpose3d: uint8 crops in; bins, scores, confidence and raw SimCC out. keypoints: the same, and
first the keypoints in crop pixels and metres. mmdeploy: normalised NCHW in, raw SimCC out."""

OPSET = 18  # the oldest that torch's exporter writes; every ONNX Runtime since 1.14 reads it
