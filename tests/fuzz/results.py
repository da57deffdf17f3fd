"""Steps that ask a fitted transformer for results."""

from functools import partial

import numpy as np
import pandas as pd
import polars as pl

from . import laws
from .laws import Refusal, require, rows_of


def transform(run, X=None, must=None):
    """Codes."""
    X, must = (run.X, run.accepts) if X is None else (X, must)
    codes = run.method("transform", X, must=must)
    if not isinstance(codes, Refusal):
        laws.codes_are_finite(codes, X, run.estimator.n_components_)


def score_samples(run, X=None, must=None):
    """Scores."""
    X, must = (run.X, run.accepts) if X is None else (X, must)
    scores = run.method("score_samples", X, must=must)
    if not isinstance(scores, Refusal):
        laws.scores_are_finite(scores, X)


def score(run):
    """The mean of the scores."""
    mean = run.method("score", run.X, must=run.accepts)
    if not isinstance(mean, Refusal):
        require(isinstance(mean, float), "score is a float", lambda: f"{type(mean)}")
        require(
            np.isclose(mean, np.mean(run.scores), rtol=1e-9, equal_nan=True),
            "score is the mean of the scores",
            f"{mean}",
        )


def score_features(run, X=None, must=None):
    """Shares of the columns."""
    X, must = (run.X, run.accepts) if X is None else (X, must)
    shares = run.method("score_features", X, must=must)
    if not isinstance(shares, Refusal):
        laws.shares_are_finite(shares, X, run.case.is_frame)
        laws.shares_add_up(shares, run.method("score_samples", X, must=True), X)


def inverse_transform(run):
    """Rows that codes stand for."""
    codes = run.method("transform", run.X, must=run.accepts)
    if isinstance(codes, Refusal):
        return
    rows = run.method("inverse_transform", codes, must=True)
    laws.has_form(rows, run.X, run.case.n_rows)
    laws.numbers_are_finite(rows)
    laws.none_is_missing(rows, run.present)


def sample(run):
    """Draws, and what is expected of drawn codes."""
    n, with_missing, seed = int(run.rng.choice([1, 5, 70])), bool(run.rng.randint(2)), int(run.rng.randint(2**31 - 1))
    draw = partial(run.estimator.sample, n, random_state=seed, with_missing=with_missing)
    for name, draw_rows in (("sample", draw), ("sample without noise", partial(draw, noise=False))):
        rows = run.twice(name, draw_rows, must=True)
        laws.has_form(rows, run.X, n)
        laws.numbers_are_finite(rows)
        if not with_missing:
            laws.none_is_missing(rows, run.present)
        if run.case.is_frame:
            steps = run.case.first, *run.case.steps
            goes_on = "partial_fit new rows" in steps
            later = [run.case.table(1)] if goes_on else []
            laws.cells_are_seen(rows, run.X, later, declared="partial_fit" in steps or goes_on)


def sample_given(run):
    """Draws that have a cell of a training row, or one that no row can have."""
    j, row = run.rng.randint(len(run.case.columns)), run.rng.randint(run.case.n_rows)
    cell = cell_at(run.X, row, j)
    name = run.X.columns[j] if run.case.is_frame else int(j)
    draw = partial(run.estimator.sample, 4, random_state=0, given={name: cell})
    rows = run.twice("sample given", draw, must=False if laws.is_hole(cell) else None)
    if not isinstance(rows, Refusal):
        laws.has_form(rows, run.X, 4)
        drawn = laws.cells_of(rows, j)
        same = all(laws.same_cell(one, drawn[0]) for one in drawn)
        require(same, "given cells are those that were given", lambda: f"{cell!r} became {drawn[:2]}")
        if run.case.is_frame and laws.what_is(run.X, j) in ("levels", "times", "times of objects"):
            asked = laws.cells_of(rows_of(run.X, [row]), j)[0]
            require(
                laws.same_moment(drawn[0], asked),
                "given cells are those that were given",
                lambda: f"{asked!r} became {drawn[:2]}",
            )
    bad = partial(run.estimator.sample, 4, random_state=0, given={"no such column": 1})
    run.call("sample given", bad, must=False)


def cell_at(X, row, j):
    """One cell of a table as a user would take it."""
    if isinstance(X, pd.DataFrame):
        return X.iloc[row, j]
    return X[int(row), int(j)] if isinstance(X, pl.DataFrame) else laws.cells_of(X, j)[row]


def impute(run, X=None, must=None):
    """Holes are filled, all else stays."""
    X, must = (run.X, run.accepts) if X is None else (X, must)
    filled = run.method("impute", X, must=must)
    if not isinstance(filled, Refusal):
        is_filled(run, filled, X)


def impute_draws(run):
    """Holes are filled with draws."""
    several = run.method("impute", run.X, must=run.accepts, n_imputations=2, random_state=3)
    for filled in [] if isinstance(several, Refusal) else several:
        is_filled(run, filled, run.X)


def is_filled(run, filled, X):
    """The laws of an imputed table."""
    require(laws.length(filled) == laws.length(X), "impute keeps the rows")
    if run.case.is_frame:
        laws.has_form(filled, X, laws.length(X), dtypes=False)
        laws.has_labels(filled, X)
        laws.dtypes_stay(filled, X)
    else:
        require(
            isinstance(filled, type(X)) or isinstance(X, list),
            "impute keeps the type of the table",
            lambda: f"{type(filled)}",
        )
    laws.observed_stay(filled, X)
    if run.accepts:
        laws.none_is_missing(filled, run.present, "holes are filled")


def effective_sample_size(run):
    """Between 1 and the number of draws."""
    if hasattr(run.estimator, "effective_sample_size"):
        sizes = run.method("effective_sample_size", run.X, must=run.accepts)
        n = run.estimator.n_importance_samples
        if not isinstance(sizes, Refusal):
            require(
                ((sizes >= 1 - 1e-4) & (sizes <= n * (1 + 1e-4))).all(),
                "sample sizes lie between 1 and the draws",
                lambda: f"{sizes.min()}, {sizes.max()}",
            )


def set_output(run):
    """Codes as a frame of pandas."""
    run.estimator.set_output(transform="pandas")
    codes = run.call("set_output", lambda: run.estimator.transform(run.X), run.X, must=run.accepts)
    if not isinstance(codes, Refusal):
        require(isinstance(codes, pd.DataFrame), "set_output gives frames")
        require(list(codes.columns) == list(run.estimator.get_feature_names_out()), "set_output names codes")
        laws.has_labels(codes, run.X)
    run.estimator.set_output(transform="default")


def attributes(run):
    """Fitted attributes say what was fitted."""
    reasons = run.estimator.column_likelihoods_
    require(
        list(reasons.columns) == ["likelihood", "reason"] and len(reasons) == len(run.case.columns),
        "a likelihood a column",
    )
    require(run.estimator.n_features_in_ == len(run.case.columns), "n_features_in_ counts the columns")
    curve = run.estimator.loss_curve_
    require(
        len(curve) == run.estimator.n_iter_ and np.isfinite(curve).all(), "the loss curve is finite", lambda: f"{curve}"
    )
    require(all(len(values) == len(curve) for values in run.estimator.history_.values()), "terms have a value an epoch")
