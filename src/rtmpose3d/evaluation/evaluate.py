"""The one evaluation: a model, annotated images and a protocol in, an `Evaluation` out."""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence

from rtmpose3d.api import RTMPose3D
from rtmpose3d.data import AnnotatedImage, PoseRecord
from rtmpose3d.evaluation.errors import SkippedItems
from rtmpose3d.evaluation.result import Evaluation
from rtmpose3d.evaluation.running import Predicted, RunOptions, predict_records


class Protocol(typing.Protocol):
    """An evaluation protocol: who counts, how predictions are matched, which metrics result.

    To add one, write a class with these members in a module of `evaluation.protocols`.
    """

    @property
    def title(self) -> str:
        """Name for reports."""
        ...

    def counts(self, record: PoseRecord) -> bool:
        """Whether an annotated person counts."""
        ...

    def score(self, predicted: Predicted, options: RunOptions) -> Evaluation:
        """Matches predictions with annotations and computes all metrics.

        Args:
            predicted: images and results of the model.
            options: how the model was run.
        """
        ...


def evaluate(
    model: RTMPose3D,
    images: Sequence[AnnotatedImage],
    protocol: Protocol,
    *,
    options: RunOptions | None = None,
    skipped: SkippedItems | None = None,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Runs a model over annotated images and scores its poses.

    Args:
        model: with a detector, if people are to be detected.
        images: annotated images; `rtmpose3d.data.group_by_image` makes them from records.
        protocol: e.g. `DatasetProtocol(title="my photos")`.
        options: boxes, root depth and batch size; None: annotated boxes, estimated root depth.
        skipped: collects bad images, if that is allowed; None: the first is an error.
        progress: called with the number of images that were just done.

    Raises:
        InputError: data that cannot be used.

    Example:
        >>> records = read_dataset("crowdpose", "data/crowdpose", "test")
        >>> model = RTMPose3D.from_pretrained("rtmw3d-n")
        >>> protocol = DatasetProtocol(title="CrowdPose")
        >>> evaluation = evaluate(model, group_by_image(records), protocol)
        >>> print(evaluation.tables[0].markdown())
    """
    chosen = options or RunOptions()
    predicted = predict_records(
        model,
        images,
        chosen,
        counts=protocol.counts,
        skipped=skipped or SkippedItems(),
        progress=progress,
    )
    return protocol.score(predicted, chosen)
