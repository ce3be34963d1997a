from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rtmpose3d.errors import InputError
from rtmpose3d.tracking.assignment import optimal_pairs

values = st.tuples(st.integers(0, 5), st.integers(0, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(-2, 2, width=16))
)


def best_total(matrix):
    """The maximum total by trying everything; pairs may be skipped."""
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    useful = np.maximum(matrix, 0)
    rows = range(matrix.shape[0])
    return max(
        (sum(useful[r, c] for r, c in zip(rows, chosen, strict=True)))
        for chosen in permutations(range(matrix.shape[1]), matrix.shape[0])
    )


@given(values)
def test_total_equals_that_of_trying_every_assignment(matrix):
    rows, columns = optimal_pairs(matrix)
    assert matrix[rows, columns].sum() == pytest.approx(best_total(matrix))


@given(values)
def test_rows_and_columns_are_paired_once_and_only_with_positive_values(matrix):
    rows, columns = optimal_pairs(matrix)
    assert len(set(rows.tolist())) == len(rows) == len(set(columns.tolist()))
    assert (np.diff(rows) > 0).all()
    assert (matrix[rows, columns] > 0).all()


@given(values)
def test_transposing_exchanges_rows_and_columns(matrix):
    rows, columns = optimal_pairs(matrix)
    other_columns, other_rows = optimal_pairs(matrix.T)
    assert matrix[rows, columns].sum() == pytest.approx(matrix[other_rows, other_columns].sum())


def test_minus_infinity_forbids_a_pair():
    rows, columns = optimal_pairs(np.array([[5.0, 1.0], [4.5, -np.inf]]))
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [1, 0])


def test_large_assignment_is_as_good_as_its_planted_one():
    rng = np.random.default_rng(0)
    matrix = rng.uniform(0, 1, (60, 80))
    planted = rng.permutation(80)[:60]
    matrix[np.arange(60), planted] = 2.0
    assert optimal_pairs(matrix)[1].tolist() == planted.tolist()


@pytest.mark.parametrize("matrix", [np.zeros(3), np.full((2, 2), np.nan), np.full((1, 1), np.inf)])
def test_unusable_values_are_an_error(matrix):
    with pytest.raises(InputError, match="values must be"):
        optimal_pairs(matrix)
