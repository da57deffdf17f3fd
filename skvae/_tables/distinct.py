"""Which rows of a table are equal, in an order that does not depend on the one in which they came."""

import itertools
from functools import lru_cache

import numpy as np

from skvae._tables.matrix import blocks, chunks, of_rows, pieces_of

COLUMNS_IN_ORDER = 64
"""Columns whose cells say in which order rows are that differ in none before."""

STIRRERS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
"""Factors that make the order of fingerprints one of chance, as in splitmix64 (Steele, Lea and Flood, 2014)."""

MIXER = np.uint64(0x9E3779B97F4A7C15)
"""An odd number whose products have every digit of a cell in their upper half."""


def fingerprints(X):
    """A number for each row (n,), the same for equal rows; missing cells are equal, and so are 0 and -0."""
    prints = np.empty(len(X), np.uint64)
    for part, cells in pieces_of(X):
        prints[part] = prints_of(cells)
    return prints


def prints_of(cells):
    """The fingerprints (n,) of some rows, an array."""
    prints, own = np.empty(len(cells), np.uint64), factors(cells.shape[1])
    for part in blocks(*cells.shape):
        block = np.add(cells[part], 0.0, dtype=np.float64)
        np.copyto(block, np.nan, where=np.isnan(block))
        bits = block.view(np.uint64)
        bits ^= bits >> np.uint64(32)
        bits *= MIXER
        bits ^= bits >> np.uint64(32)
        prints[part] = bits @ own
    return prints


def stirred(prints):
    """Fingerprints as numbers whose order is one of chance."""
    found = prints.copy()
    for factor in STIRRERS:
        found ^= found >> np.uint64(30)
        found *= factor
    return found


@lru_cache(maxsize=8)
def factors(n_features):
    """An odd number for each column, so that fingerprints tell columns apart."""
    return np.random.RandomState(0).randint(2**63, size=n_features, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def distinct_rows(X, sample_weight=None, prints=None):
    """Row numbers of the rows that differ and count, and their weights, those of equal rows added.

    They are in the order of their cells, column by column. Where all rows differ and stand for one row each, they are
    in the order in which they come, and for the weights there is None. ``prints`` are the fingerprints, where these are
    known.
    """
    prints = fingerprints(X) if prints is None else prints
    if sample_weight is None and differ(prints):
        return np.arange(len(X)), None
    present = np.arange(len(X)) if sample_weight is None else np.flatnonzero(sample_weight)
    weight = np.ones(len(present)) if sample_weight is None else sample_weight[present]
    prints = prints[present]
    if np.ptp(weight) == 0 and weight[0] <= 1.0 and differ(prints):
        return present, None
    order = np.argsort(prints, kind="stable")
    is_new = np.append(True, prints[order][1:] != prints[order][:-1])
    rows, again = present[order], np.flatnonzero(~is_new)
    for part in chunks(len(again), X.shape[1]):
        is_new[again[part]] = ~equal(X[rows[again[part] - 1]], X[rows[again[part]]])
    exponent = np.frexp(weight.max())[1]
    added = np.bincount(np.cumsum(is_new) - 1, np.ldexp(weight[order], -exponent - 64))
    with np.errstate(over="ignore"):
        weight = np.minimum(np.ldexp(added, exponent + 64), np.finfo(np.float64).max)
    order = by_value(of_rows(X, rows[is_new]), prints[order][is_new])
    return rows[is_new][order], weight[order]


def by_value(X, prints):
    """The order of rows by their cells, column by column, and by their fingerprints after a number of columns.

    Rounding of the cells does not change it, which would change the order of fingerprints.
    """
    order, place = np.argsort(prints, kind="stable"), np.zeros(len(X), dtype=int)
    for column in itertools.islice(X.T, COLUMNS_IN_ORDER):
        cells = np.where(np.isnan(column), np.inf, column)
        order = order[np.lexsort((cells[order], place[order]))]
        is_new = np.any([a[order][1:] != a[order][:-1] for a in (cells, place)], axis=0)
        place[order] = np.append(0, np.cumsum(is_new))
        if is_new.all():
            break
    return order


def differ(prints):
    """Whether all of some numbers are different ones."""
    ranked = np.sort(prints)
    return bool((ranked[1:] != ranked[:-1]).all())


def equal(one, other):
    """Which rows of two tables of one shape are equal (n,); missing cells are."""
    return ((one == other) | (np.isnan(one) & np.isnan(other))).all(axis=1)
