"""Rotation matrices, vectors and quaternions, for stacks of any shape."""

from __future__ import annotations

import math

import numpy as np

from rtmpose3d.structures import FloatArray

_TINY = 1e-9
_PARALLEL = 1e-7  # sine below which vectors count as parallel or opposite
_EYE = np.eye(3)


def from_rotvec(vector: FloatArray) -> FloatArray:
    """Converts rotation vectors to matrices.

    Args:
        vector: (..., 3), axis times angle in radians.

    Returns:
        (..., 3, 3) float64.
    """
    vector = np.asarray(vector, np.float64)
    if vector.ndim == 1:
        x, y, z = vector.tolist()
        angle = math.sqrt(x * x + y * y + z * z)
        if angle <= _TINY:
            return _single_rotation(x, y, z, 1.0, 1.0)
        return _single_rotation(x, y, z, math.sin(angle) / angle, math.cos(angle))
    angle = np.sqrt(np.einsum("...i,...i->...", vector, vector))
    safe = np.where(angle > _TINY, angle, 1.0)
    s = np.where(angle > _TINY, np.sin(angle) / safe, 1.0)[..., None, None]
    c = np.where(angle > _TINY, (1.0 - np.cos(angle)) / (safe * safe), 0.5)[..., None, None]
    k = cross_matrix(vector)
    return _EYE + s * k + c * (k @ k)


def _single_rotation(x: float, y: float, z: float, sine: float, cosine: float) -> FloatArray:
    """One matrix from a vector along the axis, sine over the vector's length, and cosine.

    Scalars, because NumPy is ten times slower on arrays of three numbers.
    """
    squares = x * x + y * y + z * z
    k = (1.0 - cosine) / squares if squares > _TINY * _TINY else 0.5
    xy, yz, zx = k * x * y, k * y * z, k * z * x
    sx, sy, sz = sine * x, sine * y, sine * z
    return np.array(
        [
            [cosine + k * x * x, xy - sz, zx + sy],
            [xy + sz, cosine + k * y * y, yz - sx],
            [zx - sy, yz + sx, cosine + k * z * z],
        ]
    )


def to_rotvec(matrix: FloatArray) -> FloatArray:
    """Converts matrices (..., 3, 3) to rotation vectors (..., 3), angle at most pi."""
    q = to_quaternion(matrix)
    q = np.where(q[..., :1] < 0, -q, q)
    half = np.sqrt(np.einsum("...i,...i->...", q[..., 1:], q[..., 1:]))
    angle = 2.0 * np.arctan2(half, q[..., 0])
    scale = np.where(half > _TINY, angle / np.maximum(half, _TINY), 2.0)
    return q[..., 1:] * scale[..., None]


def cross_matrix(vector: FloatArray) -> FloatArray:
    """(..., 3, 3) matrices K with K x = vector cross x."""
    k = np.zeros((*vector.shape[:-1], 3, 3))
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    k[..., 0, 1], k[..., 0, 2] = -z, y
    k[..., 1, 0], k[..., 1, 2] = z, -x
    k[..., 2, 0], k[..., 2, 1] = -y, x
    return k


def axis_rotation(axis: str, degrees: FloatArray | float) -> FloatArray:
    """Rotation about "x", "y" or "z": (..., 3, 3) for angles of any shape, degrees."""
    if isinstance(degrees, float | int):  # fast path of the most frequent case
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        if axis == "x":
            return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
        if axis == "y":
            return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
        return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    angle = np.radians(np.asarray(degrees, np.float64))
    vector = np.zeros((*angle.shape, 3))
    vector[..., "xyz".index(axis)] = angle
    return from_rotvec(vector)


def cross(first: FloatArray, second: FloatArray) -> FloatArray:
    """Cross products (..., 3); faster than NumPy's for single vectors."""
    ax, ay, az = first[..., 0], first[..., 1], first[..., 2]
    bx, by, bz = second[..., 0], second[..., 1], second[..., 2]
    result = np.empty(np.broadcast_shapes(first.shape, second.shape))
    result[..., 0] = ay * bz - az * by
    result[..., 1] = az * bx - ax * bz
    result[..., 2] = ax * by - ay * bx
    return result


def unit(vector: FloatArray) -> FloatArray:
    """Scales vectors (..., 3) to length 1; zeros remain zeros."""
    length = np.sqrt(np.einsum("...i,...i->...", vector, vector))[..., None]
    return vector / np.maximum(length, _TINY)


