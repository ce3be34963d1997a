"""Rows of the dataset table for datasets of faces and hands: `PART_DATASETS`."""

from __future__ import annotations

from rtmpose3d.data.maps import part_maps
from rtmpose3d.data.readers.label_arrays import read_face_arrays
from rtmpose3d.data.readers.parts import read_faces, read_interhand, read_square_faces
from rtmpose3d.data.specs import DatasetSpec, Split

RESEARCH = "research, not commercial"
ON_PAGE = "terms on its page; take it for research only until you have read them"

_FACES = (
    DatasetSpec(
        name="wflw",
        title="WFLW: faces in the wild, 98 keypoints",
        page="https://wywu.github.io/projects/LAB/WFLW.html",
        licence=ON_PAGE,
        keypoint_map=part_maps.WFLW,
        reader=read_square_faces,
        splits={
            "train": Split(
                annotations="annotations/face_landmarks_wflw_train.json",
                images="images",
                people=7_500,
            ),
            "val": Split(
                annotations="annotations/face_landmarks_wflw_test.json",
                images="images",
                people=2_500,
            ),
        },
        box_kind="face",
        counted_by="its page",
    ),
    DatasetSpec(
        name="300w",
        title="300W: faces, 68 keypoints",
        page="https://ibug.doc.ic.ac.uk/resources/300-W",
        licence=ON_PAGE,
        keypoint_map=part_maps.W300,
        reader=read_square_faces,
        splits={
            name: Split(
                annotations=f"annotations/face_landmarks_300w_{file}.json",
                images="images",
                people=people,
            )
            for name, file, people in (
                ("train", "train", 3_148),
                ("val", "valid", 689),
                ("test", "test", 600),
            )
        },
        box_kind="face",
        counted_by="the usual split: 3,148 and 554 + 135; challenge 300 + 300",
    ),
    DatasetSpec(
        name="cofw",
        title="COFW: occluded faces, 29 keypoints",
        page="http://www.vision.caltech.edu/xpburgos/ICCV13",
        licence=ON_PAGE,
        keypoint_map=part_maps.COFW,
        reader=read_faces,
        splits={
            "train": Split(
                annotations="annotations/cofw_train.json", images="images", people=1_345
            ),
            "val": Split(annotations="annotations/cofw_test.json", images="images", people=507),
        },
        box_kind="face",
        counted_by="Burgos-Artizzu et al., ICCV 2013",
    ),
    DatasetSpec(
        name="lapa",
        title="LaPa: faces, 106 keypoints",
        page="https://github.com/JDAI-CV/lapa-dataset",
        licence=ON_PAGE,
        keypoint_map=part_maps.LAPA,
        reader=read_faces,
        splits={
            name: Split(annotations=f"annotations/lapa_{name}.json", images=".", people=people)
            for name, people in (
                ("train", 18_168),
                ("val", 2_000),
                ("trainval", 20_168),
                ("test", 2_000),
            )
        },
        box_kind="face",
        counted_by="Liu et al., AAAI 2020",
    ),
)

_FACE_ARRAYS = (
    DatasetSpec(
        name="faces68",
        title="Helen and AFW with 300-W's labels: faces, 68 keypoints",
        page="https://ibug.doc.ic.ac.uk/resources/facial-point-annotations",
        licence=RESEARCH,
        keypoint_map=part_maps.W300,
        reader=read_face_arrays,
        splits={
            name: Split(annotations=f"{name}/labels.npz", images=name) for name in ("train", "test")
        },
        box_kind="face",
    ),
)

_HANDS = (
    DatasetSpec(
        name="interhand2.6m",
        title="InterHand2.6M v1.0, 5 fps: one or two hands, 42 keypoints, 3D",
        page="https://mks0601.github.io/InterHand2.6M",
        licence="CC BY-NC 4.0",
        keypoint_map=part_maps.INTERHAND,
        reader=read_interhand,
        splits={
            name: Split(
                annotations=f"annotations/all/InterHand2.6M_{name}_data.json",
                images=f"images/{name}",
                image_count=image_count,
            )
            for name, image_count in (("train", 1_361_062), ("val", 380_125), ("test", 849_160))
        },
        box_kind="hands",
        has_3d=True,
        counted_by="its page, H + M of 5 fps",
    ),
)

PART_DATASETS = (*_FACES, *_FACE_ARRAYS, *_HANDS)
