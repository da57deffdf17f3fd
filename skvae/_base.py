"""What both estimators share: scikit-learn's protocol around an ``ArrayModel``."""

import math
import warnings
from abc import ABC, abstractmethod
from dataclasses import replace
from functools import partial
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skvae._callbacks import FitReport
from skvae._engine.array_model import ArrayModel
from skvae._engine.device import PRECISIONS, resolve_device
from skvae._likelihood_choice import Choice
from skvae._recipe import auto_batch_size, least_batch_size
from skvae._surroundings import undisturbed
from skvae._tables import door
from skvae._tables.bounds import bounds_of, narrower
from skvae._tables.frames.frame import as_array, index_of
from skvae._tables.matrix import cells_of, is_complete, lacking_by_row
from skvae._tables.plain import plain, unplain
from skvae._tables.units import Units
from skvae._tables.usual import LINEAR, Near, Usual
from skvae._tables.weighted import WeightedRows
from skvae._tables.weights import as_numbered, check_weights, renumbered
from skvae._validation import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    _fit_context,
    check_is_fitted,
    note_columns,
    unchanged_on_error,
)
from skvae.nn.corruptions import CORRUPTIONS
from skvae.nn.likelihoods import LIKELIHOODS
from skvae.nn.networks import ACTIVATIONS, NETWORKS
from skvae.nn.solvers import SOLVERS, is_optimizer
from skvae.nn.training import SCHEDULES, Plan

BASELINE_ROWS = 256
"""Training rows, evenly spread, whose mean score a feature's share is measured against."""

DRAWS_TO_IMPUTE = 512
"""Importance draws of one imputation, at least."""

OF_SPARSE = {"binary": "bernoulli", "counts": "poisson", "real": "gaussian"}
"""What "auto" takes for all columns of a sparse table, by what its cells are."""

UNSEEN = 0.5
"""How many rows the levels that no training row has are worth together."""

LEAST_CODES_GIVEN = 30
"""Effective sample size of the codes for given cells below which draws are few different ones."""

MOST_AUTO_COMPONENTS = 16
"""Most components that "auto" takes."""

ALL_DRAWS = "all"
"""Stands for all numbers of draws of a score of which has been told."""

NAMING = "categorical_features", "likelihood"
"""Parameters that may hold names of columns."""

MAX_SEED = np.iinfo(np.int32).max


