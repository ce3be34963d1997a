"""Standard deviations of keypoints compared with their true errors, as a Markdown table.

    python benchmarks/uncertainty.py clips [--model rtmw3d-n] [--every 6]

`clips` is a folder of rendered clips: see `rendered_clips.py`. A z-score is an error divided by its
standard deviation; of normally distributed errors, 68 % would be below 1 and 95 % below 2. Counted
are visible keypoints, then all, of people in the boxes of the ground truth. Depths are relative to
the root. Rank correlation: of the sizes of errors with their standard deviations.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rendered_clips import frames, read_truth

from rtmpose3d import RTMPose3D
from rtmpose3d.sources import load_image

Array = NDArray[np.float64]


def errors_and_deviations(
    folder: Path, model: RTMPose3D, every: int
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """(N, 133, 3) errors of x, y in px and of depth in m, their deviations, (N, 133) visible."""
    errors, deviations, visible = [], [], []
    for index, (path, _, people) in enumerate(frames(folder)):
        if index % every or not people:
            continue
        truth = read_truth(people)
        result = model(load_image(path), boxes=truth.boxes)
        if result.keypoints_2d_std is None or result.depth_std_m is None:
            raise SystemExit(f"{result.model} gives no standard deviations without a flip test")
        assert result.keypoints_camera is not None
        assert result.root_depth_m is not None
        depth = result.keypoints_camera[..., 2] - result.root_depth_m[:, None]
        true_depth = truth.keypoints_camera[..., 2] - truth.root_depth_m[:, None]
        pixels = result.keypoints_2d - truth.keypoints_2d
        errors.append(np.concatenate([pixels, (depth - true_depth)[..., None]], axis=2))
        std = np.concatenate([result.keypoints_2d_std, result.depth_std_m[..., None]], axis=2)
        deviations.append(std)
        visible.append(truth.visible)
    return np.concatenate(errors), np.concatenate(deviations), np.concatenate(visible)


def rank_correlation(a: Array, b: Array) -> float:
    """Spearman's rank correlation."""
    first, second = (np.argsort(np.argsort(values)) for values in (a, b))
    return float(np.corrcoef(first, second)[0, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--model", default="rtmw3d-n")
    parser.add_argument("--every", type=int, default=6, help="Use every n-th frame.")
    options = parser.parse_args()
    model = RTMPose3D.from_pretrained(options.model)
    errors, deviations, visible = errors_and_deviations(options.clips, model, options.every)
    print(
        "| keypoints | axis | below 1 | below 2 | below 3 | median std | rank correlation | count |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for name, mask in (("visible", visible), ("all", np.ones_like(visible))):
        for axis, (label, unit) in enumerate((("x", "px"), ("y", "px"), ("depth", "m"))):
            error, std = np.abs(errors[mask, axis]), deviations[mask, axis]
            known = np.isfinite(std) & (std > 0)
            error, std = error[known], std[known]
            shares = " | ".join(f"{(error < k * std).mean():.3f}" for k in (1, 2, 3))
            print(
                f"| {name} | {label} | {shares} | {np.median(std):.3g} {unit} "
                f"| {rank_correlation(error, std):.2f} | {len(error)} |"
            )


if __name__ == "__main__":
    main()
