"""mmpose's annotation samples, laid out as the datasets themselves are.

    python benchmarks/lay_out_samples.py SAMPLES data

SAMPLES has one folder per dataset (mmpose's tests/data): a few images and an annotation file each.
In the folder `data` they then have the published names, as links, so that training and evaluation
commands can be tried on them before the datasets are downloaded. Every split has the same images.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from samples import SAMPLES, Sample

from rtmpose3d.data import DATASETS

_SIDECARS = ("_camera.json", "_joint_3d.json")  # InterHand2.6M: next to NAME_data.json
_DATA = "_data.json"


def link(name: Path, target: Path) -> None:
    """Makes a link to a file or folder; existing names are kept."""
    name.parent.mkdir(parents=True, exist_ok=True)
    if not name.exists():
        name.symlink_to(target.resolve())


def lay_out(sample: Sample, folder: Path, out: Path) -> None:
    """Links one sample.

    Args:
        sample: files in the folder.
        folder: folder of the sample.
        out: folder of the dataset, created if needed.
    """
    annotations = folder / sample.annotations
    splits = DATASETS[sample.dataset].splits
    names = splits if annotations.suffix == ".json" else (sample.split,)
    for split in (splits[name] for name in names):
        name = out / split.annotations
        link(name, annotations)
        for suffix in _SIDECARS if annotations.name.endswith(_DATA) else ():
            link(renamed(name, suffix), renamed(annotations, suffix))
        for cameras in folder.glob("cameras*.pkl"):
            link(name.with_name(cameras.name), cameras)
        if split.images == ".":
            for path in folder.iterdir():
                link(out / path.name, path)
        elif split.images is not None:
            link(out / split.images, folder)


def renamed(path: Path, suffix: str) -> Path:
    """NAME_data.json -> NAME with another suffix."""
    return path.with_name(path.name.removesuffix(_DATA) + suffix)


def main() -> None:
    """Links all samples that exist."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("samples", type=Path, help="folder with one folder per dataset")
    parser.add_argument("out", type=Path, help="folder of the datasets' folders")
    given = parser.parse_args()
    found = [name for name in SAMPLES if (given.samples / name).is_dir()]
    if not found:
        raise SystemExit(f"{given.samples} holds none of {', '.join(SAMPLES)}")
    for name in found:
        for sample in SAMPLES[name]:
            out = given.out / sample.dataset
            try:
                lay_out(sample, given.samples / name, out)
            except OSError as error:
                raise SystemExit(f"{out}: {error}") from error
        print(given.out / SAMPLES[name][0].dataset)


if __name__ == "__main__":
    main()
