"""What the rows of a table count, and the rows that count."""

import re
from contextlib import contextmanager
from numbers import Number

import numpy as np

from skvae._tables.cells import is_missing, is_readable, shown
from skvae._tables.frames.frame import numbered, some_rows, without_mask
from skvae._tables.frames.sources import Source
from skvae._validation import num_rows

REMEDY = "Pass finite numbers of at least 0, one a row: two is repetition, zero absence."


def check_weights(sample_weight, X):
    """Row weights (n,) as float64, or None; what is no finite number of at least 0 and all-zero weights are errors."""
    if sample_weight is None:
        return None
    n_rows = num_rows(X)
    given = one_a_row(sample_weight, n_rows)
    weights = as_floats(given)
    bad = ~(np.isfinite(weights) & (weights >= 0.0))
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f"sample_weight holds {shown(given[row])} in row {row}, {fault_of(given[row])}. {REMEDY}")
    if not weights.any():
        raise ValueError(
            "sample_weight is zero for every row, so that no row counts; it needs at least one positive weight. Pass "
            "None to weigh all rows alike."
        )
    return weights


def one_a_row(sample_weight, n_rows):
    """Weights as an array (n_rows,) of whatever they are; one number is that of every row."""
    if isinstance(sample_weight, Number):
        return np.full(n_rows, sample_weight)
    try:
        given = np.asarray(without_mask(sample_weight))
    except ValueError:  # numpy's of sequences of several lengths
        given = np.array(list(sample_weight), dtype=object)
    if given.ndim == 0:
        raise ValueError(f"sample_weight={shown(sample_weight)} is no list of weights. {REMEDY}")
    if given.shape != (n_rows,):
        remedy = f"{REMEDY} sample_weight.ravel() makes one dimension of several." if given.ndim > 1 else REMEDY
        raise ValueError(
            f"sample_weight has shape {given.shape}, but X has {n_rows} rows, so that it must have shape ({n_rows},). "
            f"{remedy}"
        )
    return given


def as_floats(given):
    """Weights as float64, NaN where one is missing or no number."""
    if given.dtype.kind in "biuf":
        return given.astype(np.float64)
    return np.array([as_float(cell) for cell in given])


def as_float(cell):
    """One weight as a float, NaN for a missing one and for what is no number."""
    try:
        is_real = not isinstance(cell, complex | np.complexfloating) and is_readable(cell)
        return float(cell) if is_real and not is_missing(cell) else np.nan
    except OverflowError:
        return np.inf


def fault_of(cell):
    """What is wrong with one weight."""
    if is_missing(cell):
        return "which is missing"
    weight = as_float(cell)
    if np.isnan(weight):
        return "which is no number"
    return "which is not finite" if np.isinf(weight) else "which is negative"


def counting(X, sample_weight):
    """The rows of a table that count, their weights, and their numbers in the table, None for all.

    One row alone comes twice, as tables have two: once with its weight and once with none.
    """
    weights = check_weights(sample_weight, X)
    if weights is None or weights.all():
        return X, weights, None
    rows = np.flatnonzero(weights)
    kept = weights[rows]
    if len(rows) == 1:
        rows, kept = rows.repeat(2), np.append(kept, 0.0)
    if isinstance(X, Source):
        return X.of_rows(rows), kept, rows
    some = [X[row] for row in rows] if isinstance(X, list | tuple) else some_rows(numbered(X), rows)
    return some, kept, rows


@contextmanager
def as_numbered(rows):
    """Errors about some rows of a table, with the numbers that these rows have there."""
    try:
        yield
    except (ValueError, TypeError) as error:
        if rows is not None and len(error.args) == 1:
            error.args = (renumbered(str(error), rows),)
        raise


def renumbered(text, rows):
    """A message with the numbers that rows have in the whole table."""
    found = None if rows is None else re.search(r"\brow (\d+)(?= holds| lacks| has)|(?<= in )row (\d+)(?=\.)", text)
    if found is None:
        return text
    number = int(found[1] or found[2])
    return f"{text[: found.start()]}row {rows[number]}{text[found.end() :]}" if number < len(rows) else text
