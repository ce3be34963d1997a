"""mmpose's annotation samples, laid out as the datasets themselves are.

    python benchmarks/lay_out_samples.py SAMPLES data

SAMPLES has one folder a dataset (mmpose's tests/data): a few images and a JSON file each. In
the folder `data` they then lie under the published names, as links, so that training and
evaluation commands can be tried on them before the datasets are there. Every split shows the same
few images. Sets that have no images there are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rtmpose3d.data import DATASETS
from rtmpose3d.evaluation.real_samples import SAMPLES, Sample

_BESIDE = ("_camera.json", "_joint_3d.json")  # InterHand2.6M: beside NAME_data.json
_DATA = "_data.json"


def link(place: Path, target: Path) -> None:
    """Let a name stand for a file or folder; what is there stays."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        place.symlink_to(target.resolve())


def lay_out(sample: Sample, folder: Path, out: Path) -> None:
    """Link one dataset's samples.

    Args:
        sample: what is in the folder.
        folder: of the samples.
        out: of the dataset, made if it is not there.
    """
    annotations = folder / sample.annotations
    for split in DATASETS[sample.dataset].splits.values():
        place = out / split.annotations
        link(place, annotations)
        for ending in _BESIDE if annotations.name.endswith(_DATA) else ():
            link(renamed(place, ending), renamed(annotations, ending))
        if split.images == ".":
            for path in folder.iterdir():
                link(out / path.name, path)
        elif split.images is not None:
            link(out / split.images, folder)


def renamed(path: Path, ending: str) -> Path:
    """NAME_data.json -> NAME with another ending."""
    return path.with_name(path.name.removesuffix(_DATA) + ending)


def main() -> None:
    """Link all that are there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("samples", type=Path, help="folder with one folder a dataset")
    parser.add_argument("out", type=Path, help="folder of the datasets' folders")
    given = parser.parse_args()
    found = [name for name in SAMPLES if (given.samples / name).is_dir()]
    if not found:
        raise SystemExit(f"{given.samples} holds none of {', '.join(SAMPLES)}")
    for name in found:
        dataset = SAMPLES[name].dataset
        try:
            lay_out(SAMPLES[name], given.samples / name, given.out / dataset)
        except OSError as error:
            raise SystemExit(f"{given.out / dataset}: {error}") from error
        print(given.out / dataset)


if __name__ == "__main__":
    main()
