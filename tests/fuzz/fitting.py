"""Steps that train the estimator, or a clone of it."""

from dataclasses import replace

from sklearn.base import clone

from . import laws
from .laws import Refusal, require, watched
from .running import expected, must_be_refused, must_work
from .strategies import BAD_WEIGHTS


def train(run, method="fit", X=None, weight=None, must=None):
    """Fit the estimator; whether it did."""
    X = run.X if X is None else X
    arguments = {} if weight is None else {"sample_weight": weight}
    outcome = run.call(
        method, lambda: getattr(run.estimator, method)(X, **arguments), X, weight, must=must, changes=True
    )
    if isinstance(outcome, Refusal):
        if weight is not None and must_work(replace(run.case, weights="none"), run.inner):
            text = str(outcome.error)
            require(laws.OF_WEIGHTS.search(text), "errors of weights say which, and what to give", text)
        return False
    require(outcome is run.estimator, "fit returns the estimator", method)
    run.fitted = True
    return True


def first(run):
    """The first call of the order."""
    if run.case.first != "nothing" and not train(run, run.case.first, weight=run.weight, must=expected(run)):
        require(not hasattr(run.estimator, "n_features_in_"), "a failed first call leaves nothing", run.case.first)


def fit(run):
    """Fit anew."""
    train(run, "fit", weight=run.weight, must=expected(run))


def partial_fit(run):
    """One more batch, of the training rows."""
    if hasattr(run.estimator, "partial_fit"):
        train(run, "partial_fit", weight=run.weight, must=None if run.fitted else expected(run))
        after_training(run)


def partial_fit_new_rows(run):
    """One more batch, of new rows."""
    if hasattr(run.estimator, "partial_fit"):
        train(
            run,
            "partial_fit",
            run.case.table(1),
            must=False if must_be_refused(run.case) and run.case.weights not in BAD_WEIGHTS else None,
        )
        after_training(run)


def after_training(run):
    """Scores of the training rows are finite, if they can still be judged."""
    scores = run.scores if run.fitted else Refusal(ValueError())
    if not isinstance(scores, Refusal):
        laws.scores_are_finite(scores, run.X)


def warm_start(run):
    """Fit on from where the last fit ended."""
    epochs = getattr(run.estimator, "n_iter_", 0)
    run.estimator.set_params(warm_start=True)
    if train(run, "fit", weight=run.weight) and not run.is_detector:
        require(
            run.estimator.n_iter_ > epochs, "a warm start goes on", f"{run.estimator.n_iter_} after {epochs} epochs"
        )
    run.estimator.set_params(warm_start=False)
    after_training(run)


def validation_rows(run):
    """Validation rows of one's own."""
    X_val = run.case.table(3)
    other = clone(run.estimator)
    outcome = watched("validation rows", lambda: other.fit(run.X, X_val=X_val), run.X, X_val)
    run.outcomes.append(("validation rows", outcome.name if isinstance(outcome, Refusal) else "result"))
