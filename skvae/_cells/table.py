"""The table of strange cells: a line for each of them, the strangest first."""

import numpy as np
import pandas as pd

from skvae._tables.frames.frame import column_of, index_of, numbered
from skvae._tables.names import objects


def table_of_cells(X, schema, numbers, strangeness, false_alarms, said, listed):
    """Lines for the cells of rows X that a mask (n, n_features) lists, as ``AutoencoderCellChecker`` says.

    ``numbers`` are those of the schema; ``said`` is a function of row and column that gives what is expected of a cell,
    as a number of the schema, and a note.
    """
    rows, columns = np.nonzero(listed)
    order = np.argsort(-strangeness[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    names = range(numbers.shape[1]) if schema.names is None else schema.names
    labels = index_of(X)
    index = pd.RangeIndex(len(numbers)) if labels is None else labels
    expected, notes = np.empty(len(rows)), np.full(len(rows), "", dtype=object)
    for line, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        expected[line], notes[line] = said(row, column)
    lines = {
        "column": objects(names)[columns],
        "value": values(X, schema, numbers[rows, columns], rows, columns),
        "expected": readable(schema, expected, columns),
        "false_alarms": false_alarms[rows, columns],
        "note": notes,
    }
    return pd.DataFrame(lines, index=index[rows])


def values(X, schema, numbers, rows, columns):
    """The cells as they stand in the table, an array of objects where not all are numbers."""
    cells = readable(schema, numbers, columns, as_measured=True)
    for j in np.unique(columns).tolist():
        if schema.column(j).has_levels:
            here = columns == j
            cells = cells.astype(object)
            cells[here] = column_of(numbered(X), j).astype(object).to_numpy()[rows[here]]
    return cells


def readable(schema, numbers, columns, as_measured=False):
    """Cells as a reader knows them; numbers alone stay numbers."""
    return schema.shown(numbers, columns, as_measured) if schema.reads_otherwise else numbers
