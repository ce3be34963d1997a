"""Rows of the model table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from rtmpose3d.codec.spec import SimCCSpec
from rtmpose3d.geometry.root_depth import PUBLISHED_ACCURACY, KeypointAccuracy
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.zoo.bundled import BundledFile
from rtmpose3d.zoo.remote import RemoteFile

WeightsFile: TypeAlias = RemoteFile | BundledFile
"""A model's weights: published on the network, or in the package."""

Task = Literal["pose3d", "pose2d", "detector"]
ChannelOrder = Literal["rgb", "bgr"]

# ImageNet's statistics in grey levels 0 to 255, as every published configuration has them.
RGB_MEAN, RGB_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
BGR_MEAN, BGR_STD = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
DEFAULT_CONFIDENCE_THR = 0.3
SIMCC_OUTPUTS = ("simcc_x", "simcc_y", "simcc_z")
CODE_LICENCE = "Apache-2.0"
WEIGHTS_LICENCE = "Apache-2.0"
POSE_DATA_LICENCE = "COCO-WholeBody annotations: non-commercial research"
DETECTOR_DATA_LICENCE = "COCO: CC BY 4.0; Objects365: CC BY 4.0"
RENDERED_DATA_LICENCE = (
    "rendered people (CC0) before photographs of places (CC0, CC BY, CC BY-SA, BSD, MIT)"
)

_SPORT = "LSP Extended: research"
REAL_POSE_DATA_LICENCE = (
    f"{RENDERED_DATA_LICENCE}; {_SPORT}; Helen, AFW, 300-W: research; labels of MediaPipe: "
    "Apache-2.0"
)
REAL_DETECTOR_DATA_LICENCE = (
    f"{RENDERED_DATA_LICENCE}; {_SPORT}; boxes of RTMDet-nano, {DETECTOR_DATA_LICENCE}"
)


@dataclass(frozen=True, kw_only=True)
class ModelSpec(ABC):
    """A model: its network, its input, its file, its published metrics.

    Attributes:
        name: the model's name in this package.
        input_size_wh: width and height of the network's input, px.
        file: the published or bundled checkpoint.
        width, depth: multipliers of the backbone's channels and blocks.
        params: number of parameters.
        gflops: multiply-adds of one input, in 10^9, as published.
        code_licence, weights_licence, data_licence: of the code, of the weights, and of what they
            were trained on.
    """

    name: str
    input_size_wh: tuple[int, int]
    file: WeightsFile
    width: float
    depth: float
    params: int
    gflops: float
    mean: tuple[float, float, float] = RGB_MEAN
    std: tuple[float, float, float] = RGB_STD
    channel_order: ChannelOrder = "rgb"
    code_licence: str = CODE_LICENCE
    weights_licence: str = WEIGHTS_LICENCE
    data_licence: str = POSE_DATA_LICENCE

    @property
    @abstractmethod
    def task(self) -> Task:
        """Task of the model."""

    @property
    @abstractmethod
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs of its graph, in order."""

    @property
    def drifts_in_bf16(self) -> bool:
        """Whether bf16 moves its results by pixels."""
        return False

    @property
    def graph(self) -> str:
        """Name of the graph that the package ships for it.

        DWPose is RTMPose's network; models that differ in their training data share theirs.
        """
        return self.name.replace("dwpose", "rtmpose").removesuffix("-cc0")


@dataclass(frozen=True, kw_only=True)
class PoseSpec(ModelSpec):
    """A pose model.

    Attributes:
        codec: SimCC settings.
        detector: name of its default detector.
        pafpn, hem, gau: parts of the network (paper, Table 4): the neck, the head over two
            scales, the attention among keypoints.
        neck_blocks: in each CSP layer of the neck.
        head_kernel: kernel size of the head's convolutions, which give a map per keypoint.
        dropout: on the attention weights, in training.
        keypoints: number of keypoints.
        default_confidence_thr: minimum confidence of keypoints that are drawn, by default.
        min_person_confidence: minimum mean confidence of the body's keypoints of a detected person;
            None: not measured, so no detection is dropped.
        min_close_up_confidence: minimum mean confidence of the face at which an image without
            detections is a close-up of a person; None: not measured, so none is.
        flip_test: whether flipped crops are run as well and averaged, by default.
        accuracy: of its keypoints, for the distance of people.
        ap, ar: whole-body AP and AR on COCO-WholeBody V1.0 val, as published.
        part_ap: AP of body, foot, face, hand, where published.
        mpjpe_m: 3D error on H3WB in metres, as published.
    """

    codec: SimCCSpec
    detector: str = "rtmdet-m"
    pafpn: bool
    hem: bool
    gau: bool = True
    neck_blocks: int = 2
    head_kernel: int = 7
    dropout: float = 0.0
    keypoints: int = len(WHOLEBODY)
    default_confidence_thr: float = DEFAULT_CONFIDENCE_THR
    min_person_confidence: float | None = None
    min_close_up_confidence: float | None = None
    flip_test: bool = False
    accuracy: KeypointAccuracy = PUBLISHED_ACCURACY
    ap: float | None = None
    ar: float | None = None
    part_ap: Mapping[str, float] = field(default_factory=dict, hash=False)
    mpjpe_m: float | None = None

    @property
    def task(self) -> Task:
        """Task of the model."""
        return "pose3d" if self.codec.has_depth else "pose2d"

    @property
    def output_names(self) -> tuple[str, ...]:
        """Decoded bins (N, K, A), scores and confidences (N, K), then SimCC logits per axis."""
        return "bins", "scores", "confidence", *SIMCC_OUTPUTS[: len(self.codec.bins)]


RTMDET_STRIDES = (8, 16, 32)
"""Strides of RTMDet's three scales, px of its input."""


@dataclass(frozen=True, kw_only=True)
class DetectorSpec(ModelSpec):
    """A person detector.

    Attributes:
        separable: separable 3x3 convolutions, not shared between the head's scales (nano).
        exp_on_reg: box distances pass through exp().
        neck_blocks: in each CSP layer of the neck.
        head_channels: of the neck's outputs and the head.
        score_thr, pre_nms, iou_thr, max_people: selection, as the reference does it.
    """

    separable: bool
    exp_on_reg: bool
    neck_blocks: int
    head_channels: int
    score_thr: float = 0.05
    pre_nms: int = 1000
    iou_thr: float = 0.6
    max_people: int = 100

    @property
    def task(self) -> Task:
        """Task of the model."""
        return "detector"

    @property
    def drifts_in_bf16(self) -> bool:
        """Whether bf16 moves its boxes by pixels, as measured with the published RTMDet-nano.

        It is the detector with separable convolutions, which sum few products.
        """
        return self.separable

    @property
    def output_names(self) -> tuple[str, ...]:
        """Boxes (N, P, 4) in input pixels and scores (N, P) of all cells, before selection."""
        return "boxes", "scores"
