"""Measurements as tables, benchmark.json and benchmark.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rtmpose3d.benchmark.drift import SCORE_THR, Drift, PartDrift
from rtmpose3d.benchmark.measuring import IMAGE_WH, Measurement
from rtmpose3d.benchmark.timing import Timing
from rtmpose3d.evaluation.reports.documents import Table, number, write_json, write_markdown
from rtmpose3d.zoo import PoseSpec


def network_table(rows: Sequence[Measurement]) -> Table:
    """The networks alone, one row per model, backend and batch size."""
    note = (
        "Network: uint8 crops in, normalisation, network and decoding, keypoints out; detectors "
        "without selection of boxes. FLOPs: multiply-adds of one input, as published. "
        "Middle half: between the 25th and the 75th percentile of the runs."
    )
    note += synthetic_note([row for row in rows if row.scope == "network"])
    return Table(
        title="Network alone",
        columns=(
            *("model", "input", "backend", "device", "precision", "batch", "ms", "middle half, ms"),
            *("inputs/s", "GFLOPs", "params, M", "GFLOP/s", "runs"),
        ),
        rows=tuple(_network_row(row) for row in rows if row.scope == "network"),
        note=note,
    )


def pipeline_table(rows: Sequence[Measurement]) -> Table:
    """The pipeline from an image to one person's result, one row per model and backend."""
    return Table(
        title="Pipeline, one person",
        columns=(
            *("model", "detector", "backend", "device", "precision", "ms", "middle half, ms"),
            *("images/s", "runs"),
        ),
        rows=tuple(_pipeline_row(row) for row in rows if row.scope == "pipeline"),
        note=f"An image of {IMAGE_WH[0]}x{IMAGE_WH[1]} pixels: detector, one person cropped, "
        "network, decoding, and 3D where the model has it."
        + synthetic_note([row for row in rows if row.scope == "pipeline"]),
    )


def drift_tables(drifts: Sequence[Drift]) -> list[Table]:
    """The drift of pose models by part, and that of detectors."""
    poses = [drift for drift in drifts if drift.parts]
    detectors = [drift for drift in drifts if drift.boxes is not None]
    tables = []
    if poses:
        tables.append(
            Table(
                title="Drift of keypoints",
                columns=(
                    *("model", "backend", "precision", "compared with", "part", "keypoints"),
                    *("signed mean, px", "mean, px", "p99, px", "depth, mm", "confidence"),
                ),
                rows=tuple(
                    (*_names(drift), *_part_cells(part)) for drift in poses for part in drift.parts
                ),
                note="Keypoints in which fp32 is confident; pixels of the network's input. Signed "
                "mean: of the differences over x or y, whichever is larger.",
            )
        )
    if detectors:
        tables.append(
            Table(
                title="Drift of boxes",
                columns=(
                    *("model", "backend", "precision", "compared with", "boxes"),
                    *("mean, px", "p99, px", "maximum, px", "maximum of score"),
                ),
                rows=tuple(
                    (
                        *_names(drift),
                        str(drift.boxes.count),
                        number(drift.boxes.mean_px, 3),
                        number(drift.boxes.p99_px, 3),
                        number(drift.boxes.max_px, 3),
                        number(drift.boxes.max_score, 5),
                    )
                    for drift in detectors
                    if drift.boxes is not None
                ),
                note=f"Boxes that fp32 scores above {SCORE_THR}; pixels of the network's input.",
            )
        )
    return tables


def write_drift(out: Path, facts: Mapping[str, str], drifts: Sequence[Drift]) -> None:
    """Write drift.json and drift.md into a folder, which exists.

    Raises:
        OutputError: a file cannot be written.
    """
    write_markdown(out / "drift.md", "Drift", facts, drift_tables(drifts))
    write_json(out / "drift.json", {**facts, "entries": [asdict(drift) for drift in drifts]})


def _names(drift: Drift) -> tuple[str, ...]:
    reference = drift.reference
    runtime = drift.runtime
    return (
        drift.model,
        runtime.backend,
        runtime.precision,
        f"{reference.backend} {reference.precision}",
    )


def _part_cells(part: PartDrift) -> tuple[str, ...]:
    return (
        part.part,
        str(part.count),
        number(part.signed_px, 3),
        number(part.mean_px, 3),
        number(part.p99_px, 2),
        number(part.depth_mm, 2),
        number(part.confidence, 5),
    )


def synthetic_note(rows: Sequence[Measurement]) -> str:
    """A sentence that names the models whose weights are synthetic; empty if there is none."""
    names = sorted({name for row in rows for name in row.synthetic})
    if not names:
        return ""
    note = f" Synthetic weights, as the file is not on this disk: {', '.join(names)}."
    if any(name != row.spec.name for row in rows for name in row.synthetic):
        note += (
            " A synthetic detector detects no people, so the suppression of its boxes is missing."
        )
    return note


def write_report(out: Path, facts: Mapping[str, str], rows: Sequence[Measurement]) -> None:
    """Write benchmark.json and benchmark.md into a folder.

    Args:
        out: the folder, which exists.
        facts: of the machine, see `describe_machine`.
        rows: measurements.

    Raises:
        OutputError: a file cannot be written.
    """
    tables = [table for table in (network_table(rows), pipeline_table(rows)) if table.rows]
    entries = [
        {
            "model": row.spec.name,
            "backend": row.backend,
            "device": row.device,
            "precision": row.precision,
            "scope": row.scope,
            "batch_size": row.batch_size,
            **asdict(row.timing),
            "per_second": row.per_second,
            "gflops": row.spec.gflops,
            "params": row.spec.params,
            "synthetic_weights": row.spec.name in row.synthetic,
            "synthetic_detector": any(name != row.spec.name for name in row.synthetic),
        }
        for row in rows
    ]
    write_markdown(out / "benchmark.md", "Speed", facts, tables)
    write_json(out / "benchmark.json", {**facts, "entries": entries})


def _network_row(row: Measurement) -> tuple[str, ...]:
    width, height = row.spec.input_size_wh
    return (
        row.spec.name,
        f"{height}x{width}",
        row.backend,
        row.device,
        row.precision,
        str(row.batch_size),
        *_durations(row.timing),
        f"{row.per_second:.1f}",
        f"{row.spec.gflops:g}",
        f"{row.spec.params / 1e6:.1f}",
        f"{row.spec.gflops * row.per_second:.0f}",
        str(row.timing.runs),
    )


def _pipeline_row(row: Measurement) -> tuple[str, ...]:
    return (
        row.spec.name,
        row.spec.detector if isinstance(row.spec, PoseSpec) else "",
        row.backend,
        row.device,
        row.precision,
        *_durations(row.timing),
        f"{row.per_second:.1f}",
        str(row.timing.runs),
    )


def _durations(timing: Timing) -> tuple[str, str]:
    return f"{timing.median_ms:.1f}", f"{timing.low_ms:.1f}-{timing.high_ms:.1f}"
