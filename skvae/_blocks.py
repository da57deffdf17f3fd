"""Columns of a frame that are plain numbers, by the block: those of one dtype at once, and back.

A frame of thousands of columns is read and written in a few steps, where one Series a column would take most of the
time. Never: what other columns hold.
"""

import importlib

import numpy as np
import pandas as pd

CELLS_A_BLOCK = 2**18
"""Most cells of a block with more than one column: of a long table columns come one at a time, in little memory."""

KINDS = {"b": "boolean", "i": "integer", "u": "integer", "f": "real"}
"""What cells of a dtype of numpy are, by its letter."""

MASKED = (
    *(pd.Int8Dtype, pd.Int16Dtype, pd.Int32Dtype, pd.Int64Dtype),
    *(pd.UInt8Dtype, pd.UInt16Dtype, pd.UInt32Dtype, pd.UInt64Dtype),
    *(pd.Float32Dtype, pd.Float64Dtype, pd.BooleanDtype),
)
"""Dtypes of pandas that are those of numpy with missing cells."""

OF_POLARS = {
    **dict.fromkeys(("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"), "integer"),
    **dict.fromkeys(("Float32", "Float64"), "real"),
    "Boolean": "boolean",
}
"""What cells of a dtype of polars are, by its name."""


def plain_kind(dtype):
    """What the cells of a dtype are, as ``Column.kind`` says it: "real", "integer" or "boolean"; None for others."""
    if isinstance(dtype, (np.dtype, pd.ArrowDtype, *MASKED)):
        return KINDS.get(dtype.kind)
    return OF_POLARS.get(type(dtype).__name__) if type(dtype).__module__.startswith("polars") else None


def plain_groups(dtypes):
    """Pairs of a dtype whose cells are plain and the numbers of its columns."""
    plain, groups = {}, {}
    for j, dtype in enumerate(dtypes):
        if id(dtype) not in plain:
            plain[id(dtype)] = plain_kind(dtype) is not None
        if plain[id(dtype)]:
            groups.setdefault(dtype, []).append(j)
    return groups.items()


