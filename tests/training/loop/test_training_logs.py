"""Logs that a resumed training continues, and the curves drawn from them."""

import numpy as np
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.training.loop.curves import draw_curves, format_number, log_ticks, ticks
from rtmpose3d.training.loop.log import CsvLog, read_log
from rtmpose3d.training.pose.task import POSE_PANELS


def test_a_resumed_log_drops_the_steps_that_are_repeated(tmp_path):
    path = tmp_path / "steps.csv"
    log = CsvLog(path)
    for step in (1, 2, 3, 4):
        log.add({"step": step, "loss": 1 / step})
    CsvLog(path, step=2).add({"step": 3, "loss": 0.5})
    assert read_log(path) == [
        {"step": 1, "loss": 1},
        {"step": 2, "loss": 0.5},
        {"step": 3, "loss": 0.5},
    ]


def test_an_incomplete_last_line_is_skipped(tmp_path):
    path = tmp_path / "steps.csv"
    path.write_text("step,loss\n1,0.5\n2")
    assert read_log(path) == [{"step": 1, "loss": 0.5}]


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "steps.csv"
    path.write_text("name,age\nAda,36\n")
    with pytest.raises(InputError, match="not the log of a training"):
        CsvLog(path, step=3)
    assert path.read_text().startswith("name")


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 0.037), (0, 60000), (-3, 12), (5, 5)])
def test_ticks_are_round_and_span_the_values(low, high):
    marks = ticks(low, high)
    assert marks[0] <= low
    assert marks[-1] >= high
    assert 2 <= len(marks) <= 9


@pytest.mark.parametrize(("low", "high"), [(0.011, 0.4), (1e-6, 3), (0.2, 0.2), (1, 10)])
def test_logarithmic_ticks_span_the_values(low, high):
    marks = log_ticks(low, high)
    assert marks[0] <= low * 1.001
    assert marks[-1] >= high * 0.999
    assert len(marks) >= 2


def test_numbers_are_short():
    assert [format_number(x) for x in (0, 0.05, 1000, 20000, 1.5e6, 2e-5)] == [
        "0",
        "0.05",
        "1,000",
        "20k",
        "1.5M",
        "2e-05",
    ]


def test_curves_are_drawn_where_there_are_values():
    steps = [
        {"step": i, "loss": 2 / i, "keypoint_loss": 1 / i, "learning_rate": 1e-3, "bone_loss": 0}
        for i in range(1, 50)
    ]
    nan = float("nan")
    checks = [{"step": 20, "pck10_body": 0.4, "pck10_hands": nan, "mpjpe_mm": 300}]
    image = draw_curves(POSE_PANELS, steps, checks, "a training")
    assert image.dtype == np.uint8
    assert image.shape[2] == 3
    blank = draw_curves(POSE_PANELS, [], [], "a training")
    assert blank.shape == image.shape
    assert (image != blank).mean() > 0.01
