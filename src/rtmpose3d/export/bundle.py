"""Puts trained weights into the package: `python -m rtmpose3d.export.bundle NAME RUN_OR_PTH`.

In: the .pth of a training run. Out: `bundled/NAME.safetensors` with the tensors of the graph and no
others, matrices in half precision, and the table of facts in the model's card. The file is replaced
only after its size has been checked and the outputs on an image have been compared.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError, RTMPose3DError, WeightsError
from rtmpose3d.geometry.letterbox import letterbox
from rtmpose3d.pipeline import estimate_poses
from rtmpose3d.runtime import RuntimeOptions, load_weights, open_detector, open_pose
from rtmpose3d.runtime.graph_files import GraphFile, graph_file
from rtmpose3d.runtime.network import Weights
from rtmpose3d.sources import load_image
from rtmpose3d.structures import Image
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.weights import read_meta, write_safetensors
from rtmpose3d.zoo import (
    DEMO_IMAGE,
    MODELS,
    BundledFile,
    DetectorSpec,
    ModelSpec,
    PoseSpec,
    resolve,
)

# Half precision keeps 11 bits; more than this of a tensor's largest value is not rounding.
MAX_DIFFERENCE = 2.0**-11
ON_CPU = RuntimeOptions(device="cpu")
STRIPS = 3  # boxes that the pose network gets: so many upright strips of the image
BEST_BOXES = 10  # of the detector's, whose change is reported
_FACTS = re.compile(r"(?<=<!-- facts: begin -->\n).*?(?=<!-- facts: end -->)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class BundleReport:
    """The written file, and its differences from the weights it was built from.

    Attributes:
        path: the file.
        size_bytes: of the file.
        max_bytes: its limit.
        skipped: names in the checkpoint that are not stored: counters, tensors stored already
            under another name.
        weight_difference: largest difference of a tensor, relative to its own largest value.
        output_difference: {output and unit: its change on the image}.
    """

    path: Path
    size_bytes: int
    max_bytes: int
    skipped: tuple[str, ...]
    weight_difference: float
    output_difference: Mapping[str, float]


def write_bundled(
    model: str,
    source: Path,
    *,
    facts: Mapping[str, str] | None = None,
    image_file: Path = DEMO_IMAGE,
) -> BundleReport:
    """Writes a model's file in the package from trained weights.

    Args:
        model: name of a bundled model.
        source: its .pth file, or the folder of its finished training run.
        facts: further rows of the card's table: {"commit": ..., "hours": ...}.
        image_file: the image on which the outputs are compared.

    Raises:
        InputError: a model that is not bundled, or a fact that does not fit the table.
        UnknownNameError: no such model.
        WeightsError: the weights are missing, do not fit, exceed half precision, or make a file
            above the limit; the file that was there is kept.
        OutputError: the file cannot be written.
    """
    spec = resolve(model)
    bundled_file = spec.file
    if not isinstance(bundled_file, BundledFile):
        known = [name for name, one in MODELS.items() if isinstance(one.file, BundledFile)]
        raise InputError(f"{spec.name} is not in the package; those are: {', '.join(known)}")
    checkpoint = find_checkpoint(source, spec.name)
    image = load_image(image_file)
    weights = load_weights(spec, checkpoint)
    stored, shared = stored_tensors(weights, graph_file(spec))
    difference = half_precision_difference(weights, stored, checkpoint)
    rows = {**_known_facts(spec, checkpoint), **_check_facts(facts or {})}
    with tempfile.TemporaryDirectory() as folder:
        candidate = Path(folder) / bundled_file.name
        write_safetensors(candidate, stored, {**rows, **shared})
        size = candidate.stat().st_size
        if size > bundled_file.max_bytes:
            raise WeightsError(
                f"{bundled_file.name} would have {size:,} bytes, the package allows at most "
                f"{bundled_file.max_bytes:,}; nothing was written"
            )
        changes = output_difference(spec, checkpoint, candidate, image)
        with candidate.open("rb") as source_file, atomic_write(bundled_file.path) as sink:
            shutil.copyfileobj(source_file, sink)
    _update_card(bundled_file.path.with_suffix(".md"), {**rows, "file": f"{size:,} bytes"})
    return BundleReport(
        path=bundled_file.path,
        size_bytes=size,
        max_bytes=bundled_file.max_bytes,
        skipped=tuple(name for name in weights if name not in stored),
        weight_difference=difference,
        output_difference=changes,
    )


def find_checkpoint(source: Path, model: str) -> Path:
    """The file of the weights: `source` itself, or that of a finished training run in it.

    Raises:
        WeightsError: there is none; the message names the checkpoints that are there.
    """
    if not source.is_dir():
        return source
    finished = source / f"{model}.pth"
    if finished.is_file():
        return finished
    others = sorted(source.rglob("*.pth"))
    hint = f"; give one of {', '.join(map(str, others))}" if others else ""
    raise WeightsError(f"{source} holds no {finished.name} of a finished training run{hint}")


def stored_tensors(
    weights: Weights, graph: GraphFile
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Selects the tensors of the file, and {name of a tensor: another under which it is stored}.

    Convolutions and matrices become float16; vectors (norms, biases) are few, sensitive, and stay
    float32. Counters are skipped.

    Raises:
        WeightsError: a tensor that should be the same as another is not.
    """
    stored = {
        name: weights[name] if weights[name].ndim < 2 else _halved(weights[name])
        for name in graph.initialisers
    }
    shared: dict[str, str] = {}
    for name in graph.shapes:
        if name in stored or name.endswith("num_batches_tracked"):
            continue
        same = [one for one in graph.initialisers if np.array_equal(weights[one], weights[name])]
        if not same:
            raise WeightsError(
                f"{name} should hold the same values as another tensor of the model (its head is "
                "shared between the scales), and does not; the checkpoint is not of this model"
            )
        shared[name] = same[0]
    return stored, shared


