"""Table <-> matrix: what the columns of a table are, their units, and which cell is at fault when one is."""

import importlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

CHUNK = 8192
"""Rows converted at a time, so that no second float64 copy of a large table exists."""

FARTHEST = 1e12
"""Largest distance from the mean, in standard deviations, that a cell keeps: farther ones count as this far."""


def chunks(n_rows):
    """Slices that cover ``n_rows`` rows."""
    return [slice(start, start + CHUNK) for start in range(0, n_rows, CHUNK)]


@dataclass
class Units:
    """The affine layer between the data's units and the model's: standard = (x - shift) / scale, (n_features,) each.

    ``log_jacobian`` is what it adds to the log-density of a row; 0 where cells have probabilities, not densities.
    """

    shift: np.ndarray
    scale: np.ndarray
    log_jacobian: float

    @classmethod
    def standard(cls, X, weight, names):
        """Mean zero and standard deviation one in each column; a constant column has scale one."""
        weight = np.ones(len(X)) if weight is None else weight
        weight = weight / weight.sum()
        with np.errstate(over="ignore", invalid="ignore"):
            mean = sum(weight[part] @ X[part].astype(np.float64) for part in chunks(len(X)))
            variance = sum(weight[part] @ (X[part] - mean) ** 2 for part in chunks(len(X)))
        for j in np.flatnonzero(~np.isfinite(mean + variance)):
            raise ValueError(
                f"The range of {column_name(names, j)} is too wide for float64 arithmetic (up to "
                f"{np.abs(X[:, j]).max():.3g}). Divide the column by a constant or take its logarithm."
            )
        rounding = len(X) * np.finfo(np.float64).eps
        constant = variance <= rounding * variance + (rounding * mean) ** 2
        scale = np.where(constant, 1.0, np.sqrt(variance))
        return cls(mean, scale, -float(np.log(scale).sum()))

    @classmethod
    def common(cls, X, weight, names):
        """Mean zero in each column and one scale for all of them, so that the mean variance is one."""
        each = cls.standard(X, weight, names)
        varying = each.scale[X.min(axis=0) < X.max(axis=0)]
        scale = np.full(X.shape[1], np.sqrt(np.square(varying).sum() / X.shape[1]) if len(varying) else 1.0)
        return cls(each.shift, scale, -float(np.log(scale).sum()))

    @classmethod
    def unit_interval(cls, X, weight, names):
        """0 and 1 as they are where all cells lie between them; otherwise the smallest and the largest cell of X."""
        low, high = min(float(X.min()), 0.0), max(float(X.max()), 1.0)
        if (low, high) != (0.0, 1.0):
            low, high = float(X.min()), float(X.max())
        scale = high - low if np.isfinite(high - low) and high > low else 1.0
        return cls(np.full(X.shape[1], low), np.full(X.shape[1], scale), 0.0)

    def to_standard(self, X, dtype):
        """Standard units (n, n_features), computed in float64 before they are stored as ``dtype``."""
        standard = np.empty(X.shape, dtype)
        for part in chunks(len(X)):
            standard[part] = np.clip((X[part] - self.shift) / self.scale, -FARTHEST, FARTHEST)
        return standard

    def from_standard(self, standard):
        """The data's units (n, n_features), float64."""
        return standard.astype(np.float64) * self.scale + self.shift


UNITS = {"standard": Units.standard, "common": Units.common, "unit_interval": Units.unit_interval}
"""How the units of a likelihood's cells are found, by the name that the likelihood gives."""


@dataclass
class Frame:
    """The data frame an estimator was fitted on: its library ("pandas" or "polars"), column names and dtypes."""

    library: str
    names: list
    dtypes: list

    @classmethod
    def of(cls, X):
        """Description of ``X``; None when it is no data frame."""
        library = type(X).__module__.split(".")[0]
        if library not in ("pandas", "polars") or not hasattr(X, "columns"):
            return None
        return cls(library, [str(name) for name in X.columns], [str(dtype) for dtype in X.dtypes])

    def rows(self, values, index=None):
        """Rows of data space as a frame with the columns and dtypes of the training data."""
        cells = [cells_like(values[:, j], dtype) for j, dtype in enumerate(self.dtypes)]
        if self.library == "polars":
            return self._build(cells, index)
        return self._build(cells, index).astype(dict(zip(self.names, self.dtypes, strict=True)))

    def numbers(self, values, index=None):
        """One float64 a cell, under the training data's column names."""
        return self._build(list(values.T), index)

    def _build(self, columns, index):
        library = importlib.import_module(self.library)
        data = dict(zip(self.names, columns, strict=True))
        return library.DataFrame(data, index=index) if self.library == "pandas" else library.DataFrame(data)


