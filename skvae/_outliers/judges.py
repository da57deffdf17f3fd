"""What judges rows: one of this package's estimators, on matrices, or any other estimator, on tables.

Both answer the same questions about a ``Reading``. An estimator of this package reads a table once, and all that
follows is about its numbers; another one is handed the table itself, each time.
"""

import copy
from dataclasses import replace

import numpy as np
from sklearn import get_config

from skvae._callbacks import fit_parts
from skvae._outliers.novelty import parts_of
from skvae._outliers.reading import Reading
from skvae._tables.files import in_memory
from skvae._tables.frames.frame import numbered, some_rows
from skvae._tables.matrix import of_rows
from skvae._tables.schema import Schema
from skvae._tables.weights import as_numbered, counting
from skvae._validation import has_fit_parameter, num_rows

ON_TABLES = "fit", "partial_fit", "score_samples", "score_features", "transform", "inverse_transform"
"""Public methods whose answers this package's estimators also give on matrices."""

EXPLAINS = "score_features", "transform", "inverse_transform"
"""Methods of an estimator that can give reasons."""


def judge_of(estimator):
    """The judge that an estimator is."""
    return Own(estimator) if is_own(estimator) else Foreign(estimator)


def is_own(estimator):
    """Whether it is an estimator of this package, none of whose methods a subclass has changed."""
    methods = [getattr(type(estimator), name, None) for name in ON_TABLES]
    return hasattr(estimator, "_fit_table") and all(
        getattr(method, "__module__", "skvae").split(".")[0] == "skvae" for method in methods
    )


def can_explain(estimator):
    """Whether an estimator can give reasons."""
    return all(hasattr(estimator, name) for name in EXPLAINS)


class Own:
    """An estimator of this package."""

    explains = goes_on = True
    held_out = None
    """Scores and weights of training rows that it has not learned from; None where it learns from all."""

    def __init__(self, estimator):
        self.estimator = estimator

    def train(self, owner, X, y, sample_weight, rng=None):
        """Fit it as a part of its owner; the rows that count, as they were read, and their weights, or None.

        With ``rng`` a part of the rows is held out, drawn by it, unless the estimator holds out some itself.
        """
        table = self.estimator._read_to_fit(X, sample_weight)
        learned, held = table, None
        if rng is not None and not hasattr(type(self.estimator), "_held_out"):
            learned, held = (some_of(table, part) for part in parts_of(table.X.shape[0], rng))
        part = self.estimator, lambda: self.estimator._fit_table(learned, learned.source)
        fit_parts(owner, {"estimator": part}, table.source, y)
        if held is not None:
            self.held_out = self.estimator._on_matrices.score(held.X), ones_or(held.weight, held.X.shape[0])
        elif rng is not None:
            self.held_out = self.estimator._held_out
        return Reading(table.source, self.estimator._schema, table.X), table.weight

    def after(self, X, sample_weight):
        """A judge that has learned from a batch too, and the batch as ``train`` gives it."""
        judge = Own(copy.deepcopy(self.estimator))
        table = judge.estimator._read_to_go_on(X, sample_weight)
        judge.estimator._partial_fit_table(table)
        return judge, Reading(table.source, judge.estimator._schema, table.X), table.weight

    def refer_to(self, numbers, weight):
        """Take rows of numbers as those that others are compared with, where it compares rows."""
        if hasattr(self.estimator, "_refer_to"):
            self.estimator._refer_to(numbers, weight)
            self.held_out = getattr(self.estimator, "_held_out", None)

    def read(self, X, schema):
        """Rows that came after training; what cannot be read is an error."""
        return Reading(X, schema, self.estimator._read(X))

    def rows(self, numbers, schema):
        """Rows of which only the numbers are known (n, n_features)."""
        return Reading(None, schema, numbers)

    def score(self, reading):
        """Score of each row (n,), higher being more normal."""
        return self.estimator._on_matrices.score(reading.matrix)

    def costs(self, reading):
        """Share of each cell in the strangeness of its row, and its ``shortfall``, or None: (n, n_features) both."""
        return self.estimator._on_matrices.costs(reading.matrix)

    def shortfall(self, numbers, schema):
        """Nats that each level of rows of numbers has less than the expected one (n, n_features)."""
        return self.estimator._on_matrices.shortfall(numbers)

    def expected(self, numbers, schema, index=None):
        """What is expected of each cell of rows of numbers (n, n_features), in numbers of the schema."""
        return self.estimator._on_matrices.expected(numbers)

    @property
    def bounds(self):
        """Between which values the density lets cells be (2, n_features)."""
        return self.estimator._on_matrices.bounds


