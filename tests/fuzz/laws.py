"""What must hold of every outcome: of results, of errors and warnings, and of all that a call must leave alone."""

import copy
import datetime
import math
import random
import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import scipy.sparse
import torch
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError

from skvae import AutoencoderOutlierDetector, VAETransformer

WEIGHTS_IN_BATCHES = True
"""Whether weights are repetitions in mini-batches too; otherwise in full batches only."""

ERRORS = ValueError, TypeError, NotFittedError
"""Documented types of errors, subclasses included."""

PARAMETERS = sorted({*VAETransformer().get_params(), *AutoencoderOutlierDetector().get_params()})
CULPRIT = re.compile(
    r"X is a|column|row \d|X_val|sample_weight|[Ss]ample weights|given=|n_samples|n_imputations|n_columns|"
    r"feature\(s\)|sample\(s\)|features|[Ff]eature names|Reshape|Training goes on|sparse|instance is not fitted|"
    r"Complex data|names|dim \d|Found array with|" + "|".join(PARAMETERS)
)
"""What a message may name: a column or row, a parameter, or the shape of the table."""

REMEDY = re.compile(
    r"[Uu]se |[Gg]ive |drop|convert|replace|[Pp]ass |takes|rename|[Ss]et |[Ll]ower|[Dd]ivide|needs|must|fill|expecting|"
    r"expected|"
    r"required|Reshape|Call 'fit'|Leave out|leave it out|put |make |[Tt]ake |not supported|describes|should match|"
    r"was not fitted on|it has|never was|missing or not finite|cells, not|only support|minimum|exceed|match",
    re.IGNORECASE,
)
"""What a message says of the way out: what to do, or what would be right."""

RAW = re.compile(
    r"could not broadcast|operands|not aligned|out of bounds|out of range|size of tensor|mat1|stride|object has no|"
    r"NoneType|not subscriptable|unhashable|Traceback|Expected .* (tensor|device)|invalid literal|Length mismatch|"
    r"cannot reshape|cannot convert|cannot safely|Cannot cast|ufunc|concatenate|boolean value of NA|ambiguous|"
    r"unsupported operand|not supported between|missing \d+ required|unexpected keyword|Must have equal len|"
    r"incompatible|conversion from|Out of bounds|zero-size|empty sequence|Boolean array expected|Invalid value '|"
    r"ArrowInvalid|Arrow\w+Error|PyO3|panicked|tz-naive|tz-aware|setting an array element|"
    r"inhomogeneous|Negative values in data|Expected 2D array, got"
)
"""What only torch, numpy, pandas or polars say of themselves."""

OF_WEIGHTS = re.compile(r"sample_weight (holds|has shape|is zero)[\s\S]*([Pp]ass|needs)")
"""What an error of weights says: the parameter, what is wrong with it, and what to give."""

OF_TABLES = re.compile(
    r"X is .*(Use|[Pp]ass|call)|X has shape|X, row \d+ holds|column|feature|sample\(s\)|Complex data", re.DOTALL
)
"""What an error of what is no table says of it."""

WARNINGS = {
    UserWarning: "components say nothing|importance draws|The codes drawn for|feature names|interrupted|"
    "They are not learned and not drawn",
    ConvergenceWarning: "Training diverged",
    DataConversionWarning: "nearly all its other cells are numbers|no cell is of that kind, and they are read as such|"
    "Such a column is an identifier",
}
"""Documented warnings, and what they say."""


class Fault(AssertionError):  # noqa: N818
    """An outcome that is neither a correct result nor a documented error."""

    def __init__(self, law, text):
        super().__init__(f"{law}: {text}")
        self.law = law


class Hang(BaseException):
    """A case that takes too long."""


@dataclass(frozen=True)
class Refusal:
    """A documented error."""

    error: Exception

    @property
    def name(self):
        """The type of the error that is documented."""
        return next(kind.__name__ for kind in reversed(ERRORS) if isinstance(self.error, kind))


def require(condition, law, text=""):
    """A fault under this law unless the condition holds."""
    if not condition:
        raise Fault(law, text() if callable(text) else text)


