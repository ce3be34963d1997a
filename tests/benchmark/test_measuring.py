"""Measurements: interleaving, summaries, weights, and the options that reach the sessions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtmpose3d.benchmark import BenchmarkPlan, Measurement, Timing, measure, measuring, timing
from rtmpose3d.benchmark.measuring import find_weights, noise, synthetic_weights
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.runtime import RuntimeOptions, open_detector, open_pose
from rtmpose3d.zoo import resolve_detector, resolve_pose

ONE_THREAD = RuntimeOptions(backend="onnxruntime", device="cpu", threads=1)
POSE = resolve_pose("dwpose-t-256x192")
DETECTOR = resolve_detector("rtmdet-nano")


def test_functions_alternate_until_each_has_had_its_time(monkeypatch) -> None:
    clock, order = [0.0], []
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(timing.time, "sleep", lambda _: None)

    def takes(name: str, seconds: float):
        def run() -> None:
            clock[0] += seconds
            order.append(name)

        return run

    functions = {"quick": takes("quick", 1.0), "slow": takes("slow", 4.0)}
    durations = timing.time_interleaved(functions, 5.0)
    assert order[:4] == ["quick", "quick", "slow", "slow"]  # warm-up, not counted
    assert order[4:] == ["quick", "slow", "slow", "quick", "quick", "slow", "quick", "quick"]
    assert durations == {"quick": [1.0] * 5, "slow": [4.0] * 3}


def test_a_timing_is_median_and_middle_half() -> None:
    summary = Timing.from_seconds([0.004, 0.001, 0.002, 0.003, 0.1])
    assert (summary.runs, summary.median_ms) == (5, pytest.approx(3))
    assert (summary.low_ms, summary.high_ms) == pytest.approx((2, 4))


def test_throughput_counts_the_images_of_a_batch() -> None:
    row = Measurement(
        spec=POSE,
        backend="onnxruntime",
        device="cpu",
        precision="fp32",
        scope="network",
        batch_size=8,
        timing=Timing(runs=3, median_ms=40, low_ms=30, high_ms=50),
        synthetic=(POSE.name,),
    )
    assert row.per_second == pytest.approx(200)


def test_synthetic_weights_keep_signals_of_ordinary_size_and_detect_no_people() -> None:
    session = open_pose(POSE, synthetic_weights(POSE), ONE_THREAD)
    crops = noise(POSE.input_size_wh)[None]
    logits = np.concatenate([axis.ravel() for axis in session.run_simcc(crops)])
    assert np.isfinite(logits).all()
    assert 1e-3 < np.abs(logits).max() < 1e3
    detector = open_detector(DETECTOR, synthetic_weights(DETECTOR), ONE_THREAD)
    (candidates,) = detector.run(noise(DETECTOR.input_size_wh)[None])
    assert candidates.scores.max() < DETECTOR.score_thr


def test_weights_on_this_disk_are_used(made_checkpoint, tmp_path: Path) -> None:
    file = made_checkpoint(POSE.name)
    assert find_weights(POSE, file.parent) == file
    assert isinstance(find_weights(POSE, tmp_path), dict)


def test_the_plans_device_and_threads_reach_every_session(monkeypatch) -> None:
    asked = []

    def opening(function):
        def open_it(spec, weights, options):
            asked.append((spec.name, options))
            return function(spec, weights, options)

        return open_it

    monkeypatch.setattr(measuring, "open_pose", opening(open_pose))
    monkeypatch.setattr(measuring, "open_detector", opening(open_detector))
    plan = BenchmarkPlan(backends=("onnxruntime",), seconds=1e-9, device="cpu", threads=1)
    spec = resolve_pose("rtmw3d-n")
    rows = measure(spec, plan)
    assert asked == [("rtmw3d-n", ONE_THREAD), (spec.detector, ONE_THREAD)]
    assert [(row.scope, row.batch_size, row.device) for row in rows] == [
        ("network", 1, "cpu"),
        ("pipeline", 1, "cpu"),
    ]
    assert not any(row.synthetic for row in rows)  # they are in the package


def test_an_impossible_plan_is_an_error() -> None:
    with pytest.raises(InputError, match="needs a backend"):
        BenchmarkPlan(backends=())
    with pytest.raises(UnknownNameError, match="unknown backend 'onnx'"):
        BenchmarkPlan(backends=("onnx",))
