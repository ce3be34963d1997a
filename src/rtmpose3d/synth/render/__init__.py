"""Rendering on OpenGL, many images at once, and the degradations of real cameras."""

from rtmpose3d.synth.render.camera_effects import Degradation, degrade
from rtmpose3d.synth.render.frames import centre_backdrop
from rtmpose3d.synth.render.renderer import RenderedImage, Renderer, RenderJob

__all__ = ["Degradation", "RenderJob", "RenderedImage", "Renderer", "centre_backdrop", "degrade"]