def watched(step, function, *tables):
    """What a call returns, or its Refusal; a fault where it leaves anything behind or raises what it must not."""
    before, kept = global_state(), [copy_of(table) for table in tables]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        filters = list(warnings.filters)
        try:
            outcome = function()
        except (Hang, Fault, KeyboardInterrupt):
            raise
        except BaseException as error:
            outcome = documented(step, error)
        added = [entry for entry in warnings.filters if entry not in filters]
        require(warnings.filters == filters, "warning filters stay", f"{step}: {added}")
    for warning in said:
        documented_warning(step, warning)
    after = global_state()
    for name, value in before.items():
        require(value == after[name], f"global state stays: {name}", step)
    for table, copied in zip(tables, kept, strict=True):
        require(same_table(table, copied), "the caller's table stays as it is", step)
    return outcome


def documented(step, error):
    """The error as a Refusal, if it is one of those that are documented."""
    text, kind = str(error), type(error).__name__
    if not isinstance(error, ERRORS):
        raise Fault(f"errors are ValueError, TypeError or NotFittedError, not {kind}", f"{step}: {text}") from error
    if not CULPRIT.search(text) or not REMEDY.search(text):
        raise Fault("errors name a culprit and a remedy", f"{step}: {kind}: {text}") from error
    if RAW.search(text):
        raise Fault("errors are in the user's words", f"{step}: {kind}: {text}") from error
    return Refusal(error)


def documented_warning(step, warning):
    """A fault unless the warning is one of those that are documented."""
    pattern = WARNINGS.get(warning.category)
    text = f"{step}: {warning.category.__name__}: {warning.message} ({warning.filename}:{warning.lineno})"
    require(pattern and re.search(pattern, str(warning.message)), "only documented warnings", text)


def global_state():
    """All that a call must leave as it was."""
    state = np.random.get_state()
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": (state[1].tobytes(), state[2:]),
        "random": hash(random.getstate()),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "errors of numpy": tuple(np.geterr().items()),
        "copies of pandas": pd.get_option("mode.string_storage"),
    }


def copy_of(table):
    """An independent copy of a table, of weights or of None."""
    if isinstance(table, pd.DataFrame):
        return table.copy(deep=True)
    if isinstance(table, np.ndarray) and table.dtype == object:
        return table.copy()
    return copy.deepcopy(table) if isinstance(table, list | np.ndarray) or scipy.sparse.issparse(table) else table


def same_table(one, other):
    """Whether two tables hold the same cells in the same types."""
    if scipy.sparse.issparse(one):
        return (
            type(one) is type(other)
            and one.dtype == other.dtype
            and np.array_equal(one.toarray(), other.toarray(), equal_nan=True)
        )
    if isinstance(one, pd.DataFrame):
        return (
            one.columns.equals(other.columns)
            and one.index.equals(other.index)
            and list(one.dtypes) == list(other.dtypes)
            and all(same_cells(cells_of(one, j), cells_of(other, j)) for j in range(one.shape[1]))
        )
    if isinstance(one, np.ndarray):
        return (
            one.dtype == other.dtype
            and one.shape == other.shape
            and same_cells(one.ravel().tolist(), other.ravel().tolist())
        )
    if hasattr(one, "to_series"):
        return one.schema == other.schema and all(
            same_cells(cells_of(one, j), cells_of(other, j)) for j in range(one.shape[1])
        )
    return (
        same_cells(list(np.ravel(one)), list(np.ravel(other)))
        if isinstance(one, list)
        else one is other or one == other
    )


def width(X):
    """How many columns a table has."""
    return X.shape[1] if hasattr(X, "shape") else len(X[0])


def length(X):
    """How many rows a table has."""
    return X.shape[0] if hasattr(X, "shape") else len(X)


