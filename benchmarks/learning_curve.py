"""Extrapolation of a training run's errors by a power law of the number of images.

    python benchmarks/learning_curve.py runs/n --batch-size 32

Fits error = a * images ** -b to the second half (in logarithms) of validation.csv, for each metric,
and prints a Markdown table: present value, exponent, extrapolated value. Such curves follow a power
law while the learning rate is constant; the gain at the end of a schedule comes on top.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtmpose3d.training.loop.log import VALIDATION_LOG, read_log

METRICS = ("pck10_body", "pck10_feet", "pck10_face", "pck10_hands", "mpjpe_body_mm")
MIN_ROWS = 4


@dataclass(frozen=True, kw_only=True)
class Extrapolation:
    """A metric's curve.

    Attributes:
        now: its last value.
        exponent: b; 0 for a metric that no longer changes.
        later: its value on the curve at `factor` times as many images.
    """

    now: float
    exponent: float
    later: float


def extrapolate(
    images: np.ndarray, values: np.ndarray, *, share: bool, factor: float
) -> Extrapolation:
    """Fits a power law to an error.

    Args:
        images: (n,) numbers of training images so far, ascending.
        values: (n,) shares that rise to 1, or errors that fall to 0.
        share: whether they are shares.
        factor: multiple of the last number of images to extrapolate to.
    """
    errors = np.maximum(1 - values if share else values, 1e-6)
    late = np.log(images) >= np.log(images[[0, -1]]).mean()
    if late.sum() < MIN_ROWS:
        late[-MIN_ROWS:] = True
    slope, at_one = np.polyfit(np.log(images[late]), np.log(errors[late]), 1)
    later = float(np.exp(at_one + slope * np.log(images[-1] * factor)))
    return Extrapolation(
        now=float(values[-1]), exponent=float(-slope), later=1 - later if share else later
    )


def main() -> None:
    """Reads the log of a training run and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "run", type=Path, help="Folder of a training run (`rtmpose3d train --out`)."
    )
    parser.add_argument("--batch-size", type=int, required=True, help="Images per step.")
    parser.add_argument(
        "--factor", type=float, default=10.0, help="Multiple of the images to extrapolate to."
    )
    options = parser.parse_args()
    rows = read_log(options.run / VALIDATION_LOG)
    if len(rows) < MIN_ROWS:
        raise SystemExit(f"{options.run}: {len(rows)} validations, at least {MIN_ROWS} are needed")
    images = np.array([row["step"] for row in rows]) * options.batch_size
    print(f"| metric | after {images[-1]:,.0f} | exponent | after {options.factor:g} times more |")
    print("|---|---:|---:|---:|")
    for name in METRICS:
        values = np.array([row[name] for row in rows])
        fit = extrapolate(images, values, share=name.startswith("pck"), factor=options.factor)
        print(f"| {name} | {fit.now:.3g} | {fit.exponent:.2f} | {fit.later:.3g} |")


if __name__ == "__main__":
    main()