class Foreign:
    """Any estimator with ``fit`` and ``score_samples``."""

    bounds = None
    held_out = None
    """Scores and weights of training rows that it has not learned from; None where it learns from all."""

    def __init__(self, estimator):
        self.estimator = estimator

    @property
    def explains(self):
        """Whether it can give reasons."""
        return can_explain(self.estimator)

    @property
    def goes_on(self):
        """Whether it can learn from further batches."""
        return hasattr(self.estimator, "partial_fit")

    def train(self, owner, X, y, sample_weight, rng=None):
        """Fit it as a part of its owner; the rows that count, as they were read, and their weights, or None.

        With ``rng`` a part of the rows is held out, drawn by it.
        """
        X, weight, numbers = counting(in_memory(X, type(owner).__name__), sample_weight)
        rows, counts, places, held = X, weight, numbers, None
        if rng is not None:
            learned, held = parts_of(num_rows(X), rng)
            rows, counts = some_rows(numbered(X), learned), None if weight is None else weight[learned]
            places = np.flatnonzero(learned) if numbers is None else numbers[learned]
        with as_numbered(places):
            weights = fit_weights(self.estimator, counts)
            fit_parts(owner, {"estimator": (self.estimator, lambda: self.estimator.fit(rows, **weights))}, X, y)
        if held is not None:
            scores = self.estimator.score_samples(some_rows(numbered(X), held))
            counts = ones_or(weight, len(held))[held]
            self.held_out = np.asarray(scores, dtype=np.float64), counts
        needed = self.explains or self.goes_on
        return Reading(X, Schema.for_estimator(X, self.estimator) if needed else None), weight

    def after(self, X, sample_weight):
        """A judge that has learned from a batch too, and the batch as ``train`` gives it."""
        X, weight, numbers = counting(in_memory(X, type(self.estimator).__name__), sample_weight)
        judge = Foreign(copy.deepcopy(self.estimator))
        with as_numbered(numbers):
            judge.estimator.partial_fit(X, **fit_weights(judge.estimator, weight))
        return judge, Reading(X, Schema.for_estimator(X, judge.estimator)), weight

    def refer_to(self, numbers, weight):
        """Nothing: it compares rows with none."""

    def read(self, X, schema):
        """Rows that came after training."""
        return Reading(in_memory(X, type(self.estimator).__name__), schema)

    def rows(self, numbers, schema):
        """Rows of which only the numbers are known (n, n_features), as a table that the estimator takes."""
        return Reading(schema.table(numbers), schema, numbers)

    def score(self, reading):
        """Score of each row (n,), higher being more normal."""
        return np.asarray(self.estimator.score_samples(reading.X), dtype=np.float64)

    def costs(self, reading):
        """Share of each cell in the strangeness of its row, and its ``shortfall``: (n, n_features) both."""
        shares = np.asarray(self.estimator.score_features(reading.X))
        return shares, np.minimum(shares, 0.0)

    def shortfall(self, numbers, schema):
        """Shares of rows of numbers (n, n_features), below zero: it does not tell what levels are less probable by."""
        return np.minimum(np.asarray(self.estimator.score_features(schema.table(numbers))), 0.0)

    def expected(self, numbers, schema, index=None):
        """What is expected of each cell of rows of numbers (n, n_features), in numbers of the schema."""
        codes = self.estimator.transform(schema.table(numbers, index))
        return schema.numbers(self.estimator.inverse_transform(codes))


def some_of(table, rows):
    """The rows of a training table that a mask says, as a table."""
    weight, numbers = (None if part is None else part[rows] for part in (table.weight, table.numbers))
    numbers = np.flatnonzero(rows) if numbers is None else numbers
    return replace(table, X=of_rows(table.X, rows), weight=weight, numbers=numbers)


def ones_or(weight, n_rows):
    """What rows count (n_rows,): the weights, or one where these are None."""
    return np.ones(n_rows) if weight is None else weight


def fit_weights(estimator, sample_weight):
    """Arguments of an estimator's fit, where there are weights."""
    if sample_weight is None:
        return {}
    steps = [(name, step) for name, step in getattr(estimator, "steps", []) if hasattr(step, "fit")]
    if not all(has_fit_parameter(step, "sample_weight") for _, step in steps or [("", estimator)]):
        raise ValueError(
            f"estimator={estimator!r} takes no sample_weight, or one of its steps does not; leave it out, or use "
            "another estimator."
        )
    if not steps or get_config()["enable_metadata_routing"]:
        return {"sample_weight": sample_weight}
    return {f"{name}__sample_weight": sample_weight for name, _ in steps}
