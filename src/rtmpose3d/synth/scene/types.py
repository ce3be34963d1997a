"""What a rendered scene is made of: meshes with bones, people, props, a camera, light, backdrop.

World frame: z up, metres, the ground at z = 0. Camera frame: OpenCV (see `rtmpose3d.geometry`).
Makers of people (`synth.people`) and the renderer (`synth.render`) meet here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rtmpose3d.geometry import Camera
from rtmpose3d.structures import FloatArray, Image, IntArray, UInt8Array

MaterialKind = Literal["skin", "eye", "hair", "cloth", "teeth", "prop"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """How a surface looks.

    Attributes:
        kind: chooses the shading (skin scatters, eyes shine, hair is lit along its strands).
        texture: (H, W, 4) uint8 RGBA in UV space, v = 0 at the bottom as MakeHuman has it; None
            for a plain colour. May be shared by many meshes: the renderer caches it by identity.
        tint_rgb: multiplies the texture, or is the colour, 0 to 1, linear light.
        roughness: 0 a mirror, 1 chalk.
        alpha_cut: texels with less alpha are left out (hair, eyelashes, lace).
        two_sided: both faces are drawn.
    """

    kind: MaterialKind
    texture: UInt8Array | None = None
    tint_rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)
    roughness: float = 0.8
    alpha_cut: float = 0.5
    two_sided: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Mesh:
    """Triangles in the rest pose, with four bones a vertex.

    Attributes:
        positions: (V, 3) float32, metres, rest frame of the person or prop.
        normals: (V, 3) float32, unit length, rest frame.
        uv: (V, 2) float32.
        triangles: (T, 3) uint32.
        bone_ids: (V, 4) uint8 rows of `Person.bone_matrices`; all 0 for props.
        bone_weights: (V, 4) float32, sum 1.
        material: how it looks.
    """

    positions: FloatArray
    normals: FloatArray
    uv: FloatArray
    triangles: IntArray
    bone_ids: UInt8Array
    bone_weights: FloatArray
    material: Material


@dataclass(frozen=True, kw_only=True, eq=False)
class Person:
    """A dressed body in a pose, at its place in the world.

    Attributes:
        meshes: body, clothes, hair, eyes, ...; hidden body faces under clothes are left out.
        bone_matrices: (B, 3, 4) float32, world from rest, B at most 256.
        keypoints_world: (133, 3) float64, metres, COCO-WholeBody.
        keypoint_radius_m: (133,) float64, how deep a keypoint lies under the skin or clothes: it
            counts as visible if nothing is more than this before it.
        identity: number of the person, the same over the frames of a sequence.
        stature_m: standing height.
        attributes: sex, age, clothes, ... for the labels' metadata.
    """

    meshes: tuple[Mesh, ...]
    bone_matrices: FloatArray
    keypoints_world: FloatArray
    keypoint_radius_m: FloatArray
    identity: int = 0
    stature_m: float = 1.7
    attributes: dict[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Prop:
    """A thing at its place.

    Attributes:
        mesh: of it; `bone_ids` and `bone_weights` play no part.
        world_from_rest: (3, 4) float64; scales are allowed, mirrors are not.
    """

    mesh: Mesh
    world_from_rest: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraView:
    """A camera at its place.

    Attributes:
        camera: intrinsics and image size.
        camera_from_world: (3, 4) float64 rigid transform.
    """

    camera: Camera
    camera_from_world: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Light:
    """One sun or lamp and the sky.

    Attributes:
        direction_world: (3,) float64, unit vector towards the light.
        colour_rgb: of the light, linear.
        sky_rgb, ground_rgb: ambient light from above and from below, linear.
        shadows: whether the light throws them.
    """

    direction_world: FloatArray
    colour_rgb: tuple[float, float, float]
    sky_rgb: tuple[float, float, float]
    ground_rgb: tuple[float, float, float]
    shadows: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """Everything that an image shows.

    Attributes:
        people: in it; some may be outside a view.
        props: objects that distract or occlude.
        light: of the scene.
        backdrop: (H, W, 3) uint8 BGR photograph or procedural image behind everything, fitted
            to the view; None for a plain floor and sky.
        floor: whether a floor is drawn that receives shadows; without one the backdrop shows.
        floor_material: how the floor looks; one metre of floor is one unit of UV. None: a plain
            one, or, with a backdrop, shadows alone fall on the backdrop.
    """

    people: tuple[Person, ...]
    props: tuple[Prop, ...]
    light: Light
    backdrop: Image | None = None
    floor: bool = True
    floor_material: Material | None = None
