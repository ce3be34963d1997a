"""Root depth of annotated people of Human3.6M and MPI-INF-3DHP, as a Markdown table.

    python benchmarks/root_depth.py [folder of shared data, default ../shared]

True image points, relative depths and cameras go in, so the table shows what proportions alone
determine, not the errors of a network.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.data import PoseRecord, ReadOptions, read_dataset
from rtmpose3d.geometry import Camera, solve_root_depth
from rtmpose3d.geometry.root_depth import DEFAULT_ROOT_DEPTH_M
from rtmpose3d.skeletons import HIPS

SAMPLES = (  # dataset, folder of its sample, split, annotation file
    ("h36m", "h36m", "test", "test_h36m_body3d.npz"),
    ("mpi-inf-3dhp", "mpi_inf_3dhp", "train", "test_3dhp_train.npz"),
    ("mpi-inf-3dhp", "mpi_inf_3dhp", "test", "test_3dhp_test.npz"),
)


@dataclass(frozen=True, kw_only=True)
class Person:
    """One annotated person: name, camera, (133, 2) px, (133,) m, (133,) 0 or 1, root depth m."""

    name: str
    camera: Camera
    keypoints_2d: NDArray[np.float64]
    depth_m: NDArray[np.float64]
    confidence: NDArray[np.float64]
    root_depth_m: float


def real_people(samples: Path) -> Iterator[Person]:
    """The annotated people of a folder that holds the samples h36m and mpi_inf_3dhp."""
    for dataset, folder, split, file in SAMPLES:
        reading = read_dataset(
            dataset,
            samples / folder,
            split,
            annotations=file,
            images=".",
            options=ReadOptions(check_images=False),
        )
        for record in reading:
            yield _person(record)


def _person(record: PoseRecord) -> Person:
    assert record.keypoints_camera_m is not None
    assert record.camera is not None
    annotated = record.annotated
    z_m = record.keypoints_camera_m[:, 2].astype(np.float64)
    root = float(z_m[list(HIPS)].mean())
    return Person(
        name=f"{record.dataset} {Path(str(record.image)).stem}",
        camera=record.camera,
        keypoints_2d=np.where(annotated[:, None], record.keypoints_px, 0.0).astype(np.float64),
        depth_m=np.where(annotated, z_m - root, 0.0),
        confidence=annotated.astype(np.float64),
        root_depth_m=root,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", nargs="?", type=Path, default=Path("../shared"))
    samples = parser.parse_args().shared / "samples"
    print("| person | true, m | solved, m | error | errors in std | error of 5.144 m |")
    print("|---|---:|---:|---:|---:|---:|")
    errors, constant_errors = [], []
    for person in real_people(samples):
        solved = solve_root_depth(
            person.keypoints_2d[None], person.depth_m[None], person.confidence[None], person.camera
        )
        depth, std, true = solved.depth_m[0], solved.std_m[0], person.root_depth_m
        errors.append(depth / true - 1)
        constant_errors.append(DEFAULT_ROOT_DEPTH_M / true - 1)
        print(
            f"| {person.name} | {true:.2f} | {depth:.2f} ± {std:.2f} | {errors[-1]:+.1%} "
            f"| {(depth - true) / std:+.1f} | {constant_errors[-1]:+.1%} |"
        )
    mean, constant = np.abs(errors).mean(), np.abs(constant_errors).mean()
    print(f"| mean of the absolute errors of {len(errors)} | | | {mean:.1%} | | {constant:.1%} |")


if __name__ == "__main__":
    main()
