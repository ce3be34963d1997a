"""Drift: how far a precision moves keypoints, and the limits that half precision keeps."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtmpose3d import BackendError, MissingDependencyError, WeightsError
from rtmpose3d.benchmark import BenchmarkPlan, measure_drift
from rtmpose3d.benchmark.drift import PARTS, pose_drift
from rtmpose3d.codec import decode_simcc
from rtmpose3d.runtime import BACKENDS, Backend, Device, PoseSession
from rtmpose3d.sources import load_image
from rtmpose3d.structures import Image
from rtmpose3d.zoo import DEMO_IMAGE, resolve_detector, resolve_pose

POSE = resolve_pose("rtmw3d-n")
DETECTOR = resolve_detector("rtmdet-n")
CPU = Device(kind="cpu")

# Of the bundled pose model, in pixels of its input of 256x192.
SIGNED_PX, P99_PX = 0.03, 0.75
MEAN_PX = {"openvino": 0.1, "torch": 0.15}  # torch rounds before and after an activation
# Of the bundled detector, in pixels of its input of 320x320.
BOX_MEAN_PX, BOX_P99_PX, BOX_SCORE = 0.15, 0.75, 0.075  # its logits are those of 0.03 times 2.5


class ShiftedNetwork:
    """One peak for each keypoint, shifted along x by some bins."""

    max_batch = None
    output_names = POSE.output_names

    def __init__(self, shift: int) -> None:
        self._shift = shift

    def run(self, images: np.ndarray, outputs: tuple[str, ...]) -> tuple[np.ndarray, ...]:
        simcc = []
        for axis, bins in enumerate(POSE.codec.bins):
            logits = np.zeros((len(images), POSE.keypoints, bins), np.float32)
            logits[..., bins // 3 + (self._shift if axis == 0 else 0)] = 9
            simcc.append(logits)
        decoded = decode_simcc(simcc, POSE.codec)
        arrays = dict(
            zip(
                POSE.output_names,
                (decoded.bins, decoded.scores, decoded.confidence, *simcc),
                strict=True,
            )
        )
        return tuple(arrays[name] for name in outputs)


def test_a_known_shift_is_the_drift_with_its_sign() -> None:
    codec = replace(POSE.codec, decode_sigma=None)
    spec = replace(POSE, codec=codec)
    ours, theirs = (PoseSession(spec, ShiftedNetwork(shift), CPU) for shift in (-3, 0))
    crops = np.zeros((2, 256, 192, 3), np.uint8)
    for part in pose_drift(ours, theirs, crops):
        shift_px = 3 / codec.split_ratio
        assert (part.signed_px, part.mean_px, part.p99_px) == pytest.approx(
            (-shift_px, shift_px, shift_px)
        )
        assert (part.depth_mm, part.confidence) == pytest.approx((0, 0))
        assert part.count > 0


def test_weights_that_are_not_on_this_disk_are_an_error() -> None:
    plan = BenchmarkPlan(backends=(next(iter(BACKENDS)),))
    with pytest.raises(WeightsError, match="rtmpose3d download rtmw3d-l"):
        measure_drift(resolve_pose("rtmw3d-l"), plan, [load_image(DEMO_IMAGE)])


FOLDERS = ("coco", "mpii", "ochuman", "aic", "crowdpose", "humanart")


@pytest.fixture(scope="module")
def photographs(shared: Path) -> list[Image]:
    """A dozen photographs with people."""
    folders = (shared / "samples" / name for name in FOLDERS)
    return [load_image(file) for folder in folders for file in sorted(folder.rglob("*.jpg"))[:3]]


def runs_bf16(row: Backend) -> bool:
    with suppress(BackendError, MissingDependencyError):
        return row.resolve_precision("bf16", row.resolve_device(CPU)) == "bf16"
    return False


@pytest.fixture
def half_plan() -> BenchmarkPlan:
    """bf16 with the head in fp32, in the first backend that runs it on this processor."""
    names = [name for name, row in BACKENDS.items() if runs_bf16(row)]
    if not names:
        pytest.skip("no installed backend runs bf16 on this processor")
    return BenchmarkPlan(backends=(names[0],), device="cpu", precision="bf16")


@pytest.mark.slow
def test_bf16_with_an_fp32_head_keeps_the_limits(half_plan, photographs, monkeypatch) -> None:
    monkeypatch.setattr("rtmpose3d.benchmark.drift.CROPS_PER_PERSON", 2)
    (drift,) = measure_drift(POSE, half_plan, photographs)
    assert drift.runtime.precision == "bf16"
    assert [part.part for part in drift.parts] == list(PARTS)
    everything = drift.parts[0]
    assert everything.count > 3000
    assert everything.mean_px < MEAN_PX[drift.runtime.backend]
    assert abs(everything.signed_px) < SIGNED_PX
    assert everything.p99_px < P99_PX


@pytest.mark.slow
def test_a_detector_in_bf16_with_fp32_boxes_keeps_the_limits(half_plan, photographs) -> None:
    (drift,) = measure_drift(DETECTOR, half_plan, photographs)
    assert drift.boxes is not None
    assert drift.boxes.count > 100
    assert drift.boxes.mean_px < BOX_MEAN_PX
    assert drift.boxes.p99_px < BOX_P99_PX
    assert drift.boxes.max_score < BOX_SCORE
