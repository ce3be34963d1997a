"""Tables, files, histograms, worst cases."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.annotated_people import group_images, record
from rtmpose3d.errors import InputError
from rtmpose3d.evaluation import MatchedPeople, SkippedItems
from rtmpose3d.evaluation.matching import collect_matches
from rtmpose3d.evaluation.metrics import metrics_2d, relative_errors
from rtmpose3d.evaluation.poses import ImagePoses
from rtmpose3d.evaluation.reports.documents import (
    Table,
    finite_json,
    number,
    percent,
    write_json,
    write_markdown,
)
from rtmpose3d.evaluation.reports.histogram import (
    BOX_AXIS,
    PANEL_WH,
    bin_shares,
    draw_histograms,
)
from rtmpose3d.evaluation.reports.tables import document_2d, table_2d
from rtmpose3d.evaluation.reports.tiles import lay_out
from rtmpose3d.evaluation.reports.worst_cases import TILE_WH, draw_cases, select_worst


@pytest.fixture
def people(tmp_path: Path) -> MatchedPeople:
    """Two people; the second is not detected."""
    (image,) = group_images([record(tmp_path, 0), record(tmp_path, 1)])
    poses = ImagePoses(
        keypoints_px=np.add(image.people[0].keypoints_px, [3, 0])[None],
        keypoint_scores=np.ones((1, 133)),
        scores=np.ones(1),
    )
    return collect_matches([image.people], [poses], [np.array([0, -1])])


def test_tables_show_what_is_annotated(people) -> None:
    errors = relative_errors(people.predicted_px, people.truth_px, people.boxes_xyxy)
    metrics = metrics_2d(errors, people.annotated)
    rows = {row[0]: row for row in table_2d(metrics).rows}
    assert set(rows) == {"wholebody", "body", "feet", "face"}  # hands are not annotated
    assert rows["wholebody"][1] == "50.0"
    assert rows["wholebody"][-1] == "50.0"
    assert document_2d(metrics)["body"] == {
        "PCK@0.05": 0.5,
        "PCK@0.1": 0.5,
        "PCK@0.2": 0.5,
        "mean_error": pytest.approx(metrics["body"].mean),
        "median_error": pytest.approx(metrics["body"].median),
        "keypoints": 34,
        "not_detected": 17,
    }


def test_the_shares_of_a_histogram_sum_to_one_and_overflow_is_last() -> None:
    values = np.array([0.1, 0.2, 19.99, 20.0, 55.0, np.inf])
    bars = bin_shares(values, 20.0)
    assert bars.sum() == pytest.approx(1)
    assert bars[-1] == pytest.approx(0.5)
    assert bars[0] == pytest.approx(2 / 6)
    assert bin_shares(np.zeros(0), 20.0).sum() == 0


def test_a_histogram_has_a_panel_per_annotated_part() -> None:
    errors = {"body": np.array([1.0, 2.0]), "face": np.zeros(0), "feet": np.array([np.inf])}
    image = draw_histograms(errors, BOX_AXIS, "synthetic")
    assert image.shape[1] == 2 * PANEL_WH[0]
    assert image.shape[0] - PANEL_WH[1] < PANEL_WH[1]  # one row: the face has no panel
    assert draw_histograms({"face": np.zeros(0)}, BOX_AXIS, "nothing").shape[1] > 0


def test_the_axis_grows_with_the_errors() -> None:
    assert BOX_AXIS.widened(np.array([1.0, 19.0, np.inf])).limit == 20
    assert BOX_AXIS.widened(np.array([1.0, 30.0])).limit == 40
    assert BOX_AXIS.widened(np.full(9, 1e4)) == replace(BOX_AXIS, limit=200, step=50)
    assert BOX_AXIS.widened(np.zeros(0)) == BOX_AXIS


def test_the_worst_come_first_and_missed_people_are_half_at_most() -> None:
    errors = np.array([0.1, np.nan, 0.7, 0.3, 0.2, 0.9])
    missed = np.array([False, True, False, False, False, True])
    assert select_worst(errors, missed, 4) == [1, 5, 2, 3]
    assert select_worst(errors, missed, 2) == [1, 2]
    assert select_worst(errors, np.zeros(6, bool), 9) == [5, 2, 3, 4, 0]


def test_ground_truth_and_prediction_are_drawn_side_by_side(people) -> None:
    sheet = draw_cases(people, [1, 0], ["missed", "OKS 0.50"])
    assert sheet.shape[0] > TILE_WH[1]
    tile = sheet[6 : 6 + TILE_WH[1], 6:]
    truth, predicted = tile[60:, : TILE_WH[0]], tile[60:, TILE_WH[0] + 2 : 2 * TILE_WH[0] + 2]
    drawn = [np.ptp(part.reshape(-1, 3), axis=0).max() for part in (truth, predicted)]
    assert drawn[0] > 100  # a skeleton
    assert drawn[1] < 60  # grey, and the edge of the image
    with pytest.raises(InputError, match="image file is unknown"):
        draw_cases(replace(people, image_paths=(None, None)), [0], ["x"])


def test_tiles_are_laid_out_in_rows() -> None:
    tiles = [np.zeros((120, 210, 3), np.uint8)] * 2
    assert lay_out(tiles, width_px=500).shape == (132, 500, 3)
    assert lay_out(tiles, width_px=300).shape == (258, 300, 3)
    with pytest.raises(InputError, match="at least one image"):
        lay_out([])


def test_bad_items_are_errors_unless_they_may_be_skipped() -> None:
    with pytest.raises(InputError, match=r"^it is bad$"):
        SkippedItems().add("it is bad")
    with pytest.raises(InputError, match=r"^it is bad; use --force$"):
        SkippedItems(hint="; use --force").add("it is bad")
    skipped = SkippedItems(allowed=True)
    skipped.add("it is bad")
    assert skipped.reasons == ["it is bad"]


def test_reports_have_dashes_and_nulls_for_missing_metrics(tmp_path: Path) -> None:
    assert (percent(float("nan")), number(float("nan"))) == ("–", "–")
    assert (percent(0.8764), number(56.04)) == ("87.6", "56.0")
    assert finite_json({"a": [float("nan"), 1.5], "b": float("inf")}) == {
        "a": [None, 1.5],
        "b": None,
    }
    write_json(tmp_path / "a.json", {"a": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": None}
    table = Table(title="T", columns=("part", "AP"), rows=(("a|b", "1.0"),), note="N")
    write_markdown(tmp_path / "a.md", "Page", {"data": "synthetic"}, [table])
    lines = (tmp_path / "a.md").read_text().splitlines()
    assert lines[:3] == ["# Page", "", "- data: synthetic"]
    assert "| a\\|b | 1.0 |" in lines
