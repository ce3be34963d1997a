"""Images of results: skeletons over the image, people in 3D, and both side by side.

Left and right are told apart by colour (cool: the person's left, warm: the right). Nothing here
changes the image that it draws on.
"""

from rtmpose3d.viz.figure import FigureView, draw_result
from rtmpose3d.viz.mannequin import standing_person
from rtmpose3d.viz.overlay import draw_2d
from rtmpose3d.viz.scene import Projection
from rtmpose3d.viz.sheet import skeleton_sheet
from rtmpose3d.viz.space import draw_3d

__all__ = [
    "FigureView",
    "Projection",
    "draw_2d",
    "draw_3d",
    "draw_result",
    "skeleton_sheet",
    "standing_person",
]
