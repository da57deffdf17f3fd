"""Tables that are not in memory: files of Parquet, Arrow and CSV, datasets, lazy frames and iterators of chunks.

The only file that knows pyarrow. Columns come one at a time, rows a chunk at a time, as frames.
"""

import copy
import importlib
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from skvae._tables.cells import shown
from skvae._tables.frames.folders import Folder, enough_room
from skvae._tables.frames.frame import is_frame, library_of, some_rows

ROWS_A_CHUNK = 2**16
"""Rows of a chunk, at most."""

FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
}
"""What a file holds, by how its name ends; of a compressed file of text, by how it ends without ``.gz``."""

PACKED = ".gz", ".bz2", ".xz", ".zst"
"""How names of compressed files of text end."""


class Source:
    """A table in files: ``n_rows`` rows under the ``names`` of its columns, read as frames of a ``library``.

    ``dataset`` is one of pyarrow. ``files`` are those that must stay as they are while they are read; ``folder`` is
    one that goes with this object.
    """

    def __init__(self, dataset, library="pandas", files=(), folder=None):
        self._dataset, self._library = dataset, library
        self._files = states_of(files)
        self._folder, self._rows = folder, None
        self.names = columns_of_rows(dataset.schema)
        self._n_rows = read(dataset.count_rows)

    @property
    def shape(self):
        """Numbers of rows and columns."""
        return self._n_rows if self._rows is None else len(self._rows), len(self.names)

    def __len__(self):
        return self.shape[0]

    def of_rows(self, rows):
        """Some of the rows, by their numbers in rising order."""
        some = copy.copy(self)
        some._rows = np.asarray(rows) if self._rows is None else self._rows[rows]
        return some

    def none(self):
        """A frame of all columns without a row."""
        return self._frame(self._dataset.schema.empty_table().select(self.names))

    def column(self, j):
        """All of column ``j`` as a frame."""
        return self._some([self.names[j]])

    def all(self):
        """All rows as a frame."""
        return self._some(self.names)

    def _some(self, names):
        """Some columns as a frame."""
        found = self._frame(read(self._dataset.to_table, columns=names))
        check_unchanged(self._files)
        return found if self._rows is None else some_rows(found, self._rows)

    def chunks(self):
        """All rows, a frame of some at a time."""
        return (frame for _, frame in self.parts())

    def parts(self):
        """The same, with the table of Arrow that each frame is."""
        batches = self._dataset.to_batches(
            columns=self.names, batch_size=ROWS_A_CHUNK, batch_readahead=1, fragment_readahead=1
        )
        arrow, batches, start = library(), iter(batches), 0
        while (batch := read(next, batches, None)) is not None:
            table, stop = arrow.Table.from_batches([batch]), start + batch.num_rows
            if self._rows is not None:
                first, last = np.searchsorted(self._rows, [start, stop])
                table = table.take(self._rows[first:last] - start)
            if len(table):
                yield table, self._frame(table)
            start = stop
        check_unchanged(self._files)

    def _frame(self, table):
        """A table of Arrow as a frame, as ``pandas.read_parquet`` or polars gives it."""
        if self._library == "polars":
            return importlib.import_module("polars").from_arrow(table)
        frame = table.to_pandas()
        return frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index(drop=True)


def source_of(X, owner):
    """What a table that is not in memory is read from; None for one that is, and for what is none."""
    if isinstance(X, Source):
        return X
    if is_path(X) or (isinstance(X, list | tuple) and X and all(map(is_path, X))):
        return of_paths([X] if is_path(X) else list(X), owner)
    if isinstance(X, loaded("pyarrow.dataset", "Dataset")):
        return Source(X, files=getattr(X, "files", ()))
    if isinstance(X, loaded("pyarrow", "RecordBatch")):
        return Source(library("pyarrow.dataset").dataset(library().Table.from_batches([X])))
    if isinstance(X, loaded("pyarrow", "Table")):
        return Source(library("pyarrow.dataset").dataset(X))
    if isinstance(X, loaded("polars", "LazyFrame")):
        return of_lazy(X)
    if isinstance(X, loaded("pyarrow", "RecordBatchReader")) or hasattr(X, "__next__"):
        return of_chunks(X, owner)
    return None


