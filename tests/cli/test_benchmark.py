"""`rtmpose3d benchmark`: entries, their figures, files, and what cannot be measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation import speed
from rtmpose3d.evaluation.speed import SpeedPlan, Timing, interleaved, made_up_weights, measure
from rtmpose3d.runtime import RuntimeOptions, open_detector, open_pose
from rtmpose3d.zoo import resolve_detector, resolve_pose


def test_every_entry_is_measured_and_written(cli, tmp_path: Path) -> None:
    outcome = cli(
        *("benchmark", "dwpose-t-256x192", "rtmdet-nano", "--backends", "onnxruntime,torch"),
        *("--batch-sizes", "2,1", "--seconds", "0.01", "--threads", "1", "-o", tmp_path / "out"),
    )
    assert outcome.exit_code == 0, outcome.output
    result = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    entries = {
        (row["model"], row["what"], row["backend"], row["batch_size"]): row
        for row in result["entries"]
    }
    backends = ("onnxruntime", "torch")
    networks = {
        (name, "network", backend, size)
        for name in ("dwpose-t-256x192", "rtmdet-nano")
        for backend in backends
        for size in (1, 2)
    }
    whole = {("dwpose-t-256x192", "whole", backend, 1) for backend in backends}
    assert set(entries) == networks | whole
    for row in entries.values():
        assert row["runs"] >= speed.LEAST_RUNS
        assert 0 < row["low_ms"] <= row["median_ms"] <= row["high_ms"]
        assert row["per_second"] == pytest.approx(1e3 * row["batch_size"] / row["median_ms"])
        assert row["made_up_weights"]
    assert result["threads"] == "1"
    page = (tmp_path / "out" / "benchmark.md").read_text()
    assert "Made-up weights, as the file is not on this disk: dwpose-t-256x192, rtmdet-nano" in page


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--backends", "onnx"), "unknown backend 'onnx'"),
        (("--batch-sizes", "1,x"), "--batch-sizes is '1,x'"),
        (("--batch-sizes", "0"), "expected whole numbers from 1"),
        (("--seconds", "0"), "seconds must be above 0"),
        (("--threads", "0"), "threads must be at least 1"),
        (("rtmw",), "unknown model 'rtmw'"),
    ],
)
def test_what_cannot_be_measured_is_said(cli, options: tuple[str, ...], said: str) -> None:
    outcome = cli("benchmark", *options)
    assert outcome.exit_code == 2
    assert said in outcome.output


def test_runs_take_turns_until_each_has_had_its_time(monkeypatch) -> None:
    clock, order = [0.0], []
    monkeypatch.setattr(speed.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(speed.time, "sleep", lambda _: None)

    def takes(name: str, seconds: float):
        def run() -> None:
            clock[0] += seconds
            order.append(name)

        return run

    runs = {
        ("onnxruntime", "cpu", "network", 1): takes("quick", 1.0),
        ("torch", "cpu", "network", 1): takes("slow", 4.0),
    }
    times = interleaved(runs, 5.0)
    assert order[:4] == ["quick", "quick", "slow", "slow"]  # warm-up, not counted
    assert order[4:] == ["quick", "slow", "slow", "quick", "quick", "slow", "quick", "quick"]
    assert [len(seconds) for seconds in times.values()] == [5, 3]


def test_a_timing_is_median_and_middle_half() -> None:
    timing = Timing.of([0.004, 0.001, 0.002, 0.003, 0.1])
    assert (timing.runs, timing.median_ms) == (5, pytest.approx(3))
    assert (timing.low_ms, timing.high_ms) == pytest.approx((2, 4))


def test_made_up_weights_keep_signals_of_ordinary_size_and_find_nobody() -> None:
    options = RuntimeOptions(backend="onnxruntime", device="cpu", threads=1)
    spec = resolve_pose("dwpose-t-256x192")
    session = open_pose(spec, made_up_weights(spec), options)
    crops = speed.noise(spec.input_size_wh)[None]
    logits = np.concatenate([part.ravel() for part in session.run_simcc(crops)])
    assert np.isfinite(logits).all()
    assert 1e-3 < np.abs(logits).max() < 1e3
    detector = resolve_detector("rtmdet-nano")
    people = open_detector(detector, made_up_weights(detector), options)
    width, height = detector.input_size_wh
    (found,) = people.run(speed.noise((width, height))[None])
    assert found.scores.max() < detector.score_thr


def test_weights_on_this_disk_are_used(made_checkpoint, tmp_path: Path) -> None:
    file = made_checkpoint("dwpose-t-256x192")
    plan = SpeedPlan(backends=("onnxruntime",), seconds=0.01, cache_dir=file.parent)
    assert not any(row.made_up for row in measure(resolve_pose("dwpose-t-256x192"), plan))
    plan = SpeedPlan(backends=("onnxruntime",), seconds=0.01, cache_dir=tmp_path)
    assert all(row.made_up for row in measure(resolve_pose("dwpose-t-256x192"), plan))


def test_a_plan_without_backends_is_an_error() -> None:
    with pytest.raises(InputError, match="needs a backend"):
        SpeedPlan(backends=())
