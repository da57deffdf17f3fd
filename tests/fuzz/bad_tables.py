"""Tables that do not suit a fitted estimator."""

from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse

from . import laws
from .laws import Refusal, require, rows_of


def bad_rows(run):
    """Tables that do not suit the fitted estimator are errors that name what is wrong, and change nothing."""
    name = sorted(BAD_ROWS)[run.rng.randint(len(BAD_ROWS))]
    made = BAD_ROWS[name](run)
    if made is None:
        return
    table, must = made
    methods = ["score_samples", "partial_fit", "fit" if name in ALWAYS_BAD else "score_samples"]
    methods += ["explain"] if run.is_detector else ["transform", "impute", "score_features"]
    method = methods[run.rng.randint(len(methods))]
    if not hasattr(run.estimator, method):
        return
    call = partial(getattr(run.estimator, method), table)
    outcome = run.call(f"{method} of {name}", call, must=must, changes=method in ("fit", "partial_fit"))
    if name in ALWAYS_BAD and isinstance(outcome, Refusal):
        text = str(outcome.error)
        require(laws.OF_TABLES.search(text), "errors of what is no table say what it is", f"{method} of {name}: {text}")
    if method == "fit" and not isinstance(outcome, Refusal):
        run.fitted = False
    after_bad(run, outcome)


def after_bad(run, outcome):
    """A later good call works."""
    if isinstance(outcome, Refusal):
        scores = run.call("score_samples", lambda: run.estimator.score_samples(run.X), run.X, must=run.accepts)
        if not isinstance(scores, Refusal):
            laws.scores_are_finite(scores, run.X)


def without_column(run):
    """One column fewer."""
    if len(run.case.columns) > 1:
        return columns_of(run.X, list(range(len(run.case.columns) - 1))), False


def with_column(run):
    """One column more."""
    X = run.X
    if isinstance(X, pd.DataFrame):
        return X.assign(**{"one more": 1.0}) if X.columns.nlevels == 1 else None, False
    if isinstance(X, pl.DataFrame):
        return X.with_columns(pl.lit(1.0).alias("one more")), False
    return columns_of(X, [*range(len(run.case.columns)), 0]), False


def in_another_order(run):
    """The columns of a frame in another order."""
    if run.case.is_frame and len(run.case.columns) > 1:
        return columns_of(run.X, list(range(len(run.case.columns)))[::-1]), False


def under_other_names(run):
    """Another name for a column of a frame."""
    if isinstance(run.X, pd.DataFrame) and run.X.columns.nlevels == 1:
        return run.X.set_axis(["another", *run.X.columns[1:]], axis=1), False
    if isinstance(run.X, pl.DataFrame):
        return run.X.rename({run.X.columns[0]: "another"}), False


def with_infinity(run):
    """An infinite cell in a column of numbers."""
    j = run.rng.randint(len(run.case.columns))
    if isinstance(run.X, np.ndarray) and run.X.dtype.kind == "f":
        return put(run.X, run, j, np.inf), False
    if isinstance(run.X, pd.DataFrame) and laws.dtype_of(run.X, j) in ("float64", "float32"):
        return put(run.X, run, j, np.inf), False


def with_cell(cell, must=None):
    """Another cell in a column of a frame, as an object."""

    def make(run):
        j = run.rng.randint(len(run.case.columns))
        if isinstance(run.X, pd.DataFrame):
            X = run.X.copy()
            cells = X.iloc[:, j].astype(object)
            values = cells.tolist()
            values[run.rng.randint(len(values))] = cell
            held = np.empty(len(values), dtype=object)
            for i, value in enumerate(values):
                held[i] = value
            X.isetitem(j, pd.Series(held, index=X.index, dtype=object))
            return X, must
        if isinstance(run.X, np.ndarray) and run.X.dtype == object and not isinstance(cell, np.datetime64):
            return put(run.X, run, j, cell), must

    return make


