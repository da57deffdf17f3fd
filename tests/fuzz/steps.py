"""What each call of an order does, and which laws hold of what comes of it."""

import copy
import pickle
import re
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse
from sklearn.base import clone

from . import laws
from .cells import OBJECTS, REALS, REFUSED
from .laws import Refusal, require, rows_of, same_bits, watched
from .strategies import BAD_WEIGHTS, OF_REAL_NUMBERS

LIKE_SCORES = "score_samples", "outlier_probability", "decision_function"
SAFE = 1e-100, 1e100
"""Between which sizes cells may be multiplied without leaving float64."""

BAD_PARAMETERS = {
    "transformer": {
        "n_components": [0, 2.5, "all"],
        "hidden_layer_sizes": [(8, 0), (8.5,), "wide", [[8]]],
        "likelihood": ["normal", ["gaussian"], {"no such column": "gaussian"}, {0: "normal"}, [("gaussian", [99])]],
        "categorical_features": [["no such column"], [999], [True]],
        "batch_size": [0, "all"],
        "learning_rate_init": [0.0, -1.0],
        "validation_fraction": [1.0, 0],
        "max_iter": [0, 1.5],
        "tol": [-1.0],
        "device": [3, "nonsense"],
        "alpha": [-1],
        "random_state": ["seed", -1],
        "solver": ["newton", int],
        "precision": ["float16"],
        "support_fraction": [0.0],
        "momentum": [1.0],
        "corruption": ["salt"],
        "early_stopping": ["yes"],
    },
    "detector": {
        "contamination": [0, 0.7, "some"],
        "ensemble": ["yes", 3],
        "estimator": ["vae", 5],
        "random_state": ["seed"],
        "warm_start": ["yes"],
    },
}


class Run:
    """One case as it runs: its table, its estimator, and the outcomes of its calls."""

    def __init__(self, case):
        self.case, self.X, self.weight = case, case.table(), case.weight()
        self.estimator, self.fitted, self.outcomes = case.make(), False, []
        self.is_detector = case.estimator == "detector"

    def call(self, step, function, *tables, must=None, changes=False):
        """Outcome of a call, noted. ``must`` is True for a result, False for an error.

        Nothing but a call that ``changes`` the estimator may set an attribute.
        """
        before = dict(vars(self.estimator))
        with laws.parameters_stay(self.estimator):
            outcome = watched(step, function, *tables)
        refused = isinstance(outcome, Refusal)
        self.outcomes.append((step, outcome.name if refused else "result"))
        if refused or not changes:
            laws.is_unchanged(self.estimator, before, step)
        if must is True and refused:
            raise laws.Fault("what is documented to work does", f"{step}: {outcome.error}") from outcome.error
        require(not (must is False and not refused), "what is documented as an error is one", step)
        return outcome

    def twice(self, step, function, *tables, must=None):
        """Outcome of a call that gives the same every time."""
        first = self.call(step, function, *tables, must=must)
        if not isinstance(first, Refusal):
            second = self.call(step, function, *tables, must=True)
            require(same_outcome(first, second), "the same call has the same bits", step)
        return first

    def method(self, name, X, must=None, **arguments):
        """Outcome of a method of the estimator on a table."""
        return self.twice(name, lambda: getattr(self.estimator, name)(X, **arguments), X, must=must)

    @property
    def accepts(self):
        """True where the training table must be accepted by the fitted estimator, None where that is not said."""
        return None if self.case.weights in ("half zero", "one row") else True

    @property
    def scores(self):
        """Scores of the training table, or a Refusal."""
        return self.call("score_samples", lambda: self.estimator.score_samples(self.X), self.X)

    @property
    def inner(self):
        """Parameters of the estimator, or of that in the detector."""
        params = self.case.params
        return params["estimator"][1] if self.is_detector else params

    @property
    def rng(self):
        """Random state of the step that comes next."""
        return self.case.rng("step", len(self.outcomes))


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


def same_outcome(one, other):
    """Whether two results of a call are the same."""
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same_outcome, one, other))
    of_numbers = isinstance(one, float | np.ndarray) and np.asarray(one).dtype.kind != "O"
    return same_bits(one, other) if of_numbers else laws.same_table(one, other)


# what is documented


def must_be_refused(case):
    """Whether the documents say that this training table is an error."""
    kinds = {column.kind for column in case.columns} & set(REFUSED) - {"too wide"}
    frame = case.container == "pandas" and case.names in ("mixed", "twice") and len(case.columns) > 1
    return bool(kinds) or case.n_rows < 2 or case.weights in BAD_WEIGHTS or frame


