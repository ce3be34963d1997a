"""Scene description: meshes with bones, people, props, camera, light, backdrop.

World frame: z up, metres, the ground at z = 0. Camera frame: OpenCV (see `rtmpose3d.geometry`).
These types are all that `synth.people` and `synth.render` know of each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rtmpose3d.geometry import Camera
from rtmpose3d.structures import FloatArray, Image, IntArray, UInt8Array

Shading = Literal["skin", "eye", "hair", "cloth", "teeth", "prop"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """Appearance of a surface.

    Attributes:
        shading: shading model (skin scatters, eyes shine, hair is lit along its strands).
        texture: (H, W, 4) uint8 RGBA in UV space, v = 0 at the bottom as in MakeHuman; None for a
            plain colour. May be shared by many meshes: the renderer caches it by identity.
        tint_rgb: factor on the texture, or the colour without one; 0 to 1, linear light.
        roughness: 0 is a mirror, 1 is chalk.
        alpha_cut: texels with less alpha are not drawn (hair, eyelashes, lace).
        two_sided: whether back faces are drawn.
    """

    shading: Shading
    texture: UInt8Array | None = None
    tint_rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)
    roughness: float = 0.8
    alpha_cut: float = 0.5
    two_sided: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Mesh:
    """Triangles in the rest pose, with four bones per vertex.

    Attributes:
        positions: (V, 3) float32, metres, rest frame of the person or prop.
        normals: (V, 3) float32, unit length, rest frame.
        uv: (V, 2) float32.
        triangles: (T, 3) uint32.
        bone_ids: (V, 4) uint8 row indices of `Person.bone_matrices`; all 0 for props.
        bone_weights: (V, 4) float32, sum 1.
        material: appearance.
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
    """A dressed and posed body in the world.

    Attributes:
        meshes: body, clothes, hair, eyes, ...; without body faces hidden under clothes.
        bone_matrices: (B, 3, 4) float32, world from rest, B at most 256.
        keypoints_world: (133, 3) float64, metres, COCO-WholeBody.
        keypoint_radius_m: (133,) float64, depth of a keypoint under the skin or clothes: it is
            visible if no surface is further in front of it than this.
        identity: number of the person, constant over the frames of a clip.
        stature_m: standing height.
        attributes: sex, age, clothes, ... for the metadata of the labels.
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
    """A rigid object in the world.

    Attributes:
        mesh: its mesh; `bone_ids` and `bone_weights` are ignored.
        world_from_rest: (3, 4) float64; may scale but not reflect.
    """

    mesh: Mesh
    world_from_rest: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraView:
    """A camera with its pose.

    Attributes:
        camera: intrinsics and image size.
        camera_from_world: (3, 4) float64 rigid transform.
    """

    camera: Camera
    camera_from_world: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Light:
    """A directional light and ambient light.

    Attributes:
        direction_world: (3,) float64, unit vector towards the light.
        colour_rgb: colour of the directional light, linear.
        sky_rgb, ground_rgb: ambient light from above and from below, linear.
        shadows: whether the directional light casts shadows.
    """

    direction_world: FloatArray
    colour_rgb: tuple[float, float, float]
    sky_rgb: tuple[float, float, float]
    ground_rgb: tuple[float, float, float]
    shadows: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """Contents of an image.

    Attributes:
        people: all people; some may be outside a view.
        props: objects that distract or occlude.
        light: the lighting.
        backdrop: (H, W, 3) uint8 BGR photograph or painted image behind everything, fitted to
            the view; None for a plain floor and sky.
        floor: whether a floor that receives shadows is drawn.
        floor_material: appearance of the floor; one metre is one unit of UV. None for a plain
            floor or, with a backdrop, for shadows cast onto the backdrop.
    """

    people: tuple[Person, ...]
    props: tuple[Prop, ...]
    light: Light
    backdrop: Image | None = None
    floor: bool = True
    floor_material: Material | None = None
