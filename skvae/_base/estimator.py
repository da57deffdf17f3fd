"""What both transformers are to scikit-learn: parameters, training, pickles and tags."""

from dataclasses import replace
from numbers import Integral, Real
from os import PathLike
from typing import Self

from skvae._base.answers import Answers
from skvae._base.checkpoints import checkpoint_of
from skvae._base.training import MAX_SEED, attributes_of, begun, check_outcome, seeds, tell
from skvae._callbacks import FitReport, Words
from skvae._engine.components import components_of
from skvae._engine.device import PRECISIONS
from skvae._engine.summaries import Summary, summarised
from skvae._members import nested
from skvae._recipe import epochs_of, plan_of, solver_of, stream_plan
from skvae._stored import Stored
from skvae._surroundings import undisturbed
from skvae._tables import door
from skvae._tables.plain import plain, unplain
from skvae._tables.weighted import WeightedRows
from skvae._typing import Table, Weights
from skvae._validation import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    _fit_context,
    note_columns,
    unchanged_on_error,
)
from skvae.corruptions import Corruption
from skvae.networks import Network
from skvae.nn.corruptions import CORRUPTIONS
from skvae.nn.likelihoods import LIKELIHOODS
from skvae.nn.networks import ACTIVATIONS, NETWORKS
from skvae.nn.penalties import PENALTIES
from skvae.nn.solvers import SOLVERS
from skvae.nn.training import SCHEDULES
from skvae.penalties import Penalty

ALL_DRAWS = "all"
"""Stands for all numbers of draws of a score of which has been told."""

NAMING = "categorical_features", "likelihood"
"""Parameters that may hold names of columns."""


