"""Drawings of results: skeletons over the image, people in 3D, and both side by side.

Left and right are distinguished by colour (cool: the person's left, warm: the right). The public
functions leave the image that they draw on unchanged.
"""

from rtmpose3d.viz.chart import keypoint_chart
from rtmpose3d.viz.figure import FigureView, draw_result
from rtmpose3d.viz.overlay import draw_2d
from rtmpose3d.viz.scene import Projection
from rtmpose3d.viz.space import draw_3d
from rtmpose3d.viz.synthetic_person import standing_person
from rtmpose3d.viz.video import VideoFigure

__all__ = [
    "FigureView",
    "Projection",
    "VideoFigure",
    "draw_2d",
    "draw_3d",
    "draw_result",
    "keypoint_chart",
    "standing_person",
]
