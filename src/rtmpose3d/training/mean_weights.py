"""Mean of the weights of several trainings.

    python -m rtmpose3d.training.mean_weights A.pth B.pth --out MEAN.pth

Trainings that were initialized from the same weights and then differed (another seed, another
schedule) converge to the same basin, and the mean of their weights is often better than each of
them, at the inference cost of one (Wortsman et al., "Model soups", arXiv:2203.05482).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rtmpose3d.errors import InputError, RTMPose3DError
from rtmpose3d.weights import match_weights, read_checkpoint, read_meta, write_torch_file


def write_mean(sources: Sequence[Path], out: Path) -> None:
    """Write the mean of several .pth files of one model; counters are those of the first.

    Metadata that is equal in all files is kept.

    Args:
        sources: at least two files.
        out: .pth file to write.

    Raises:
        InputError: fewer than two files.
        WeightsError: a file cannot be read or is not finite, or the files are of several models.
        OutputError: the file cannot be written.
    """
    if len(sources) < 2:
        raise InputError("a mean needs at least two files")
    first, *others = sources
    weights = dict(read_checkpoint(first))
    totals = {name: array.astype(np.float64) for name, array in weights.items()}
    shapes = {name: array.shape for name, array in weights.items()}
    for source in others:
        model = f"the model of {first}"
        more = match_weights(read_checkpoint(source), shapes, model=model, path=source)
        for name, array in more.items():
            totals[name] += array.astype(np.float64)
    mean = {
        name: (totals[name] / len(sources)).astype(array.dtype)
        if array.dtype.kind == "f"
        else array
        for name, array in weights.items()
    }
    metadata = [read_meta(source).items() for source in sources]
    common = {k: v for k, v in metadata[0] if all((k, v) in other for other in metadata[1:])}
    write_torch_file(out, mean, {"meta": {**common, "mean_of": len(sources)}})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; exits with the message of an error."""
    parser = argparse.ArgumentParser(
        prog="python -m rtmpose3d.training.mean_weights",
        description="Write the mean of the weights of several trainings",
    )
    parser.add_argument("sources", type=Path, nargs="+", help="their .pth files")
    parser.add_argument("--out", type=Path, required=True, help="the .pth file to write")
    options = parser.parse_args(arguments)
    try:
        write_mean(options.sources, options.out)
    except RTMPose3DError as error:
        sys.exit(f"error: {error}")
    print(f"{options.out}: mean of {len(options.sources)} files")


if __name__ == "__main__":
    main()
