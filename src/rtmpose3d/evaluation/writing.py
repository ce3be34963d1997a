"""Writing an evaluation as a folder of files.

results.json, results.md, histogram.png, worst.jpg and predictions.json.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.evaluation.errors import SkippedItems
from rtmpose3d.evaluation.matching import MatchedPeople
from rtmpose3d.evaluation.reports.documents import write_json, write_markdown
from rtmpose3d.evaluation.reports.histogram import draw_histograms
from rtmpose3d.evaluation.reports.worst_cases import draw_cases, select_worst
from rtmpose3d.evaluation.result import Evaluation
from rtmpose3d.sinks import write_image
from rtmpose3d.sources import load_image
from rtmpose3d.structures import Image
from rtmpose3d.structures.atomic import atomic_write


def write_evaluation(
    evaluation: Evaluation,
    out: Path,
    *,
    facts: Mapping[str, str] | None = None,
    skipped: SkippedItems | None = None,
) -> None:
    """Writes all files of an evaluation; everything is drawn before the first is written.

    Args:
        evaluation: what to write.
        out: existing folder.
        facts: what was evaluated and how, for readers.
        skipped: items that were skipped.

    Raises:
        OutputError: a file cannot be written.
    """
    from rtmpose3d import __version__

    reasons = skipped.reasons if skipped else []
    now = datetime.now(timezone.utc).replace(microsecond=0).isoformat()
    machine = f"{platform.system()}, {platform.machine()}, Python {platform.python_version()}"
    all_facts = {
        **(facts or {}),
        **evaluation.facts,
        "rtmpose3d": __version__,
        "machine": machine,
        "date": now,
    }
    if reasons:
        all_facts["skipped"] = f"{len(reasons)} bad items"
    if skipped and skipped.lines:
        all_facts["not used"] = "; ".join(skipped.lines)
    document = {
        "evaluation": evaluation.title,
        **all_facts,
        "settings": evaluation.settings,
        "metrics": evaluation.metrics,
        "skipped": reasons,
        "skipped_by_rule": dict(skipped.by_rule) if skipped else {},
    }
    subject = ": ".join(
        [evaluation.title, *([facts["poses"]] if facts and "poses" in facts else [])]
    )
    histogram = draw_histograms(evaluation.part_errors, evaluation.axis, subject)
    sheet = _draw_worst(evaluation)
    if evaluation.predictions is not None:
        with atomic_write(out / "predictions.json", "w") as file:
            json.dump(evaluation.predictions, file)
    write_image(out / "histogram.png", histogram)
    if sheet is not None:
        write_image(out / "worst.jpg", sheet)
    write_markdown(out / "results.md", evaluation.title, all_facts, evaluation.tables)
    write_json(out / "results.json", document)


def _draw_worst(evaluation: Evaluation) -> Image | None:
    """The sheet of worst cases; None where no image is available."""
    people = evaluation.matches
    available = np.array([p is not None and p.is_file() for p in people.image_paths], bool)
    errors = np.where(available, evaluation.case_errors, np.nan)
    rows = select_worst(errors, ~people.detected & available)
    rows = [row for row in rows if _is_readable(people, row)]
    if not rows:
        return None
    return draw_cases(people, rows, [evaluation.case_captions[row] for row in rows])


def _is_readable(people: MatchedPeople, row: int) -> bool:
    path = people.image_paths[row]
    try:
        return path is not None and bool(load_image(path).size)
    except InputError:
        return False
