"""The table of datasets, `DATASETS`.

The datasets that RTMW was trained on (arXiv:2407.08634), three more to evaluate on, and rendered
people. Folder layouts are mmpose's (docs/en/dataset_zoo), so that its users need nothing new.
"""

from __future__ import annotations

from functools import partial

from rtmpose3d.data.maps import body_maps, part_maps
from rtmpose3d.data.own import COCO_STYLE
from rtmpose3d.data.part_datasets import ON_PAGE, PART_DATASETS, RESEARCH
from rtmpose3d.data.readers.body import read_humanart, read_jhmdb, read_mpii
from rtmpose3d.data.readers.coco_files import read_plain
from rtmpose3d.data.readers.dna_rendering import ANNOTATIONS_ENDING, read_dna_rendering
from rtmpose3d.data.readers.label_arrays import read_lspet
from rtmpose3d.data.readers.motion_capture import read_h36m, read_mpi_inf_3dhp
from rtmpose3d.data.readers.wholebody import read_coco_wholebody, read_rendered
from rtmpose3d.data.readers.wholebody_3d import H3WB_VAL, read_h3wb, read_ubody3d
from rtmpose3d.data.specs import DatasetSpec, Split

_WHOLEBODY = (
    DatasetSpec(
        name="coco-wholebody",
        title="COCO-WholeBody V1.0: photographs, 133 keypoints",
        page="https://github.com/jin-s13/COCO-WholeBody",
        licence=f"labels CC BY-NC 4.0, {RESEARCH}; images under Flickr's terms",
        keypoint_map=body_maps.COCO_WHOLEBODY,
        reader=read_coco_wholebody,
        splits={
            "train": Split(
                annotations="annotations/coco_wholebody_train_v1.0.json",
                images="train2017",
                image_count=118_287,
                people=149_813,
            ),
            "val": Split(
                annotations="annotations/coco_wholebody_val_v1.0.json",
                images="val2017",
                image_count=5_000,
                people=6_352,
            ),
        },
        all_annotated=True,
        counted_by="COCO 2017; people as HRNet and mmpose load them",
    ),
    DatasetSpec(
        name="ubody",
        title="UBody: upper bodies in video scenes, 133 keypoints",
        page="https://osx-ubody.github.io",
        licence=ON_PAGE,
        keypoint_map=body_maps.COCO_WHOLEBODY,
        reader=read_coco_wholebody,
        splits={
            "train": Split(annotations="annotations/train_annotations.json", images="images"),
            "val": Split(annotations="annotations/val_annotations.json", images="images"),
        },
        verified=False,
    ),
    DatasetSpec(
        name="halpe",
        title="Halpe Full-Body: people with objects, 136 keypoints",
        page="https://github.com/Fang-Haoshu/Halpe-FullBody",
        licence=f"{ON_PAGE}; images of HICO-DET and COCO",
        keypoint_map=body_maps.HALPE,
        reader=read_plain,
        splits={
            "train": Split(
                annotations="annotations/halpe_train_v1.json",
                images="hico_20160224_det/images/train2015",
            ),
            "val": Split(annotations="annotations/halpe_val_v1.json", images="val2017"),
        },
    ),
)

_BODY = (
    DatasetSpec(
        name="aic",
        title="AI Challenger: everyday photographs, 14 keypoints",
        page="https://github.com/AIChallenger/AI_Challenger_2017",
        licence=ON_PAGE,
        keypoint_map=body_maps.AIC,
        reader=read_plain,
        splits={
            "train": Split(
                annotations="annotations/aic_train.json",
                images="ai_challenger_keypoint_train_20170902/keypoint_train_images_20170902",
                image_count=210_000,
            ),
            "val": Split(
                annotations="annotations/aic_val.json",
                images="ai_challenger_keypoint_validation_20170911/"
                "keypoint_validation_images_20170911",
                image_count=30_000,
            ),
        },
        counted_by="arXiv:1711.06475",
    ),
    DatasetSpec(
        name="crowdpose",
        title="CrowdPose: crowds, 14 keypoints",
        page="https://github.com/Jeff-sjtu/CrowdPose",
        licence=ON_PAGE,
        keypoint_map=body_maps.CROWDPOSE,
        reader=read_plain,
        splits={
            name: Split(
                annotations=f"annotations/mmpose_crowdpose_{name}.json",
                images="images",
                image_count=image_count,
            )
            for name, image_count in (
                ("train", 10_000),
                ("val", 2_000),
                ("trainval", 12_000),
                ("test", 8_000),
            )
        },
        all_annotated=True,
        counted_by="arXiv:1812.00324: 20,000 images, 5 to 1 to 4",
    ),
    DatasetSpec(
        name="mpii",
        title="MPII Human Pose: activities, 16 keypoints",
        page="http://human-pose.mpi-inf.mpg.de",
        licence=ON_PAGE,
        keypoint_map=body_maps.MPII,
        reader=read_mpii,
        splits={
            name: Split(annotations=f"annotations/mpii_{name}.json", images="images", people=people)
            for name, people in (("train", 22_246), ("val", 2_958), ("trainval", None))
        },
        tight_boxes=False,  # squares of the person's height
        counted_by="the JSON files of HRNet and mmpose",
    ),
    DatasetSpec(
        name="lspet",
        title="LSP Extended: sport, 14 joints by hand, the others by a teacher",
        page="https://github.com/axelcarlier/lsp",
        licence=f"{RESEARCH}; photographs of Flickr",
        keypoint_map=body_maps.COCO_WHOLEBODY,
        reader=read_lspet,
        splits={
            name: Split(annotations=f"{name}/labels.npz", images=name) for name in ("train", "test")
        },
        teacher_boxes=True,
    ),
    DatasetSpec(
        name="sub-jhmdb",
        title="sub-JHMDB: frames of action videos, whole bodies, 15 keypoints",
        page="http://jhmdb.is.tue.mpg.de/dataset",
        licence=ON_PAGE,
        keypoint_map=body_maps.JHMDB,
        reader=read_jhmdb,
        splits={
            f"{split}{number}": Split(
                annotations=f"annotations/Sub{number}_{file}.json", images="."
            )
            for number in (1, 2, 3)
            for split, file in (("train", "train"), ("val", "test"))
        },
        all_annotated=True,
    ),
    DatasetSpec(
        name="posetrack18",
        title="PoseTrack18: people in videos, 15 keypoints",
        page="https://posetrack.net",
        licence=ON_PAGE,
        keypoint_map=body_maps.POSETRACK18,
        reader=read_plain,
        splits={
            name: Split(annotations=f"annotations/posetrack18_{name}.json", images=".")
            for name in ("train", "val")
        },
    ),
    DatasetSpec(
        name="human-art",
        title="Human-Art: people in art and photographs, 21 keypoints",
        page="https://github.com/IDEA-Research/HumanArt",
        licence="Creative Commons, not commercial, after a form; not to be passed on",
        keypoint_map=body_maps.HUMANART,
        reader=read_humanart,
        splits={
            "train": Split(annotations="annotations/training_humanart.json", images="images"),
            "val": Split(annotations="annotations/validation_humanart.json", images="images"),
        },
        all_annotated=True,
    ),
    DatasetSpec(
        name="ochuman",
        title="OCHuman: people who occlude each other, 17 keypoints; for evaluation",
        page="https://github.com/liruilong940607/OCHumanApi",
        licence=ON_PAGE,
        keypoint_map=body_maps.COCO,
        reader=read_plain,
        splits={
            name: Split(
                annotations=f"annotations/ochuman_coco_format_{name}_range_0.00_1.00.json",
                images="images",
            )
            for name in ("val", "test")
        },
    ),
)

