"""The one door: a table of whatever library -> a matrix of numbers with holes; what cannot be one is named.

A matrix is a float64 or float32 array (n_samples, n_features), ``SparseRows``, ``ColumnRows``, ``FileRows`` or
``FileColumns``; missing cells are NaN.
"""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array

from skvae._tables.faults import check_names, check_table, with_culprit
from skvae._tables.files import learned_columns, opened, rows_of
from skvae._tables.frames.frame import as_array, holes_as_nan, names_of, numbered
from skvae._tables.frames.sources import Source
from skvae._tables.matrix import ColumnRows, OnDemand, SparseRows, dense, pieces_of
from skvae._tables.on_disk import FileRows
from skvae._tables.schema import Schema
from skvae._tables.weights import as_numbered, counting
from skvae._validation import noted_columns, unchanged, validate_data

CHECKS = {"dtype": [np.float64, np.float32], "order": "C", "ensure_all_finite": "allow-nan"}
"""What scikit-learn is to check of a table."""

FIRST_ROWS = 2
"""Rows that training begins with, at least."""


@dataclass(frozen=True)
class Table:
    """A training table as it was read: the rows that count, and what training needs to know of them.

    ``X`` (n, n_features) is a matrix, ``weight`` (n,) what its rows count, None where all count alike. ``numbers`` (n,)
    are the numbers that these rows have in the table as it was given, None where all count. ``columns`` is what
    scikit-learn notes of the columns on an estimator. ``source`` holds the rows as they were given: messages show its
    cells, and nothing else looks at it.
    """

    schema: Schema
    X: np.ndarray | OnDemand
    weight: np.ndarray | None
    numbers: np.ndarray | None
    columns: dict
    source: Any


def read_training(estimator, X, sample_weight=None, *, schema=None, declared=False, advise=True):
    """The training table of an estimator, on which nothing is changed.

    ``schema`` is that of the rows that training goes on from, None where it begins; levels are then those that rows
    have or, where more rows are to come, that dtypes have ``declared``. ``advise`` is whether to warn of columns that
    may have been meant otherwise.
    """
    begins, X = schema is None, opened(X, type(estimator).__name__)
    check_table(X, type(estimator).__name__)
    rows, weight, numbers = counting(as_array(X), sample_weight)
    with as_numbered(numbers), unchanged(estimator):
        if isinstance(rows, Source) and begins:
            schema, matrix = learned_source(estimator, rows, declared, advise)
            return Table(schema, matrix, weight, numbers, noted_columns(estimator), rows)
        blocks = None
        if begins:
            schema, blocks = learned_schema(estimator, rows, declared, advise)
        matrix = as_matrix(estimator, rows, schema, begins, FIRST_ROWS if begins else 1, blocks)
        if begins and isinstance(matrix, SparseRows):
            schema = replace(schema, sparse=matrix.kind)
        return Table(schema, matrix, weight, numbers, noted_columns(estimator), rows)


def learned_schema(estimator, X, declared, advise):
    """What the columns of a training table hold, and the blocks of a frame from which that is learned."""
    chosen, owner = estimator.categorical_features, type(estimator).__name__
    of_names = chosen is None or isinstance(chosen, str)
    if issparse(X) and not of_names:
        raise ValueError(
            f"categorical_features={chosen!r} needs a dense table or a data frame, but X is "
            "sparse. Use X.toarray(), or likelihood='categorical' for columns that hold level numbers."
        )
    return Schema.learned(X if of_names else numbered(X), chosen, owner, declared, advise)


def learned_source(estimator, source, declared, advise):
    """What the columns of a training table in files hold, and its matrix."""
    checks, owner = CHECKS | {"ensure_min_samples": FIRST_ROWS}, type(estimator).__name__
    if source.shape[0] < FIRST_ROWS or not source.shape[1]:
        check_array(np.zeros(source.shape), **checks, estimator=owner, input_name="X")
    validate_data(estimator, source.none(), reset=True, skip_check_array=True)
    return learned_columns(source, estimator, declared, advise, lambda blocks: finite(blocks, checks, owner))


def read(estimator, X, schema):
    """A table as a matrix, whose columns hold what the ``schema`` says."""
    X = as_array(opened(X, type(estimator).__name__))
    check_table(X, type(estimator).__name__)
    return as_matrix(estimator, X, schema)


def read_beside(estimator, table, X, name):
    """A second table with the columns of a training table; errors tell it by its ``name``."""
    with called(name), unchanged(estimator):
        vars(estimator).update(table.columns)
        return read(estimator, X, table.schema)


