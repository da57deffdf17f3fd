"""Every parameter changes something, and its table lists its members in the error."""

import inspect

import numpy as np
import pytest
import torch

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer

BASE = {"max_iter": 6, "hidden_layer_sizes": (8,), "network": "mlp", "random_state": 0, "learning_rate_init": 1e-2}

CHANGES = {
    "n_components": 1,
    "hidden_layer_sizes": (9,),
    "activation": "relu",
    "network": "residual",
    "likelihood": "isotropic_gaussian",
    "categorical_features": [0],
    "prior": "vampprior",
    "n_draws": 3,
    "regularizer": "mmd",
    "free_bits": 0.5,
    "corruption": "gaussian",
    "penalty": "sparse",
    "solver": "sgd",
    "alpha": 50.0,
    "batch_size": 10,
    "learning_rate_init": 1e-3,
    "max_iter": 3,
    "early_stopping": False,
    "validation_fraction": 0.4,
    "support_fraction": 0.5,
    "precision": "float64",
    "random_state": 1,
    "beta": 100.0,
    "kl_warmup": 0.9,
    "n_importance_samples": 3,
}
"""One other value of each parameter that changes codes or scores by itself."""

COMPANIONS = {
    "code_density": ({"code_density": "normal"}, "gaussian_mixture"),
    "momentum": ({"solver": "sgd"}, 0.0),
    "objective": ({"n_draws": 3}, "iwae"),
    "learning_rate": ({"n_iter_no_change": 1, "max_iter": 40, "learning_rate_init": 0.1}, "constant"),
    "tol": ({"n_iter_no_change": 2, "max_iter": 40}, 10.0),
    "n_iter_no_change": ({"tol": 10.0, "max_iter": 40}, 3),
}
"""Parameters that act together with others: these, and the other value."""

SHOWN_ELSEWHERE = {
    "n_mixture_components": "test_density",
    "warm_start": "test_training",
    "image_shape": "test_convolutions",
    "device": "test_bad_input and test_hygiene",
    "verbose": "test_callbacks",
    "checkpoint": "test_checkpoints",
    "checkpoint_interval": "test_checkpoints",
}


def outcome(Estimator, X, **params):
    estimator = Estimator(**params).fit(X)
    return np.c_[estimator.transform(X)[:, :1], estimator.score_samples(X)]


def known(Estimator, X, params, found={}):  # noqa: B006
    """The outcome of parameters that many tests begin with, which is the same every time."""
    key = Estimator, repr(params)
    if key not in found:
        found[key] = outcome(Estimator, X, **params)
        np.testing.assert_array_equal(found[key], outcome(Estimator, X, **params))
    return found[key]


def parameters(Estimator):
    return list(inspect.signature(Estimator).parameters)


def cases():
    """Each parameter of each estimator; of one that both have, in every run by turns with one of them."""
    for number, name in enumerate(name for name in parameters(VAETransformer) if name not in SHOWN_ELSEWHERE):
        owners = [each for each in (VAETransformer, AutoencoderTransformer) if name in parameters(each)]
        for place, Estimator in enumerate(owners):
            yield pytest.param(Estimator, name, marks=() if place == number % len(owners) else pytest.mark.slow)


@pytest.mark.parametrize(("Estimator", "name"), list(cases()))
def test_a_parameter_changes_the_model(X, Estimator, name):
    companions, value = COMPANIONS[name] if name in COMPANIONS else ({}, CHANGES[name])
    params = {**BASE, **companions}
    before = known(Estimator, X, params)
    after = outcome(Estimator, X, **{**params, name: value})
    assert not np.allclose(before, after, rtol=1e-9, atol=1e-9)


def test_every_parameter_has_its_test():
    named = set(CHANGES) | set(COMPANIONS) | set(SHOWN_ELSEWHERE)
    assert set(parameters(VAETransformer)) | set(parameters(AutoencoderTransformer)) == named


@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "adagrad", torch.optim.RMSprop, torch.optim.NAdam])
def test_every_solver_lowers_the_loss(X, solver):
    curve = VAETransformer(solver=solver, max_iter=30, hidden_layer_sizes=(16,), random_state=0).fit(X).loss_curve_
    assert curve[-1] < curve[0] - 0.1


def test_beta_0_and_beta_1000_give_different_posteriors(X):
    free = VAETransformer(2, beta=0.0, max_iter=40, random_state=0).fit(X)
    collapsed = VAETransformer(2, beta=1000.0, max_iter=40, random_state=0).fit(X)
    assert collapsed.history_["kl"][-1] < 0.05
    assert free.history_["kl"][-1] > 1.0
    assert np.ptp(collapsed.transform(X)) < 0.1 * np.ptp(free.transform(X))


def test_auto_size_is_half_the_columns_and_at_most_16():
    rng = np.random.RandomState(0)
    for n_features, expected in ((1, 1), (5, 3), (100, 16)):
        fitted = AutoencoderTransformer(max_iter=1).fit(rng.normal(size=(20, n_features)))
        assert fitted.n_components_ == expected


@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer, AutoencoderOutlierDetector])
def test_init_only_assigns(Estimator):
    estimator = Estimator()
    assert list(vars(estimator)) == parameters(Estimator)
    assert repr(estimator) == f"{Estimator.__name__}()"


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("likelihood", "isotropic_gaussian"),
        ("prior", "normal"),
        ("regularizer", "kl"),
        ("objective", "iwae"),
        ("code_density", "gaussian_mixture"),
        ("network", "mlp"),
        ("corruption", "gaussian"),
        ("activation", "silu"),
        ("solver", "adagrad"),
        ("learning_rate", "adaptive"),
        ("precision", "float64"),
    ],
)
def test_an_unknown_name_is_an_error_that_lists_the_table(X, name, member):
    with pytest.raises(ValueError, match=f"'{name}' parameter of VAETransformer.*{member}.*'nonsense'"):
        VAETransformer(**{name: "nonsense"}).fit(X)


def test_a_class_that_is_no_optimizer_is_an_error(X):
    with pytest.raises(ValueError, match=r"solver=.*dict.*torch.optim.Optimizer.*adam"):
        VAETransformer(solver=dict).fit(X)
    with pytest.raises(ValueError, match="solver=.*LBFGS.*without a closure"):
        VAETransformer(solver=torch.optim.LBFGS).fit(X)
