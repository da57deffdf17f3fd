"""Steps that compare the results of two calls."""

import re
from functools import partial

from sklearn.base import clone

from . import laws
from .cells import OBJECTS, REFUSED
from .judgements import explain
from .laws import Refusal, require, rows_of, same_bits, watched
from .results import impute, score_features, score_samples, transform
from .running import must_work, same_outcome


def per_row(run):
    """Methods that give one result a row."""
    if run.is_detector:
        return ["score_samples", "decision_function"]
    return ["score_samples", "transform", "score_features"] + ["effective_sample_size"] * hasattr(
        run.estimator, "effective_sample_size"
    )


def holds_objects(case):
    """Whether a column may hold cells of several kinds."""
    kinds = {column.kind.removesuffix(", objects").removesuffix(", Object") for column in case.columns}
    return bool(kinds & {*OBJECTS, "objects"})


def rows_alone(run):
    """A row's result does not depend on the rows beside it, nor on their order."""
    n, rng = run.case.n_rows, run.rng
    rows = rng.permutation(n)[: int(rng.choice([1, n, max(n // 2, 1)]))]
    name = per_row(run)[rng.randint(len(per_row(run)))]
    whole = run.method(name, run.X, must=run.accepts)
    if not isinstance(whole, Refusal):
        some = run.method(name, rows_of(run.X, rows), must=None if holds_objects(run.case) else True)
        if isinstance(some, Refusal):  # rows of which none holds a cell of the kind that others do
            return
        require(same_bits(some, laws.plain(whole)[rows]), "a row's result does not depend on other rows", name)


def new_rows(run):
    """Rows that training has not seen, of the same kinds."""
    X = run.case.table(1)
    surely = must_work(run.case, run.inner) and run.accepts and not run.case.is_sparse and not holds_objects(run.case)
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


def fit_then(run, method, both):
    """A method that does both is fit, then the method."""
    one, other, law = clone(run.estimator), clone(run.estimator), f"{both} is fit, then {method}"
    results = watched(both, lambda: getattr(one, both)(run.X), run.X)
    fitted = watched("fit", lambda: other.fit(run.X), run.X)
    require(isinstance(results, Refusal) == isinstance(fitted, Refusal), law)
    if not isinstance(results, Refusal):
        require(same_bits(results, getattr(other, method)(run.X)), law)