def cells_of(X, j):
    """Cells of one column as Python objects; times of pandas as whole numbers, as they may lie in any year."""
    if isinstance(X, pd.DataFrame):
        cells = X.iloc[:, j]
        if isinstance(cells.dtype, pd.DatetimeTZDtype):
            cells = cells.dt.tz_convert("UTC").dt.tz_localize(None)
        if isinstance(cells.dtype, np.dtype) and cells.dtype.kind in "mM":
            return [
                None if gone else tick for tick, gone in zip(cells.astype("int64").tolist(), cells.isna(), strict=True)
            ]
        return cells.astype(object).tolist()
    if hasattr(X, "to_series"):
        cells = X.to_series(j)
        temporal = type(cells.dtype).__name__ in ("Date", "Datetime", "Duration")
        return cells.to_physical().to_list() if temporal else cells.to_list()
    if scipy.sparse.issparse(X):
        return X.tocsc()[:, [j]].toarray().ravel().tolist()
    return [row[j] for row in X] if isinstance(X, list) else X[:, j].tolist()


def is_hole(cell):
    """Whether a cell is missing."""
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float | np.floating) and cell != cell)


def same_cell(one, other):
    """Whether two cells are the same, to the last digit."""
    if is_hole(one) or is_hole(other):
        return is_hole(one) and is_hole(other)
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return one is other or (one == other and isinstance(one, bool) == isinstance(other, bool))


def same_moment(one, other):
    """Whether two dates or spans are the same to the microsecond, which columns count in."""
    if same_cell(one, other):
        return True
    if isinstance(one, int) and isinstance(other, int):
        return abs(one - other) < 1000
    return hasattr(one, "floor") and hasattr(other, "floor") and one.floor("us") == other.floor("us")


def same_cells(one, other):
    """Whether two lists hold the same cells."""
    return len(one) == len(other) and all(map(same_cell, one, other))


def plain(result):
    """A result of codes, scores or shares as a float64 array."""
    return np.asarray(result, dtype=np.float64)


def same_bits(one, other):
    """Whether two arrays of numbers are the same, to the last bit."""
    one, other = plain(one), plain(other)
    return one.shape == other.shape and np.array_equal(one, other, equal_nan=True)


def rows_of(X, rows):
    """Some rows of a table by their numbers, as the same kind of table."""
    if isinstance(X, list):
        return [X[row] for row in rows]
    if isinstance(X, pd.DataFrame):
        return X.iloc[rows]
    return X.tocsr()[rows] if scipy.sparse.issparse(X) else X[rows]


# laws of results


def scores_are_finite(scores, X):
    """One finite float64 a row."""
    require(
        isinstance(scores, np.ndarray) and scores.dtype == np.float64, "scores are float64", lambda: f"{type(scores)}"
    )
    require(scores.shape == (length(X),), "one score a row", lambda: f"{scores.shape}")
    require(
        np.isfinite(scores).all(),
        "scores are finite",
        lambda: f"row {np.argmin(np.isfinite(scores))}: {scores[~np.isfinite(scores)][:3]}",
    )


def codes_are_finite(codes, X, n_components):
    """Finite codes (n, n_components) in the float dtype of X."""
    require(codes.shape == (length(X), n_components), "one code a row", lambda: f"{codes.shape}")
    dtype = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
    require(
        plain(codes).dtype == np.float64 and np.asarray(codes).dtype == dtype,
        "codes have the float dtype of X",
        lambda: f"{np.asarray(codes).dtype}",
    )
    require(np.isfinite(plain(codes)).all(), "codes are finite")


def shares_are_finite(shares, X, is_frame):
    """Finite numbers (n, n_features), under the names and labels of a frame."""
    require(shares.shape == (length(X), width(X)), "one share a cell", lambda: f"{shares.shape}")
    require(np.isfinite(plain(shares)).all(), "shares are finite")
    if is_frame:
        has_names(shares, X)
        has_labels(shares, X)


def shares_add_up(shares, scores, X):
    """In complete rows the shares add up to the score less one constant."""
    complete = ~np.array([[is_hole(c) for c in cells_of(X, j)] for j in range(width(X))], dtype=bool).any(axis=0)
    if complete.sum() > 1:
        rest, size = (scores - plain(shares).sum(axis=1))[complete], np.abs(plain(shares)).sum(axis=1)[complete]
        size = max(size.max(), np.abs(scores[complete]).max(), 1.0)
        require(np.ptp(rest) <= 1e-6 * size, "shares add up to the score less a constant", lambda: f"{np.ptp(rest)}")