def _halved(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return array.astype(np.float16)


def half_precision_difference(weights: Weights, stored: Weights, path: Path) -> float:
    """The largest difference of a stored tensor, relative to the tensor's largest value.

    Raises:
        WeightsError: a value is too large for float16, or all values of a tensor are too small.
    """
    worst = 0.0
    for name, array in stored.items():
        if not np.isfinite(array).all():
            raise WeightsError(
                f"{path}: {name} has values up to {np.abs(weights[name]).max():.3g}, beyond "
                "float16's 65504; the training diverged, or it needs a lower learning rate"
            )
        largest = float(np.abs(weights[name]).max(initial=0.0))
        if largest == 0.0:
            continue
        difference = float(np.abs(array.astype(np.float32) - weights[name]).max()) / largest
        if difference > MAX_DIFFERENCE:
            raise WeightsError(
                f"{path}: {name} loses {difference:.2g} of its largest value {largest:.3g} in "
                f"float16, at most {MAX_DIFFERENCE:.2g} is rounding"
            )
        worst = max(worst, difference)
    return worst


def output_difference(spec: ModelSpec, before: Path, after: Path, image: Image) -> dict[str, float]:
    """The changes of the outputs on an image from one weights file to another."""
    if isinstance(spec, PoseSpec):
        return _pose_difference(spec, before, after, image)
    assert isinstance(spec, DetectorSpec)
    return _detector_difference(spec, before, after, image)


def _pose_difference(spec: PoseSpec, before: Path, after: Path, image: Image) -> dict[str, float]:
    height, width = image.shape[:2]
    edges = np.linspace(0, width, STRIPS + 1)
    boxes = np.array([[a, 0, b, height] for a, b in pairwise(edges)])
    first, second = (
        estimate_poses(open_pose(spec, file, ON_CPU), [image], [boxes.astype(np.float32)])[0]
        for file in (before, after)
    )
    moved = np.linalg.norm(first.keypoints_2d - second.keypoints_2d, axis=2)
    changes = {
        "keypoints, mean (px)": float(moved.mean()),
        "keypoints, 99th percentile (px)": float(np.percentile(moved, 99)),
        "keypoints, largest (px)": float(moved.max()),
        "scores, largest": float(np.abs(first.scores - second.scores).max()),
    }
    if first.depth_m is not None and second.depth_m is not None:
        changes["depth, mean (mm)"] = 1000 * float(np.abs(first.depth_m - second.depth_m).mean())
    return changes


def _detector_difference(
    spec: DetectorSpec, before: Path, after: Path, image: Image
) -> dict[str, float]:
    pixels = letterbox(image, spec.input_size_wh)[0][None]
    first, second = (open_detector(spec, file, ON_CPU).run(pixels)[0] for file in (before, after))
    best = np.argsort(-first.scores)[:BEST_BOXES]
    return {
        "scores, largest": float(np.abs(first.scores - second.scores).max()),
        f"edges of the best {BEST_BOXES} boxes, largest (px)": float(
            np.abs(first.boxes_xyxy[best] - second.boxes_xyxy[best]).max()
        ),
    }


def _known_facts(spec: ModelSpec, checkpoint: Path) -> dict[str, str]:
    """The facts of the file and of the model table, as rows of the card's table."""
    rows = {
        "model": spec.name,
        "parameters": f"{spec.params:,}",
        "precision": "float16; norms and biases float32",
        "weights licence": spec.weights_licence,
        "data": spec.data_licence,
        "built from": f"sha256 {hashlib.sha256(checkpoint.read_bytes()).hexdigest()}",
    }
    for name, value in read_meta(checkpoint).items():
        if name != "model":
            own = f"{name} (validation)" if name in rows else name  # precision is a metric, too
            rows[own] = f"{value:.4g}" if isinstance(value, float) else str(value)
    return _check_facts(rows)


def _check_facts(facts: Mapping[str, str]) -> dict[str, str]:
    for name, value in facts.items():
        if not name or re.search(r"[|\n\r]", name + value):
            raise InputError(f"a fact has a name and is one line without |: {name}={value}")
    return dict(facts)


def _update_card(card: Path, rows: Mapping[str, str]) -> None:
    """Writes the facts between the marks of the model's card."""
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    if not _FACTS.search(text):
        raise WeightsError(
            f"{card} lacks the marks of the table of facts, the lines <!-- facts: begin --> and "
            "<!-- facts: end -->; the weights were written"
        )
    table = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    with atomic_write(card, "w") as file:
        file.write(_FACTS.sub(lambda _: f"| | |\n|---|---|\n{table}", text))


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; exits with the message of an error."""
    parser = argparse.ArgumentParser(
        prog="python -m rtmpose3d.export.bundle",
        description="Put trained weights into the package.",
    )
    parser.add_argument("model", help="Name of a bundled model: rtmw3d-n or rtmdet-n.")
    parser.add_argument(
        "source", type=Path, help="Its .pth file, or the folder of its training run."
    )
    parser.add_argument(
        *("--card-facts", "-f"),
        nargs="+",
        action="extend",  # given twice, the second adds to the first
        default=[],
        metavar="NAME=VALUE",
        help="Further rows of the model card's table, such as commit=1a2b3c4 'hours=2.1 on ...'.",
    )
    parser.add_argument(
        "--image", type=Path, default=DEMO_IMAGE, help="Image on which the outputs are compared."
    )
    options = parser.parse_args(arguments)
    try:
        pairs = [fact.partition("=") for fact in options.card_facts]
        facts = {name: value for name, _, value in pairs}
        report = write_bundled(options.model, options.source, facts=facts, image_file=options.image)
    except RTMPose3DError as error:
        sys.exit(f"error: {error}")
    print(f"{report.path}: {report.size_bytes:,} bytes, at most {report.max_bytes:,}")
    print(f"skipped: {len(report.skipped)} tensors (counters, tensors stored already)")
    print(
        f"largest change of a tensor, relative to its largest value: {report.weight_difference:.2g}"
    )
    print(f"changes of the outputs on {options.image.name}:")
    for name, value in report.output_difference.items():
        print(f"  {name:<44} {value:.3g}")


if __name__ == "__main__":
    main()
