"""The table of reasons: a line for each of the strangest cells of each row."""

import numpy as np
import pandas as pd

from skvae._tables.frames.frame import column_of, numbered
from skvae._tables.names import objects

NEVER_SEEN, NEVER_THERE = "level not seen in training", "no cell in training"
"""What is said of a cell whose level no training row has, and of one in a column of which none has a cell."""


def strangest(shares, numbers, n_columns):
    """The columns of the cells of lowest share in each row (n, n_columns), missing ones last; at most all of them."""
    ranked = np.where(np.isnan(numbers), np.inf, shares)
    return np.argsort(ranked, axis=1, kind="stable")[:, : min(n_columns, numbers.shape[1])]


def table_of_reasons(shares, expectation, reading, order):
    """Lines for cells of each row in this ``order`` (n, n_columns), as ``AutoencoderOutlierDetector.explain`` says.

    ``expectation`` says what is expected of them, and how they compare.
    """
    values, names = reading.numbers, reading.schema.names
    names = range(values.shape[1]) if names is None else names
    labels = range(len(values)) if reading.index is None else reading.index
    cells = {"column": objects(names)[order].ravel()}
    measured = np.take_along_axis(values, order, axis=1)
    read = {"value": measured, "expected": expectation.expected, "low": expectation.low, "high": expectation.high}
    for name, numbers in read.items():
        cells[name] = as_read(reading.schema, numbers.ravel(), order.ravel(), values.shape[1], name == "value")
    cells["value"], notes = with_unseen(cells["value"], reading, order)
    for name in ("times", "unusual"):
        cells[name] = getattr(expectation, name).ravel()
    cells["share"] = np.take_along_axis(shares, order, axis=1).ravel()
    cells["note"] = notes
    index = [labels, range(order.shape[1])]
    index = pd.MultiIndex.from_product(index, names=[getattr(labels, "name", None), "rank"])
    return pd.DataFrame(cells, index=index)


def as_read(schema, numbers, columns, n_features, as_measured):
    """Cells of some columns as a reader knows them; numbers alone stay numbers."""
    if not schema.reads_otherwise:
        return numbers
    cells = schema.shown(numbers, columns, as_measured)
    cells[np.isnan(numbers)] = None if schema.with_levels(n_features).any() else np.nan
    return cells


def with_unseen(cells, reading, order):
    """Cells (n * n_columns,) with those in their places that no number stands for, and what is said of each cell.

    Of most nothing is said; such cells are those that training rows do not have.
    """
    notes = np.full(len(cells), "", dtype=object)
    X, numbers, rows = numbered(reading.X), reading.numbers, np.repeat(np.arange(len(order)), order.shape[1])
    for j, column in reading.schema.columns.items():
        here = order.ravel() == j
        if column.is_empty:
            here &= column_of(X, j).notna().to_numpy()[rows]
        else:
            here &= column.unseen(numbers[rows, j])
        if here.any():
            cells = cells.astype(object)
            cells[here] = column_of(X, j).astype(object).to_numpy()[rows[here]]
            notes[here] = NEVER_THERE if column.is_empty else NEVER_SEEN
    return cells, notes
