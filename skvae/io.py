"""What estimators say of tables in files, written to a file a chunk at a time. It needs ``skvae[files]``."""

from collections.abc import Iterable
from os import PathLike, fspath
from typing import Any

import numpy as np

from skvae._surroundings import undisturbed_function
from skvae._tables.frames.frame import one_column
from skvae._tables.frames.sinks import parquet, with_columns
from skvae._tables.frames.sources import source_of
from skvae._validation import check_is_fitted


@undisturbed_function
def to_parquet(
    estimator: Any, X: Any, path: str | PathLike[str], methods: str | Iterable[str] = "score_samples"
) -> int:
    """Write a table with what an estimator says of its rows to a file of Parquet, a chunk at a time.

    All columns of the table are kept, and those of the answers stand beside them. No more than some ten thousand rows
    are in memory at a time. What is said of a row is what the method says of it in memory, to the last digit. The file
    is there once it is complete; where it breaks off, a file of that name stays as it was.

    Parameters
    ----------
    estimator : estimator
        Fitted, with the methods that are asked for.
    X : path, list of paths, dataset, lazy frame or iterator of frames
        What ``fit`` takes beside tables in memory: files of Parquet, Arrow or CSV, a ``pyarrow.dataset.Dataset`` or
        ``pyarrow.Table``, a polars ``LazyFrame``, an iterator of data frames.
    path : str or path
        Where to write.
    methods : str or iterable of str, default="score_samples"
        Names of methods, in the order of their columns. "score_samples", "decision_function", "outlier_probability" and
        "predict" give a column of their name; "transform" one a component, as ``get_feature_names_out`` calls it;
        "score_features" one for each column, "share of" it. "explain" gives the column, the cell, what is expected and
        the share of the three strangest cells, "reason 0" to "reason 2". "impute", or "transform" of an imputer, fills
        in the missing cells of the columns themselves.

    Returns
    -------
    n_rows : int
        How many rows were written.

    Raises
    ------
    ValueError
        If X is no table in files or cannot be read, if a method is not known, or if X has a column of the name of an
        answer.
    ImportError
        If pyarrow is missing.

    Examples
    --------
    >>> import os, tempfile
    >>> import pandas as pd
    >>> from sklearn.datasets import load_wine
    >>> from skvae import AutoencoderOutlierDetector
    >>> from skvae.io import to_parquet
    >>> folder = tempfile.mkdtemp()
    >>> wines, scored = os.path.join(folder, "wines.parquet"), os.path.join(folder, "scored.parquet")
    >>> load_wine(as_frame=True).data.to_parquet(wines)
    >>> detector = AutoencoderOutlierDetector(random_state=0).fit(wines)
    >>> to_parquet(detector, wines, scored, ["predict", "outlier_probability"])
    178
    >>> pd.read_parquet(scored).columns[-2:].tolist()
    ['predict', 'outlier_probability']
    """
    check_is_fitted(estimator)
    methods = [methods] if isinstance(methods, str) else list(methods)
    for method in methods:
        if method not in METHODS:
            raise ValueError(f"methods names {method!r}, but known are {', '.join(METHODS)}.")
        if not hasattr(estimator, method):
            raise ValueError(f"methods names {method!r}, which a {type(estimator).__name__} has not.")
    source = source_of(X, type(estimator).__name__)
    if source is None:
        raise ValueError(
            f"X is a {type(X).__name__}, but to_parquet takes files; call the methods on tables in memory."
        )
    n_rows = 0
    with parquet(fspath(path)) as write:
        for table, frame in source.parts():
            answers = {}
            for method in methods:
                for name, cells in METHODS[method](estimator, method, frame).items():
                    if name in answers or (name in source.names and not fills(estimator, method)):
                        raise ValueError(
                            f"column {name!r} is in X already, and what {method} says has the same name; rename it."
                        )
                    answers[name] = cells
            write(with_columns(table, answers))
            n_rows += len(table)
    return n_rows


def fills(estimator, method):
    """Whether a method gives the columns of the table with other cells."""
    return method == "impute" or (method == "transform" and hasattr(estimator, "add_indicator"))


def one(estimator, method, frame):
    """A number a row."""
    return {method: np.asarray(getattr(estimator, method)(frame))}


def codes(estimator, method, frame):
    """A column for each component, or the columns themselves of an imputer."""
    found = getattr(estimator, method)(frame)
    if fills(estimator, method):
        return columns(found)
    return dict(zip(estimator.get_feature_names_out(), np.asarray(found).T, strict=True))


def filled(estimator, method, frame):
    """The columns with their missing cells filled."""
    return columns(getattr(estimator, method)(frame))


def columns(frame):
    """The cells of each column of a frame, by name."""
    return {name: one_column(frame, j).to_numpy() for j, name in enumerate(frame.columns)}


def shares(estimator, method, frame):
    """The share of each column."""
    found = np.asarray(getattr(estimator, method)(frame)).T
    return {f"share of {name}": cells for name, cells in zip(frame.columns, found, strict=True)}


def reasons(estimator, method, frame):
    """The strangest cells of each row, as texts, and their shares."""
    found = getattr(estimator, method)(frame)
    rank, answers = found.index.get_level_values("rank"), {}
    for r in range(rank.max() + 1):
        here = found[rank == r]
        answers[f"reason {r}"] = here["column"].astype(str).to_numpy()
        for name in ("value", "expected"):
            answers[f"reason {r} {name}"] = here[name].map(str).to_numpy()
        answers[f"reason {r} share"] = here["share"].to_numpy()
    return answers


METHODS = {
    **dict.fromkeys(("score_samples", "decision_function", "outlier_probability", "predict"), one),
    "transform": codes,
    "score_features": shares,
    "explain": reasons,
    "impute": filled,
}
"""How each method is asked, and its answers by the names of their columns."""
