"""Convolution along one axis in fewer products than taps times values.

Both algorithms transform a row of n values and the k taps, multiply, and transform back. They are
correlations, as in neural networks: output i of n is the sum over t of row[i + t - k // 2] *
taps[t], with zeros beyond the borders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.structures import FloatArray

_TILE = 4  # outputs of a tile in `winograd_convolution`
_GROUP = 5  # tiles, at most
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
    """The convolution theorem: products in the frequency domain, in one tile.

    The transforms have length n + k - 1, at which the circular convolution is the linear one; a
    product of complex numbers takes three real ones (Gauss). For n = 12 and k = 7 that is 26
    products in place of 84. Rounding errors are smaller than in the direct computation, whose sums
    are longer.

    Args:
        length: number of values of a row.
        taps: their number, odd.
    """
    period = length + taps - 1
    positions, offsets = np.arange(length), np.arange(taps)
    inputs, kernels, outputs = [], [], []
    for frequency in range(period // 2 + 1):
        step = 2 * np.pi * frequency / period
        row_re, row_im = np.cos(step * positions), -np.sin(step * positions)
        # A correlation multiplies by the conjugate of the taps' transform.
        taps_re, taps_im = np.cos(step * offsets), np.sin(step * offsets)
        phase = step * (positions - taps // 2)
        back_re, back_im = np.cos(phase) / period, np.sin(phase) / period
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
    return FastConvolution(
        input=np.array(inputs), kernel=np.array(kernels), output=np.array(outputs).T
    )


def winograd_convolution(length: int) -> FastConvolution:
    """Winograd's minimal filtering F(4, 3) for three taps: six products per tile of four outputs.

    Half of the direct products, for twice the weights; rounding errors are about twice as large.
    """
    products, width = len(_INPUT), _INPUT.shape[1]
    tiles = -(-length // _TILE)
    group = tiles  # as small as leaves matrix products efficient
    if length % _TILE == 0:
        group = max(size for size in range(1, _GROUP + 1) if tiles % size == 0)
    inputs = np.zeros(
        (tiles, products, 1 + tiles * _TILE + 1)
    )  # with the values beyond the borders
    for index in range(tiles):
        start = index * _TILE
        inputs[index, :, start : start + width] = _INPUT
    outputs = np.kron(np.eye(group), _OUTPUT)
    return FastConvolution(
        input=inputs.reshape(tiles * products, -1)[:, 1 : 1 + length],
        kernel=_KERNEL,
        output=outputs[:length],
    )
