"""Optimal assignment of rows to columns: the pairs of maximum total value.

Shortest augmenting paths (Jonker and Volgenant 1987; Crouse, IEEE Transactions on Aerospace and
Electronic Systems 2016), for the few dozen people of an image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.errors import InputError


def optimal_pairs(
    values: NDArray[np.floating],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of rows and columns whose values have the maximum sum.

    Each row and each column is in one pair at most. Pairs of values up to 0 are never
    assigned, so a value of 0 or below, -inf included, forbids a pair.

    Args:
        values: (N, M); either may be 0.

    Returns:
        Rows and columns of the pairs, each (P,) int64, by increasing row.

    Raises:
        InputError: not two axes, or a value that is NaN or +inf.
    """
    gains = np.asarray(values, np.float64)
    if gains.ndim != 2 or np.isnan(gains).any() or np.isposinf(gains).any():
        raise InputError(
            f"values must be an (N, M) array without NaN or infinity, got shape {gains.shape}"
        )
    gains = np.maximum(gains, 0.0)
    transposed = gains.shape[0] > gains.shape[1]
    cost = -gains.T if transposed else -gains
    assigned = _assign_rows(cost)
    first = np.arange(len(assigned), dtype=np.int64)
    rows, columns = (assigned, first) if transposed else (first, assigned)
    useful = gains[rows, columns] > 0
    rows, columns = rows[useful], columns[useful]
    order = np.argsort(rows, kind="stable")
    return rows[order], columns[order]


def _assign_rows(cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """(N,) the column of each of N rows at minimum total cost; N <= M columns."""
    rows, columns = cost.shape
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    row_of_column = np.full(columns, -1, np.int64)
    column_of_row = np.full(rows, -1, np.int64)
    for start in range(rows):
        distance = np.full(columns, np.inf)
        previous = np.full(columns, -1, np.int64)
        done = np.zeros(columns, bool)
        row, shortest = start, 0.0
        visited = [start]
        while True:
            reduced = shortest + cost[row] - row_price[row] - column_price
            closer = ~done & (reduced < distance)
            distance[closer] = reduced[closer]
            previous[closer] = row
            column = int(np.argmin(np.where(done, np.inf, distance)))
            shortest = float(distance[column])
            done[column] = True
            if row_of_column[column] < 0:
                break
            row = int(row_of_column[column])
            visited.append(row)
        row_price[start] += shortest
        for other in visited[1:]:
            row_price[other] += shortest - distance[column_of_row[other]]
        column_price[done] -= shortest - distance[done]
        while True:  # augment along the path back to the start
            row = int(previous[column])
            row_of_column[column] = row
            column_of_row[row], column = column, column_of_row[row]
            if row == start:
                break
    return column_of_row
