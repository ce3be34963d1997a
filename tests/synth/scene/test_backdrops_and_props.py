from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera
from rtmpose3d.synth import CameraView, Prop, Scene, SceneSettings
from rtmpose3d.synth.scene.backdrops import Backdrops, assign_split
from rtmpose3d.synth.scene.cameras import looking_at
from rtmpose3d.synth.scene.composition import compose_scene, fit_backdrop, without_blockers
from rtmpose3d.synth.scene.glb import read_glb
from rtmpose3d.synth.scene.props import PropKit


def test_views_of_one_location_are_in_one_split_and_every_file_is_in_one(
    backdrop_folder: Path,
) -> None:
    halves = [Backdrops.open(backdrop_folder, split) for split in ("train", "val")]
    locations = [{source.location for source in half.photos} for half in halves]
    assert all(locations)
    assert not locations[0] & locations[1]
    assert sum(len(half.photos) for half in halves) == 12
    assert "CC0-1.0" in halves[0].photos[0].credit


def test_about_one_location_in_eight_is_for_validation() -> None:
    fraction = np.mean([assign_split(f"location {i}") == "val" for i in range(2000)])
    assert 0.09 < fraction < 0.15


def test_no_folder_means_painted_images() -> None:
    backdrops = Backdrops.open(None, "train")
    first, again = (backdrops.photo(np.random.default_rng(3)) for _ in range(2))
    assert first.ndim == 3
    assert np.array_equal(first, again)


def test_missing_and_empty_folders_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder"):
        Backdrops.open(tmp_path / "no", "train")
    with pytest.raises(InputError, match="holds no photographs"):
        Backdrops.open(tmp_path, "train")


def test_a_broken_photograph_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"a\.jpg is not a readable image"):
        Backdrops.open(tmp_path, "train").photo(np.random.default_rng(0))


def test_kits_of_one_seed_make_the_same_shapes() -> None:
    for split in range(2):
        kits = [PropKit(Backdrops(), 5) for _ in range(2)]
        a, b = (kit.shape_at(np.random.default_rng(split), np.zeros(3)) for kit in kits)
        assert np.array_equal(a.mesh.positions, b.mesh.positions)
        assert a.mesh.material.tint_rgb == b.mesh.material.tint_rgb


@pytest.mark.parametrize("number", range(8))
def test_shapes_have_normals_and_triangles_that_face_outwards(number: int) -> None:
    mesh = PropKit(Backdrops(), 1)._make_shape(number)
    a, b, c = (mesh.positions[mesh.triangles[:, i]].astype(float) for i in range(3))
    across = np.cross(b - a, c - a)
    real = np.linalg.norm(across, axis=1) > 1e-9
    middles = (a + b + c) / 3
    assert ((across * middles).sum(axis=1)[real] > 0).all()
    assert ((mesh.normals * mesh.positions).sum(axis=1) >= -1e-6).all()
    assert np.abs(mesh.positions).max() <= 0.5 + 1e-6


def _glb(tree: dict, binary: bytes) -> bytes:
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    body = struct.pack("<II", len(text), 0x4E4F534A) + text
    body += struct.pack("<II", len(binary), 0x004E4942) + binary
    return struct.pack("<III", 0x46546C67, 2, 12 + len(body)) + body


def _triangle_tree() -> tuple[dict, bytes]:
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0]], "<f4")
    indices = np.array([0, 1, 2], "<u2")
    tree = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"children": [1], "translation": [10, 0, 0]}, {"mesh": 0, "scale": [2, 2, 2]}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorFactor": [0.1, 0.2, 0.3, 1]}}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5123, "count": 3, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": 36},
            {"buffer": 0, "byteOffset": 36, "byteLength": 6},
        ],
    }
    return tree, points.tobytes() + indices.tobytes()


