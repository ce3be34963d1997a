"""`rtmpose3d benchmark`: tables, files, and options that cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rtmpose3d.benchmark.timing import MIN_RUNS


@pytest.mark.slow
def test_every_combination_is_measured_and_written(cli, tmp_path: Path) -> None:
    outcome = cli(
        *("benchmark", "dwpose-t-256x192", "rtmdet-nano", "--backends", "onnxruntime,torch"),
        *("--batch-sizes", "2,1", "--seconds", "0.01", "--threads", "1", "-o", tmp_path / "out"),
    )
    assert outcome.exit_code == 0, outcome.output
    result = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    entries = {
        (row["model"], row["scope"], row["backend"], row["batch_size"]): row
        for row in result["entries"]
    }
    backends = ("onnxruntime", "torch")
    networks = {
        (name, "network", backend, size)
        for name in ("dwpose-t-256x192", "rtmdet-nano")
        for backend in backends
        for size in (1, 2)
    }
    pipelines = {("dwpose-t-256x192", "pipeline", backend, 1) for backend in backends}
    assert set(entries) == networks | pipelines
    for row in entries.values():
        assert row["runs"] >= MIN_RUNS
        assert 0 < row["low_ms"] <= row["median_ms"] <= row["high_ms"]
        assert row["per_second"] == pytest.approx(1e3 * row["batch_size"] / row["median_ms"])
        assert row["synthetic_weights"]
    assert result["threads"] == "1"
    page = (tmp_path / "out" / "benchmark.md").read_text()
    assert "Synthetic weights, as the file is not on this disk: dwpose-t-256x192, rtmdet" in page
    network, pipeline = outcome.output.split("Pipeline, one person")
    said = "Synthetic weights, as the file is not on this disk: dwpose-t-256x192, "
    assert f"{said}rtmdet-nano." in network
    assert f"{said}rtmdet-m. A synthetic detector detects no people" in pipeline
    assert page.count("Synthetic weights") == 2
    for row in entries.values():
        assert row["synthetic_detector"] == (row["scope"] == "pipeline")
    for title in ("Network alone", "Pipeline, one person"):
        assert title in page
        assert title in outcome.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--backends", "onnx"), "unknown backend 'onnx'"),
        (("--device", "xpu"), "unknown device 'xpu'"),
        (("--batch-sizes", "1,x"), "--batch-sizes is '1,x'"),
        (("--batch-sizes", "0"), "expected whole numbers from 1"),
        (("--seconds", "0"), "seconds must be above 0"),
        (("--threads", "0"), "threads must be at least 1"),
        (("rtmw",), "unknown model 'rtmw'"),
    ],
)
def test_an_impossible_option_is_an_error(cli, options: tuple[str, ...], message: str) -> None:
    outcome = cli("benchmark", *options)
    assert outcome.exit_code == 2
    assert message in outcome.output
