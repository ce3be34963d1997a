"""3D datasets: positions project onto the keypoints, broken files are named."""

import json

import cv2
import numpy as np
import pytest

from rtmpose3d.data import ReadOptions, load_record_image, read_dataset
from rtmpose3d.data.maps.part_maps import DNA_RENDERING
from rtmpose3d.data.readers.dna_rendering import unpack_images
from rtmpose3d.errors import InputError

ANY_IMAGE = ReadOptions(check_images=False)


# -- H3WB ---------------------------------------------------------------------------------------


def h3wb_file(folder, subject="S5", frames=(2, 9), keep=("train_data", "metadata", "bbox")):
    rng = np.random.default_rng(0)
    count = len(frames)
    view = {"pose_2d": rng.uniform(0, 900, (count, 133, 2)), "camera_3d": None}
    view["camera_3d"] = rng.normal([0, 0, 5000], 300, (count, 133, 3))
    matrix = np.array([[[1.145, 0, 0.512], [0, 1.143, 0.515], [0, 0, 1]]])
    box = {"x_min": 10, "y_min": 20, "x_max": 500, "y_max": 900}
    content = {
        "train_data": {subject: {"Walk 1": {"frame_id": np.array(frames), "60457274": view}}},
        "metadata": {subject: {"60457274": {"K": matrix}}},
        "bbox": {(subject, "Walk 1", "60457274", frame): box for frame in frames},
    }
    path = folder / "annotation_body3d" / "h3wb_train_bbox.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{key: np.array(content[key], dtype=object) for key in keep})
    return content


def test_h3wb_is_in_metres_with_its_camera_and_file_names(tmp_path):
    content = h3wb_file(tmp_path)
    first, second = read_dataset("h3wb", tmp_path, options=ANY_IMAGE)
    view = content["train_data"]["S5"]["Walk 1"]["60457274"]
    np.testing.assert_allclose(second.keypoints_camera_m, view["camera_3d"][1] / 1000, rtol=1e-6)
    np.testing.assert_allclose(second.keypoints_px, view["pose_2d"][1], rtol=1e-6)
    assert (first.camera.fx, first.camera.cy) == pytest.approx((1145, 515))
    assert first.image_size_wh == (1000, 1002)
    assert second.image == tmp_path / "original/S5/Images/Walk 1.60457274/frame_9.jpg"


def test_h3wb_splits_by_subject(tmp_path):
    h3wb_file(tmp_path, subject="S7")
    assert len(list(read_dataset("h3wb", tmp_path, "val", options=ANY_IMAGE))) == 2
    with pytest.raises(InputError, match="holds no frames of S1, S5, S6"):
        list(read_dataset("h3wb", tmp_path, "train", options=ANY_IMAGE))


def test_h3wb_without_boxes_is_named(tmp_path):
    h3wb_file(tmp_path, keep=("train_data", "metadata"))
    with pytest.raises(InputError, match=r"has no entry 'bbox'; expected the file with boxes"):
        list(read_dataset("h3wb", tmp_path, options=ANY_IMAGE))


def test_a_frame_of_h3wb_without_a_box_is_named(tmp_path):
    h3wb_file(tmp_path)
    path = tmp_path / "annotation_body3d" / "h3wb_train_bbox.npz"
    entries = dict(np.load(path, allow_pickle=True))  # written by this test
    boxes = entries["bbox"].item()
    del boxes["S5", "Walk 1", "60457274", 9]
    np.savez(path, **{**entries, "bbox": np.array(boxes, dtype=object)})
    reading = read_dataset("h3wb", tmp_path, on_bad="skip", options=ANY_IMAGE)
    assert [record.index for record in reading] == [0]
    assert "annotation 1 (id 1): no box of S5, Walk 1, 60457274, frame 9" in reading.bad[0].text


# -- UBody3D ------------------------------------------------------------------------------------


def ubody_annotation(change=None):
    """A person whose depth is 0.1 m behind the pelvis at the wrists and the neck, all else at 0."""
    from rtmpose3d.data.maps.body_maps import UBODY3D

    rng = np.random.default_rng(1)
    points = rng.uniform(1, 60, (137, 2))
    for side in ("left", "right"):
        points[UBODY3D.names.index(f"{side}_eyeball")] = points[UBODY3D.names.index(f"{side}_eye")]
    depth = np.full(137, 8.0)
    for name in ("left_wrist", "right_wrist", "neck"):
        depth[UBODY3D.names.index(name)] = 8.0 * 1.1
    annotation = {
        "id": 1,
        "image_id": 1,
        "bbox": [2.0, 3.0, 40.0, 50.0],
        "keypoints": points.tolist(),
        "keypoints_3d": np.column_stack([points, depth]).tolist(),
        "keypoints_valid": [[1.0]] * 137,
        "lefthand_valid": False,
        "camera_param": {"focal": [5000.0, 4900.0], "princpt": [30.0, 40.0]},
    }
    return annotation | (change or {})


def ubody_folder(folder, annotation):
    path = folder / "annotations" / "TalkShow" / "train_3dkeypoint_annotation.json"
    path.parent.mkdir(parents=True)
    image = {"id": 1, "file_name": "TalkShow/a/1.png", "width": 66, "height": 71}
    path.write_text(json.dumps({"images": [image], "annotations": [annotation]}), "utf-8")