def cells_like(values, dtype):
    """Decoded numbers as cells of ``dtype``: integers rounded and kept in range, booleans cut at one half."""
    kind = dtype.lower()
    if kind.startswith("bool"):
        return values >= 0.5
    if kind.startswith(("int", "uint")):
        limits = np.iinfo(kind.split("[")[0])
        high = float(limits.max)
        high = high if int(high) <= limits.max else np.nextafter(high, 0.0)
        return np.clip(np.rint(values), limits.min, high).astype(limits.dtype)
    return values.astype(np.float32) if kind.startswith("float32") else values


def column_name(names, j):
    """How messages call column ``j``."""
    return f"column {j}" if names is None else f"column {str(names[j])!r}"


def index_of(X):
    """The row labels of a pandas frame; None for everything else."""
    return X.index if type(X).__module__.startswith("pandas") else None


def is_number(cell):
    """Whether one cell can be read as a number; a missing one can."""
    if isinstance(cell, str | bytes):
        return False
    try:
        float(np.nan if cell is None or cell is pd.NA else cell)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def check_numeric_columns(X, owner):
    """Refuse data frame columns that hold no numbers, by name."""
    frame = Frame.of(X)
    for j, dtype in enumerate([] if frame is None else frame.dtypes):
        cells = X.iloc[:, j] if frame.library == "pandas" else X.to_series(j)
        cell = next((cell for cell in cells if not is_number(cell)), None) if dtype == "object" else cells[:1].to_list()
        if dtype.lower().startswith(NUMERIC) or (dtype == "object" and cell is None):
            continue
        raise ValueError(
            f"{column_name(frame.names, j)} holds no plain numbers (dtype {dtype}, for instance {cell!r}). {owner} "
            "takes numeric columns only; encode this one first, e.g. with sklearn.preprocessing.OneHotEncoder in a "
            "ColumnTransformer, or leave it out."
        )


def with_culprit(error, X, owner):
    """The same kind of error, with the column and row of the first cell that cannot be used and what to do about it."""
    cells = np.asarray(X, dtype=None if getattr(getattr(X, "dtype", None), "kind", "O") == "f" else object)
    kind = TypeError if isinstance(error, TypeError) else ValueError
    for test, remedy in UNUSABLE if cells.ndim == 2 else []:
        rows, columns = np.nonzero(np.frompyfunc(test, 1, 1)(cells).astype(bool))
        if len(rows):
            names = None if Frame.of(X) is None else Frame.of(X).names
            where = f"{column_name(names, columns[0])}, row {rows[0]} holds {cells[rows[0], columns[0]]!r}"
            text = str(error).split("\n")[0].rstrip(".")
            return kind(f"{text}: {where}. {owner} {remedy}")
    return kind(str(error))


def is_missing(cell):
    """Whether one cell is a hole: None, NaN, pd.NA or NaT."""
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float | np.floating) and cell != cell)


def is_infinite(cell):
    """Whether one cell is a number beyond float64."""
    return abs(float(cell)) == np.inf


NUMERIC = ("int", "uint", "float", "double", "halffloat", "bool", "decimal")

UNUSABLE = [
    (lambda cell: not is_number(cell), "takes numbers only; encode text and categories first."),
    (is_missing, "does not take missing cells yet; fill them first, e.g. with sklearn.impute.SimpleImputer."),
    (is_infinite, "takes finite numbers only; replace infinities by NaN and impute them, or drop these rows."),
]
"""What makes a cell unusable, in the order in which it is looked for, and the remedy."""