def has_names(result, X):
    """A frame of the library of X with its column labels."""
    require(
        type(result).__module__.split(".")[0] == type(X).__module__.split(".")[0],
        "frames give frames of their library",
        lambda: f"{type(result)}",
    )
    require(list(result.columns) == list(X.columns), "columns keep their names", lambda: f"{list(result.columns)[:5]}")
    if isinstance(X, pd.DataFrame):
        require(result.columns.equals(X.columns), "column labels stay what they are", lambda: f"{result.columns}")


def has_labels(result, X):
    """The row labels of X."""
    if isinstance(X, pd.DataFrame):
        require(result.index.equals(X.index), "rows keep their labels", lambda: f"{result.index[:5]}")


def has_form(result, X, n_rows, dtypes=True):
    """What the columns of X are, with so many rows."""
    if not hasattr(X, "columns"):
        require(isinstance(result, np.ndarray), "arrays give arrays", lambda: f"{type(result)}")
        require(result.shape == (n_rows, width(X)), "rows have the shape of the data", lambda: f"{result.shape}")
        return
    has_names(result, X)
    require(result.shape == (n_rows, width(X)), "rows have the shape of the data", lambda: f"{result.shape}")
    for name, one, other in zip(X.columns, result.dtypes, X.dtypes, strict=True) if dtypes else ():
        require(one == other, "columns keep their dtypes", f"{name!r} is {one}, was {other}")


def numbers_are_finite(result):
    """No cell is an infinite number."""
    for j in range(width(result)):
        infinite = [cell for cell in cells_of(result, j) if isinstance(cell, float | np.floating) and math.isinf(cell)]
        require(not infinite, "cells are finite numbers", f"column {j}, {dtype_of(result, j)}: {infinite[:2]}")


def none_is_missing(result, training, law="no cell is missing"):
    """No cell is missing, but in columns without any training cell."""
    for j in range(width(training)):
        if not all(map(is_hole, cells_of(training, j))):
            require(not any(map(is_hole, cells_of(result, j))), law, f"column {j}: {dtype_of(training, j)}")


def observed_stay(filled, X):
    """Cells that are there are as they were."""
    for j in range(width(X)):
        for row, (one, other) in enumerate(zip(cells_of(filled, j), cells_of(X, j), strict=True)):
            if not is_hole(other) and not same_cell(one, other):
                raise Fault("observed cells stay", f"column {j}, row {row}: {other!r} became {one!r}")


def dtypes_stay(filled, X):
    """Columns have the dtypes that they had."""
    for j in range(width(X)):
        was, is_now = dtype_of(X, j), dtype_of(filled, j)
        require(was == is_now, "impute keeps dtypes", f"column {j}: {was} became {is_now}")


def dtype_of(X, j):
    """Dtype of a column."""
    return str(
        X.dtypes.iloc[j]
        if isinstance(X, pd.DataFrame)
        else X.dtypes[j]
        if hasattr(X, "to_series")
        else getattr(X, "dtype", "list")
    )


TIME_TYPES = "date", "datetime", "timedelta", "Timestamp", "Timedelta", "datetime64", "timedelta64"


def what_is(X, j):
    """What a column of a frame holds: "whole", "times", "levels", "numbers" or "nothing"."""
    cells = [cell for cell in cells_of(X, j) if not is_hole(cell)]
    dtype = dtype_of(X, j).lower()
    if not cells:
        return "nothing"
    if dtype.startswith(("int", "uint")) and "interval" not in dtype:
        return "whole"
    if dtype.startswith(("date", "timedelta", "duration", "timestamp")):
        return "times"
    if "cat" in dtype or all(isinstance(cell, bool) for cell in cells):
        return "levels"
    if all(isinstance(cell, int | float | np.number | Decimal | Fraction) for cell in cells):
        return "numbers"
    return "times of objects" if all(type(cell).__name__ in TIME_TYPES for cell in cells) else "levels"


