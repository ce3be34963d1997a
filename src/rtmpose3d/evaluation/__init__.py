"""Evaluation of poses: run a model over annotated people, match, compute metrics, report.

    evaluation = evaluate(model, images, DatasetProtocol(title="CrowdPose"))
    write_evaluation(evaluation, Path("evaluation"))

`metrics` has arrays in and numbers out; `protocols` define who counts and what is reported;
`running` runs the model and `matching` pairs people with poses; `reports` draws and formats. Data
comes from the readers of `rtmpose3d.data`.
"""

from rtmpose3d.evaluation.errors import SkippedItems
from rtmpose3d.evaluation.evaluate import Protocol, evaluate
from rtmpose3d.evaluation.matching import MatchedPeople
from rtmpose3d.evaluation.protocols import (
    CocoWholeBodyProtocol,
    DatasetProtocol,
    H3wbProtocol,
    Rescoring,
)
from rtmpose3d.evaluation.result import Evaluation
from rtmpose3d.evaluation.running import RunOptions
from rtmpose3d.evaluation.writing import write_evaluation

__all__ = [
    "CocoWholeBodyProtocol",
    "DatasetProtocol",
    "Evaluation",
    "H3wbProtocol",
    "MatchedPeople",
    "Protocol",
    "Rescoring",
    "RunOptions",
    "SkippedItems",
    "evaluate",
    "write_evaluation",
]
