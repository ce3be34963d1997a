"""Speed of the models on this machine: networks alone, and the full pipeline from image to pose."""

from rtmpose3d.benchmark.drift import Drift, measure_drift
from rtmpose3d.benchmark.machine import describe_machine
from rtmpose3d.benchmark.measuring import BenchmarkPlan, Measurement, measure
from rtmpose3d.benchmark.reports import (
    drift_tables,
    network_table,
    pipeline_table,
    write_drift,
    write_report,
)
from rtmpose3d.benchmark.timing import Timing

__all__ = [
    "BenchmarkPlan",
    "Drift",
    "Measurement",
    "Timing",
    "describe_machine",
    "drift_tables",
    "measure",
    "measure_drift",
    "network_table",
    "pipeline_table",
    "write_drift",
    "write_report",
]
