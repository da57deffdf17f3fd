"""Parameters that must be errors."""

from . import laws
from .laws import Refusal, require, watched
from .running import expected

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
        "contamination": [-0.1, 0.7, "some"],
        "ensemble": ["yes", 3],
        "estimator": ["vae", 5],
        "random_state": ["seed"],
        "warm_start": ["yes"],
    },
}


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
        name in str(outcome.error) or not expected(run),
        "the error names the parameter",
        f"{name}={value!r}: {outcome.error}",
    )
    laws.is_unchanged(run.estimator, before, f"{name}={value!r}")
