"""Rendering on OpenGL, many images at once, and the degradations of real cameras."""

from rtmpose3d.synth.render.camera_effects import Degradation, degrade
from rtmpose3d.synth.render.frames import cover
from rtmpose3d.synth.render.renderer import Rendered, Renderer, RenderJob

__all__ = ["Degradation", "RenderJob", "Rendered", "Renderer", "cover", "degrade"]
