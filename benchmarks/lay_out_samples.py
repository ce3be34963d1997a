"""mmpose's annotation samples, laid out as the datasets themselves are.

    python benchmarks/lay_out_samples.py SAMPLES data

SAMPLES has one folder per dataset (mmpose's tests/data): a few images and a JSON file each. The
folder `data` then links them under the published names, so that training and evaluation commands
can be tried before the datasets are downloaded. Every split has the same few images. Datasets
without images in SAMPLES are skipped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rtmpose3d.data import DATASETS
from rtmpose3d.evaluation.real_samples import SAMPLES, Sample

_COMPANIONS = ("_camera.json", "_joint_3d.json")  # InterHand2.6M: next to NAME_data.json
_DATA = "_data.json"


def link(path: Path, target: Path) -> None:
    """Links a name to a file or folder; an existing one is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.symlink_to(target.resolve())


def lay_out(sample: Sample, folder: Path, out: Path) -> None:
    """Links the samples of one dataset.

    Args:
        sample: the contents of the folder.
        folder: folder of the samples.
        out: folder of the dataset, made if it is missing.
    """
    annotations = folder / sample.annotations
    for split in DATASETS[sample.dataset].splits.values():
        path = out / split.annotations
        link(path, annotations)
        for ending in _COMPANIONS if annotations.name.endswith(_DATA) else ():
            link(renamed(path, ending), renamed(annotations, ending))
        if split.images == ".":
            for file in folder.iterdir():
                link(out / file.name, file)
        elif split.images is not None:
            link(out / split.images, folder)


def renamed(path: Path, ending: str) -> Path:
    """NAME_data.json -> NAME with another ending."""
    return path.with_name(path.name.removesuffix(_DATA) + ending)


def main() -> None:
    """Links the samples of all datasets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("samples", type=Path, help="Folder with one folder per dataset.")
    parser.add_argument("out", type=Path, help="Folder of the datasets' folders.")
    options = parser.parse_args()
    found = [name for name in SAMPLES if (options.samples / name).is_dir()]
    if not found:
        raise SystemExit(f"{options.samples} holds none of {', '.join(SAMPLES)}")
    for name in found:
        dataset = SAMPLES[name].dataset
        try:
            lay_out(SAMPLES[name], options.samples / name, options.out / dataset)
        except OSError as error:
            raise SystemExit(f"{options.out / dataset}: {error}") from error
        print(options.out / dataset)


if __name__ == "__main__":
    main()