def plain_blocks(X):
    """Blocks of the columns of a frame that are plain: what they are, their numbers, and their cells (n, n_columns).

    Cells are float64, NaN where they are missing, and may be those of the frame: they are to be read only.
    """
    if isinstance(X, np.ndarray):
        yield from [(KINDS[X.dtype.kind], np.arange(X.shape[1]), X.astype(np.float64))] if X.dtype.kind in KINDS else []
        return
    for dtype, group in plain_groups(list(X.dtypes)):
        size = max(CELLS_A_BLOCK // max(len(X), 1), 1)
        for start in range(0, len(group), size):
            columns = np.array(group[start : start + size])
            yield plain_kind(dtype), columns, cells_of_block(X, columns, dtype)


def may_lack(X):
    """Mask of the columns of a frame that lack cells, as far as they are plain; True for the others."""
    lacking = np.ones(X.shape[1], dtype=bool)
    for _, columns, cells in plain_blocks(X):
        lacking[columns] = np.isnan(cells).any(axis=0)
    return lacking


def cells_of_block(X, columns, dtype):
    """Cells (n, n_columns) of columns of one plain dtype, float64, NaN where they are missing."""
    is_all = len(columns) == X.shape[1]
    if not hasattr(X, "iloc"):
        return (X if is_all else X[:, columns.tolist()]).cast(of_polars(X, "Float64")).to_numpy()
    block = X if is_all else X.iloc[:, columns]
    if isinstance(dtype, np.dtype):
        return block.to_numpy().astype(np.float64, copy=False)
    return block.to_numpy(dtype=np.float64, na_value=np.nan)


def of_polars(X, name):
    """Something of the library of a polars frame."""
    return getattr(importlib.import_module(type(X).__module__.split(".")[0]), name)


def as_plain(numbers, kind, dtype):
    """Numbers (n, n_columns) that are all there as plain cells of a dtype of numpy, or of numbers for one of polars."""
    if kind == "boolean":
        return np.clip(np.rint(numbers), 0.0, 1.0).astype(bool)
    if kind == "integer":
        numbers = np.rint(numbers)
        if dtype.kind in "iu":
            numbers = np.clip(numbers, *float_limits(dtype))
    return numbers.astype(dtype)


def float_limits(dtype):
    """Least and most float64 that an integer dtype holds."""
    limits = np.iinfo(dtype)
    most = float(limits.max)
    return limits.min, most if int(most) <= limits.max else np.nextafter(most, 0.0)


def joined(parts, index=None):
    """A frame of pandas of pairs of column numbers and their cells: an array or a frame, or a list of Series."""
    parts = [numbered_columns(cells, columns) for columns, cells in parts]
    frame = parts[0] if len(parts) == 1 else pd.concat(parts, axis=1)
    order = np.argsort(frame.columns.to_numpy(), kind="stable")
    frame = frame if (np.diff(order) == 1).all() else frame.iloc[:, order]
    return frame if index is None else frame.set_axis(index)


def numbered_columns(cells, columns):
    """Cells as a frame of pandas whose columns and rows are called by their numbers."""
    if isinstance(cells, list):
        return pd.DataFrame(dict(zip(columns, cells, strict=True)))
    if isinstance(cells, np.ndarray):
        return pd.DataFrame(cells, columns=columns)
    return cells.set_axis(columns, axis=1).reset_index(drop=True)


def side_by_side(library, parts, names):
    """The same for polars, under the names of the columns."""
    series = {}
    for columns, cells in parts:
        if isinstance(cells, np.ndarray):
            cells = library.DataFrame(cells, orient="row")
        series.update(zip(columns, cells if isinstance(cells, list) else cells.get_columns(), strict=True))
    return library.DataFrame([series[j].alias(name) for j, name in enumerate(names)])


def plain_columns(columns, library):
    """The numbers of the columns that cells of a plain dtype were, by what they hold and by the dtype."""
    groups = {}
    for j, column in enumerate(columns):
        if column.kind in ("real", "integer", "boolean"):
            groups.setdefault((column.kind, column.dtype), []).append(j)
    dtypes = {key: plain_dtype(key[1], library) for key in groups}
    return {(key[0], dtypes[key]): np.array(js) for key, js in groups.items() if dtypes[key] is not None}


def plain_dtype(dtype, library):
    """The dtype of a library that is called so, if its cells are plain and, in pandas, those of numpy; None else."""
    if library == "polars":
        return getattr(importlib.import_module(library), dtype) if OF_POLARS.get(dtype) is not None else None
    if isinstance(dtype, str):
        dtype = np.dtype(dtype) if dtype.rstrip("0123456789") in ("bool", "int", "uint", "float") else None
    return dtype if isinstance(dtype, np.dtype) and plain_kind(dtype) is not None else None


def block_of(library, numbers, kind, dtype):
    """Numbers (n, n_columns) as a block of cells of a plain dtype; only real ones may be missing."""
    if library == "pandas":
        return as_plain(numbers, kind, dtype)
    frame = importlib.import_module(library).DataFrame(as_plain(numbers, kind, np.dtype(np.float64)), orient="row")
    return (frame.fill_nan(None) if kind == "real" else frame).cast(dtype)


def holds_floats(dtype):
    """Whether float64 holds all cells of a plain dtype and the other way round, but for rounding."""
    return plain_kind(dtype) == "real" and getattr(dtype, "itemsize", 8) <= 8


def floats_as(X, numbers, dtype):
    """Numbers (n, n_columns) as a block of cells of a dtype of floats of X."""
    if isinstance(dtype, np.dtype):
        return numbers.astype(dtype)
    if hasattr(X, "iloc"):
        return pd.DataFrame(numbers).astype(dtype)
    return type(X)(numbers, orient="row").fill_nan(None).cast(dtype)


def columns_of(X, columns):
    """Some columns of a frame as a frame."""
    return X.iloc[:, columns] if hasattr(X, "iloc") else X[:, columns]


def beside(X, parts):
    """A frame like X, with its labels, of all its columns: pairs as in ``joined``."""
    if hasattr(X, "iloc"):
        return joined(parts, X.index).set_axis(X.columns, axis=1)
    return side_by_side(importlib.import_module(type(X).__module__.split(".")[0]), parts, X.columns)
