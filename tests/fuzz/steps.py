"""The steps that an order of calls has, and the run of a case."""

import copy
import pickle
from functools import partial

from .bad_parameters import bad_parameter
from .bad_tables import bad_rows
from .fitting import first, fit, partial_fit, partial_fit_new_rows, validation_rows, warm_start
from .invariances import units, weights
from .judgements import decision, explain, outlier_probability, predict
from .laws import require
from .relations import cloned, fit_then, new_rows, restored, rows_alone, same_seed
from .results import (
    attributes,
    effective_sample_size,
    impute,
    impute_draws,
    inverse_transform,
    sample,
    sample_given,
    score,
    score_features,
    score_samples,
    set_output,
    transform,
)
from .running import Run


def run(case):
    """Names and outcomes of all calls of a case; a Fault where one is neither a result nor a documented error."""
    if case.container == "lists" and case.n_rows == 0:
        return []
    running = Run(case)
    first(running)
    for step in case.steps:
        if running.fitted or step in FITTING:
            TABLE[step](running)
        else:
            unfitted(running, step)
    return running.outcomes


def unfitted(run, step):
    """A method of an estimator that is not fitted says so."""
    name = {"decision": "decision_function", "sample given": "sample", "impute draws": "impute"}.get(step, step)
    if step not in NEED_FIT or not hasattr(run.estimator, name):
        return
    argument = 3 if name == "sample" else run.X
    outcome = run.call(step, lambda: getattr(run.estimator, name)(argument), must=False)
    require(outcome.name == "NotFittedError", "an unfitted estimator says so", f"{step}: {outcome.error}")


FITTING = (
    "fit", "partial_fit", "partial_fit new rows", "same seed", "fit_transform", "fit_predict", "units", "weights",
    "validation rows", "clone", "bad parameter",
)  # fmt: skip
"""Steps that an unfitted estimator takes as it is, or that work with clones."""


NEED_FIT = (
    "transform", "score_samples", "score", "score_features", "inverse_transform", "sample", "sample given", "impute",
    "impute draws", "effective_sample_size", "decision", "predict", "outlier_probability", "explain",
)  # fmt: skip
"""Steps that need a fitted estimator."""


TABLE = {
    "fit": fit,
    "transform": transform,
    "score_samples": score_samples,
    "score": score,
    "score_features": score_features,
    "inverse_transform": inverse_transform,
    "sample": sample,
    "sample given": sample_given,
    "impute": impute,
    "impute draws": impute_draws,
    "rows alone": rows_alone,
    "new rows": new_rows,
    "bad rows": bad_rows,
    "partial_fit": partial_fit,
    "partial_fit new rows": partial_fit_new_rows,
    "warm start": warm_start,
    "clone": cloned,
    "pickle": lambda run: restored(run, lambda estimator: pickle.loads(pickle.dumps(estimator))),
    "copy": lambda run: restored(run, copy.deepcopy),
    "same seed": same_seed,
    "fit_transform": partial(fit_then, method="transform", both="fit_transform"),
    "fit_predict": partial(fit_then, method="predict", both="fit_predict"),
    "set_output": set_output,
    "effective_sample_size": effective_sample_size,
    "units": units,
    "weights": weights,
    "validation rows": validation_rows,
    "bad parameter": bad_parameter,
    "attributes": attributes,
    "decision": decision,
    "predict": predict,
    "outlier_probability": outlier_probability,
    "explain": explain,
}
"""What each step of an order does."""
