"""What is said of cells of later rows that are not learned: levels, and columns, that training began without."""

import numpy as np

from skvae._tables.cells import shown
from skvae._tables.frames.frame import column_of, numbered
from skvae._tables.frames.sources import Source
from skvae._tables.matrix import cells_of
from skvae._tables.names import column_name


def said_of_new_cells(schema, X, rows, n_levels):
    """Warnings, by column, of cells that are not learned and of which nothing has been said.

    ``rows`` are the numbers of the table X with weights; ``n_levels`` holds, by column, how many levels are known.
    """
    said = {}
    for j, column in schema.columns.items():
        if column.told:
            continue
        if column.is_empty:
            new = np.array(given_column(X, j).notna())
            if new.any():
                said[j] = of_no_training_cell(schema, j, new.sum())
        elif column.has_levels and j in n_levels:
            is_new = cells_of(rows.X, [j])[:][:, 0] >= n_levels[j]
            if is_new.any():
                count = rows.counts[is_new].sum()
                said[j] = of_new_levels(schema, given_column(X, j), j, n_levels[j], count)
    return said


def given_column(X, j):
    """A column of a table as it was given."""
    return column_of(X.column(j), 0) if isinstance(X, Source) else column_of(numbered(X), j)


def of_no_training_cell(schema, j, count):
    """A warning of cells in a column of which training began with none."""
    return (
        f"{column_name(schema.names, j)} has {count} cells, but none in the rows that training began with. They are "
        "not learned and not drawn. Begin with rows that have such cells."
    )


def of_new_levels(schema, cells, j, known, count):
    """A warning of cells with levels that training did not begin with."""
    row = int(np.argmax(schema.columns[j].encode(cells) >= known))
    where, library = column_name(schema.names, j), None if schema.frame is None else schema.frame.library
    name = f"X[{where.removeprefix('column ')}]"
    declare = {
        "pandas": f"as {name} = {name}.astype(pandas.CategoricalDtype(levels)) does",
        "polars": f"as .cast(polars.Enum(levels)) does to {name}",
    }.get(library, "as one of a data frame can")
    return (
        f"{where} holds {max(round(count), 1)} cells of levels that the rows lacked that training began with, such "
        f"as {shown(cells[row])} in row {row}. They are not learned and not drawn. Begin with rows that have all "
        f"levels, or with a partial_fit of rows whose dtype declares them, {declare}."
    )