class BaseAutoencoder(CallbackSupportMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC):
    """Parameters, fitting and every public method of the two estimators; they add their model and its parameters."""

    _inside = None
    """Which of the estimators of a detector this is, "first", "second" or the "last" of a Pipeline; None alone."""

    _streams = False
    """Whether the rows of ``fit`` are the first of a stream, as in a detector's first ``partial_fit``."""

    _doc_link_module = "skvae"
    _doc_link_template = "https://skvae.readthedocs.io/en/latest/{estimator_name}.html"

    _parameter_constraints: dict = {
        "n_components": [StrOptions({"auto"}), Interval(Integral, 1, MAX_SEED, closed="both")],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "network": [StrOptions(set(NETWORKS))],
        "likelihood": [StrOptions(set(LIKELIHOODS) | {"auto"}), list, dict],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "n_mixture_components": [Interval(Integral, 1, MAX_SEED, closed="both")],
        "corruption": [StrOptions(set(CORRUPTIONS) - {None}), None],
        "corruption_level": [Interval(Real, 0, None, closed="left")],
        "solver": [StrOptions(set(SOLVERS)), type],
        "alpha": [Interval(Real, 0, 1e12, closed="both")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, MAX_SEED, closed="both")],
        "learning_rate": [StrOptions(set(SCHEDULES))],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "support_fraction": [Interval(Real, 0, 1, closed="right")],
        "warm_start": ["boolean"],
        "precision": [StrOptions(set(PRECISIONS))],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @abstractmethod
    def _model_options(self, rows, goes_on):
        """Name of the model in ``MODELS`` and the options that only it has, for these training rows."""

    @property
    @abstractmethod
    def _n_draws(self):
        """Importance draws of one score."""

    @_fit_context(prefer_skip_nested_validation=True)
    @undisturbed
    def fit(self, X, y=None, sample_weight=None, X_val=None):
        """Train on ``X``.

        A sparse table is made dense a batch at a time, and gives the model that its dense copy gives. Its cells are all
        there: what is not stored is zero. ``likelihood="auto"`` is one likelihood for all its columns: "bernoulli"
        where cells are 0 and 1 only, "poisson" where they are counts, and "gaussian" for other numbers such as TF-IDF.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows: an array of numbers, in whatever units, or a data frame of numbers, texts, categories,
            booleans and dates. Cells may be missing: NaN, None, NaT or pandas.NA.
        y : None
            Ignored; present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row: two is repetition, zero absence, whatever the batch size and the order of the rows, and
            whatever cells a row of weight zero holds.
            Weights whose mean over the rows is below one are shares, of which only the ratio matters. None weights all
            rows alike; rows that all differ are then taken in the order in which they come.
        X_val : array-like of shape (n_val_samples, n_features), default=None
            Validation rows of one's own, instead of a part of X. Inside a Pipeline, ``transform_input=["X_val"]`` has
            them go through the earlier steps.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X is no table; if a cell is infinite, no number in an array, or outside the likelihood's support, in rows
            that count; if a weight is no finite number of at least 0, or all are zero; if the device is not there; if
            training diverges and no usable state is left.
        """
        table = self._read_to_fit(X, sample_weight)
        validation = None if X_val is None else door.read_beside(self, table, X_val, "X_val")
        return self._fit_table(table, X, y, validation)

    @_fit_context(prefer_skip_nested_validation=True)
    @undisturbed
    def _fit_table(self, table, X=None, y=None, validation=None):
        """``fit`` on a table that the door has read, and a matrix ``validation``; X and y are for callbacks alone."""
        goes_on = self.warm_start and hasattr(self, "_model")
        first_weights, split, training = self._seeds(3)
        with unchanged_on_error(self):
            note_columns(self, table.columns)
            schema, rows, batch_size, model, not_learned = self._started(table, goes_on, first_weights, whole=True)
            data, watched = rows, None
            if validation is not None:
                with door.called("X_val"):
                    model.check_support(validation, schema.names)
                watched = WeightedRows.present(validation)
            elif self.early_stopping:
                data, watched = rows.split(self.validation_fraction, split)
            plan = Plan(
                batch_size=batch_size,
                max_iter=self.max_iter,
                tol=self.tol,
                n_iter_no_change=self.n_iter_no_change,
                schedule=SCHEDULES[self.learning_rate],
                support_fraction=self.support_fraction,
                progress=float(goes_on),
            )
            report = FitReport(self, X, y, self.max_iter, lambda: self._on_the_way(model, schema, rows))
            model.train(data, watched, plan, self._solver(data), training, report.epoch)
            self._keep(model, schema, rows)
        self._tell(not_learned)
        self._advise()
        report.close()
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    @undisturbed
    def partial_fit(self, X, y=None, sample_weight=None):
        """Go on training with one pass over ``X``, as a stream of batches needs; the first call starts a model.

        The units of the columns are those of the first batch; draws reach as far as all rows seen. A placeholder or a
        repeated value that the first batch has not is a number like others. Levels are those that the first batch has
        or its dtypes declare, such as a ``pandas.CategoricalDtype``; what else comes is not learned, and a warning says
        so once a column. There is no validation set and no early
        stopping, and the solver keeps its state between the calls.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; at least two in the first call.
        y : None
            Ignored; present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row: two is repetition, zero absence, as in ``fit``.

        Returns
        -------
        self : object
            The estimator after one more pass.
        """
        return self._partial_fit_table(self._read_to_go_on(X, sample_weight))

    @_fit_context(prefer_skip_nested_validation=True)
    @undisturbed
    def _partial_fit_table(self, table):
        """``partial_fit`` on a table that the door has read."""
        goes_on = hasattr(self, "_model")
        first_weights, training = self._seeds(2)
        with unchanged_on_error(self):
            note_columns(self, table.columns)
            schema, rows, batch_size, model, not_learned = self._started(table, goes_on, first_weights, whole=False)
            plan = Plan(batch_size, max_iter=1, support_fraction=self.support_fraction, progress=1.0)
            seed = (training + len(model.history.loss)) % MAX_SEED
            model.train(rows, None, plan, self._solver(rows), seed, resume=True)
            self._keep(model, schema, rows, rate=rows.total / model.n_seen)
        self._tell(not_learned)
        return self

    def _read_to_fit(self, X, sample_weight):
        """The table that ``fit`` trains on."""
        schema = self._schema if self.warm_start and hasattr(self, "_model") else None
        advise = self._inside != "second"
        return door.read_training(self, X, sample_weight, schema=schema, declared=self._streams, advise=advise)

    def _read_to_go_on(self, X, sample_weight):
        """The table that ``partial_fit`` goes on with."""
        schema, advise = getattr(self, "_schema", None), self._inside != "second"
        return door.read_training(self, X, sample_weight, schema=schema, declared=True, advise=advise)

    @property
    def _on_matrices(self):
        from skvae._engine.density import MatrixDensity

        return MatrixDensity(self)

    def _seeds(self, n_seeds):
        """Independent seeds from ``random_state``."""
        return check_random_state(self.random_state).randint(MAX_SEED, size=n_seeds).tolist()

    def _started(self, table, goes_on, seed, whole):
        """Schema, rows, batch size, the model to train, and what is to be said: of the rows that count alone."""
        with as_numbered(table.numbers):
            rows, batch_size, model = self._start(table, goes_on, seed, whole)
        schema, said = self._after(table.source, rows, table.schema, model) if goes_on else (table.schema, [])
        return schema, rows, batch_size, model, [renumbered(text, table.numbers) for text in said]

    @staticmethod
    def _after(X, rows, schema, model):
        """The schema after more rows, and what is to be said of cells among them that are not learned."""
        n_levels = {
            j: n
            for _, columns, further in model.options["likelihood"]
            for j, n in zip(columns, further.get("n_levels", []), strict=False)
        }
        return schema.after(rows.X).not_learned(X, rows, n_levels)

    def _tell(self, messages):
        """Warn of what the data are, unless another estimator of the same detector does."""
        for message in messages if self._inside != "second" else []:
            warnings.warn(message, stacklevel=8)

    def _start(self, table, goes_on, seed, whole):
        """Rows, batch size, and the model to train: a new one, or a copy of the fitted one to go on from.

        ``whole`` is False where the rows are one batch of a stream.
        """
        X, weight, schema = table.X, table.weight, table.schema
        rows = WeightedRows.distinct(X, weight)
        batch = self._usual_cells(rows, schema)
        usual = self._model.units.usual.after(batch) if goes_on else batch
        model_name, options = self._options(rows, schema, goes_on, whole, usual)
        device = resolve_device(self.device)
        if goes_on:
            bounds = self._bounds(rows, schema, batch, options)
            units = self._model.units.after(batch, bounds)
            model = self._model.to_go_on(options, self.precision, device, units)
        else:
            kinds = [(LIKELIHOODS[name].units, columns) for name, columns, _ in options["likelihood"]]
            units = Units.by_column(kinds, rows.X, rows.weight, schema.names, usual)
            units = replace(units, bounds=self._bounds(rows, schema, batch, options))
            model = ArrayModel(model_name, options, units, self.precision, device, seed)
        model.check_support(WeightedRows.present(X, weight).X, schema.names)
        batch_size = self._batch_size(rows)
        return rows.in_own_order() if rows.n_counted <= batch_size else rows, batch_size, model

    def _batch_size(self, rows):
        """What the rows of one step count together."""
        if self.batch_size == "auto":
            return auto_batch_size(rows.n_rows, rows.n_counted)
        return max(int(self.batch_size), least_batch_size(rows.n_rows, rows.n_counted))

    def _read(self, X):
        """A table as a matrix of cells to which the model gives a density."""
        rows = door.read(self, X, self._schema)
        self._model.check_support(rows, self._schema.names)
        return rows

    @abstractmethod
    def _number_likelihood(self):
        """Name of the likelihood of columns of numbers under "auto"."""

    def _usual_cells(self, rows, schema):
        """Where the cells of the columns usually are; anywhere to a linear model, which takes cells as they are."""
        if not self._layer_sizes():
            return Usual()
        groups = self._choice(schema, rows.X.shape[1]).groups()
        return Usual.of(rows.X, rows.counts, [(LIKELIHOODS[name].distances, columns) for name, columns in groups])

    def _apart(self, rows, schema, usual):
        """Columns with values that stand apart from their other cells, and these values, as the model meets them."""
        if usual.low is None:
            return []
        groups = self._choice(schema, rows.X.shape[1]).groups()
        columns = [j for name, group in groups if LIKELIHOODS[name].has_atoms for j in group]
        values = usual.apart(rows.X, rows.counts, columns)
        return [(j, values[j]) for j in sorted(values)]

    def _bounds(self, rows, schema, usual, options):
        """Between which values cells of these rows can be (2, n_features); None to a linear model, as PCA has none."""
        if usual.low is None:
            return None
        columns = [
            j for name, group, _ in options["likelihood"] if LIKELIHOODS[name].distances in LINEAR for j in group
        ]
        return narrower(bounds_of(rows.X, rows.counts, usual.ends, columns), schema.limits(rows.X.shape[1]))

    def _likelihood_parts(self, rows, schema, goes_on, usual):
        """Name, columns and further arguments of the likelihood of each group of columns."""
        pairs = self._choice(schema, rows.X.shape[1]).groups()
        fitted = self._model.options["likelihood"] if goes_on else []
        X = usual.learned_table(rows.X)
        if [(name, columns) for name, columns, _ in fitted] == pairs:
            return [
                (name, columns, LIKELIHOODS[name].widened(further, cells_of(X, columns), rows.counts))
                for name, columns, further in fitted
            ]
        parts = [(name, columns, self._described(name, columns, X, rows, schema)) for name, columns in pairs]
        for _, columns, described in parts:
            if "atoms" in described:
                described["placeholders"] = usual.places(columns)
        return parts

    def _choice(self, schema, n_features):
        of_numbers = OF_SPARSE.get(schema.sparse) or self._number_likelihood()
        return Choice(self.likelihood, of_numbers, schema, n_features)

    @staticmethod
    def _described(name, columns, X, rows, schema):
        """Further arguments of a likelihood of some columns of ``rows``, whose cells are those of X."""
        described = LIKELIHOODS[name].describe(cells_of(X, columns), rows.counts)
        if "n_levels" in described and schema.declared and all(j in schema.columns for j in columns):
            described = LIKELIHOODS[name].describe(*with_declared(X, columns, rows.counts, schema))
        if "n_levels" in described and all(j in schema.columns for j in columns):
            described["unseen"] = UNSEEN / float(rows.counts.sum() + UNSEEN)
        return described

    def _options(self, rows, schema, goes_on, whole, usual):
        """What the model is built from: its name, and options that are plain values."""
        n_features = rows.X.shape[1]
        n_components = self.n_components
        if n_components == "auto":
            n_components = min(math.ceil(n_features / 2), MOST_AUTO_COMPONENTS)
        name, own = self._model_options(rows, goes_on)
        kept = goes_on and self.code_density == "auto"
        return name, {
            "n_features": n_features,
            "latent_dim": int(n_components),
            "network": self.network,
            "hidden_layer_sizes": self._layer_sizes(),
            "activation": self.activation,
            "likelihood": self._likelihood_parts(rows, schema, goes_on, usual),
            "holes": self._model.options["holes"] if goes_on else rows.columns_with_holes(),
            "apart": self._model.options["apart"] if goes_on else self._apart(rows, schema, usual),
            "n_mixture_components": int(self.n_mixture_components),
            "code_density": (
                self._model.options["code_density"]
                if kept
                else self._code_density(whole, rows.n_counted / n_components)
            ),
            "corruption": self.corruption,
            "corruption_level": float(self.corruption_level),
            **own,
        }

    def _code_density(self, whole, rows_a_component):
        """Name of the density that is fitted to the codes after training, or None."""
        return self.code_density

    def _layer_sizes(self):
        """Hidden units of each layer, as plain integers; one number is one layer."""
        sizes = np.atleast_1d(np.asarray(self.hidden_layer_sizes)).tolist()
        if not all(isinstance(size, Integral) and size >= 1 for size in sizes):
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} must hold whole numbers of at least 1, one a hidden "
                "layer; () is a linear model."
            )
        return sizes

    def _solver(self, rows):
        """Arguments of the solver; ``alpha`` acts on the sum over rows, as a prior on the weights does."""
        if self.solver not in SOLVERS and not is_optimizer(self.solver):
            raise ValueError(
                f"solver={self.solver!r} is no torch.optim.Optimizer class that steps without a closure. Use such a "
                f"class, or one of {sorted(SOLVERS)}."
            )
        return {
            "solver": self.solver,
            "learning_rate": float(self.learning_rate_init),
            "momentum": float(self.momentum),
            "weight_decay": self.alpha / rows.total,
        }

    def _keep(self, model, schema, rows, rate=1.0):
        """Take over a trained model, and say it where training did not end well."""
        outcome = model.history.outcome
        if outcome == "failed":
            raise ValueError(
                "Training diverged at once: the objective is not finite. Lower "
                f"{self._written(learning_rate_init=self.learning_rate_init)}, or look for extreme values in X."
            )
        if outcome == "diverged":
            warnings.warn(
                f"Training diverged after {len(model.history.loss)} epochs; the best state before is kept. Lower "
                f"{self._written(learning_rate_init=self.learning_rate_init)}, or look for extreme values in X.",
                ConvergenceWarning,
                stacklevel=8,
            )
        if outcome == "interrupted":
            warnings.warn("Training interrupted by user; the best state so far is kept.", stacklevel=8)
        vars(self).update(self._fitted(model, schema, rows, rate))

    def _fitted(self, model, schema, rows, rate=1.0):
        """All fitted attributes that belong to a trained model."""
        model.calibrate(rows, rate)
        spread, usual = self._spread(rows), self._usual_range(model, rows)
        if rate < 1.0:
            usual = np.where(np.isfinite(self._usual + usual), (1.0 - rate) * self._usual + rate * usual, usual)
        baseline = self._mean_shares(self._shares(model, model.units.usual.tamed(spread.X), usual), spread)
        if rate < 1.0:
            baseline = (1.0 - rate) * self._baseline + rate * baseline
        history = model.history
        scores = [-value for value in history.validation] or None
        return {
            "_model": model,
            "_schema": schema,
            "_reasons": self._choice(schema, spread.X.shape[1]).reasons(model.options["likelihood"]),
            "_holes": rows.holes() if rate == 1.0 else self._holes,
            "_baseline": baseline,
            "_usual": usual,
            "history_": history.terms,
            "loss_curve_": history.loss,
            "n_components_": model.latent_dim,
            "n_iter_": len(history.loss),
            "validation_scores_": scores,
            "best_validation_score_": scores and max(scores),
            **self._diagnostics(model, rows),
        }

    @staticmethod
    def _spread(rows):
        """Up to BASELINE_ROWS rows, evenly spread."""
        return rows.part(slice(None, None, math.ceil(rows.n_rows / BASELINE_ROWS)))

    def _on_the_way(self, model, schema, rows):
        """The fitted attributes of a model that still learns, of which nothing is to be said."""
        model = model.copy()
        model.told.append(ALL_DRAWS)
        return self._fitted(model, schema, rows)

    def _written(self, **parameters):
        """How messages write parameters of this estimator to whoever has it, or a detector around it, in hands."""
        written = ", ".join(f"{name}={value!r}" for name, value in parameters.items())
        return f"estimator={type(self).__name__}({written})" if self._inside in ("first", "second") else written

    def _advise(self):
        """Warn of a fitted model that is not what was asked for."""

    def _advise_on_scores(self, rows):
        """Warn, the first time that scores are asked for, of those that are not to be trusted."""

    def _diagnostics(self, model, rows):
        """Fitted attributes that only one of the estimators has."""
        return {}

    @staticmethod
    def _usual_range(model, rows):
        """Where the cells of each column usually lie (2, n_features); everywhere where values have no order."""
        where = model.units.usual
        usual = (replace(rows, X=Near(rows.X, where)) if where.has_far else rows).usual_range()
        for name, columns, _ in model.options["likelihood"]:
            if not LIKELIHOODS[name].ordered:
                usual[:, columns] = np.array([[-np.inf], [np.inf]])
        return usual

    def _shares(self, model, rows, usual):
        """Each cell's part of the row's score: its own log-density, and an equal part of what all cells share.

        NaN where cells are missing.
        """
        cells, there = model.feature_log_prob(rows, usual), ~np.isnan(rows)
        shared = (model.log_prob(rows, self._n_draws) - cells.sum(axis=1)) / np.maximum(there.sum(axis=1), 1)
        return np.where(there, cells + shared[:, None], np.nan)

    @staticmethod
    def _mean_shares(shares, rows):
        """Mean share of each column's cells (n_features,), 0 where all are missing."""
        weight = (np.ones(len(shares)) if rows.weight is None else rows.weight)[:, None] * ~np.isnan(shares)
        return (weight * np.nan_to_num(shares)).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-300)

    @undisturbed
    def transform(self, X):
        """Codes of rows: deterministic, the posterior's mean.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in the units of the training data.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components_)
            Codes, in the float dtype of X; follows ``set_output``.
        """
        check_is_fitted(self)
        return self._model.encode(self._read(X))

    @undisturbed
    def inverse_transform(self, X):
        """Rows that codes stand for: the decoded mean, in the units of the training data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components_)
            Codes.

        Returns
        -------
        X_original : ndarray or data frame of shape (n_samples, n_features_in_)
            Expected rows. A data frame with the training columns and dtypes if the estimator was fitted on one.
        """
        check_is_fitted(self)
        codes = door.read_codes(self, X)
        return self._schema.rows(self._model.decode(codes), codes.dtype, index_of(X))

    @undisturbed
    def _expected(self, numbers):
        """What is expected of each cell of rows of numbers, float64, in numbers again: their codes, decoded."""
        return self._schema.settled(self._model.decode(self._model.encode(numbers)))

    @undisturbed
    def sample(self, n_samples=1, random_state=None, *, given=None, with_missing=True):
        """Draw new rows like the training data: a code, its decoded density, and a draw from that, noise included.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw; None takes numpy's global generator.
        given : dict or None, default=None
            Cells that all rows are to have, by column name or number, such as ``{"income": ">50K"}``. The others are
            drawn given these, by sampling importance resampling: of 16 codes a row, at least 16,384, each is taken
            with a chance proportional to the density that it gives the given cells.
        with_missing : bool, default=True
            Whether to leave out cells as in the training rows: those of a training row, taken at random, are missing
            in the drawn one. Given cells stay.

        Returns
        -------
        X : ndarray or data frame of shape (n_samples, n_features_in_)
            New rows, a data frame if the estimator was fitted on one. Levels and whole numbers are such as training
            rows have.
        """
        check_is_fitted(self)
        if not isinstance(n_samples, Integral) or isinstance(n_samples, bool) or n_samples < 1:
            raise ValueError(f"n_samples={n_samples!r} must be a whole number of at least 1.")
        rng = check_random_state(random_state)
        seed = int(rng.randint(MAX_SEED))
        if given is None:
            row, numbers = np.full(self.n_features_in_, np.nan), self._model.sample(n_samples, seed)
        else:
            row = self._schema.row_of(given, self.n_features_in_, type(self).__name__)
            try:
                self._model.check_support(row[None], self._schema.names)
            except ValueError as error:
                raise ValueError(f"given={given!r}: {error}") from error
            numbers, size = self._model.sample_given(row, n_samples, seed)
            if size < LEAST_CODES_GIVEN:
                warnings.warn(
                    f"The codes drawn for given={given!r} are worth {size:.1f} (effective sample size): rows like "
                    "these are so rare in the model that draws repeat few codes.",
                    stacklevel=3,
                )
        numbers = np.where(np.isnan(row), numbers, row)
        if with_missing and self._holes is not None:
            holes = self._holes[rng.randint(len(self._holes), size=n_samples)]
            numbers[holes & np.isnan(row)] = np.nan
        return self._schema.rows(numbers, np.float64, drawn=True)

    @undisturbed
    def score_samples(self, X):
        """Log-likelihood of each row in nats, in the units of the data; higher is more normal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            float64, deterministic, each independent of the other rows.
        """
        check_is_fitted(self)
        rows = self._read(X)
        self._advise_on_scores(rows)
        return self._model.log_prob(rows, self._n_draws)

    @undisturbed
    def score(self, X, y=None, sample_weight=None):
        """Mean of ``score_samples``: what a search over parameters maximises.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, held out from training where models are compared.
        y : None
            Ignored; present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the mean.

        Returns
        -------
        score : float
            Mean log-likelihood of a row in nats.
        """
        scores = self.score_samples(X)
        return float(np.average(scores, weights=check_weights(sample_weight, scores)))

    @undisturbed
    def score_features(self, X):
        """Share of each column in the row's score: names the cells that make a row strange.

        A share is the cell's own log-density given a code, plus an equal part of what belongs to no single column (the
        code), less the mean of both over training rows. The code is that of the row with its cells clipped to where
        98 % of the training cells of their column lie, as a far cell would pull the code towards itself and so put the
        blame on others. A share does not depend on the units of the columns: 0 is as usual, the lower the stranger. The
        shares of a row add up to its score less a constant, the mean score of up to 256 training rows. In a row with a
        very far cell the equal part drowns what the other columns say.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        shares : ndarray or data frame of shape (n_samples, n_features_in_)
            Nats. A data frame with the index of X and the column names if the estimator was fitted on one.
        """
        check_is_fitted(self)
        rows = self._read(X)[:]
        shares = np.nan_to_num(self._shares(self._model, rows, self._usual) - self._baseline * ~np.isnan(rows))
        return shares if self._schema.frame is None else self._schema.frame.numbers(shares, index_of(X))

    @undisturbed
    def _shortfall(self, X):
        """Nats that each cell has less, given the code, than the one that is expected (n, n_features); 0 for holes."""
        return self._model.feature_shortfall(self._read(X), self._usual)

    @undisturbed
    def impute(self, X, n_imputations=1, random_state=None):
        """Rows with their missing cells filled from the model, all others as they are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; missing cells are NaN, None, NaT or pandas.NA.
        n_imputations : int, default=1
            1 fills in what is expected given the other cells of the row: means of numbers, the most probable level,
            the median of ordered ones. With more, each table is filled with draws, as multiple imputation needs.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws; one imputation needs none.

        Returns
        -------
        X_filled : same type as X, or list of them
            Copies of the rows, with the columns, dtypes and labels of X; ``n_imputations`` of them if that is above 1.
            Cells of a column of which all were missing in training stay missing.
        """
        check_is_fitted(self)
        if not isinstance(n_imputations, Integral) or isinstance(n_imputations, bool) or n_imputations < 1:
            raise ValueError(f"n_imputations={n_imputations!r} must be a whole number of at least 1.")
        rows, X = self._read(X), as_array(X)
        if is_complete(rows):
            return X.copy() if n_imputations == 1 else [X.copy() for _ in range(n_imputations)]
        lacking = np.flatnonzero(lacking_by_row(rows))
        n_draws, rng = max(self._n_draws, DRAWS_TO_IMPUTE), check_random_state(random_state)

        def filled(fill):
            numbers = np.full(rows.shape, np.nan)
            if len(lacking):
                numbers[lacking] = fill(rows[lacking], n_draws)
            return self._schema.filled(X, numbers)

        if n_imputations == 1:
            return filled(self._model.impute)
        seeds = rng.randint(MAX_SEED, size=n_imputations).tolist()
        return [filled(partial(self._model.complete, seed=seed)) for seed in seeds]

    @property
    def column_likelihoods_(self):
        """The likelihood of each column and why it was chosen, a data frame with a row a column."""
        labels = range(self.n_features_in_) if self._schema.frame is None else self._schema.frame.labels
        return pd.DataFrame(self._reasons, index=labels, columns=["likelihood", "reason"])

    @property
    def module_(self):
        """The trained torch module, in eval mode, on ``device_``; it works in standard units, float ``precision``."""
        return self._model.module

    @property
    def device_(self):
        """Where the fitted model computes."""
        return self._model.device

    @property
    def _n_features_out(self):
        return self.n_components_

    def __getstate__(self):
        state = dict(super().__getstate__())
        return {**state, **{name: plain(state[name]) for name in NAMING if name in state}}

    def __setstate__(self, state):
        super().__setstate__({**state, **{name: unplain(state[name]) for name in NAMING if name in state}})

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_model")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.target_tags.required = False
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.sparse = True
        tags.input_tags.string = False
        return tags


def with_declared(X, columns, counts, schema):
    """Some columns of levels and what their rows count, with a row more that counts nothing and has the last levels."""
    described = [schema.columns[j] for j in columns]
    last = [len(column.levels) - 1.0 if column.has_levels else np.nan for column in described]
    return np.vstack([cells_of(X, columns)[:], last]), np.append(counts, 0.0)
