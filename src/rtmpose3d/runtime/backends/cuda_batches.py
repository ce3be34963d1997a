"""Sizes of the batches that GPUs run.

CUDA graphs have fixed shapes, and libraries select their kernels for each shape, so batches
are padded to one of few sizes.
"""

from __future__ import annotations

BATCH_SIZES = (1, 2, 4, 8, 16, 32)


def batch_size(count: int) -> int:
    """The smallest of `BATCH_SIZES` that holds a number of images."""
    return next(size for size in BATCH_SIZES if size >= count)
