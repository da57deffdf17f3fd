"""The mean of weights over steps: its equation, its place, and that it is what a fit keeps."""

import numpy as np
import pytest
import torch

from skvae import AutoencoderTransformer, VAETransformer
from skvae.nn.averages import NO_AVERAGE, Average


def steps(n_steps):
    """Weights after each step (n_steps, 3)."""
    return torch.randn(n_steps, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_the_mean_is_that_of_its_equation():
    walk, half_life = steps(200), 7.0
    weights = walk[0].clone()
    average = Average([weights], half_life)
    expected = walk[0]
    for t, now in enumerate(walk[1:], 1):
        weights.copy_(now)
        average.add()
        decay = min(0.5 ** (1.0 / half_life), (1.0 + t) / (10.0 + t))
        expected = decay * expected + (1.0 - decay) * now
    torch.testing.assert_close(average.means[0], expected)


def test_half_of_a_step_is_left_after_a_half_life():
    weights = torch.zeros(2)
    average = Average([weights], 5.0)
    average.n_steps = 10**6  # long past the first steps
    weights.fill_(1.0)
    average.add()
    first = average.means[0].clone()
    weights.zero_()
    for _ in range(5):
        average.add()
    torch.testing.assert_close(average.means[0], 0.5 * first)


def test_the_mean_takes_the_place_of_the_weights_and_gives_it_back():
    layer = torch.nn.Linear(2, 1)
    average = Average(list(layer.parameters()), 3.0)
    with torch.no_grad():
        layer.weight += 1.0
    average.add()
    weights, mean = layer.weight.detach().clone(), average.means[0].clone()
    average.show(), average.show()
    torch.testing.assert_close(layer.weight.detach(), mean, rtol=0.0, atol=0.0)
    average.hide(), average.hide()
    torch.testing.assert_close(layer.weight.detach(), weights, rtol=0.0, atol=0.0)
    torch.testing.assert_close(average.means[0], mean, rtol=0.0, atol=0.0)


def test_without_a_half_life_nothing_is_kept():
    weights = torch.ones(2)
    average = Average([weights], 0.0)
    average.add(), average.show()
    assert average.means == NO_AVERAGE.means == []
    assert weights.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("solver", ["adam", "sgd", torch.optim.RMSprop], ids=str)
@pytest.mark.parametrize("Estimator", [AutoencoderTransformer, VAETransformer])
def test_a_fit_takes_the_same_steps_and_keeps_their_mean(Estimator, solver):
    """One epoch by steps of the same chance: the losses on the way are alike, what is kept is not."""
    X = np.random.RandomState(0).normal(size=(64, 4))
    params = {"max_iter": 2, "early_stopping": False, "solver": solver, "random_state": 0, "learning_rate_init": 0.01}
    plain, mean = (Estimator(learning_rate=name, **params).fit(X) for name in ("constant", "averaged"))
    np.testing.assert_allclose(mean.loss_curve_, plain.loss_curve_, rtol=1e-5)
    assert np.abs(mean.transform(X) - plain.transform(X)).max() > 1e-3


def test_what_is_watched_and_kept_is_the_mean():
    """A high rate leaves weights far from where their mean is."""
    rng = np.random.RandomState(0)
    t = rng.uniform(-2.0, 2.0, size=(900, 1))
    X = np.hstack([np.cos(3.0 * t), np.sin(2.0 * t), t**2, t]) + 0.1 * rng.normal(size=(900, 4))
    params = {"max_iter": 30, "n_iter_no_change": 30, "learning_rate_init": 0.01, "random_state": 0}
    plain, mean = (VAETransformer(2, learning_rate=name, **params).fit(X[:600]) for name in ("constant", "averaged"))
    assert mean.best_validation_score_ > plain.best_validation_score_
    assert np.std(np.diff(mean.validation_scores_[10:])) < 0.5 * np.std(np.diff(plain.validation_scores_[10:]))
    assert mean.score_samples(X[600:]).mean() > plain.score_samples(X[600:]).mean()
