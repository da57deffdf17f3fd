"""Steps that fit the same rows in other units, or with weights for repetition."""

from functools import partial

import numpy as np
from sklearn.base import clone

from . import laws
from .cells import REALS
from .laws import Refusal, require, rows_of, watched
from .running import must_work
from .strategies import OF_REAL_NUMBERS

SAFE = 1e-100, 1e100
"""Between which sizes cells may be multiplied without leaving float64."""


def units(run):
    """A column of real numbers times a power of two leaves codes alone and moves scores by its logarithm."""
    likelihood, X = run.inner.get("likelihood", "auto"), run.X
    scalable = [j for j, column in enumerate(run.case.columns) if is_scalable(run.case, column, X, j)]
    plain = (
        isinstance(likelihood, str)
        and likelihood in ("auto", *OF_REAL_NUMBERS)
        and "categorical_features" not in run.inner
    )
    if (
        run.case.container not in ("float64", "pandas")
        or not plain
        or not scalable
        or run.inner.get("learning_rate_init") == 1e3
    ):
        return
    if likelihood == "isotropic_gaussian":
        if len(scalable) < len(run.case.columns):
            return
    else:
        scalable = [scalable[run.rng.randint(len(scalable))]]
    times = X.copy()
    for j in scalable:
        if run.case.container == "pandas":
            times.isetitem(j, X.iloc[:, j] * 8.0)
        else:
            times[:, j] *= 8.0
    one, other = (clone(run.estimator) for _ in range(2))
    fitted = [watched("units", partial(estimator.fit, table), table) for estimator, table in ((one, X), (other, times))]
    if any(isinstance(outcome, Refusal) for outcome in fitted):
        require(all(isinstance(outcome, Refusal) for outcome in fitted), "units of a column leave codes alone")
        return
    there = sum(np.array([not laws.is_hole(cell) for cell in laws.cells_of(X, j)]) for j in scalable)
    scores = one.score_samples(X)
    close = np.allclose(one.transform(X), other.transform(times), rtol=1e-4, atol=1e-5)
    require(close, "units of a column leave codes alone", lambda: f"columns {scalable}")
    moved = np.allclose(other.score_samples(times), scores - there * np.log(8.0), rtol=1e-4, atol=1e-3)
    require(moved, "units of a column move scores by their logarithm", lambda: f"columns {scalable}")


def is_scalable(case, column, X, j):
    """Whether a column holds float64 numbers that may be multiplied without rounding."""
    dtype = laws.dtype_of(X, j)
    kind = column.kind.removesuffix(", float64")
    if dtype != "float64" or kind not in REALS or kind == "constant but for rounding":
        return False
    cells = np.abs([cell for cell in laws.cells_of(X, j) if not laws.is_hole(cell) and cell])
    return len(cells) > 1 and SAFE[0] < cells.min() < cells.max() < SAFE[1]


def weights(run):
    """Weights are repetitions, and zero weight is absence: in full batches of float64 without early stopping.

    What makes much of a last digit is left out: starting from principal axes, the sign of a gradient, columns whose
    cells differ by rounding only.
    """
    kinds = {column.kind.split(",")[0] for column in run.case.columns}
    if run.case.is_sparse or run.case.n_rows < 3 or kinds & {"beyond 2**53", "constant but for rounding"}:
        return
    more = {"precision": "float64", "early_stopping": False, "code_density": run.inner.get("code_density", "normal")}
    more |= {"solver": "sgd", "learning_rate_init": 1e-4, "network": "mlp"}
    if not laws.WEIGHTS_IN_BATCHES:
        more["batch_size"] = 10_000
    times = np.r_[1, 1, run.rng.randint(3, size=run.case.n_rows - 2)]
    repeated = rows_of(run.X, np.repeat(np.arange(run.case.n_rows), times))
    one, other = run.case.make(**more), run.case.make(**more)
    fitted = [
        watched("fit with weights", lambda: one.fit(run.X, sample_weight=times), run.X),
        watched("fit of repeated rows", lambda: other.fit(repeated), repeated),
    ]
    refused = [outcome for outcome in fitted if isinstance(outcome, Refusal)]
    if refused:
        text = " | ".join(str(outcome.error) for outcome in refused)
        require(len(refused) == 2 or not must_work(run.case, run.inner), "weights are repetitions", text)
        return
    rows = rows_of(run.X, np.flatnonzero(times))
    apart = np.abs(one.score_samples(rows) - other.score_samples(rows))
    size = np.maximum(np.abs(one.score_samples(rows)), 1.0)
    require((apart <= 1e-5 * size).all(), "weights are repetitions", f"{apart.max()}")