def cells_are_seen(result, training, later=(), declared=False):
    """Draws are levels that training rows have, and whole numbers and dates between their ends.

    Those of a stream reach as far as ``later`` tables, and may be levels that its dtypes have ``declared``.
    """
    for j in range(width(training)):
        drawn, seen, *more = ([c for c in cells_of(X, j) if not is_hole(c)] for X in (result, training, *later))
        seen = [*seen, *(cell for cells in more for cell in cells if seen)]
        where = f"column {j}, {dtype_of(training, j)}"
        what = what_is(training, j)
        if drawn and what in SEEN and not (declared and what == "levels" and declares_levels(dtype_of(training, j))):
            SEEN[what](drawn, seen, where)


def declares_levels(dtype):
    """Whether a dtype, by its name, says which levels there are."""
    return dtype.lower().startswith(("category", "enum"))


def levels_are_seen(drawn, seen, where):
    """Drawn levels are those of training rows; of booleans both are possible."""
    strange = [cell for cell in drawn if not any(same_cell(cell, level) for level in {*seen, True, False})]
    require(not strange, "drawn levels are those of training rows", f"{where}: {strange[:3]!r}")


def numbers_are_whole(drawn, seen, where):
    """Drawn whole numbers lie between the least and the largest; beyond 2**53 as float64 tells them apart."""
    require(all(float(cell).is_integer() for cell in drawn), "drawn numbers are whole", where)
    between = all(float(min(seen)) <= float(cell) <= float(max(seen)) for cell in drawn)
    require(between, "drawn whole numbers lie between those of training rows", where)


def times_are_seen(drawn, seen, where):
    """Drawn times lie between the first and the last, to the microsecond."""
    low, high = min(seen), max(seen)
    slack = 1000 if isinstance(low, int) else datetime.timedelta(microseconds=1)
    between = all(
        low <= cell <= high or (cell < low and low - cell <= slack) or (cell > high and cell - high <= slack)
        for cell in drawn
    )
    require(between, "drawn times lie between those of training rows", where)


def times_have_their_type(drawn, seen, where):
    """Drawn times of a column of objects have the type of training cells."""
    types = set(map(type, drawn)) - set(map(type, seen))
    require(not types, "drawn times have the type of training cells", f"{where}: {types}")


SEEN = {
    "levels": levels_are_seen,
    "whole": numbers_are_whole,
    "times": times_are_seen,
    "times of objects": times_have_their_type,
}
"""What draws of a column must be, by what it holds."""


# laws of estimators


@contextmanager
def parameters_stay(estimator):
    """A call sets no parameter."""
    before = estimator.get_params(deep=False)
    yield
    after = estimator.get_params(deep=False)
    for name, value in before.items():
        require(after[name] is value, "no call sets a parameter", name)


def is_unchanged(estimator, before, step):
    """A call that failed has left every attribute as it was."""
    after = vars(estimator)
    require(set(after) == set(before), "a failed call changes nothing", lambda: f"{step}: {set(after) ^ set(before)}")
    for name, value in before.items():
        require(after[name] is value, "a failed call changes nothing", f"{step}: {name}")


def reasons_are_right(reasons, X, n_columns):
    """A row a column of each row of X, columns of X, finite shares, ranks in order."""
    n = min(n_columns, width(X))
    require(
        isinstance(reasons, pd.DataFrame) and len(reasons) == length(X) * n,
        "reasons name as many columns as asked for",
        lambda: f"{len(reasons)}",
    )
    require(
        list(reasons.columns) == ["column", "value", "expected", "low", "high", "times", "unusual", "share", "note"],
        "columns of reasons",
        lambda: f"{list(reasons)}",
    )
    names = set(X.columns) if hasattr(X, "columns") else set(range(width(X)))
    require(set(reasons["column"]) <= names, "reasons name columns of X", lambda: f"{set(reasons['column']) - names}")
    require(np.isfinite(plain(reasons["share"])).all(), "shares are finite")
    ranks = reasons.index.get_level_values(-1).to_numpy()
    require(np.array_equal(ranks, np.tile(np.arange(n), length(X))), "ranks count from 0")
    labels = X.index if isinstance(X, pd.DataFrame) else range(length(X))
    labels = [label for label in labels for _ in range(n)]
    found = [label[0] for label in reasons.index]
    require(same_cells(found, labels), "reasons have the labels of rows", lambda: f"{found[:3]}")