class BaseAutoencoder(Stored, CallbackSupportMixin, Answers):
    """Parameters and training of the two estimators; they add their recipe and its parameters."""

    n_components_: int
    n_iter_: int
    n_features_in_: int
    loss_curve_: list[float]
    history_: dict[str, list[float]]
    validation_scores_: list[float] | None
    best_validation_score_: float | None

    _inside = None
    """Which of the estimators of a detector this is, "first", "second" or the "last" of a Pipeline; None alone."""

    _streams = False
    """Whether the rows of ``fit`` are the first of a stream, as in a detector's first ``partial_fit``."""

    _epochs_divided_by = 1
    """By what ``max_iter="auto"`` is divided, for that of a detector's densities which learns from usual rows alone."""

    _parameter_constraints: dict = {
        "n_components": [StrOptions({"auto"}), Interval(Integral, 1, MAX_SEED, closed="both")],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "network": [StrOptions(set(NETWORKS) | {"auto"}), Network],
        "image_shape": ["array-like", None],
        "likelihood": [StrOptions(set(LIKELIHOODS) | {"auto"}), list, dict],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "n_mixture_components": [Interval(Integral, 1, MAX_SEED, closed="both")],
        "corruption": [StrOptions(set(CORRUPTIONS) | {"auto"}), Corruption, None],
        "penalty": [StrOptions(set(PENALTIES) | {"auto"}), Penalty, None],
        "solver": [StrOptions(set(SOLVERS)), type],
        "alpha": [Interval(Real, 0, 1e12, closed="both")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, MAX_SEED, closed="both")],
        "learning_rate": [StrOptions(set(SCHEDULES))],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
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
        "checkpoint": [str, PathLike, None],
        "checkpoint_interval": [Interval(Real, 0, None, closed="left")],
    }

    @_fit_context(prefer_skip_nested_validation=True)
    @undisturbed
    def fit(self, X: Table, y: object = None, sample_weight: Weights = None, X_val: Table | None = None) -> Self:
        """Train on ``X``.

        A sparse table is made dense a batch at a time, and gives the model that its dense copy gives. Its cells are all
        there: what is not stored is zero. ``likelihood="auto"`` is one likelihood for all its columns: "multinomial"
        where these are 100 or more of counts, as words of documents are. Otherwise that of a ``VAETransformer`` is
        "bernoulli" where cells are 0 and 1 only, "poisson" where they are counts, and "gaussian" for other numbers such
        as TF-IDF. It takes no sparse table for pixels.

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
        fitted = getattr(self, "_model", None) if self.warm_start else None
        first_weights, split, training = seeds(self.random_state, 3)
        with unchanged_on_error(self):
            note_columns(self, table.columns)
            run = begun(table, self, self._recipe, fitted, first_weights, whole=True)
            checkpoint = checkpoint_of(self, run, validation, [split, training])
            split, training = checkpoint.said or (split, training)
            data, watched = run.rows, None
            if validation is not None:
                with door.called("X_val"):
                    run.model.check_support(validation, run.schema.names)
                watched = WeightedRows.present(validation)
            elif self.early_stopping:
                data, watched = run.rows.split(self.validation_fraction, split)
            epochs = epochs_of(self, data, run.batch_size, run.model.options.alike)
            plan = plan_of(self, run.batch_size, epochs, fitted is not None)
            report = FitReport(self, X, y, epochs, lambda: self._on_the_way(run))
            solver = solver_of(self, data)
            run.model.train(data, watched, plan, solver, training, report.epoch, checkpoint=checkpoint)
            check_outcome(self, run.model)
            vars(self).update(self._fitted(run))
            checkpoint.done()
        tell(self, run.said)
        self._advise()
        report.close(run.model.history)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    @undisturbed
    def partial_fit(self, X: Table, y: object = None, sample_weight: Weights = None) -> Self:
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
        first_weights, training = seeds(self.random_state, 2)
        words = Words(self, max_iter=1)
        with unchanged_on_error(self):
            note_columns(self, table.columns)
            run = begun(table, self, self._recipe, getattr(self, "_model", None), first_weights, whole=False)
            rows, model = run.rows, run.model
            seed = (training + len(model.history.loss)) % MAX_SEED
            model.train(rows, None, stream_plan(self, run.batch_size), solver_of(self, rows), seed, resume=True)
            check_outcome(self, model)
            vars(self).update(self._fitted(run, rate=rows.total / model.n_seen))
        tell(self, run.said)
        words.line(model.history)
        return self

    def _read_to_fit(self, X, sample_weight):
        """The table that ``fit`` trains on."""
        schema, advise = self._schema if self.warm_start and hasattr(self, "_model") else None, self._inside != "second"
        return door.read_training(self, X, sample_weight, schema=schema, declared=self._streams, advise=advise)

    def _read_to_go_on(self, X, sample_weight):
        """The table that ``partial_fit`` goes on with."""
        schema, advise = getattr(self, "_schema", None), self._inside != "second"
        return door.read_training(self, X, sample_weight, schema=schema, declared=True, advise=advise)

    def _fitted(self, run, rate=1.0):
        """All fitted attributes that belong to a trained model, of rows that are the share ``rate`` of all."""
        run.model.calibrate(run.rows, run.profile, rate)
        before = Summary(self._usual, self._baseline, self._holes) if rate < 1.0 else None
        summary = summarised(run.model, run.profile, self._recipe.n_draws(self), rate, before)
        fitted = attributes_of(run, summary)
        if not self._inside:
            is_new = run.model.n_seen == run.rows.total
            run.model.axes, shares = components_of(run.model, run.profile.sample.rows, is_new)
            fitted["explained_variance_ratio_"] = shares
        return fitted | self._diagnostics(run)

    def _on_the_way(self, run):
        """The fitted attributes of a model that still learns, of which nothing is to be said."""
        model = run.model.copy()
        model.first_to_tell(ALL_DRAWS)
        return self._fitted(replace(run, model=model))

    def _advise(self):
        """Warn of a fitted model that is not what was asked for."""

    def _diagnostics(self, run):
        """Fitted attributes that only one of the estimators has."""
        return {}

    @undisturbed
    def set_params(self, **params: object) -> Self:
        """Set parameters of the estimator, and of what its parameters hold, as ``network__channels``.

        Parameters
        ----------
        **params : dict
            Parameters and their values.

        Returns
        -------
        self : object
            The estimator.
        """
        own, members = nested(self, params)
        super().set_params(**own)
        for name, further in members.items():
            setattr(self, name, getattr(self, name).with_params(**further))
        return self

    def __getstate__(self):
        state = dict(super().__getstate__())
        return {**state, **{name: plain(state[name]) for name in NAMING if name in state}}

    def __setstate__(self, state):
        super().__setstate__({**state, **{name: unplain(state[name]) for name in NAMING if name in state}})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.target_tags.required = False
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.sparse = True
        tags.input_tags.string = False
        return tags