def must_work(case, params):
    """Whether the documents say that this training table works."""
    kinds = {column.kind.removesuffix(", objects") for column in case.columns}
    likelihood = params.get("likelihood", "auto")
    costs = {"regularizer", "beta", "free_bits", "kl_warmup"} & set(params)
    return not (
        must_be_refused(case)
        or kinds & (set(REFUSED) | {"moments with and without a zone", "moments with two zones", "dates and moments"})
        or not (isinstance(likelihood, str) and likelihood in ("auto", *OF_REAL_NUMBERS))
        or (params.get("objective") == "iwae" and costs)
        or params.get("learning_rate_init") == 1e3
        or (case.is_sparse and isinstance(params.get("categorical_features"), list))
        or all(column.holes != "none" or column.kind in EMPTY for column in case.columns)
        or params.get("n_draws", 1) != 1
    )


EMPTY = "nothing", "None only", "no date", "NA only", "nulls of pyarrow", "nothing, String"


def expected(run):
    """True, False or None: whether training must work, must not, or either."""
    if must_be_refused(run.case):
        return False
    return True if must_work(run.case, run.inner) else None


# fitting


def train(run, method="fit", X=None, weight=None, must=None):
    """Fit the estimator; whether it did."""
    X = run.X if X is None else X
    arguments = {} if weight is None else {"sample_weight": weight}
    outcome = run.call(
        method, lambda: getattr(run.estimator, method)(X, **arguments), X, weight, must=must, changes=True
    )
    if isinstance(outcome, Refusal):
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


def unfitted(run, step):
    """A method of an estimator that is not fitted says so."""
    name = {"decision": "decision_function", "sample given": "sample", "impute draws": "impute"}.get(step, step)
    if step not in NEED_FIT or not hasattr(run.estimator, name):
        return
    argument = 3 if name == "sample" else run.X
    outcome = run.call(step, lambda: getattr(run.estimator, name)(argument), must=False)
    require(outcome.name == "NotFittedError", "an unfitted estimator says so", f"{step}: {outcome.error}")


# results of the transformers


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
    laws.none_is_missing(rows, run.X)


def sample(run):
    """Draws."""
    n, with_missing, seed = int(run.rng.choice([1, 5, 70])), bool(run.rng.randint(2)), int(run.rng.randint(2**31 - 1))
    draw = partial(run.estimator.sample, n, random_state=seed, with_missing=with_missing)
    rows = run.twice("sample", draw, must=True)
    laws.has_form(rows, run.X, n)
    laws.numbers_are_finite(rows)
    if not with_missing:
        laws.none_is_missing(rows, run.X)
    if run.case.is_frame:
        laws.cells_are_seen(rows, run.X)


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
                laws.same_cell(drawn[0], asked),
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
        laws.none_is_missing(filled, run.X, "holes are filled")


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


# results of the detector


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


# laws between calls


def per_row(run):
    """Methods that give one result a row."""
    if run.is_detector:
        return ["score_samples", "decision_function"]
    return ["score_samples", "transform", "score_features"] + ["effective_sample_size"] * hasattr(
        run.estimator, "effective_sample_size"
    )