def test_ubody3d_depths_count_from_the_pelvis_through_wrists_and_neck(tmp_path):
    ubody_folder(tmp_path, ubody_annotation())
    (record,) = read_dataset("ubody3d", tmp_path, options=ANY_IMAGE)
    depth = record.keypoints_camera_m[:, 2]
    np.testing.assert_allclose(depth[[9, 10]], 0.1, atol=1e-6)
    np.testing.assert_allclose(depth[91:133], 0.1, atol=1e-6)  # hands count from their wrist
    np.testing.assert_allclose(depth[23:91], 0.1, atol=1e-6)  # the face counts from the neck
    np.testing.assert_allclose(depth[[11, 12, 5, 6]], 0, atol=1e-6)
    assert not record.visible[92:112].any()  # called invalid as a whole
    assert record.visible[113:133].all()
    assert record.camera.cx == 30
    np.testing.assert_allclose(record.box_xyxy, [2, 3, 42, 53])


def test_ubody3d_in_another_order_is_refused(tmp_path):
    shuffled = ubody_annotation()
    shuffled["keypoints"] = shuffled["keypoints"][::-1]
    ubody_folder(tmp_path, shuffled)
    with pytest.raises(InputError, match=r"annotation 0 .*are not in SMPL-X's order"):
        list(read_dataset("ubody3d", tmp_path, options=ANY_IMAGE))


# -- DNA-Rendering ------------------------------------------------------------------------------


@pytest.fixture
def dna(tmp_path):
    """Two frames of a synthetic person by two cameras that look at it from two sides."""
    h5py = pytest.importorskip("h5py")
    rng = np.random.default_rng(2)
    world = rng.uniform([-0.5, -0.8, -0.3], [0.5, 0.8, 0.3], (2, 190, 3))
    world[:, DNA_RENDERING.names.index("left_heel")] = 0  # not found
    (tmp_path / "main").mkdir()
    (tmp_path / "annotations").mkdir()
    turn, _ = cv2.Rodrigues(np.array([0.1, 0.7, -0.05]))
    with h5py.File(tmp_path / "annotations" / "0001_01_annots.smc", "w") as smc:
        smc["Keypoints_3D/keypoints3d"] = world
        for name, yaw in (("03", np.eye(3)), ("50", turn)):
            world_from_camera = np.eye(4)
            world_from_camera[:3, :3] = yaw
            world_from_camera[:3, 3] = yaw @ [0.1, -0.2, -4.0]
            smc[f"Camera_Parameter/{name}/RT"] = world_from_camera
            smc[f"Camera_Parameter/{name}/K"] = [[3000.0, 0, 1200], [0, 3100, 1000], [0, 0, 1]]
            smc[f"Camera_Parameter/{name}/D"] = [-0.05, 0.02, 1e-3, -2e-3, 0.01]
    image = cv2.imencode(".jpg", rng.integers(0, 255, (2048, 2448, 3), dtype=np.uint8))[1]
    with h5py.File(tmp_path / "main" / "0001_01.smc", "w") as smc:
        for frame in ("0", "1"):
            smc[f"Camera_5mp/3/color/{frame}"] = image.ravel()
    return tmp_path


def test_dna_rendering_projects_its_points_through_camera_and_lens(dna):
    records = list(read_dataset("dna-rendering", dna, options=ANY_IMAGE))
    assert [record.index for record in records] == [0, 1, 2, 3]
    for record in records:
        known = record.visible > 0
        assert known.sum() == 130  # without the hand roots and the heel that was not found
        straight = record.camera.project(record.keypoints_camera_m[known][None])[0]
        bent = record.keypoints_px[known]
        assert 0.05 < np.abs(straight - bent).max() < 60  # the lens bends a little
        assert np.isnan(record.keypoints_camera_m[19]).all()
        assert record.box_xyxy[0] < bent[:, 0].min()
        assert record.box_xyxy[3] > bent[:, 1].max()
    # The same person by both cameras: distances between keypoints agree.
    points_m = [records[i].keypoints_camera_m[[5, 16]] for i in (0, 1)]
    lengths = [np.linalg.norm(two[0] - two[1]) for two in points_m]
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-5)
    assert records[1].image_size_wh == (4096, 3000)


def test_images_of_dna_rendering_unpack_to_where_its_records_look(dna):
    assert unpack_images(dna / "main" / "0001_01.smc", dna / "images").written == 2
    again = unpack_images(dna / "main" / "0001_01.smc", dna / "images")
    assert (again.written, list(again.problems)) == (0, [])
    record = next(iter(read_dataset("dna-rendering", dna)))
    assert load_record_image(record).shape == (2048, 2448, 3)


def test_files_of_dna_rendering_that_are_broken_are_named(dna):
    h5py = pytest.importorskip("h5py")
    path = dna / "annotations" / "0001_01_annots.smc"
    with h5py.File(path, "a") as smc:
        world = smc["Keypoints_3D/keypoints3d"][:]
        del smc["Keypoints_3D/keypoints3d"]
        smc["Keypoints_3D/keypoints3d"] = world[:, :133]
    with pytest.raises(InputError, match=r"keypoints3d must be \(frames, 190, 3\), got shape"):
        list(read_dataset("dna-rendering", dna, options=ANY_IMAGE))
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"annotation file of DNA-Rendering .* cannot be read"):
        list(read_dataset("dna-rendering", dna, options=ANY_IMAGE))
    with pytest.raises(InputError, match=r"file of DNA-Rendering .* cannot be read"):
        unpack_images(path, dna / "images")


def test_keypoints_in_millimetres_are_refused(dna):
    h5py = pytest.importorskip("h5py")
    with h5py.File(dna / "annotations" / "0001_01_annots.smc", "a") as smc:
        smc["Camera_Parameter/03/RT"][2, 3] = -4000.0
    with pytest.raises(InputError, match="annotation 0: the person is 4000 m away"):
        list(read_dataset("dna-rendering", dna, options=ANY_IMAGE))
