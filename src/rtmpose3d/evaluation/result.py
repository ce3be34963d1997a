"""Result of an evaluation: metrics, tables, and the matched people behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rtmpose3d.evaluation.matching import MatchedPeople
from rtmpose3d.evaluation.reports.documents import Table
from rtmpose3d.evaluation.reports.histogram import ErrorAxis
from rtmpose3d.structures import FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """Result of an evaluation.

    Attributes:
        title: name of the protocol or dataset.
        metrics: all metrics, as plain data.
        tables: the metrics as tables, the most important first.
        summary: number of tables that summarise the evaluation.
        matches: annotated people and their predictions.
        part_errors: errors of the annotated keypoints of each part, for histograms.
        axis: unit and range of those errors.
        case_errors: (N,) error of each person, larger is worse; nan where unknown.
        case_captions: (N,) the error of each person as text.
        facts: number of people and other facts about the data, for readers.
        settings: settings of the protocol, as plain data.
        predictions: predictions as plain data; None if they came from a file.
    """

    title: str
    metrics: Mapping[str, object]
    tables: Sequence[Table]
    summary: int
    matches: MatchedPeople
    part_errors: Mapping[str, FloatArray]
    axis: ErrorAxis
    case_errors: FloatArray
    case_captions: Sequence[str]
    facts: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    predictions: object | None = None