_SPACE = (
    DatasetSpec(
        name="h3wb",
        title="H3WB: Human3.6M with 133 keypoints, 3D",
        page="https://github.com/wholebody3d/wholebody3d",
        licence=f"labels MIT; images of Human3.6M, {RESEARCH}",
        keypoint_map=body_maps.COCO_WHOLEBODY,
        reader=read_h3wb,
        splits={
            "train": Split(annotations="annotation_body3d/h3wb_train_bbox.npz", images="original"),
            "val": Split(
                annotations="annotation_body3d/h3wb_train_bbox.npz",
                images="original",
                reader=partial(read_h3wb, subjects=H3WB_VAL),
            ),
        },
        has_3d=True,
    ),
    DatasetSpec(
        name="ubody3d",
        title="UBody3D: UBody with SMPL-X fits, depth relative to the pelvis",
        page="https://osx-ubody.github.io",
        licence=f"{ON_PAGE}; SMPL-X has its own licence",
        keypoint_map=body_maps.UBODY3D,
        reader=read_ubody3d,
        splits={
            name: Split(
                annotations=f"annotations/*/{name}_3dkeypoint_annotation.json", images="images"
            )
            for name in ("train", "val")
        },
        has_3d=True,
    ),
    DatasetSpec(
        name="dna-rendering",
        title="DNA-Rendering: actors seen by 60 cameras, 133 of 190 keypoints, 3D",
        page="https://dna-rendering.github.io",
        licence=f"{RESEARCH}, after a signed agreement",
        keypoint_map=part_maps.DNA_RENDERING,
        reader=read_dna_rendering,
        splits={"train": Split(annotations=f"annotations/*{ANNOTATIONS_ENDING}", images="images")},
        has_3d=True,
        verified=False,
    ),
    DatasetSpec(
        name="h36m",
        title="Human3.6M: motion capture of actors, 17 joints, 3D",
        page="http://vision.imar.ro/human3.6m",
        licence=RESEARCH,
        keypoint_map=body_maps.H36M,
        reader=read_h36m,
        splits={
            name: Split(annotations=f"annotation_body3d/fps50/h36m_{name}.npz", images="images")
            for name in ("train", "test")
        },
        has_3d=True,
        all_annotated=True,
    ),
    DatasetSpec(
        name="mpi-inf-3dhp",
        title="MPI-INF-3DHP: motion capture in a studio and outdoors, 17 joints, 3D",
        page="https://vcai.mpi-inf.mpg.de/3dhp-dataset",
        licence=RESEARCH,
        keypoint_map=body_maps.MPI_INF_3DHP,
        reader=partial(read_mpi_inf_3dhp, split="train"),
        splits={
            "train": Split(annotations="annotations/mpi_inf_3dhp_train.npz", images="images"),
            "test": Split(
                annotations="annotations/mpi_inf_3dhp_test_valid.npz",
                images="images",
                reader=partial(read_mpi_inf_3dhp, split="test"),
            ),
        },
        has_3d=True,
        all_annotated=True,
    ),
    DatasetSpec(
        name="rendered",
        title="Rendered people: what `rtmpose3d synth` writes, 133 keypoints, 3D",
        page="docs/datasets.md",
        licence="rendered from CC0 assets; backdrops under the licences in its files",
        keypoint_map=body_maps.COCO_WHOLEBODY,
        reader=read_rendered,
        splits={"train": Split(annotations="shard-*/annotations.json", images=None)},
        has_3d=True,
        all_annotated=True,
    ),
)

DATASETS: dict[str, DatasetSpec] = {
    spec.name: spec for spec in (*_WHOLEBODY, *_BODY, *PART_DATASETS, *_SPACE, COCO_STYLE)
}
"""Every dataset that this package reads, by name."""
