"""Speed of the models on this machine: networks alone, and the full pipeline from image to pose."""

from rtmpose3d.benchmark.machine import describe_machine
from rtmpose3d.benchmark.measuring import BenchmarkPlan, Measurement, measure
from rtmpose3d.benchmark.reports import network_table, pipeline_table, write_report
from rtmpose3d.benchmark.timing import Timing

__all__ = [
    "BenchmarkPlan",
    "Measurement",
    "Timing",
    "describe_machine",
    "measure",
    "network_table",
    "pipeline_table",
    "write_report",
]
