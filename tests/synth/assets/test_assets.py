"""MakeHuman's formats: small files of our own, broken files, and the real data if available."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from makehuman_data import assets_at

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.synth.assets.bvh import read_bvh
from rtmpose3d.synth.assets.makehuman import MakeHumanAssets, read_keypoint_anchors
from rtmpose3d.synth.assets.obj import build_surface, connected_parts, read_obj, vertex_normals
from rtmpose3d.synth.assets.proxy import read_proxy
from rtmpose3d.synth.assets.rig import read_rig, reduce_weights
from rtmpose3d.synth.assets.targets import open_targets

pytestmark = pytest.mark.slow

OBJ = """# a square of two faces with a seam, and a triangle apart
v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
v 5 0 1
v 6 0 1
v 6 1 1
vt 0 0
vt 1 0
vt 1 1
vt 0 1
vt 0.5 0.5
g square
f 1/1 2/2 3/3
f 1/5 3/3 4/4
g apart
f 5/1 6/2 7/3
"""
CLO = """basemesh hm08
name scarf
obj_file scarf.obj
x_scale 0 1 2.0
verts 0
material scarf.mhmat
0 1 2 0.5 0.25 0.25 0.1 0.0 0.0
 1
2
3
4
5
6
delete_verts
1 - 3 5
"""


@pytest.fixture
def obj(tmp_path: Path) -> Path:
    file = tmp_path / "scarf.obj"
    file.write_text(OBJ)
    return file


def test_an_obj_is_split_where_its_uv_has_a_seam(obj: Path) -> None:
    mesh = read_obj(obj)
    surface = build_surface(mesh)
    assert mesh.faces.shape == (3, 4)
    assert surface.triangles.shape == (3, 3)
    # vertex 1 has two UVs, so seven vertices are drawn as eight
    assert len(surface.source) == 8
    np.testing.assert_array_equal(surface.source[surface.triangles], surface.vertex_triangles)
    only = build_surface(mesh, mesh.faces_in("apart"))
    assert set(only.source.tolist()) == {4, 5, 6}


def test_quads_become_two_triangles_with_the_same_normal(tmp_path: Path) -> None:
    file = tmp_path / "quad.obj"
    file.write_text("v 0 0 0\nv 2 0 0\nv 2 1 0\nv 0 1 0\nf 1 2 3 4\n")
    surface = build_surface(read_obj(file))
    assert surface.triangles.shape == (2, 3)
    normals = vertex_normals(read_obj(file).positions, surface.vertex_triangles)
    np.testing.assert_allclose(normals, np.tile([0, 0, 1], (4, 1)))


def test_pieces_that_share_no_vertex_have_labels_of_their_own(obj: Path) -> None:
    assert connected_parts(read_obj(obj)).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v 0 0 0\n", "has no faces"),
        ("v 0 0 0\nf 1 2 9\n", "vertex index out of range"),
        ("v 0 0\nf 1 1 1\n", "is not a readable mesh"),
        ("v 0 0 0\nf 1 1 1 1 1\n", "5 corners"),
    ],
)
def test_a_broken_obj_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "broken.obj"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as raised:
        read_obj(file)
    assert "broken.obj" in str(raised.value)


def test_a_proxy_follows_the_body(obj: Path) -> None:
    file = obj.with_name("scarf.mhclo")
    file.write_text(CLO)
    proxy = read_proxy(file)
    assert proxy.hidden.tolist() == [1, 2, 3, 5]
    assert proxy.texture is None  # its material file is missing
    body = np.array([[0, 0, 0], [4, 0, 0], [0, 8, 0], [1, 1, 1], *np.zeros((3, 3))], np.float32)
    fitted = proxy.fit(body)
    # a quarter of each of two, plus an offset that is doubled as x is: 4 instead of 2
    np.testing.assert_allclose(fitted[0], [1.2, 2.0, 0.0], atol=1e-6)
    np.testing.assert_array_equal(fitted[1], body[1])


def test_a_proxy_that_does_not_fit_its_mesh_is_named(obj: Path) -> None:
    file = obj.with_name("scarf.mhclo")
    file.write_text(CLO.replace("\n6\n", "\n"))
    with pytest.raises(InputError, match=r"scarf.mhclo has 6 vertices; its mesh has 7"):
        read_proxy(file)


def test_weights_are_the_four_largest_and_sum_to_one() -> None:
    dense = np.array([[0.1, 0.2, 0.3, 0.05, 0.4], [0, 0, 0, 0, 0]], np.float32)
    ids, weights = reduce_weights(dense)
    assert ids[0].tolist() == [4, 2, 1, 0]
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-6)
    assert ids[1].tolist() == [0, 0, 0, 0]


def test_a_rig_without_a_parent_is_refused(tmp_path: Path) -> None:
    skeleton = tmp_path / "a.mhskel"
    bones = {"tip": {"head": "h", "tail": "h", "parent": "missing"}}
    skeleton.write_text(json.dumps({"bones": bones, "joints": {"h": [0]}}))
    with pytest.raises(InputError, match=r"a.mhskel is not a MakeHuman rig"):
        read_rig(skeleton, tmp_path / "w.mhw", 3)


def test_targets_are_the_same_from_a_folder_an_archive_and_the_cache(tmp_path: Path) -> None:
    folder, archived = tmp_path / "loose", tmp_path / "packed"
    (folder / "targets" / "nose").mkdir(parents=True)
    archived.mkdir()
    (folder / "targets" / "nose" / "longer.target").write_text("# a nose\n3 0 0.5 -.125\n7 1 0 0\n")
    with tarfile.open(archived / "targets.tar.xz", "w:xz") as tar:
        tar.add(folder / "targets", "targets")
    rest = np.zeros((9, 3), np.float32)
    for _ in range(2):
        for source in (folder, archived):
            targets = open_targets(source, tmp_path / "cache")
            moved = targets.apply(rest, {"nose/longer": 0.5})
            np.testing.assert_allclose(moved[3], [0, 0.25, -0.0625], atol=1e-6)
            np.testing.assert_allclose(moved[7], [0.5, 0, 0], atol=1e-6)
    assert len(list((tmp_path / "cache").iterdir())) == 2
    assert not rest.any()
    with pytest.raises(UnknownNameError, match="nose/longer"):
        targets.apply(rest, {"nose/loger": 1.0})


def test_a_damaged_cache_is_rebuilt(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "a.target").write_text("0 1 1 1\n")
    open_targets(tmp_path, tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_bytes(b"no archive")
    assert "a" in open_targets(tmp_path, tmp_path / "cache")
    assert "will be rebuilt" in caplog.text


def test_broken_targets_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"targets\.tar\.xz"):
        open_targets(tmp_path, tmp_path / "cache")
    (tmp_path / "targets.tar.xz").write_bytes(b"no archive")
    with pytest.raises(InputError, match="is damaged"):
        open_targets(tmp_path, tmp_path / "cache")
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "a.target").write_text("0 1 1\n")
    with pytest.raises(InputError, match="'a' is damaged"):
        open_targets(tmp_path, tmp_path / "cache")


def test_bvh_rotations_are_in_the_axes_of_the_mesh(tmp_path: Path) -> None:
    file = tmp_path / "a.bvh"
    file.write_text(
        "HIERARCHY\nROOT root\n{\nOFFSET 0 0 0\nCHANNELS 6 Xposition Yposition Zposition "
        "Xrotation Yrotation Zrotation\nEnd Site\n{\nOFFSET 0 0 1\n}\n}\nMOTION\nFrames: 1\n"
        "Frame Time: 0.04\n0 0 0 0 0 90\n"
    )
    (frame,) = read_bvh(file)
    # a rotation about the file's z (up) is one about the mesh's y: left goes to the back
    np.testing.assert_allclose(frame["root"] @ [1, 0, 0], [0, 0, -1], atol=1e-12)
    file.write_text("HIERARCHY\nROOT root\n")
    with pytest.raises(InputError, match=r"a\.bvh is not a readable \.bvh"):
        read_bvh(file)


def test_keypoint_anchors_cover_all_keypoints_and_are_symmetric() -> None:
    keypoints = read_keypoint_anchors()
    assert len(keypoints.vertices) == len(WHOLEBODY)
    assert sum(keypoints.inside) == 44  # 12 of the body, 16 of each hand
    for i, j in enumerate(WHOLEBODY.flip_index):
        assert len(keypoints.vertices[i]) == len(keypoints.vertices[j])
        flipped = keypoints.bones[i].translate(str.maketrans("LR", "RL"))
        assert keypoints.bones[j] == flipped


@pytest.mark.parametrize("lost", ["3dobjs/base.obj", "rigs/default_weights.mhw", "poseunits"])
def test_what_is_missing_is_named(shared: Path, tmp_path: Path, lost: str) -> None:
    folder = assets_at(shared).folder
    for part in ("3dobjs", "rigs", "poseunits"):
        shutil.copytree(folder / part, tmp_path / part)
        (tmp_path / part).chmod(0o755)
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "a.target").write_text("0 1 1 1\n")
    gone = tmp_path / lost
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    with pytest.raises(InputError) as raised:
        MakeHumanAssets.open(tmp_path, cache=tmp_path)
    assert gone.name in str(raised.value)


def test_no_folder_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no folder .*name the folder of MakeHuman's data"):
        MakeHumanAssets.open(tmp_path / "nowhere")


def test_the_base_mesh_is_symmetric_and_its_weights_sum_to_one(shared: Path) -> None:
    assets = assets_at(shared)
    heads, _ = assets.rig.ends(assets.base.positions)
    left = [assets.rig.index[name] for name in assets.rig.names if name.endswith(".L")]
    right = [assets.rig.index[assets.rig.names[i][:-1] + "R"] for i in left]
    np.testing.assert_allclose(heads[left] * (-1, 1, 1), heads[right], atol=2e-3)
    np.testing.assert_allclose(assets.rig.bone_weights.sum(axis=1), 1.0, rtol=1e-5)
    assert all(parent < i for i, parent in enumerate(assets.rig.parents))