def shortest_arc(source: FloatArray, target: FloatArray) -> FloatArray:
    """The smallest rotation from one unit vector to another.

    Args:
        source: (..., 3) unit vectors.
        target: (..., 3) unit vectors. Between opposite vectors the rotation is about x, or about
            z if they are along x.

    Returns:
        (..., 3, 3) float64.
    """
    if source.ndim == target.ndim == 1:
        ax, ay, az = source.tolist()
        bx, by, bz = target.tolist()
        x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        if x * x + y * y + z * z > _PARALLEL * _PARALLEL:
            return _single_rotation(x, y, z, 1.0, ax * bx + ay * by + az * bz)
    axis = cross(source, target)
    sine = np.sqrt(np.einsum("...i,...i->...", axis, axis))
    cosine = np.einsum("...i,...i->...", source, target)
    other = np.where(np.abs(source[..., :1]) < 0.9, (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    fallback = unit(other - source * np.einsum("...i,...i->...", other, source)[..., None])
    direction = np.where(
        sine[..., None] > _PARALLEL, axis / np.maximum(sine, 1e-12)[..., None], fallback
    )
    return from_rotvec(direction * np.arctan2(sine, cosine)[..., None])


def orthonormal_frame(along: FloatArray, across: FloatArray) -> FloatArray:
    """Right-handed axes as columns: `along`, `across` orthogonalised, and their cross product.

    Args:
        along: (..., 3).
        across: (..., 3); not parallel to `along`.
    """
    first = unit(along)
    second = unit(across - first * np.einsum("...i,...i->...", across, first)[..., None])
    return np.stack([first, second, cross(first, second)], axis=-1)


def twist_about_y(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Splits rotations into swing @ twist, the twist about y.

    Returns:
        swing (..., 3, 3), the smallest rotation that maps -y to where the matrix maps it, and the
        twist about +y in radians, (...).
    """
    down = np.array([0.0, -1.0, 0.0])
    swing = shortest_arc(np.broadcast_to(down, matrix.shape[:-1]), -matrix[..., :, 1])
    rest = np.swapaxes(swing, -1, -2) @ matrix
    return swing, np.arctan2(rest[..., 0, 2], rest[..., 0, 0])


def to_quaternion(matrix: FloatArray) -> FloatArray:
    """Converts matrices (..., 3, 3) to unit quaternions (..., 4), w x y z."""
    m = np.asarray(matrix, np.float64)
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    squares = np.stack([1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz], -1)
    candidates = np.empty((*m.shape[:-2], 4, 4))
    a, b, c = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    d, e, f = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    rows = (
        (squares[..., 0], a, b, c),
        (a, squares[..., 1], d, e),
        (b, d, squares[..., 2], f),
        (c, e, f, squares[..., 3]),
    )
    for i, row in enumerate(rows):
        candidates[..., i, :] = np.stack(row, axis=-1)
    best = np.argmax(squares, axis=-1)[..., None, None]
    q = np.take_along_axis(candidates, np.broadcast_to(best, (*best.shape[:-2], 1, 4)), axis=-2)
    q = q[..., 0, :]
    return q / np.sqrt(np.einsum("...i,...i->...", q, q))[..., None]


def from_quaternion(q: FloatArray) -> FloatArray:
    """Converts unit quaternions (..., 4), w x y z, to matrices (..., 3, 3)."""
    w, k = q[..., 0, None, None], cross_matrix(q[..., 1:])
    return _EYE + 2.0 * w * k + 2.0 * (k @ k)


def slerp(first: FloatArray, second: FloatArray, fraction: float) -> FloatArray:
    """Interpolates unit quaternions (..., 4) along the shorter arc; fraction 0 is the first."""
    dot = np.einsum("...i,...i->...", first, second)[..., None]
    near = np.where(dot < 0, -second, second)
    angle = np.arccos(np.clip(np.abs(dot), 0.0, 1.0))
    sine = np.sin(angle)
    small = sine < 1e-6
    safe = np.where(small, 1.0, sine)
    a = np.where(small, 1.0 - fraction, np.sin((1.0 - fraction) * angle) / safe)
    b = np.where(small, fraction, np.sin(fraction * angle) / safe)
    mixed = a * first + b * near
    return mixed / np.sqrt(np.einsum("...i,...i->...", mixed, mixed))[..., None]
