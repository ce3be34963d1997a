"""What a training's curve promises: how the errors fall with images seen, and ten times further.

    python benchmarks/learning_curve.py runs/n --batch-size 32

Fits error = a * images ** -b to the second half (in logarithms) of validation.csv, for each
figure, and prints a Markdown table: first half of the fit, now, promised. A power law is what such
curves follow while the learning rate is constant; the fall at the end of a schedule comes on top.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.training.loop.log import VALIDATION_LOG, read_log

FIGURES = ("pck10_body", "pck10_feet", "pck10_face", "pck10_hands", "mpjpe_body_mm")
LEAST_ROWS = 4


@dataclass(frozen=True, kw_only=True)
class Promise:
    """A figure's curve.

    Attributes:
        now: its last value.
        exponent: b; 0 for a figure that no longer changes.
        later: what the curve gives at `factor` times as many images.
    """

    now: float
    exponent: float
    later: float


def promise(images: np.ndarray, values: np.ndarray, *, share: bool, factor: float) -> Promise:
    """Fit a power law to an error.

    Args:
        images: (n,) seen so far, rising.
        values: (n,) shares that rise to 1, or errors that fall to 0.
        share: which of both.
        factor: how much further to look.
    """
    errors = np.maximum(1 - values if share else values, 1e-6)
    late = np.log(images) >= np.log(images[[0, -1]]).mean()
    if late.sum() < LEAST_ROWS:
        late[-LEAST_ROWS:] = True
    slope, at_one = np.polyfit(np.log(images[late]), np.log(errors[late]), 1)
    later = float(np.exp(at_one + slope * np.log(images[-1] * factor)))
    return Promise(
        now=float(values[-1]), exponent=float(-slope), later=1 - later if share else later
    )


def main() -> None:
    """Read a training's log and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a training (`rtmpose3d train --out`)")
    parser.add_argument("--batch-size", type=int, required=True, help="images a step")
    parser.add_argument("--factor", type=float, default=10.0, help="how much further to look")
    given = parser.parse_args()
    rows = read_log(given.run / VALIDATION_LOG)
    if len(rows) < LEAST_ROWS:
        raise SystemExit(f"{given.run}: {len(rows)} validations, at least {LEAST_ROWS} are needed")
    images = np.array([row["step"] for row in rows]) * given.batch_size
    print(f"| figure | after {images[-1]:,.0f} | exponent | after {given.factor:g} times more |")
    print("|---|---:|---:|---:|")
    for name in FIGURES:
        values = np.array([row[name] for row in rows])
        fit = promise(images, values, share=name.startswith("pck"), factor=given.factor)
        print(f"| {name} | {fit.now:.3g} | {fit.exponent:.2f} | {fit.later:.3g} |")


if __name__ == "__main__":
    main()
