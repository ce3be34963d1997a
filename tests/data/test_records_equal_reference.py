"""Records of the annotation samples, compared with the reference (mmpose 759b39c1) to 1e-3 px."""

import json
from pathlib import Path

import numpy as np
import pytest

from rtmpose3d.data import ReadOptions, read_dataset

TOLERANCE_PX = 1e-3
SAMPLES = {  # recording -> dataset, folder of the samples, annotation file
    "coco_wholebody": ("coco-wholebody", "coco", "test_coco_wholebody.json"),
    "halpe": ("halpe", "halpe", "test_halpe.json"),
    "aic": ("aic", "aic", "test_aic.json"),
    "crowdpose": ("crowdpose", "crowdpose", "test_crowdpose.json"),
    "mpii": ("mpii", "mpii", "test_mpii.json"),
    "jhmdb": ("sub-jhmdb", "jhmdb", "test_jhmdb_sub1.json"),
    "posetrack18": ("posetrack18", "posetrack18", "annotations/test_posetrack18_val.json"),
    "humanart21": ("human-art", "humanart", "test_humanart.json"),
    "humanart21_real_human_filter": ("human-art", "humanart", "test_humanart.json"),
    "wflw": ("wflw", "wflw", "test_wflw.json"),
    "300w": ("300w", "300w", "test_300w.json"),
    "cofw": ("cofw", "cofw", "test_cofw.json"),
    "lapa": ("lapa", "lapa", "test_lapa.json"),
    "interhand2d": ("interhand2.6m", "interhand2.6m", "test_interhand2.6m_data.json"),
    "interhand3d": ("interhand2.6m", "interhand2.6m", "test_interhand2.6m_data.json"),
    "h3wb_train": ("h3wb", "h3wb", "h3wb_train_bbox_subset.npz"),
    "ubody3d": ("ubody3d", "ubody3d", "ubody3d_train.json"),
}
QUIRKS = {"ubody3d", "humanart21_real_human_filter"}  # recorded with the reference's mistakes


def records(shared, recording, **changes):
    name, folder, file = SAMPLES[recording]
    options = {"check_images": False, "reference_quirks": recording in QUIRKS, **changes}
    if recording == "humanart21_real_human_filter":
        options |= {"scenes": ("real_human",)}
    reading = read_dataset(
        name,
        shared / "samples" / folder,
        "train1" if name == "sub-jhmdb" else "train",
        options=ReadOptions(**options),
        annotations=file,
        images=".",
    )
    return list(reading)