def rows_alone(run):
    """A row's result does not depend on the rows beside it, nor on their order."""
    n, rng = run.case.n_rows, run.rng
    rows = rng.permutation(n)[: int(rng.choice([1, n, max(n // 2, 1)]))]
    name = per_row(run)[rng.randint(len(per_row(run)))]
    whole = run.method(name, run.X, must=run.accepts)
    if not isinstance(whole, Refusal):
        some = run.method(name, rows_of(run.X, rows), must=True)
        require(same_bits(some, laws.plain(whole)[rows]), "a row's result does not depend on other rows", name)


def new_rows(run):
    """Rows that training has not seen, of the same kinds."""
    X = run.case.table(1)
    kinds = {column.kind.removesuffix(", objects") for column in run.case.columns}
    surely = must_work(run.case, run.inner) and run.accepts and not run.case.is_sparse and not kinds & set(OBJECTS)
    must = True if surely else None
    must = False if {column.kind for column in run.case.columns} & (set(REFUSED) - {"too wide"}) else must
    checks = [score_samples, explain] if run.is_detector else [score_samples, transform, score_features, impute]
    if run.is_detector and not hasattr(run.estimator, "explain"):
        checks = checks[:1]
    checks[run.rng.randint(len(checks))](run, X, must)


def same_seed(run):
    """Two fits with the same seed give the same model."""
    one, other = (clone(run.estimator) for _ in range(2))
    results = []
    for estimator in (one, other):
        fitted = watched("fit", partial(estimator.fit, run.X), run.X)
        results.append(
            fitted
            if isinstance(fitted, Refusal)
            else watched("score_samples", partial(estimator.score_samples, run.X), run.X)
        )
    refused = [isinstance(result, Refusal) for result in results]
    require(refused[0] == refused[1] and (refused[0] or same_bits(*results)), "the same seed gives the same model")


def cloned(run):
    """A clone has the parameters and nothing else."""
    twin = clone(run.estimator)
    one, other = (without_addresses(repr(estimator.get_params())) for estimator in (twin, run.estimator))
    require(one == other, "a clone has the same parameters", lambda: f"{one}, {other}")
    require(not any(name.endswith("_") for name in vars(twin)), "a clone is not fitted")


def without_addresses(text):
    """A repr without where things lie in memory."""
    return re.sub(r" at 0x[0-9A-Fa-f]+", "", text)


def restored(run, restore):
    """A copy gives the same bits."""
    twin = watched("copy", lambda: restore(run.estimator))
    require(not isinstance(twin, Refusal), "a fitted estimator can be pickled and copied", lambda: str(twin.error))
    scores = run.scores
    if not isinstance(scores, Refusal):
        require(same_bits(twin.score_samples(run.X), scores), "a copy has the same bits")
        if not run.is_detector:
            one, other = (estimator.sample(3, random_state=1) for estimator in (twin, run.estimator))
            require(same_outcome(one, other), "a copy draws the same rows")
        elif hasattr(twin, "explain"):
            require(
                laws.same_table(*(estimator.explain(run.X) for estimator in (twin, run.estimator))),
                "a copy explains the same",
            )


def fit_transform(run):
    """fit_transform is fit, then transform."""
    one, other = clone(run.estimator), clone(run.estimator)
    codes = watched("fit_transform", lambda: one.fit_transform(run.X), run.X)
    fitted = watched("fit", lambda: other.fit(run.X), run.X)
    require(isinstance(codes, Refusal) == isinstance(fitted, Refusal), "fit_transform is fit, then transform")
    if not isinstance(codes, Refusal):
        require(same_bits(codes, other.transform(run.X)), "fit_transform is fit, then transform")


def fit_predict(run):
    """fit_predict is fit, then predict."""
    one, other = clone(run.estimator), clone(run.estimator)
    labels = watched("fit_predict", lambda: one.fit_predict(run.X), run.X)
    fitted = watched("fit", lambda: other.fit(run.X), run.X)
    require(isinstance(labels, Refusal) == isinstance(fitted, Refusal), "fit_predict is fit, then predict")
    if not isinstance(labels, Refusal):
        require(np.array_equal(labels, other.predict(run.X)), "fit_predict is fit, then predict")


def validation_rows(run):
    """Validation rows of one's own."""
    X_val = run.case.table(3)
    other = clone(run.estimator)
    outcome = watched("validation rows", lambda: other.fit(run.X, X_val=X_val), run.X, X_val)
    run.outcomes.append(("validation rows", outcome.name if isinstance(outcome, Refusal) else "result"))


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


# what must be an error


def bad_parameter(run):
    """A bad parameter is an error that names it, and a fitted estimator stays as it was."""
    possible = BAD_PARAMETERS["detector" if run.is_detector else "transformer"]
    name = sorted(possible)[run.rng.randint(len(possible))]
    value = possible[name][run.rng.randint(len(possible[name]))]
    if name in ("likelihood", "categorical_features") and (len(run.case.columns) == 1 or run.case.is_sparse):
        return
    before, good = dict(vars(run.estimator)), run.estimator.get_params(deep=False)[name]
    run.estimator.set_params(**{name: value})
    outcome = watched("bad parameter", lambda: run.estimator.fit(run.X), run.X)
    run.estimator.set_params(**{name: good})
    run.outcomes.append(("bad parameter", outcome.name if isinstance(outcome, Refusal) else "result"))
    require(isinstance(outcome, Refusal), "a bad parameter is an error", f"{name}={value!r}")
    require(
        name in str(outcome.error) or must_be_refused(run.case),
        "the error names the parameter",
        f"{name}={value!r}: {outcome.error}",
    )
    laws.is_unchanged(run.estimator, before, f"{name}={value!r}")


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
    "fit_transform": fit_transform,
    "fit_predict": fit_predict,
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
