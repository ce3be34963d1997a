"""The mean of the weights of several trainings.

    python -m rtmpose3d.training.mean_weights A.pth B.pth --out MEAN.pth

Trainings that began with the same weights and took different turns (another seed, another
schedule) end in the same valley, and their mean is often better than each of them, for the cost of
one (Wortsman et al., "Model soups", arXiv:2203.05482).
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

    Of what the files tell about themselves, what they all say alike is kept.

    Args:
        sources: at least two.
        out: the .pth to write.

    Raises:
        InputError: fewer than two.
        WeightsError: one cannot be read, is not finite, or they are not of one model.
        OutputError: it cannot be written.
    """
    if len(sources) < 2:
        raise InputError("a mean takes two files or more")
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
    told = [read_meta(source).items() for source in sources]
    alike = {key: value for key, value in told[0] if all((key, value) in one for one in told[1:])}
    write_torch_file(out, mean, {"meta": {**alike, "mean_of": len(sources)}})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; ends the process with an error's text if there is one."""
    parser = argparse.ArgumentParser(
        prog="python -m rtmpose3d.training.mean_weights",
        description="Write the mean of the weights of several trainings that began alike",
    )
    parser.add_argument("sources", type=Path, nargs="+", help="their .pth files")
    parser.add_argument("--out", type=Path, required=True, help="the .pth to write")
    given = parser.parse_args(arguments)
    try:
        write_mean(given.sources, given.out)
    except RTMPose3DError as error:
        sys.exit(f"error: {error}")
    print(f"{given.out}: mean of {len(given.sources)} files")


if __name__ == "__main__":
    main()