@pytest.fixture
def recorded(golden):
    return lambda name: json.loads((golden / "datasets" / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize("recording", SAMPLES)
def test_people_boxes_keypoints_and_visibility_equal_the_reference(shared, recorded, recording):
    theirs, ours = recorded(recording), records(shared, recording)
    assert len(ours) == theirs["length"]
    for record, person in zip(ours, theirs["samples"], strict=False):
        keypoints = np.asarray(person["keypoints"])[0, :, :2]
        np.testing.assert_allclose(record.keypoints_px, keypoints, atol=TOLERANCE_PX)
        np.testing.assert_array_equal(record.visible, np.ravel(person["keypoints_visible"]))
        np.testing.assert_allclose(record.box_xyxy, person["bbox"][0], atol=TOLERANCE_PX)
        assert record.annotation_id == person["id"]
        assert Path(record.image).name == Path(person["img_path"]).name
        assert record.crowd == bool(person.get("iscrowd", 0))
        if "img_id" in person:
            assert record.image_id == person["img_id"]
        if "area" in person:
            assert record.oks_area_px2 == pytest.approx(np.ravel(person["area"])[0], rel=1e-5)


def test_h3wb_has_the_reference_positions_and_camera(shared, recorded):
    record, person = records(shared, "h3wb_train")[0], recorded("h3wb_train")["samples"][0]
    np.testing.assert_allclose(record.keypoints_camera_m, person["keypoints_3d"][0], atol=1e-6)
    (fx, fy), (cx, cy) = (person["camera_param"][0][key] for key in ("f", "c"))
    camera = record.camera
    np.testing.assert_allclose([camera.fx, camera.fy, camera.cx, camera.cy], [fx, fy, cx, cy])


def test_interhand_has_the_reference_positions_and_camera(shared, recorded):
    ours = records(shared, "interhand3d")
    for record, person in zip(ours, recorded("interhand3d")["samples"], strict=False):
        pairs = np.array(_interhand_pairs())
        theirs = np.asarray(person["keypoints_cam"][0])[pairs[:, 0]] / 1000
        got = record.keypoints_camera_m[pairs[:, 1]]
        known = np.isfinite(got).all(axis=1)
        assert known.sum() == record.visible.sum()
        np.testing.assert_allclose(got[known], theirs[known], atol=1e-5)
        camera = record.camera
        np.testing.assert_allclose([camera.fx, camera.fy], person["focal"], rtol=1e-6)
        np.testing.assert_allclose([camera.cx, camera.cy], person["principal_pt"], rtol=1e-6)


def _interhand_pairs():
    from rtmpose3d.data import DATASETS

    return DATASETS["interhand2.6m"].keypoint_map.pairs


def test_ubody3d_camera_and_raw_depths_equal_the_reference(shared, recorded):
    record, person = records(shared, "ubody3d")[0], recorded("ubody3d")["samples"][0]
    np.testing.assert_allclose(record.keypoints_camera_m, person["keypoints_3d"][0], rtol=1e-6)
    np.testing.assert_allclose(
        [record.camera.fx, record.camera.fy], person["camera_param"][0]["f"], rtol=1e-6
    )


def test_ubody3d_by_default_is_in_the_right_order_with_the_right_box(shared):
    """The reference takes SMPL-X's order for COCO-WholeBody's, and width and height for corners.

    The file's own 2D annotations, made independently, say where face and hands are.
    """
    record = records(shared, "ubody3d", reference_quirks=False)[0]
    file = shared / "samples" / "ubody3d" / "ubody3d_train.json"
    annotation = json.loads(file.read_text("utf-8"))["annotations"][0]
    for field, part in (
        ("face_kpts", slice(23, 91)),
        ("lefthand_kpts", slice(92, 112)),
        ("righthand_kpts", slice(113, 133)),
    ):
        labelled = np.asarray(annotation[field]).reshape(-1, 3)[-(part.stop - part.start) :]
        use = (labelled[:, 2] > 0) & (record.visible[part] > 0)
        assert use.sum() > 15
        # The fit's hands are smaller than the labelled ones, but of the same shape, same way round.
        ours, theirs = record.keypoints_px[part][use], labelled[use, :2]
        centred = [points - points.mean(axis=0) for points in (ours, theirs)]
        assert np.corrcoef(centred[0].ravel(), centred[1].ravel())[0, 1] > 0.97, field
        assert np.linalg.norm(ours.mean(axis=0) - theirs.mean(axis=0)) < 160
    x, y, width, height = annotation["bbox"]
    np.testing.assert_allclose(record.box_xyxy, [x, y, x + width, y + height], atol=TOLERANCE_PX)
    outside = record.keypoints_px[:, 1] > 720
    assert outside.any()
    assert not record.visible[outside].any()


def test_ubody3d_by_default_has_metres_behind_the_pelvis(shared):
    record = records(shared, "ubody3d", reference_quirks=False)[0]
    depth = record.keypoints_camera_m[:, 2]
    names = {"nose": 0, "left_wrist": 9, "left_hand_root": 91, "left_forefinger1": 96}
    assert np.nanmax(np.abs(depth)) < 1.0
    assert depth[names["left_hand_root"]] == depth[names["left_wrist"]]
    # Palms are held towards the camera: knuckles within a hand's length of the wrist.
    assert abs(depth[names["left_forefinger1"]] - depth[names["left_wrist"]]) < 0.15
    assert np.isnan(record.keypoints_camera_m[:, :2]).all()


def test_human_art_yields_the_requested_scenes(shared):
    name, folder, file = SAMPLES["humanart21"]
    options = ReadOptions(check_images=False, scenes=("2D_virtual_human",))
    reading = read_dataset(
        name, shared / "samples" / folder, options=options, annotations=file, images="."
    )
    assert [record.index for record in reading] == [0]
    assert reading.skipped == {"scene not requested": 3}
