from __future__ import annotations

import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from standin import standin_person

from rtmpose3d.errors import BackendError, InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.synth import CameraView, Material, Prop, Renderer, RenderJob, Scene
from rtmpose3d.synth.render.context import use_context
from rtmpose3d.synth.render.renderer import BACKGROUND, PROP
from rtmpose3d.synth.scene.backdrops import Backdrops
from rtmpose3d.synth.scene.cameras import looking_at, to_camera
from rtmpose3d.synth.scene.glb import rigid_mesh
from rtmpose3d.synth.scene.props import PropKit


def _marker(position: np.ndarray, half_m: float) -> Prop:
    """A small bright octahedron."""
    points = np.concatenate([np.eye(3), -np.eye(3)]) * half_m
    faces = np.array([[0, 1, 2], [1, 3, 2], [3, 4, 2], [4, 0, 2]])
    triangles = np.concatenate([faces, (faces + 3) % 6])
    material = Material(shading="prop", tint_rgb=(1.0, 1.0, 1.0), two_sided=True)
    normals = points / half_m
    mesh = rigid_mesh(points, normals, np.zeros((6, 2)), triangles, material)
    return Prop(mesh=mesh, world_from_rest=np.column_stack([np.eye(3), position]))


def test_objects_are_drawn_at_their_projection(
    renderer: Renderer, two_people: Scene, view: CameraView
) -> None:
    for position in np.array([[0.7, 0.3, 1.6], [-0.6, 0.0, 0.3], [0.1, -0.5, 0.9]]):
        scene = replace(two_people, people=(), props=(_marker(position, 0.05),), floor=False)
        image = renderer.render(scene, view)
        rows, columns = np.nonzero(image.owner == PROP)
        where = view.camera.project(to_camera(view, position))
        assert [columns.mean(), rows.mean()] == pytest.approx(where, abs=0.3)


def test_the_depth_of_a_pixel_is_that_along_the_axis(renderer: Renderer, sun) -> None:
    wall = PropKit(Backdrops(), 1).wall(np.random.default_rng(0), np.array([0.0, 2.0]), -np.pi / 2)
    camera = Camera(fx=300, fy=300, cx=80, cy=60, width=200, height=120)
    view = looking_at(np.array([0.0, -1.0, 1.0]), np.array([0.0, 2.0, 1.0]), camera)
    image = renderer.render(Scene(people=(), props=wall[:1], light=sun, floor=False), view)
    seen = image.depth_m[image.owner == PROP]
    assert seen.size == 200 * 120
    assert seen == pytest.approx(2.95, abs=1e-3)  # the wall is 0.1 m thick


def test_owners_of_pixels_are_people_or_the_background(
    renderer: Renderer, two_people: Scene, view: CameraView
) -> None:
    image = renderer.render(two_people, view)
    for index, person in enumerate(two_people.people):
        nose = view.camera.project(to_camera(view, person.keypoints_world[15]))
        x, y = np.round(nose).astype(int)
        assert image.owner[y, x] == index + 1
    assert image.owner[0, 0] == BACKGROUND
    assert np.isinf(image.depth_m[0, 0])


