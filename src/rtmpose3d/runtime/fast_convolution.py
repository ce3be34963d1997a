"""Convolution along one axis in fewer products than taps times values.

Both algorithms transform a row of n values and the k taps, multiply, and transform back. They are
correlations, as in neural networks: output i of n is the sum over t of row[i + t - k // 2] *
taps[t], with zeros beyond the borders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.structures import FloatArray

_MAX_FOURIER = 24  # outputs of a tile: longer ones take fewer products but more memory for weights
_MAX_GROUP = 20  # outputs of a group of tiles
# F(4, 3) with the points 0, 1, -1, 2, -2 and infinity: Lavin and Gray, "Fast Algorithms for
# Convolutional Neural Networks", section 4.3 in one dimension.
_INPUT = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_KERNEL = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
_OUTPUT = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
)


@dataclass(frozen=True, kw_only=True)
class FastConvolution:
    """Matrices of a convolution of rows.

    With m products per tile, and tiles in equal groups that are transformed back together.

    Attributes:
        input: (tiles * m, n), transforms a row.
        kernel: (m, k), transforms the taps, which are the same for all tiles.
        output: (n / groups, tiles / groups * m), transforms the products of a group back.
    """

    input: FloatArray
    kernel: FloatArray
    output: FloatArray

    @property
    def tiles(self) -> int:
        """Number of tiles of a row."""
        return len(self.input) // len(self.kernel)

    @property
    def groups(self) -> int:
        """Number of groups of tiles of a row."""
        return len(self.input) // self.output.shape[1]


def fourier_convolution(length: int, taps: int) -> FastConvolution:
    """The convolution theorem: products in the frequency domain.

    The transforms have length n + k - 1 for tiles of n outputs, at which the circular convolution
    is the linear one; a product of complex numbers takes three real ones (Gauss). For n = 12 and
    k = 7 that is 26 products in place of 84. Rounding errors are smaller than in the direct
    computation, whose sums are longer.

    Args:
        length: number of values of a row.
        taps: their number, odd.
    """
    tiles = -(-length // _MAX_FOURIER)
    tile = -(-length // tiles)
    period = tile + taps - 1
    positions, offsets = np.arange(period), np.arange(taps)
    inputs, kernels, outputs = [], [], []
    for frequency in range(period // 2 + 1):
        step = 2 * np.pi * frequency / period
        row_re, row_im = np.cos(step * positions), -np.sin(step * positions)
        # A correlation multiplies by the conjugate of the taps' transform.
        taps_re, taps_im = np.cos(step * offsets), np.sin(step * offsets)
        back_re, back_im = row_re[:tile] / period, -row_im[:tile] / period
        if frequency == 0 or 2 * frequency == period:  # real
            inputs.append(row_re)
            kernels.append(taps_re)
            outputs.append(back_re)
            continue
        # (a + bi)(c + di): c(a + b) - b(c + d) is real, c(a + b) + a(d - c) imaginary.
        inputs += [row_re + row_im, row_re, row_im]
        kernels += [taps_re, taps_im - taps_re, taps_re + taps_im]
        # The negative frequency gives the same real part again.
        outputs += [2 * (back_re - back_im), -2 * back_im, -2 * back_re]
    return _tile(np.array(inputs), np.array(kernels), np.array(outputs).T, length)


def winograd_convolution(length: int) -> FastConvolution:
    """Winograd's minimal filtering F(4, 3) for three taps: six products per tile of four outputs.

    Half of the direct products, for twice the weights; rounding errors are about twice as large.
    """
    return _tile(_INPUT, _KERNEL, _OUTPUT, length)


def _tile(
    inputs: FloatArray, kernel: FloatArray, outputs: FloatArray, length: int
) -> FastConvolution:
    """The convolution of a row by tiles.

    Args:
        inputs: (m, n + k - 1), transforms the values that n outputs depend on.
        kernel: (m, k), transforms the taps.
        outputs: (n, m), transforms the products back.
        length: number of values of a row.
    """
    (products, window), tile, half = inputs.shape, len(outputs), kernel.shape[1] // 2
    tiles = -(-length // tile)
    group = tiles  # as small as leaves matrix products efficient
    if length % tile == 0:
        sizes = range(1, max(1, _MAX_GROUP // tile) + 1)
        group = max(size for size in sizes if tiles % size == 0)
    row = np.zeros((tiles, products, half + tiles * tile + half))  # and the zeros beyond it
    for index in range(tiles):
        row[index, :, index * tile : index * tile + window] = inputs
    return FastConvolution(
        input=row.reshape(tiles * products, -1)[:, half : half + length],
        kernel=kernel,
        output=np.kron(np.eye(group), outputs)[:length],
    )