@contextmanager
def called(name):
    """Errors about a table, with the name of the parameter that it is."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise type(error)(f"{name}: {error}") from error


def as_matrix(estimator, X, schema, reset=False, minimum=1, blocks=None):
    """What ``check_table`` let through as a matrix of at least ``minimum`` rows.

    With ``reset`` scikit-learn notes the columns on the estimator, otherwise it compares them with what it noted.
    ``blocks`` are those of a frame that the schema is learning from; it reads others itself.
    """
    checks = CHECKS | {"ensure_min_samples": minimum}
    if isinstance(X, Source):
        return source_as_matrix(estimator, X, schema)
    if issparse(X):
        if schema.frame is None and not schema.columns:
            checks |= {"order": None, "ensure_all_finite": True, "accept_sparse": "csr"}
            return SparseRows(validate_data(estimator, X, reset=reset, **checks))
        X = X.toarray()
    if schema.frame is None:
        file = None if schema.columns else FileRows.of(X)
        if file is not None:
            return file_as_matrix(estimator, X, file, reset, checks)
        return array_as_matrix(estimator, X, schema, reset, checks)
    return frame_as_matrix(estimator, numbered(X), schema, reset, checks, blocks)


def source_as_matrix(estimator, source, schema):
    """The same of a table in files, a chunk at a time."""
    if not source.shape[0]:
        check_array(np.zeros(source.shape), **CHECKS, estimator=type(estimator).__name__, input_name="X")

    def numbers(frame, rows):
        with as_numbered(rows):
            return dense(as_matrix(estimator, frame, schema))

    return rows_of(source, numbers)


def array_as_matrix(estimator, X, schema, reset, checks):
    """The same of an array, or of a frame where training saw an array."""
    if is_as_checked(estimator, X, reset, checks):
        return schema.number_levels(X)
    try:
        X = holes_as_nan(X)
        return schema.number_levels(validate_data(estimator, X, reset=reset, **checks))
    except (ValueError, TypeError, OverflowError) as error:
        raise with_culprit(error, X, type(estimator).__name__) from error


def is_as_checked(estimator, X, reset, checks):
    """Whether an array surely is what scikit-learn's checks would make of it, which take long for a few rows."""
    return (
        type(X) is np.ndarray
        and not reset
        and X.dtype in checks["dtype"]
        and X.shape[1:] == (getattr(estimator, "n_features_in_", None),)
        and not hasattr(estimator, "feature_names_in_")
        and len(X) >= checks["ensure_min_samples"]
        and X.flags.c_contiguous
        and bool(np.isfinite(X.sum()))
    )


def file_as_matrix(estimator, X, file, reset, checks):
    """The same of an array that is read from its file as needed."""
    owner = type(estimator).__name__
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    for part, cells in pieces_of(file):
        with as_numbered(np.arange(part.start, part.stop)):
            try:
                check_array(cells, **checks | {"ensure_min_samples": 1}, estimator=owner, input_name="X")
            except ValueError as error:
                raise with_culprit(error, cells, owner) from error
    return file


def frame_as_matrix(estimator, X, schema, reset, checks, blocks=None):
    """The same of what training saw as a frame."""
    owner = type(estimator).__name__
    if not (len(X.shape) == 2 and X.shape[0] >= checks["ensure_min_samples"] and X.shape[1]):
        check_array(np.zeros(X.shape), **checks, estimator=owner, input_name="X")
    try:
        check_names(X, schema.names, owner)
        if reset or names_of(X) != schema.names:  # scikit-learn takes its time to find that names are the same
            validate_data(estimator, X, reset=reset, skip_check_array=True)
        blocks = schema.encode_blocks(X, owner) if blocks is None else blocks
        return ColumnRows.compact(finite(blocks, checks, owner), X.shape[0] * X.shape[1])
    except (ValueError, TypeError, OverflowError) as error:
        raise with_culprit(error, X, owner) from error


def finite(blocks, checks, owner):
    """Blocks of columns of numbers, if they are such as a table may have."""
    for columns, cells in blocks:
        for column in cells[np.isinf(cells).any(axis=1)]:
            check_array(column.reshape(len(column), -1), **checks, estimator=owner, input_name="X")
        yield columns, cells


def read_codes(estimator, Z):
    """Codes as a float64 or float32 array (n_samples, n_components_)."""
    owner = f"inverse_transform of {type(estimator).__name__}"
    check_table(Z, owner, of_codes=True)
    try:
        codes = check_array(as_array(Z), dtype=[np.float64, np.float32], input_name="X")
    except (ValueError, TypeError, OverflowError) as error:
        raise with_culprit(error, Z, owner) from error
    if codes.shape[1] != estimator.n_components_:
        raise ValueError(
            f"X has {codes.shape[1]} columns, but {type(estimator).__name__} has codes of n_components_="
            f"{estimator.n_components_}; pass what transform returns."
        )
    return codes
