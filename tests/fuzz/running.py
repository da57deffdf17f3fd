"""One case as it runs, and what the documents say of its table."""

import numpy as np

from . import laws
from .cells import REFUSED
from .laws import Refusal, require, same_bits, watched
from .strategies import BAD_WEIGHTS, OF_REAL_NUMBERS


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
    def present(self):
        """The rows of the training table that count."""
        is_bad = self.weight is None or self.case.weights in BAD_WEIGHTS
        return self.X if is_bad else laws.rows_of(self.X, np.flatnonzero(np.asarray(self.weight) > 0))

    @property
    def accepts(self):
        """True where the training table must be accepted by the fitted estimator, None where that is not said."""
        may_be_beyond = self.case.first != "fit" and not describes_all_numbers(self.inner)
        return None if self.case.weights in ("half zero", "one row") or may_be_beyond else True

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


def same_outcome(one, other):
    """Whether two results of a call are the same."""
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same_outcome, one, other))
    of_numbers = isinstance(one, float | np.ndarray) and np.asarray(one).dtype.kind != "O"
    return same_bits(one, other) if of_numbers else laws.same_table(one, other)


WITH_ABSENT = "half zero", "one row"
"""Weights that are zero in some rows, whose cells then are never looked at."""


def describes_all_numbers(params):
    """Whether a likelihood has a density for numbers that training rows did not have."""
    likelihood = params.get("likelihood", "auto")
    return isinstance(likelihood, str) and likelihood in ("auto", *OF_REAL_NUMBERS)


def must_be_refused(case):
    """Whether the documents say that this training table is an error."""
    return has_refused_cells(case) or has_refused_form(case) or case.weights in BAD_WEIGHTS


def has_refused_cells(case):
    """Whether some cells of the table can be in none."""
    return bool({column.kind for column in case.columns} & set(REFUSED) - {"too wide"})


def has_refused_form(case):
    """Whether the table has too few rows or names that cannot be."""
    frame = case.container == "pandas" and case.names in ("mixed", "twice") and len(case.columns) > 1
    return case.n_rows < 2 or frame


def must_work(case, params):
    """Whether the documents say that this training table works."""
    kinds = {column.kind.removesuffix(", objects") for column in case.columns}
    costs = {"regularizer", "beta", "free_bits", "kl_warmup", "penalty"} & set(params)
    return not (
        must_be_refused(case)
        or kinds & (set(REFUSED) | {"moments with and without a zone", "moments with two zones", "dates and moments"})
        or not describes_all_numbers(params)
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
        may_be_absent = run.case.weights in WITH_ABSENT
        may_be_levels = run.case.is_frame and isinstance(run.inner.get("categorical_features"), list)
        only_cells = not has_refused_form(run.case) and run.case.weights not in BAD_WEIGHTS
        return None if only_cells and (may_be_absent or may_be_levels) else False
    return True if must_work(run.case, run.inner) else None