def is_path(X):
    """Whether it names a file or a folder, there or not."""
    if isinstance(X, str):
        return os.path.exists(X) or ending_of(Path(X)) in FORMATS
    return isinstance(X, os.PathLike)


def loaded(module, name):
    """A class of a library, for ``isinstance``; nothing is one where the library is not loaded."""
    return getattr(sys.modules.get(module), name, ())


def library(name="pyarrow"):
    """A module of pyarrow."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError("Tables in files need pyarrow, which is missing: pip install 'skvae[files]'.") from error


def of_paths(paths, owner):
    """The source that files or folders are."""
    for path in paths:
        if not os.path.exists(path):
            raise FileNotFoundError(
                f"X={shown(path)}: there is no such file; {owner} takes rows, or files that hold them."
            )
    formats = {path: format_of(Path(path)) for path in paths}
    others = {form: path for path, form in formats.items()}
    if len(others) > 1:
        several = " and ".join(shown(Path(path).name) for path in others.values())
        raise ValueError(f"X names files of several kinds, {several}; pass one kind.")
    if "csv" in others:
        return of_chunks(rows_of_texts(paths), owner, paths)
    datasets = library("pyarrow.dataset")
    folder = [path for path in paths if os.path.isdir(path)]
    given = paths if len(paths) > 1 or not folder else folder[0]
    found = read(datasets.dataset, given, format=next(iter(others)), partitioning="hive" if folder else None)
    return Source(alike(found, owner), files=found.files)


def format_of(path):
    """What a file or folder holds; an error where its name does not tell."""
    if path.is_dir():
        return "parquet"
    if ending_of(path) not in FORMATS:
        raise ValueError(
            f"X={shown(str(path))}: what it holds cannot be told from its name; known are {', '.join(FORMATS)}."
        )
    return FORMATS[ending_of(path)]


def ending_of(path):
    """How a name ends, without that of a compressed file."""
    endings = path.suffixes[::-1]
    return (endings[1] if len(endings) > 1 and endings[0] in PACKED else path.suffix).lower()


def rows_of_texts(paths):
    """The rows of files of comma- or tab-separated values, as ``pandas.read_csv`` reads them, a frame at a time."""
    for path in map(Path, paths):
        between = "\t" if ".tsv" in path.suffixes else ","
        with pd.read_csv(path, sep=between, chunksize=ROWS_A_CHUNK) as reader:
            yield from reader


def alike(dataset, owner):
    """A dataset all of whose files have the same columns, under dtypes that hold the cells of all of them."""
    fragments = list(dataset.get_fragments())
    schemas = [read(lambda fragment=fragment: fragment.physical_schema) for fragment in fragments]
    if not schemas:
        raise ValueError(f"X names no file that holds rows; {owner} takes folders of files of Parquet.")
    for fragment, schema in zip(fragments, schemas, strict=True):
        check_columns(schema, fragment.path, schemas[0], fragments[0].path, owner)
    partitions = [field for field in dataset.schema if field.name not in set(schemas[0].names)]
    return dataset.replace_schema(library().schema([*unified(schemas, owner), *partitions], dataset.schema.metadata))


def check_columns(schema, name, expected, first, owner):
    """Refuse a part of a table whose columns are not those of the first part."""
    if schema.names == expected.names:
        return
    lacking = [column for column in expected.names if column not in schema.names]
    new = [column for column in schema.names if column not in expected.names]
    what = [f"it lacks {shown(lacking[:3])}"] if lacking else []
    what += [f"it has {shown(new[:3])}"] if new else []
    raise ValueError(
        f"{name} has other columns than {first}: {' and '.join(what) or 'they are in another order'}. {owner} takes "
        "parts of one table: give all of them the same columns."
    )


def unified(schemas, owner):
    """The one schema of the parts of a table."""
    arrow = library()
    try:
        return arrow.unify_schemas(schemas, promote_options="permissive")
    except (arrow.ArrowInvalid, arrow.ArrowTypeError) as error:
        for name in schemas[0].names:
            kinds = list(dict.fromkeys(str(schema.field(name).type) for schema in schemas))
            if len(kinds) > 1:
                raise ValueError(
                    f"column {name!r} is {kinds[0]} in one part of X and {kinds[1]} in another; {owner} takes one kind "
                    "of cells in a column: convert it in all parts."
                ) from error
        raise


def of_lazy(X):
    """The source that a lazy frame of polars is: what it gives, written into a folder of its own."""
    folder = Folder()
    path = folder.path / "rows.parquet"
    with enough_room(path):
        X.sink_parquet(path)
    return Source(library("pyarrow.dataset").dataset(path, format="parquet"), "polars", folder=folder)


def of_chunks(chunks, owner, files=()):
    """The source that frames or batches of Arrow are which come one after the other, kept in a folder."""
    arrow, folder, schemas, kind = library(), Folder(), [], "pandas"
    before, parts = states_of(files), []
    for number, chunk in enumerate(chunks):
        table = as_table(chunk, f"chunk {number}", owner)
        kind = library_of(chunk) or kind
        check_columns(table.schema, f"chunk {number}", schemas[0] if schemas else table.schema, "chunk 0", owner)
        part = folder.path / f"{number:08d}.arrow"
        with enough_room(part), arrow.OSFile(str(part), "wb") as file, arrow.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        schemas.append(table.schema)
        parts.append(str(part))
    check_unchanged(before)
    if not schemas:
        raise ValueError(f"X gives no chunk at all; {owner} takes rows.")
    schema = unified([schema.remove_metadata() for schema in schemas], owner).with_metadata(schemas[0].metadata)
    return Source(library("pyarrow.dataset").dataset(parts, schema=schema, format="arrow"), kind, folder=folder)


def as_table(chunk, name, owner):
    """A frame or a batch of Arrow as a table of Arrow."""
    arrow = library()
    if isinstance(chunk, arrow.RecordBatch):
        return arrow.Table.from_batches([chunk])
    if isinstance(chunk, arrow.Table):
        return chunk
    if not is_frame(chunk):
        raise ValueError(
            f"{name} of X is {shown(chunk)}, a {type(chunk).__name__}, but {owner} takes chunks that are frames or "
            "batches of Arrow; of an array make one, as pandas.DataFrame(chunk) does."
        )
    if library_of(chunk) == "polars":
        return chunk.to_arrow()
    try:
        return arrow.Table.from_pandas(chunk, preserve_index=False)
    except (arrow.ArrowInvalid, arrow.ArrowTypeError, arrow.ArrowNotImplementedError) as error:
        raise ValueError(f"{name} of X cannot be kept: {'; '.join(map(str, error.args))}") from error


def columns_of_rows(schema):
    """The names of the columns of a dataset that hold cells, and not labels of rows."""
    told = schema.pandas_metadata or {}
    labels = [label for label in told.get("index_columns", []) if isinstance(label, str)]
    return [name for name in schema.names if name not in labels]


def states_of(files):
    """What tells of each file whether it was written anew."""
    found = {file: os.stat(file) for file in files}
    return {file: (stat.st_size, stat.st_mtime_ns) for file, stat in found.items()}


def check_unchanged(states):
    """Refuse files that are no longer what they were."""
    now = states_of(states)
    for file, state in states.items():
        if now[file] != state:
            raise ValueError(
                f"{file} has changed while it was read, so that its rows belong to two tables; start again once "
                "it is written."
            )


def read(function, *args, **params):
    """What a function of pyarrow gives; what it says of a file that cannot be read is an error of a value."""
    arrow = library()
    try:
        return function(*args, **params)
    except arrow.ArrowException as error:
        raise ValueError(f"X cannot be read: {error}") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise ValueError(f"X cannot be read, a file is no such file or is cut short: {error}") from error
