"""Columns of a frame that are plain numbers, by the block: those of one dtype at once, and back.

A frame of thousands of columns is read and written in a few steps, where one Series a column would take most of the
time. Never: what other columns hold.
"""

import importlib
from collections import defaultdict
from itertools import chain

import numpy as np
import pandas as pd

from skvae._tables.frames.frame import columns_of, cut, library_of
from skvae._tables.limits import clipped

CELLS_A_BLOCK = 2**18
"""Most cells of a block with more than one column: of a long table columns come one at a time, in little memory."""

LETTERS = {"b": "b", "i": "i", "u": "i", "f": "f"}
"""Letters of plain dtypes, "b" of booleans, "i" of whole numbers, "f" of others, by those that numpy gives dtypes."""

MASKED = (
    *(pd.Int8Dtype, pd.Int16Dtype, pd.Int32Dtype, pd.Int64Dtype),
    *(pd.UInt8Dtype, pd.UInt16Dtype, pd.UInt32Dtype, pd.UInt64Dtype),
    *(pd.Float32Dtype, pd.Float64Dtype, pd.BooleanDtype),
)
"""Dtypes of pandas that are those of numpy with missing cells."""

LETTERS_OF_POLARS = {
    **dict.fromkeys(("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"), "i"),
    **dict.fromkeys(("Float16", "Float32", "Float64"), "f"),
    "Boolean": "b",
}
"""Letters of plain dtypes of polars, by their names."""

POLARS_NAME = {"Boolean": "bool"}
"""Names of dtypes that numpy calls otherwise."""

MASKED_ARRAYS = {
    **dict.fromkeys("iu", pd.arrays.IntegerArray),
    "f": pd.arrays.FloatingArray,
    "b": pd.arrays.BooleanArray,
}
"""Arrays of pandas whose cells may be missing, by the letter of the dtype of numpy."""


def plain_letter(dtype):
    """The letter of a plain dtype, one of LETTERS; None for others."""
    if isinstance(dtype, (np.dtype, pd.ArrowDtype, *MASKED)):
        return LETTERS.get(dtype.kind)
    return LETTERS_OF_POLARS.get(type(dtype).__name__) if type(dtype).__module__.startswith("polars") else None


def plain_groups(dtypes):
    """Pairs of a dtype whose cells are plain and the numbers of its columns."""
    objects, alike, groups = defaultdict(list), defaultdict(list), {}
    for j, key in enumerate(map(id, dtypes)):
        objects[key].append(j)
    for columns in objects.values():
        alike[same(dtypes[columns[0]])].extend(columns)
    for columns in alike.values():
        if plain_letter(dtypes[columns[0]]) is not None:
            groups.setdefault(dtypes[columns[0]], []).extend(columns)
    return groups.items()


def same(dtype):
    """What columns of one plain dtype share; they may have an object each, which takes long to compare."""
    if isinstance(dtype, pd.ArrowDtype):
        return dtype.pyarrow_dtype.id
    return id(type(dtype) if type(dtype).__module__.startswith("polars") else dtype)


def plain_blocks(X):
    """Blocks of the columns of a frame that are plain: what they are, their numbers, and their cells (n, n_columns).

    Cells are float64, NaN where they are missing, and may be those of the frame: they are to be read only.
    """
    if isinstance(X, np.ndarray):
        yield from (
            [(LETTERS[X.dtype.kind], np.arange(X.shape[1]), X.astype(np.float64))] if X.dtype.kind in LETTERS else []
        )
        return
    for dtype, group in plain_groups(list(X.dtypes)):
        for columns in in_blocks(group, len(X)):
            yield plain_letter(dtype), columns, cells_of_block(X, columns, dtype)


