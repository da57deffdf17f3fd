"""Files of Parquet that are written a chunk at a time."""

import os
from contextlib import contextmanager, suppress

from skvae._tables.frames.folders import enough_room
from skvae._tables.frames.sources import library


@contextmanager
def parquet(path):
    """A function that writes a table of Arrow to the end of a file; what breaks off leaves the file as it was.

    All tables have the columns and dtypes of the first one.
    """
    writer, part = None, f"{path}.part"

    def write(table):
        nonlocal writer
        with enough_room(part):
            writer = writer or library("pyarrow.parquet").ParquetWriter(part, table.schema)
            writer.write_table(table)

    try:
        yield write
        with enough_room(part):
            if writer is not None:
                writer.close()
                os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            if writer is not None:
                writer.close()
        with suppress(FileNotFoundError):
            os.remove(part)
        raise


def with_columns(table, columns):
    """A table of Arrow with further columns by name, or with other cells in those that it has, under their dtypes."""
    arrow = library()
    for name, cells in columns.items():
        if name in table.column_names:
            field = table.schema.field(name)
            cells = arrow.array(cells, from_pandas=True)
            table = table.set_column(table.column_names.index(name), field, cells.cast(field.type, safe=False))
        else:
            table = table.append_column(name, arrow.array(cells, from_pandas=True))
    return table
