"""The table of reasons: a line for each of the strangest cells of each row."""

import numpy as np
import pandas as pd

from skvae._tables.frames.frame import column_of, numbered
from skvae._tables.names import objects

NEVER_SEEN, NEVER_THERE = "level not seen in training", "no cell in training"
"""What is said of a cell whose level no training row has, and of one in a column of which none has a cell."""


def table_of_reasons(shares, expectation, reading, n_columns):
    """Lines for the ``n_columns`` cells of lowest share in each row, as ``AutoencoderOutlierDetector.explain`` says.

    ``expectation`` says what is expected of each cell, and how it compares.
    """
    values, names = reading.numbers, reading.schema.names
    names = range(values.shape[1]) if names is None else names
    ranked = np.where(np.isnan(values), np.inf, shares)
    order = np.argsort(ranked, axis=1, kind="stable")[:, : min(n_columns, values.shape[1])]
    labels = range(len(values)) if reading.index is None else reading.index
    cells = {"column": objects(names)[order].ravel()}
    read = {"value": values, "expected": expectation.expected, "low": expectation.low, "high": expectation.high}
    for name, numbers in read.items():
        numbers = np.take_along_axis(numbers, order, axis=1).ravel()
        cells[name] = as_read(reading.schema, numbers, order.ravel(), values.shape[1], as_measured=name == "value")
    cells["value"], notes = with_unseen(cells["value"], reading, order)
    for name in ("times", "unusual"):
        cells[name] = np.take_along_axis(getattr(expectation, name), order, axis=1).ravel()
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
