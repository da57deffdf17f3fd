"""From where on cells of a column are far from its others, on the scale of its likelihood."""

import math

import numpy as np

SPARE, MOST_SPARE, FEW_SPARE = 0.02, 0.4, 3.0
"""Share of a column's distinct values that may be far; where values are few this many, but not more than a share."""

FAR, FAR_AMONG_FEW = 10.0, 200.0
"""A value is far from the middle of its column if it is this many times farther than all but the spare values are; of
few values the second number, divided by how many they are, is the factor."""

LEAST_VALUES = 3
"""Of fewer values none is far."""

ROUNDED_DISTANCES = 8.0 * np.finfo(np.float64).eps
"""Distances that are a smaller share of the values themselves are rounding."""


def fences(ordered):
    """Below and above which values of each column are far, the middle of the others and their reach (n_columns,).

    ``ordered`` (n_columns, n) are the cells of each column in order, missing ones last.
    """
    found = np.full((4, len(ordered)), np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        apart = (ordered[:, 1:] > ordered[:, :-1]).all(axis=1)  # not where cells are missing
        found[:, apart] = fences_of_values(ordered[apart])
        for j in np.flatnonzero(~apart):
            column = ordered[j]
            values = column[: np.count_nonzero(~np.isnan(column))]
            values = values[np.append(values[:1] == values[:1], values[1:] > values[:-1])]
            found[:, j] = fences_of_values(values[None])[:, 0]
    return found


def fences_of_values(values):
    """The same of distinct values in order (n_columns, n_values)."""
    n = values.shape[1]
    if n < LEAST_VALUES:
        return np.repeat([[-np.inf], [np.inf], [np.nan], [np.nan]], len(values), axis=1)
    middle = 0.5 * values[:, (n - 1) // 2] + 0.5 * values[:, n // 2]
    spare = max(SPARE * n, min(MOST_SPARE * n, FEW_SPARE))
    place = math.ceil(n - spare) - 1
    reach = np.partition(np.abs(values - middle[:, None]), place, axis=1)[:, place]
    away = max(FAR, FAR_AMONG_FEW / n) * reach
    away = np.where(reach > ROUNDED_DISTANCES * np.abs(middle), away, np.inf)
    return np.stack([middle - away, middle + away, middle, reach])


def pooled_fences(ordered):
    """The same for columns of one unit, whose values are looked at together."""
    return fences(np.sort(ordered.reshape(1, -1), axis=1))


def logarithmic_fences(ordered):
    """The same for positive numbers, whose logarithms count."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low, high, _, _ = fences(np.sort(np.log(np.where(ordered > 0.0, ordered, np.nan)), axis=1))
        return np.stack([np.exp(low), np.exp(high), np.nan * low, np.nan * low])


def count_fences(ordered):
    """The same for counts."""
    with np.errstate(over="ignore", invalid="ignore"):
        low, high, _, _ = fences(np.sort(np.log1p(np.where(ordered >= 0.0, ordered, np.nan)), axis=1))
        return np.stack([np.expm1(low), np.expm1(high), np.nan * low, np.nan * low])


SCALES = {"linear": fences, "pooled": pooled_fences, "logarithmic": logarithmic_fences, "counts": count_fences}
"""How cells that are far are told apart, by the name that a likelihood gives."""