def test_an_object_is_read_with_its_nodes_and_y_up_becomes_z_up(tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    path.write_bytes(_glb(*_triangle_tree()))
    (mesh,) = read_glb(path)
    assert mesh.positions == pytest.approx(np.array([[10, 0, 0], [12, 0, 0], [10, 0, 4]]))
    assert mesh.normals == pytest.approx(np.tile([0, -1, 0], (3, 1)), abs=1e-6)
    assert mesh.material.tint_rgb == (0.1, 0.2, 0.3)


@pytest.mark.parametrize("damage", ["short", "magic", "index", "empty"])
def test_a_damaged_object_is_an_error_that_names_it(tmp_path: Path, damage: str) -> None:
    tree, binary = _triangle_tree()
    if damage == "index":
        binary = binary[:36] + np.array([0, 1, 7], "<u2").tobytes()
    data = _glb(tree, binary)
    data = {"short": data[:-20], "magic": b"x" + data[1:], "empty": b""}.get(damage, data)
    path = tmp_path / "broken.glb"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"broken\.glb"):
        read_glb(path)


def test_all_objects_of_the_shared_folder_can_be_read(shared: Path) -> None:
    folder = shared / "people" / "backdrops" / "objects"
    if not folder.is_dir():
        pytest.skip("the shared folder has no objects")
    for path in sorted(folder.glob("*.glb")):
        meshes = read_glb(path)
        assert meshes
        assert min(float(mesh.positions[:, 2].min()) for mesh in meshes) == pytest.approx(
            0, abs=0.02
        )


def test_a_wall_in_front_of_the_people_is_removed_and_one_behind_them_is_kept(
    two_people: Scene, view: CameraView
) -> None:
    kit, rng = PropKit(Backdrops(), 0), np.random.default_rng(0)
    before = kit.wall(rng, np.array([0.3, -1.5]), np.pi / 2)[0]
    behind = kit.wall(rng, np.array([0.3, 2.5]), -np.pi / 2)[0]
    scene = replace(two_people, props=(before, behind))
    assert without_blockers(scene, view).props == (behind,)


def test_a_scene_is_the_same_for_the_same_generator(two_people: Scene) -> None:
    def scene() -> Scene:
        kit = PropKit(Backdrops(), 0)
        rng = np.random.default_rng(8)
        return compose_scene(rng, two_people.people, Backdrops(), kit, SceneSettings(clutter=4))

    first, again = scene(), scene()
    assert first.light.sky_rgb == again.light.sky_rgb
    assert [p.world_from_rest.tolist() for p in first.props] == [
        p.world_from_rest.tolist() for p in again.props
    ]


def test_props_do_not_intersect_people(two_people: Scene) -> None:
    for seed in range(20):
        kit = PropKit(Backdrops(), 0)
        settings = SceneSettings(clutter=3, room=0)
        scene = compose_scene(
            np.random.default_rng(seed), two_people.people, Backdrops(), kit, settings
        )
        for prop in scene.props:
            assert _distance(prop, two_people) > 0.1


def _distance(prop: Prop, scene: Scene) -> float:
    vertices = prop.mesh.positions @ prop.world_from_rest[:, :3].T + prop.world_from_rest[:, 3]
    points = np.concatenate([person.keypoints_world for person in scene.people])[:, :2]
    return float(np.linalg.norm(vertices[:, None, :2] - points[None], axis=2).min())


@pytest.mark.parametrize("down_m", [0.2, 0.8, -0.3])
def test_the_horizon_of_a_photograph_is_aligned_with_that_of_the_view(down_m: float) -> None:
    camera = Camera(fx=400, fy=400, cx=170, cy=118, width=330, height=250)
    view = looking_at(np.array([0.0, -4, 1.2]), np.array([0.3, 0, 1.2 - down_m]), camera)
    photo = np.zeros((300, 420, 3), np.uint8)
    matrix = fit_backdrop(view, photo)
    assert matrix is not None
    far = np.array([800.0, 1000.0, 1.2])  # as good as on the horizon
    pixel = camera.project(far @ view.camera_from_world[:, :3].T + view.camera_from_world[:, 3])
    assert (matrix @ [*pixel, 1])[1] == pytest.approx(0.46 * 300, abs=1.5)
    corners = matrix @ np.array([[0, 0, 1], [329, 0, 1], [0, 249, 1], [329, 249, 1]]).T
    assert corners[:2].min() > -2
    assert (corners[:2].max(axis=1) < (422, 302)).all()


def test_probabilities_above_1_are_errors() -> None:
    with pytest.raises(InputError, match="photo is a probability"):
        SceneSettings(photo=1.5)
