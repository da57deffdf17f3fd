"""Steps that ask a fitted detector for results."""

import numpy as np

from . import laws
from .laws import Refusal, require, same_bits


def decision(run):
    """Scores above the threshold."""
    scores, above = (
        run.method("score_samples", run.X, must=run.accepts),
        run.method("decision_function", run.X, must=run.accepts),
    )
    if not isinstance(scores, Refusal):
        require(np.isfinite(run.estimator.offset_), "the threshold is finite", lambda: f"{run.estimator.offset_}")
        require(
            same_bits(above, scores - run.estimator.offset_), "decision_function is score_samples less the threshold"
        )


def predict(run):
    """Labels."""
    labels = run.method("predict", run.X, must=run.accepts)
    if not isinstance(labels, Refusal):
        below = run.method("decision_function", run.X, must=True) < 0
        require(np.array_equal(labels, np.where(below, -1, 1)), "predict is -1 below the threshold and 1 above")


def outlier_probability(run):
    """Probabilities, above one half for outliers."""
    chance = run.method("outlier_probability", run.X, must=run.accepts)
    if not isinstance(chance, Refusal):
        require(((chance >= 0) & (chance <= 1)).all(), "probabilities lie between 0 and 1", lambda: f"{chance}")
        below = run.method("decision_function", run.X, must=True) < 0
        require(
            (chance[below] >= 0.5 - 1e-9).all() and (chance[~below] <= 0.5 + 1e-9).all(),
            "probabilities agree with labels",
        )


def explain(run, X=None, must=None):
    """Reasons."""
    X, must = (run.X, run.accepts) if X is None else (X, must)
    n = int(run.rng.choice([1, 3, 99]))
    reasons = run.method("explain", X, must=must, n_columns=n)
    if not isinstance(reasons, Refusal):
        laws.reasons_are_right(reasons, X, n)
