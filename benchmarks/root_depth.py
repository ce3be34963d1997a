"""Root depth of annotated people of Human3.6M and MPI-INF-3DHP, as a Markdown table.

    python benchmarks/root_depth.py [folder of shared data, default ../shared]

The inputs are annotated image points, relative depths and cameras, so the table shows the accuracy
of body proportions alone, without the errors of a network. The annotations are read without running
pickled code.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.evaluation.array_pickle import read_pickled_arrays
from rtmpose3d.geometry import Camera, solve_root_depth
from rtmpose3d.geometry.root_depth import DEFAULT_ROOT_DEPTH_M

# COCO keypoint -> index in the dataset. Hips and shoulders of these datasets are joints of a
# motion capture skeleton, which sit elsewhere than COCO's (H36M: narrower shoulders, wider hips).
H36M = {5: 11, 7: 12, 9: 13, 6: 14, 8: 15, 10: 16, 11: 4, 13: 5, 15: 6, 12: 1, 14: 2, 16: 3}
MPI_INF_3DHP = {6: 2, 8: 3, 10: 4, 5: 5, 7: 6, 9: 7, 12: 8, 14: 9, 16: 10, 11: 11, 13: 12, 15: 13}
MPI_INF_3DHP_SIZE_PX = 2048  # width and height; the training cameras' file has a height of 204


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
    """The annotated people of a folder that holds h36m and mpi_inf_3dhp."""
    cameras = read_pickled_arrays(samples / "h36m" / "cameras.pkl")
    for name, points, pixels in _annotations(samples / "h36m" / "test_h36m_body3d.npz"):
        subject, _, file = name.split("/")[-1].partition("_")
        key = (subject, file.split(".")[1].split("_")[0])
        camera = cameras[key]
        size = int(camera["w"]), int(camera["h"])
        yield _person(f"Human3.6M {file[:-4]} of {subject}", points, pixels, camera, size, H36M)
    folder = samples / "mpi_inf_3dhp"
    for split, parts in (("train", 3), ("test", 1)):
        cameras = read_pickled_arrays(folder / f"cameras_{split}.pkl")
        for name, points, pixels in _annotations(folder / f"test_3dhp_{split}.npz"):
            camera = cameras["_".join(name.split("_")[:parts])]
            size = MPI_INF_3DHP_SIZE_PX, MPI_INF_3DHP_SIZE_PX
            label = f"MPI-INF-3DHP {name[:-4]}"
            yield _person(label, points, pixels, camera, size, MPI_INF_3DHP)


def _annotations(
    path: Path,
) -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    with np.load(path, allow_pickle=False) as data:
        yield from zip(data["imgname"].tolist(), data["S"], data["part"], strict=True)


def _person(
    name: str,
    points: NDArray[np.float64],
    pixels: NDArray[np.float64],
    camera: Mapping[str, NDArray[np.floating]],
    size_wh: tuple[int, int],
    keypoints: Mapping[int, int],
) -> Person:
    coco, theirs = list(keypoints), list(keypoints.values())
    root = float(points[[keypoints[11], keypoints[12]], 2].mean())
    uv, depth, confidence = np.zeros((133, 2)), np.zeros(133), np.zeros(133)
    uv[coco], depth[coco], confidence[coco] = pixels[theirs, :2], points[theirs, 2] - root, 1.0
    (fx, fy), (cx, cy) = camera["f"].ravel().tolist(), camera["c"].ravel().tolist()
    return Person(
        name=name,
        camera=Camera(fx=fx, fy=fy, cx=cx, cy=cy, width=size_wh[0], height=size_wh[1]),
        keypoints_2d=uv,
        depth_m=depth,
        confidence=confidence,
        root_depth_m=root,
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "shared", nargs="?", type=Path, default=Path("../shared"), help="Shared data."
    )
    samples = parser.parse_args().shared / "samples"
    print("| person | ground truth, m | solved, m | error | error / std | error of 5.144 m |")
    print("|---|---:|---:|---:|---:|---:|")
    errors, constant_errors = [], []
    for person in real_people(samples):
        solved = solve_root_depth(
            person.keypoints_2d[None], person.depth_m[None], person.confidence[None], person.camera
        )
        depth, std, truth = solved.depth_m[0], solved.std_m[0], person.root_depth_m
        errors.append(depth / truth - 1)
        constant_errors.append(DEFAULT_ROOT_DEPTH_M / truth - 1)
        print(
            f"| {person.name} | {truth:.2f} | {depth:.2f} ± {std:.2f} | {errors[-1]:+.1%} "
            f"| {(depth - truth) / std:+.1f} | {constant_errors[-1]:+.1%} |"
        )
    mean, constant = np.abs(errors).mean(), np.abs(constant_errors).mean()
    print(f"| mean of the absolute errors of {len(errors)} | | | {mean:.1%} | | {constant:.1%} |")


if __name__ == "__main__":
    main()