def test_a_rendered_crop_equals_a_crop_of_the_full_image(
    renderer: Renderer, two_people: Scene, view: CameraView
) -> None:
    backdrop = cv2.resize(
        np.random.default_rng(0).integers(0, 255, (9, 12, 3)).astype(np.uint8), (400, 300)
    )
    scene = replace(two_people, backdrop=backdrop)
    matrix = np.array([[0.8, -0.25, -20.0], [0.25, 0.8, -60.0]])
    job = RenderJob(scene=scene, view=view, tile_from_image=matrix, tile_size_wh=(96, 128))
    crop, whole = renderer.render_jobs([job, RenderJob(scene=scene, view=view)])
    cut = cv2.warpAffine(whole.image, matrix, (96, 128), borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.warpAffine(np.ones(whole.owner.shape, np.uint8), matrix, (96, 128)) > 0
    assert np.abs(crop.image.astype(int) - cut)[seen].mean() < 4


def test_batched_and_single_rendering_agree(
    renderer: Renderer, two_people: Scene, view: CameraView
) -> None:
    other = replace(two_people, people=two_people.people[::-1])
    jobs = [RenderJob(scene=scene, view=view) for scene in (two_people, other, two_people)]
    together = renderer.render_jobs(jobs)
    alone = renderer.render(two_people, view)
    assert np.array_equal(together[0].image, alone.image)
    difference = np.abs(together[2].image.astype(int) - alone.image)
    assert (difference > 2).mean() < 1e-3  # another position in the atlas rounds differently
    assert np.array_equal(together[1].owner == 1, together[0].owner == 2)


def test_a_shadow_darkens_the_floor_and_light_without_shadows_does_not(
    renderer: Renderer, two_people: Scene, view: CameraView
) -> None:
    dark = renderer.render(two_people, view)
    light = replace(two_people.light, shadows=False)
    bright = renderer.render(replace(two_people, light=light), view)
    floor = (dark.owner == BACKGROUND) & np.isfinite(dark.depth_m)
    darker = (bright.image[floor].mean(axis=1) - dark.image[floor].mean(axis=1)) > 20
    assert 0.005 < darker.mean() < 0.3


def test_a_floor_on_a_photograph_only_darkens_it(
    renderer: Renderer, two_people: Scene, view: CameraView
) -> None:
    photo = np.full((100, 120, 3), 180, np.uint8)
    image = renderer.render(replace(two_people, backdrop=photo), view)
    around = cv2.dilate((image.owner != BACKGROUND).astype(np.uint8), np.ones((3, 3)))
    free = around == 0  # borders of people are mixed
    assert image.image[free].max() == 180
    assert (image.image[free] < 160).any()
    bare = renderer.render(replace(two_people, backdrop=photo, floor=False), view)
    assert (bare.image[free] == 180).all()


def test_a_body_with_new_bone_matrices_is_drawn_in_its_new_pose(
    renderer: Renderer, two_people: Scene, view: CameraView
) -> None:
    person = two_people.people[0]
    moved = person.bone_matrices.copy()
    moved[:, 0, 3] += 0.4
    first = renderer.render(replace(two_people, people=(person,)), view)
    again = replace(person, bone_matrices=moved)
    second = renderer.render(replace(two_people, people=(again,)), view)
    columns = [np.nonzero(image.owner == 1)[1].mean() for image in (first, second)]
    assert columns[1] - columns[0] == pytest.approx(390 * 0.4 / 3.6, rel=0.15)


def test_transparent_texels_show_the_backdrop(renderer: Renderer, sun, view: CameraView) -> None:
    texture = np.full((64, 64, 4), 255, np.uint8)
    texture[:, 32:, 3] = 0
    person = standin_person(np.random.default_rng(0), textured=False)
    mesh = person.meshes[1]
    uv = np.zeros_like(mesh.uv)
    uv[:, 0] = np.where(mesh.positions[:, 0] > 0, 0.8, 0.2)
    material = replace(mesh.material, texture=texture)
    cut = replace(mesh, uv=uv, material=material)
    whole = renderer.render(Scene(people=(person,), props=(), light=sun), view)
    half = renderer.render(
        Scene(people=(replace(person, meshes=(cut,)),), props=(), light=sun), view
    )
    assert 0.2 < (half.owner == 1).sum() / (whole.owner == 1).sum() < 0.7


def test_two_renderers_in_one_process_do_not_disturb_each_other(
    renderer: Renderer, two_people: Scene, view: CameraView
) -> None:
    before = renderer.render(two_people, view)
    with Renderer(supersample=1) as other:
        coarse = other.render(two_people, view)
        between = renderer.render(two_people, view)
    after = renderer.render(two_people, view)
    assert np.array_equal(before.image, between.image)
    assert np.array_equal(before.image, after.image)
    assert not np.array_equal(before.image, coarse.image)
    assert (before.owner == coarse.owner).mean() > 0.99


def test_opening_and_closing_a_renderer_leaves_the_current_context_alone(
    renderer: Renderer, two_people: Scene, view: CameraView
) -> None:
    expected = renderer.render(two_people, view)
    with use_context(renderer.context):
        Renderer().close()
        texture = renderer.context.texture((4, 4), 4, bytes(range(64)))
        assert texture.read() == bytes(range(64))
        texture.release()
    assert np.array_equal(renderer.render(two_people, view).image, expected.image)


def test_too_large_an_image_and_too_many_bones_are_errors(
    renderer: Renderer, two_people: Scene, view: CameraView
) -> None:
    large = replace(view, camera=view.camera.scaled(9000, 100))
    with pytest.raises(InputError, match="sides must be 1 to 4096 px, got \\(9000, 100\\)"):
        renderer.render(two_people, large)
    bones = np.zeros((300, 3, 4), np.float32)
    person = replace(two_people.people[0], bone_matrices=bones)
    with pytest.raises(InputError, match=r"B at most 256, got \(300, 3, 4\)"):
        renderer.render(replace(two_people, people=(person,)), view)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="EGL is for Linux")
def test_an_unknown_device_is_an_error_that_names_it(opengl: None) -> None:
    with pytest.raises(BackendError, match="device 97"):
        Renderer(97)


def test_the_error_without_opengl_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    moderngl = pytest.importorskip("moderngl")

    def fail(**settings: object) -> None:
        raise Exception("libEGL.so.1: cannot open shared object file")

    monkeypatch.setattr(moderngl, "create_context", fail)
    with pytest.raises(BackendError, match="apt-get install libegl1"):
        Renderer()
