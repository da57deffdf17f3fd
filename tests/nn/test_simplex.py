"""Huber's noise and shares of a whole, against scipy and integrals."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from scipy.special import huber as huber_of_scipy
from small_models import cells, generator, small_likelihood

from skvae.nn.likelihoods import LIKELIHOODS
from skvae.nn.likelihoods.real import BEND, HUBER_TOTAL, Huber


def test_hubers_noise_is_that_of_scipy_and_its_tails_fall_exponentially():
    likelihood = small_likelihood("huber")
    scale = likelihood.scale.detach()
    outputs, x = torch.tensor([[0.3, -1.2]]).double(), torch.linspace(-20, 20, 101).double()[:, None].expand(-1, 2)
    expected = -huber_of_scipy(BEND, ((x - outputs) / scale).numpy()) - np.log(scale.numpy() * HUBER_TOTAL)
    np.testing.assert_allclose(likelihood(outputs).log_prob(x).detach(), expected, rtol=1e-9)
    total, _ = integrate.quad(lambda u: np.exp(-huber_of_scipy(BEND, u)), -np.inf, np.inf)
    assert pytest.approx(total) == HUBER_TOTAL
    variance, _ = integrate.quad(lambda u: u * u * np.exp(-huber_of_scipy(BEND, u)) / total, -60, 60, points=[0.0])
    assert pytest.approx(variance) == likelihood.variance_of_unit_scale


def test_draws_of_hubers_noise_follow_its_distribution():
    likelihood = small_likelihood("huber", raw=0.05)
    draws = (
        likelihood(torch.zeros(20_000, 2).double()).sample(generator()).detach().numpy()
        / likelihood.scale.detach().numpy()
    )
    grid = np.linspace(-40, 40, 400_001)
    cumulated = np.cumsum(np.exp(-huber_of_scipy(BEND, grid)))
    law = lambda u: np.interp(u, grid, cumulated / cumulated[-1])  # noqa: E731
    for j in range(2):
        assert stats.kstest(draws[:, j], law).pvalue > 0.01


def test_hubers_error_is_squared_near_and_absolute_far_away():
    error = (
        Huber(1).double().cell_distortion(torch.zeros(1).double(), torch.tensor([0.0, 0.5, 1.0, 10.0, 11.0]).double())
    )
    np.testing.assert_allclose(error[1:3] - error[0], [0.125, 0.5])
    assert (error[4] - error[3]).item() == pytest.approx(BEND)


def dirichlet(n_features=3, raw=0.2):
    """A likelihood of concentration exp(10 raw), with outputs that differ."""
    likelihood = small_likelihood("dirichlet", n_features, raw=raw)
    return likelihood, torch.linspace(-1.2, 0.8, n_features, dtype=torch.float64)[None]


def test_a_dirichlet_is_that_of_scipy():
    likelihood, outputs = dirichlet()
    x = cells("dirichlet", 20, 3, seed=3)
    mean = torch.softmax(outputs[0], 0).numpy()
    law = stats.dirichlet(np.exp(10.0 * 0.2) * mean)
    np.testing.assert_allclose(likelihood(outputs).row_log_prob(x).detach(), law.logpdf(x.T.numpy()), rtol=1e-9)
    np.testing.assert_allclose(likelihood(outputs).mean, mean[None])
    draws = likelihood(outputs.expand(50_000, 3)).sample(generator()).detach()
    np.testing.assert_allclose(draws.mean(0), law.mean(), atol=0.01)
    np.testing.assert_allclose(draws.var(0), law.var(), rtol=0.05)
    np.testing.assert_allclose(draws.sum(1), 1.0, rtol=1e-9)


def test_a_dirichlet_integrates_to_one_over_the_simplex():
    likelihood, outputs = dirichlet(raw=0.25)

    def density(second, first):
        row = torch.tensor([[first, second, 1.0 - first - second]])
        return likelihood(outputs).row_log_prob(row.double()).exp().item()

    total, _ = integrate.dblquad(density, 0.0, 1.0, 0.0, lambda first: 1.0 - first, epsabs=1e-4)
    assert total == pytest.approx(1.0, abs=1e-3)


def test_distortion_of_shares_is_the_divergence_of_what_is_expected():
    likelihood, outputs = dirichlet(5)
    x = cells("dirichlet", 20, 5, seed=3)
    x[0] = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0])
    expected = stats.entropy(x.T.numpy(), torch.softmax(outputs[0], 0).numpy()[:, None])
    np.testing.assert_allclose(likelihood(outputs).distortion(x), expected, rtol=1e-9)
    torch.testing.assert_close(likelihood.cell_distortion(torch.log(x[1:]), x[1:]).sum(1), torch.zeros(19).double())


def test_zeros_have_a_density_and_a_gradient():
    likelihood, outputs = dirichlet(3)
    outputs = outputs.clone().requires_grad_()
    rows = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]).double()
    likelihood.observe(rows, torch.ones_like(rows))
    (likelihood(outputs).row_log_prob(rows).sum() + likelihood(outputs).distortion(rows).sum()).backward()
    assert torch.isfinite(outputs.grad).all()
    assert torch.isfinite(likelihood.inputs(rows)).all()


@pytest.mark.parametrize("concentration", [3.0, 50.0])
def test_the_concentration_is_that_of_the_residuals(concentration):
    rng = np.random.RandomState(0)
    mean = rng.dirichlet([4.0, 2.0, 3.0], size=20_000)
    x = np.stack([rng.dirichlet(concentration * each) for each in mean])
    likelihood = LIKELIHOODS["dirichlet"](3).double()
    rows = torch.from_numpy(x)
    with torch.no_grad():
        likelihood.observe(rows, torch.ones_like(rows))
        likelihood.calibrate(torch.from_numpy(np.square(x - mean).mean(axis=0)), rate=1.0)
        assert likelihood.concentration.item() == pytest.approx(concentration, rel=0.05)
        likelihood.calibrate(torch.zeros(3).double(), rate=0.5)
        assert likelihood.concentration.item() == pytest.approx(2.0 * concentration, rel=0.05)


def test_rows_that_do_not_sum_to_one_have_no_density():
    likelihood, _ = dirichlet()
    rows = torch.tensor([[0.2, 0.3, 0.5], [0.2, 0.3, 0.4], [-0.1, 0.6, 0.5], [0.33333, 0.33333, 0.33333]]).double()
    assert likelihood.outside(rows).any(1).tolist() == [False, True, True, False]