def put(X, run, j, cell):
    """A copy of a table with another cell in column j."""
    X, row = X.copy(), run.rng.randint(run.case.n_rows)
    if isinstance(X, pd.DataFrame):
        X.isetitem(j, X.iloc[:, j].where(np.arange(len(X)) != row, cell))
    else:
        X[row, j] = cell
    return X


def columns_of(X, columns):
    """Some columns of a table, as the same kind of table."""
    if isinstance(X, list):
        return [[row[j] for j in columns] for row in X]
    if isinstance(X, pd.DataFrame):
        return X.iloc[:, columns]
    if isinstance(X, pl.DataFrame):
        return X[:, columns]
    return X.tocsr()[:, columns] if scipy.sparse.issparse(X) else X[:, columns]


def in_another_dtype(run):
    """A frame as objects, or as what pandas thinks best."""
    if isinstance(run.X, pd.DataFrame):
        try:
            return (run.X.astype(object) if run.rng.randint(2) else run.X.convert_dtypes()), None
        except Exception:  # pandas cannot convert all that it holds
            return None


def as_array(run):
    """The cells of a frame without their names."""
    if run.case.is_frame:
        return run.X.to_numpy(), None


def as_other_frame(run):
    """A frame of the other library."""
    if isinstance(run.X, pd.DataFrame):
        try:
            return pl.from_pandas(run.X.reset_index(drop=True)), None
        except Exception:  # nor can polars hold all that pandas does
            return None
    if isinstance(run.X, pl.DataFrame):
        return run.X.to_pandas(), None


BAD_ROWS = {
    "a column fewer": without_column,
    "a column more": with_column,
    "columns in another order": in_another_order,
    "other names": under_other_names,
    "an infinite cell": with_infinity,
    "a text": with_cell("abc"),
    "a number": with_cell(7.5),
    "a date": with_cell(pd.Timestamp("2020-01-01")),
    "a date in a zone": with_cell(pd.Timestamp("2020-01-01", tz="UTC")),
    "a numpy date": with_cell(np.datetime64("2020-01-01")),
    "a list": with_cell([1, 2]),
    "a dictionary": with_cell({"a": 1}),
    "a complex number": with_cell(1j),
    "an infinite number": with_cell(float("inf")),
    "a number beyond float64": with_cell(10**400),
    "a tuple": with_cell((1, 2)),
    "other dtypes": in_another_dtype,
    "an array": as_array,
    "the other library": as_other_frame,
    "no rows": lambda run: (rows_of(run.X, []) if not isinstance(run.X, list) else [], False),
    "one dimension": lambda run: (np.zeros(5), False),
    "three dimensions": lambda run: (np.zeros((3, len(run.case.columns), 1)), False),
    "nothing": lambda run: (None, False),
    "a scalar": lambda run: (3.0, False),
    "a word": lambda run: ("table", False),
    "a dictionary of lists": lambda run: ({"a": [1, 2]}, False),
    "a set": lambda run: ({1, 2}, False),
    "a series": lambda run: (pd.Series([1.0, 2.0, 3.0]), False),
    "rows of unequal length": lambda run: ([[1.0], [1.0, 2.0]], False),
    "complex numbers": lambda run: (np.zeros((3, len(run.case.columns))) + 1j, False),
    "an array of dates": lambda run: (np.full((3, len(run.case.columns)), np.datetime64("2020")), False),
    "an array of texts": lambda run: (
        np.full((3, len(run.case.columns)), "abc"),
        False if not run.case.is_frame else None,
    ),
    "a lazy frame": lambda run: (pl.DataFrame({"a": [1.0, 2.0]}).lazy(), False),
}
"""Tables that do not suit: the table and whether it must be an error, or None where there is none."""


ALWAYS_BAD = (
    "no rows", "one dimension", "three dimensions", "nothing", "a scalar", "a word", "a dictionary of lists", "a set",
    "a series", "rows of unequal length", "complex numbers", "an array of dates", "an array of texts", "a lazy frame",
)  # fmt: skip
"""Those that cannot be fitted on either."""
