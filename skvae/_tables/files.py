"""Tables in files as matrices: numbers in a file of their own, a column or a chunk at a time.

Learning reads a column at a time, as what a column holds is known once all its cells are; later tables are read a chunk
at a time. Neither needs more memory than a few numbers a row.
"""

import numpy as np

from skvae._tables.faults import with_culprit
from skvae._tables.frames.frame import Frame
from skvae._tables.frames.sources import Source, source_of
from skvae._tables.on_disk import FileColumns, Spool, SpoolOfRows
from skvae._tables.schema import Schema, chosen_columns

CELLS_IN_MEMORY = 2**22
"""Cells from which on a table in files is read a part at a time; a smaller one becomes a frame in memory."""


def opened(X, owner):
    """A table in files as a frame in memory or, if it is large, as a ``Source``; everything else as it is."""
    source = source_of(X, owner)
    if source is None:
        return X
    n_rows, n_columns = source.shape
    return source.all() if n_rows * n_columns <= CELLS_IN_MEMORY else source


def in_memory(X, owner):
    """A table in files as a frame in memory, however large; everything else as it is."""
    source = source_of(X, owner)
    return X if source is None else source.all()


def without_rows(X):
    """A frame with the columns of a ``Source`` and no row; everything else as it is."""
    return X.none() if isinstance(X, Source) else X


def learned_columns(source, estimator, declared, advise, checked):
    """What the columns of a training table hold, and its numbers.

    ``checked(blocks)`` are blocks of columns as ``Schema.encode_blocks`` gives them, if tables may have such.
    """
    owner, chosen = type(estimator).__name__, estimator.categorical_features
    schema, spool = Schema(Frame.of(source.none()), declared=declared), Spool()
    levels = chosen_columns(chosen, schema.names, source.shape[1], owner)
    for j in range(source.shape[1]):
        frame = source.column(j)
        try:
            part, blocks = Schema.learned(frame, [0] if j in levels else None, owner, declared, advise)
            for _, cells in checked(blocks):
                spool.append(cells[0].astype(np.float64, copy=False))
        except (ValueError, TypeError, OverflowError) as error:
            raise with_culprit(error, frame, owner) from error
        schema.columns[j], schema.frame.dtypes[j] = part.columns[0], part.frame.dtypes[0]
    return schema, FileColumns(spool, len(source))


def rows_of(source, read):
    """The numbers of a table that comes after training, each of whose chunks is read by ``read(frame)``."""
    spool, start = SpoolOfRows(source.shape[1]), 0
    for frame in source.chunks():
        spool.append(read(frame, np.arange(start, start + len(frame))))
        start += len(frame)
    return spool.rows()