def in_blocks(columns, n_rows):
    """Column numbers, as many at a time as a block of so many rows may have."""
    size = max(CELLS_A_BLOCK // max(n_rows, 1), 1)
    return (np.array(columns[start : start + size]) for start in range(0, len(columns), size))


def may_lack(X):
    """Mask of the columns of a frame that lack cells, as far as they are plain; True for the others."""
    lacking = np.ones(X.shape[1], dtype=bool)
    for _, columns, cells in plain_blocks(X):
        lacking[columns] = np.isnan(cells).any(axis=0)
    return lacking


def cells_of_block(X, columns, dtype):
    """Cells (n, n_columns) of columns of one plain dtype, float64, NaN where they are missing."""
    block = columns_of(X, columns)
    if not hasattr(X, "iloc"):
        with_holes = plain_letter(dtype) == "b" and any(block.null_count().row(0))
        block = block.cast(importlib.import_module(library_of(X)).UInt8) if with_holes else block
        return block.to_numpy().astype(np.float64, copy=False)
    if isinstance(dtype, np.dtype):
        return block.to_numpy().astype(np.float64, copy=False)
    return block.to_numpy(dtype=np.float64, na_value=np.nan)


def as_plain(numbers, letter, dtype):
    """Numbers (n, n_columns) that are all there as plain cells of a dtype of numpy."""
    if letter == "b":
        return np.clip(np.rint(numbers), 0.0, 1.0).astype(bool)
    return clipped(numbers, dtype).astype(dtype)


def plain_columns(columns, library):
    """The numbers of the columns that cells of a plain dtype were, by what they hold and by the dtype."""
    groups = {}
    for j, column in enumerate(columns):
        if column.letter is not None:
            groups.setdefault((column.letter, column.dtype), []).append(j)
    dtypes = {key: plain_dtype(key[1], library) for key in groups}
    return {(key[0], dtypes[key]): np.array(js) for key, js in groups.items() if dtypes[key] is not None}


def plain_dtype(dtype, library):
    """The dtype of a library that is called so, if its cells are plain; None else."""
    if library == "polars":
        return getattr(importlib.import_module(library), dtype) if LETTERS_OF_POLARS.get(dtype) is not None else None
    dtype = pd.api.types.pandas_dtype(dtype)
    return dtype if plain_letter(dtype) is not None else None


def numpy_of(dtype):
    """The dtype of numpy that holds the cells of a plain dtype."""
    if isinstance(dtype, np.dtype):
        return dtype
    return np.dtype(
        dtype.numpy_dtype if hasattr(dtype, "numpy_dtype") else POLARS_NAME.get(str(dtype), str(dtype).lower())
    )


def as_block(library, numbers, letter, dtype):
    """Numbers (n, n_columns), NaN where cells are missing, as a block of cells of a plain dtype."""
    missing, plain = np.isnan(numbers), numpy_of(dtype)
    values = as_plain(numbers if letter == "f" else np.where(missing, 0.0, numbers), letter, plain)
    return with_missing(library, values, missing, dtype)


def with_missing(library, values, missing, dtype):
    """Cells (n, n_columns) of numpy as a block of a plain dtype: as they are, a list of columns, or a polars frame."""
    if isinstance(dtype, np.dtype):
        return values
    if library == "polars":
        of_polars = importlib.import_module(library).Series
        cells = of_polars(values.ravel("F")).cast(dtype)
        cells = cells.set(of_polars(missing.ravel("F")), None) if missing.any() else cells
        return cut(cells, values.shape)
    if isinstance(dtype, pd.ArrowDtype):
        mask = missing.ravel("F") if missing.any() else None
        cells = importlib.import_module("pyarrow").array(values.ravel("F"), dtype.pyarrow_dtype, mask=mask)
        return [pd.arrays.ArrowExtensionArray(column) for column in cut(cells, values.shape)]
    columns = zip(np.ascontiguousarray(values.T), np.ascontiguousarray(missing.T), strict=True)
    return [MASKED_ARRAYS[values.dtype.kind](*column) for column in columns]


def text_columns(columns, n_rows):
    """Lists of the numbers of those columns whose dtype is one of texts, alike in it and of so few cells as a block."""
    groups = {}
    for j, column in enumerate(columns):
        if column.are_texts and str(column.dtype) in ("str", "string", "String"):
            groups.setdefault(column.dtype, []).append(j)
    for dtype, group in groups.items():
        yield from ((dtype, columns) for columns in in_blocks(group, n_rows))


def text_block(library, levels, numbers, dtype):
    """Numbers (n, n_columns) of texts, NaN where they are missing, as a list of columns; a column has some levels."""
    sizes, missing = np.array([len(each) for each in levels]), np.isnan(numbers)
    place = np.clip(np.rint(np.where(missing, 0.0, numbers)), 0, sizes - 1).astype(np.int64) + sizes.cumsum() - sizes
    place = np.where(missing, sizes.sum(), place).ravel("F")
    texts = [*chain.from_iterable(levels), None]
    if library == "polars":
        return cut(importlib.import_module(library).Series(texts).gather(place), numbers.shape)
    return cut(pd.array(texts, dtype=dtype).take(place), numbers.shape)


def exact_block(X, columns, dtype):
    """Cells (n, n_columns) of columns of one plain dtype to the last digit; whatever where they are missing."""
    block, plain = columns_of(X, columns), numpy_of(dtype)
    if not hasattr(X, "iloc"):
        return block.fill_null(False if plain.kind == "b" else 0).to_numpy().astype(plain, copy=False)
    return block.to_numpy() if isinstance(dtype, np.dtype) else block.fillna(plain.type(0)).to_numpy(dtype=plain)


def filled_block(X, columns, missing, numbers):
    """Columns of one plain dtype with missing cells (n, n_columns) taken from numbers (n, n_columns)."""
    dtype = list(X.dtypes)[columns[0]]
    cells = exact_block(X, columns, dtype)
    expected = as_plain(np.where(missing, numbers, 0.0), plain_letter(dtype), numpy_of(dtype))
    return with_missing(library_of(X), np.where(missing, expected, cells), np.zeros_like(missing), dtype)
