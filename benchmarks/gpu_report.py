"""The results of gpu.py: JSON and Markdown, written whole after every measurement."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rtmpose3d.structures.atomic import atomic_write


@dataclass(kw_only=True)
class Row:
    """Times of one model, variant and batch size.

    Attributes:
        model: its name.
        variant: how it ran.
        batch_size: crops, or images of a detector.
        flops: floating-point operations of a run.
        network_ms: times of the network alone on the device; empty if not measured.
        step_ms: times from crops in host memory to keypoints in host memory; empty if not measured.
        ready_s: seconds until the first run was done, selection of kernels included.
    """

    model: str
    variant: str
    batch_size: int
    flops: float
    network_ms: list[float] = field(default_factory=list)
    step_ms: list[float] = field(default_factory=list)
    ready_s: float | None = None

    def summary(self, peak_tflops: float | None) -> dict[str, object]:
        """Medians, 90th percentiles, throughputs, and the fraction of the peak."""
        values: dict[str, object] = {
            "model": self.model,
            "variant": self.variant,
            "batch_size": self.batch_size,
            "gflop": self.flops / 1e9,
            "ready_s": self.ready_s,
        }
        for name, times in (("network", self.network_ms), ("step", self.step_ms)):
            if times:
                median = statistics.median(times)
                values[f"{name}_ms"] = median
                values[f"{name}_p90_ms"] = float(np.percentile(times, 90))
                values[f"{name}_per_second"] = 1e3 * self.batch_size / median
                values[f"{name}_runs"] = len(times)
        if self.network_ms and peak_tflops:
            achieved = self.flops / (1e9 * statistics.median(self.network_ms))
            values["fraction_of_bf16_peak"] = achieved / peak_tflops
        return values


@dataclass(kw_only=True)
class Report:
    """Everything measured so far; `write` replaces gpu.json and gpu.md in the folder."""

    folder: Path
    machine: dict[str, object]
    peaks: dict[str, float] = field(default_factory=dict)
    drift: dict[str, dict[str, object]] = field(default_factory=dict)
    speed: list[Row] = field(default_factory=list)
    stages: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    kernels: dict[str, list[dict]] = field(default_factory=dict)
    checks: dict[str, list[float]] = field(default_factory=dict)
    synthetic: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    durations: dict[str, float] = field(default_factory=dict)

    def note(self, text: str) -> None:
        """A remark, such as why something was not measured."""
        self.notes.append(text)
        self.write()

    def add_speed(self, row: Row) -> None:
        """Times of a model."""
        self.speed.append(row)
        self.write()

    def add_drift(
        self, arithmetic: str, overall: dict[str, float], parts: dict[str, dict[str, float]]
    ) -> None:
        """Drift of the bundled model."""
        self.drift[arithmetic] = {**overall, "parts": parts}
        self.write()

    def add_stage(self, model: str, stage: str, arithmetic: str, error: float) -> None:
        """Relative error between two parts of a network."""
        self.stages.setdefault(model, {}).setdefault(stage, {})[arithmetic] = error
        self.write()

    def summaries(self) -> list[dict[str, object]]:
        """The rows of speed."""
        peak = self.peaks.get("bf16 matmul, TFLOP/s")
        return [row.summary(peak) for row in self.speed]

    def write(self) -> None:
        """Write both files, each whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        content = {
            "machine": self.machine,
            "peaks": self.peaks,
            "drift": self.drift,
            "speed": self.summaries(),
            "stages": self.stages,
            "kernels": self.kernels,
            "maximum_difference_of_graphs": self.checks,
            "synthetic_weights": self.synthetic,
            "notes": self.notes,
            "durations_s": self.durations,
        }
        for name, text in (
            ("gpu.json", json.dumps(content, indent=1) + "\n"),
            ("gpu.md", self.markdown()),
        ):
            with atomic_write(self.folder / name) as file:
                file.write(text.encode())

    def markdown(self) -> str:
        """All tables."""
        machine = ", ".join(f"{key} {value}" for key, value in self.machine.items())
        peaks = ", ".join(f"{name} {value:.4g}" for name, value in self.peaks.items())
        blocks = [machine, f"Peaks: {peaks}", self._speed(), self._drift(), self._stages()]
        if self.synthetic:
            blocks.append(f"Synthetic weights: {', '.join(self.synthetic)}.")
        blocks.append(
            table(
                ("CUDA graphs", "maximum difference from eager, by output"),
                [
                    [name, ", ".join(f"{e:.3g}" for e in errors)]
                    for name, errors in self.checks.items()
                ],
            )
        )
        blocks += [self._kernels(), "\n".join(f"- {note}" for note in self.notes)]
        return "\n\n".join(block for block in blocks if block) + "\n"

    def _speed(self) -> str:
        columns = (
            ("network_ms", "{:.3f}"),
            ("network_p90_ms", "{:.3f}"),
            ("network_per_second", "{:.0f}"),
            ("fraction_of_bf16_peak", "{:.1%}"),
            ("step_ms", "{:.3f}"),
            ("step_p90_ms", "{:.3f}"),
            ("step_per_second", "{:.0f}"),
            ("ready_s", "{:.1f}"),
        )
        rows = [
            [str(row["model"]), str(row["variant"]), str(row["batch_size"])]
            + [form.format(row[key]) if row.get(key) is not None else "" for key, form in columns]
            for row in self.summaries()
        ]
        head = "network, ms", "p90", "per s", "of bf16 peak", "step, ms", "p90", "per s", "ready, s"
        return table(("model", "variant", "crops", *head), rows)

    def _drift(self) -> str:
        names = [name for name in next(iter(self.drift.values()), {}) if name != "parts"]
        rows = [
            [arithmetic, *(f"{row[name]:.4g}" for name in names)]
            for arithmetic, row in self.drift.items()
        ]
        return table(("arithmetic", *names), rows)

    def _stages(self) -> str:
        rows = [
            [model, stage, *(f"{errors.get(key, float('nan')):.2e}" for key in ("fp16", "bf16"))]
            for model, by_stage in self.stages.items()
            for stage, errors in by_stage.items()
        ]
        return table(("model", "after", "fp16, relative error", "bf16"), rows)

    def _kernels(self) -> str:
        return "\n\n".join(
            f"{title}\n\n"
            + table(
                ("kernel", "calls", "us"),
                [[str(row["kernel"]), str(row["calls"]), f"{row['us']:.1f}"] for row in rows[:12]],
            )
            for title, rows in self.kernels.items()
        )


def table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    """A Markdown table; empty without rows."""
    if not rows:
        return ""
    lines = [list(head), ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
