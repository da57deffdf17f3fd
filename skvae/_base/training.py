"""From a table that the door has read to a model to train, and from a trained one to fitted attributes."""

import warnings
from dataclasses import dataclass

from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skvae._engine.array_model import ArrayModel
from skvae._engine.device import resolve_device
from skvae._recipe import batch_size_of, is_linear, learned, options_of
from skvae._recipe.choice import Choice
from skvae._recipe.pixels import found_alike
from skvae._tables.decimals import precisions_of, with_decimals
from skvae._tables.profile import Profile, read_once
from skvae._tables.schema import Schema
from skvae._tables.weighted import WeightedRows
from skvae._tables.weights import as_numbered, renumbered
from skvae.nn.ranks import ranks_now

MAX_SEED = 2**31 - 1

CALLERS = 7
"""Frames from one that trains to the caller of ``fit``: warnings are about the line that called it."""


@dataclass(frozen=True)
class Run:
    """A model about to train on rows with their profile; ``said`` are warnings of cells that it will not learn."""

    schema: Schema
    choice: Choice
    rows: WeightedRows
    profile: Profile
    batch_size: int
    model: ArrayModel
    said: list


def seeds(random_state, n_seeds):
    """Independent seeds, the same on all ranks that train together."""
    return ranks_now().gather(check_random_state(random_state).randint(MAX_SEED, size=n_seeds).tolist())[0]


def begun(table, parameters, recipe, fitted, seed, whole):
    """A run on a table: of a new model, or of a copy of the ``fitted`` one to go on from.

    ``whole`` is False where the rows are one batch of a stream.
    """
    schema = table.schema
    with as_numbered(table.numbers):
        linear = is_linear(parameters)
        n_features = table.X.shape[1]
        of_numbers = recipe.number_likelihood(parameters, schema.sparse, n_features)
        asked = parameters.likelihood, of_numbers, schema, n_features
        expected = Choice(*asked)
        precisions = precisions_of(schema, expected.columns_alone(), begins=fitted is None)
        rows, profile = read_once(table.X, table.weight, expected.columns_of_levels(), precisions)
        check_ranks(type(parameters).__name__, profile)
        alike = found_alike(parameters, profile, schema, fitted)
        choice = Choice(*asked, alike)
        known = learned(profile, schema, choice, linear=linear, alike=alike, fitted=fitted)
        options = options_of(parameters, recipe, known, rows, whole, fitted)
        device = resolve_device(parameters.device)
        if fitted is None:
            model = ArrayModel(options, known.units, parameters.precision, device, seed)
        else:
            model = fitted.to_go_on(options, parameters.precision, device, known.units)
        if not model.supports(profile.columns):
            model.check_support(WeightedRows.present(table.X, table.weight).X, schema.names)
    batch_size = batch_size_of(parameters, rows)
    schema = with_decimals(schema, profile, precisions, begins=fitted is None)
    schema, said = (schema, []) if fitted is None else after(schema, table, rows, profile, model)
    if rows.n_counted <= batch_size:
        rows = rows.in_own_order(profile.sample.prints)
    profile.sample.forget_order()
    return Run(schema, choice, rows, profile, batch_size, model, said)


def check_ranks(owner, profile):
    """Refuse to train together with ranks that have another estimator or another table."""
    ranks, moments = ranks_now(), profile.columns.moments
    told = ranks.gather((owner, profile.total, moments.mean.tobytes(), moments.low.tobytes(), moments.high.tobytes()))
    for rank, other in enumerate(told):
        if other != told[0]:
            fits = [f"rank {number} fits {name} to {total:g} rows" for number, (name, total, *_) in enumerate(told)]
            raise ValueError(
                f"{', '.join(fits[:3])}: ranks that train together need one estimator and one table, of which each "
                f"takes its part. Rank {rank} has another than rank 0; give all of them the same, or fit before "
                "torch.distributed.init_process_group."
            )


def after(schema, table, rows, profile, model):
    """The schema after more rows, and what is to be said of cells among them that are not learned."""
    n_levels = {
        j: n
        for _, columns, further in model.options.likelihood
        for j, n in zip(columns, further.get("n_levels", []), strict=False)
    }
    schema, said = schema.after(profile.columns.moments).not_learned(table.source, rows, n_levels)
    return schema, [renumbered(text, table.numbers) for text in said]


def check_outcome(estimator, model):
    """Say it where training did not end well."""
    outcome = model.history.outcome
    rate = written(estimator, learning_rate_init=estimator.learning_rate_init)
    if outcome == "failed":
        raise ValueError(
            f"Training diverged at once: the objective is not finite. Lower {rate}, or look for extreme values in X."
        )
    if outcome == "diverged":
        warnings.warn(
            f"Training diverged after {len(model.history.loss)} epochs; the best state before is kept. Lower {rate}, "
            "or look for extreme values in X.",
            ConvergenceWarning,
            stacklevel=CALLERS + 1,
        )
    if outcome == "interrupted":
        warnings.warn("Training interrupted by user; the best state so far is kept.", stacklevel=CALLERS + 1)


def tell(estimator, messages):
    """Warn of what the data are, unless another estimator of the same detector does."""
    for message in messages if estimator._inside != "second" else []:
        warnings.warn(message, stacklevel=CALLERS + 1)


def written(estimator, **parameters):
    """How messages write parameters of an estimator to whoever has it, or a detector around it, in hands."""
    text = ", ".join(f"{name}={value!r}" for name, value in parameters.items())
    return f"estimator={type(estimator).__name__}({text})" if estimator._inside in ("first", "second") else text


def attributes_of(run, summary):
    """Fitted attributes that both estimators have."""
    model, history = run.model, run.model.history
    scores = [-value for value in history.validation] or None
    return {
        "_model": model,
        "_schema": run.schema,
        "_reasons": run.choice.reasons(model.options.likelihood),
        "_holes": summary.holes,
        "_baseline": summary.baseline,
        "_usual": summary.usual,
        "history_": history.terms,
        "loss_curve_": history.loss,
        "n_components_": model.latent_dim,
        "n_iter_": len(history.loss),
        "validation_scores_": scores,
        "best_validation_score_": scores and max(scores),
    }
