"""Laws of the torch side over whole tables: densities, priors, networks, corruptions, solvers."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.stats import multivariate_normal, norm

from skvae.nn.corruptions import CORRUPTIONS
from skvae.nn.likelihoods import LIKELIHOODS
from skvae.nn.models import VAE, DiagonalNormal
from skvae.nn.networks import ACTIVATIONS, NETWORKS
from skvae.nn.numerics import hastened
from skvae.nn.priors import PRIORS, FittedNormal
from skvae.nn.regularizers import REGULARIZERS
from skvae.nn.solvers import SOLVERS, make_solver


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def likelihood_at(name, log_scale=0.03):
    likelihood = LIKELIHOODS[name](2)
    with torch.no_grad():
        for parameter in likelihood.parameters():
            parameter.fill_(log_scale)
    return likelihood.double()


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_a_likelihood_integrates_to_one(name):
    likelihood = likelihood_at(name)
    outputs = torch.tensor([0.3, -1.2], dtype=torch.float64)
    if likelihood.units == "unit_interval":
        grid = torch.tensor([0.0, 1.0], dtype=torch.float64)
        cell = 1.0
    else:
        spacing = torch.linspace(-25, 25, 50_001, dtype=torch.float64)
        grid, cell = spacing.sinh(), 1e-3 * spacing.cosh()[:, None]
    density = likelihood(outputs).log_prob(grid[:, None].expand(-1, 2)).exp()
    np.testing.assert_allclose((density * cell).sum(0).detach().numpy(), 1.0, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_draws_of_a_likelihood_have_its_mean_and_lie_in_its_support(name):
    likelihood = likelihood_at(name)
    outputs = torch.tensor([[0.3, -1.2]], dtype=torch.float64).expand(100_000, 2)
    with torch.no_grad():
        density = likelihood(outputs)
        draws = density.sample(generator())
    np.testing.assert_allclose(draws.mean(0), density.mean[0], atol=0.02)
    outside = likelihood.outside(draws)
    assert outside is None or not outside.any()


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
@pytest.mark.parametrize("output", [-1e4, 0.0, 1e4])
def test_log_prob_and_its_gradient_are_finite_at_extreme_outputs(name, output):
    likelihood = LIKELIHOODS[name](2)
    outputs = torch.full((3, 2), output, requires_grad=True)
    log_prob = likelihood(outputs).log_prob(torch.tensor([[0.0, 1.0]]).expand(3, 2))
    log_prob.sum().backward()
    assert torch.isfinite(log_prob).all()
    assert torch.isfinite(outputs.grad).all()


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_distortion_differs_from_minus_log_prob_at_unit_scale_by_a_constant(name):
    likelihood = likelihood_at(name, log_scale=0.0)
    outputs = torch.randn(50, 2, dtype=torch.float64, generator=generator())
    x = torch.rand(50, 2, dtype=torch.float64, generator=generator(1))
    difference = likelihood.distortion(outputs, x) + likelihood(outputs).log_prob(x).sum(-1)
    assert difference.std() < 4e-3


def test_student_t_is_that_of_scipy_and_draws_from_it():
    likelihood = likelihood_at("student_t", log_scale=0.05)
    freedom, scale = (getattr(likelihood, name).detach().numpy() for name in ("freedom", "scale"))
    oracle = stats.t(freedom, loc=[0.3, -1.2], scale=scale)
    outputs = torch.tensor([[0.3, -1.2]], dtype=torch.float64)
    x = torch.linspace(-50, 50, 101, dtype=torch.float64)[:, None].expand(-1, 2)
    np.testing.assert_allclose(likelihood(outputs).log_prob(x).detach(), oracle.logpdf(x), rtol=1e-9)
    draws = likelihood(outputs.expand(20_000, 2)).sample(generator()).detach().numpy()
    for j in range(2):
        law = stats.t(freedom[j], loc=outputs[0, j].item(), scale=scale[j])
        assert stats.kstest(draws[:, j], law.cdf).pvalue > 0.01


def test_calibration_sets_the_scale_to_the_residuals():
    likelihood = LIKELIHOODS["gaussian"](2)
    with torch.no_grad():
        likelihood.calibrate(torch.tensor([0.25, 4.0]), rate=1.0)
        np.testing.assert_allclose(likelihood.scale, [0.5, 2.0], rtol=1e-5)
        likelihood.calibrate(torch.tensor([0.0, 0.0]), rate=0.5)
        np.testing.assert_allclose(likelihood.scale.square(), [0.125, 2.0], rtol=1e-4)


@pytest.mark.parametrize(("solver", "factor"), [("adam", 10.0), ("sgd", 1.0)])
def test_hastened_scales_move_faster_under_adam_and_alike_under_gradient_descent(solver, factor):
    def value_after_one_step(function):
        parameter = torch.nn.Parameter(torch.zeros(1))
        stepper = make_solver(solver, torch.nn.ParameterList([parameter]), 0.1, momentum=0.0, weight_decay=0.0)
        function(parameter).sum().backward()
        stepper.step()
        return function(parameter).item()

    hastened_step = value_after_one_step(lambda parameter: hastened(parameter, 10.0))
    plain_step = value_after_one_step(lambda parameter: 1.0 * parameter)
    assert hastened_step == pytest.approx(factor * plain_step, rel=1e-5)


def test_kl_of_a_standard_normal_prior_matches_sampling():
    posterior = DiagonalNormal(torch.tensor([[0.5, -1.0]]), torch.tensor([[0.3, 1.7]]))
    prior = PRIORS["normal"](2)
    z = posterior.at(torch.randn(200_000, 2, generator=generator()))
    sampled = (posterior.log_prob(z) - prior.log_prob(z)).mean()
    assert prior.kl(posterior, z).item() == pytest.approx(sampled.item(), abs=0.02)
    assert REGULARIZERS["kl"](posterior, prior, z).item() == prior.kl(posterior, z).item()


@pytest.mark.parametrize("name", sorted(PRIORS))
def test_a_prior_integrates_to_one_and_draws_from_itself(name):
    prior = PRIORS[name](1)
    grid = torch.linspace(-12, 12, 24_001)[:, None]
    assert prior.log_prob(grid).exp().sum().item() * 1e-3 == pytest.approx(1.0, abs=1e-4)
    draws = prior.sample(100_000, generator())
    mean = (grid[:, 0] * prior.log_prob(grid).exp()).sum() * 1e-3
    assert draws.mean().item() == pytest.approx(mean.item(), abs=0.02)


def test_fitted_normal_is_the_normal_of_its_moments():
    rng = np.random.RandomState(0)
    codes = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 3)) + [1.0, 2.0, 3.0]
    prior = FittedNormal(3).double()
    covariance = torch.from_numpy(np.cov(codes.T, bias=True))
    prior.fit(torch.from_numpy(codes.mean(axis=0)), covariance, rate=1.0)
    expected = multivariate_normal(codes.mean(axis=0), covariance.numpy()).logpdf(codes)
    np.testing.assert_allclose(prior.log_prob(torch.from_numpy(codes)), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.cov(prior.sample(200_000, generator()).numpy().T), covariance, rtol=0.05, atol=0.05)


def test_fitted_normal_blends_moments_like_pooled_data():
    rng = np.random.RandomState(0)
    first, second = rng.normal(size=(300, 2)), 3.0 + 2.0 * rng.normal(size=(100, 2))
    prior = FittedNormal(2).double()
    for part, rate in ((first, 1.0), (second, 0.25)):
        prior.fit(torch.from_numpy(part.mean(axis=0)), torch.from_numpy(np.cov(part.T, bias=True)), rate)
    pooled = np.r_[first, second]
    np.testing.assert_allclose(prior.mean, pooled.mean(axis=0))
    np.testing.assert_allclose(prior.covariance, np.cov(pooled.T, bias=True))


def test_fitted_normal_stays_finite_for_dead_codes():
    prior = FittedNormal(2)
    prior.fit(torch.zeros(2), torch.zeros(2, 2), rate=1.0)
    assert torch.isfinite(prior.log_prob(torch.zeros(1, 2))).all()
    assert torch.isfinite(prior.sample(3, generator())).all()


def test_importance_weights_of_one_draw_are_the_one_sample_bound():
    options = {"network": "mlp", "hidden_layer_sizes": [8], "activation": "tanh", "likelihood": "gaussian"}
    options |= {"corruption": None, "corruption_level": 0.0, "prior": "normal", "regularizer": "kl"}
    vae = VAE(3, 2, beta=1.0, kl_warmup=0.0, generator=generator(), **options).double()
    x, noise = torch.randn(4, 3, generator=generator(1)).double(), torch.randn(1, 2, generator=generator(2)).double()
    with torch.no_grad():
        posterior = vae.posterior(x)
        z = posterior.mean + posterior.scale * noise
        expected = norm(vae.decode(z).mean, vae.likelihood.scale).logpdf(x).sum(1) + norm.logpdf(z).sum(1)
        expected = expected - norm(posterior.mean, posterior.scale).logpdf(z).sum(1)
        np.testing.assert_allclose(vae.log_prob(x, noise), expected, rtol=1e-9)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_networks_map_shapes_and_draw_only_from_their_generator(name, activation):
    state = torch.get_rng_state()
    for build in NETWORKS[name]:
        first, second = (build(5, 3, (7, 6), activation, generator()) for _ in range(2))
        x = torch.ones(4, 5)
        assert first(x).shape == (4, 3)
        assert torch.equal(first(x), second(x))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_network_without_hidden_layers_is_affine():
    build = NETWORKS["mlp"].encoder(5, 3, (), "relu", generator())
    x, y = torch.randn(2, 10, 5, generator=generator())
    torch.testing.assert_close(build(x + y), build(x) + build(y) - build(torch.zeros(10, 5)))


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name is not None])
def test_a_corruption_changes_x_as_much_as_its_level_says(name):
    x = torch.zeros(1000, 3)
    changes = [CORRUPTIONS[name](x, level, generator()).square().mean().item() for level in (0.0, 0.1, 1.0)]
    assert changes[0] == 0.0
    assert changes[1] < changes[2]
    assert changes[2] == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize(
    ("name", "reference", "options"),
    [
        ("adam", torch.optim.Adam, {}),
        ("adamw", torch.optim.AdamW, {}),
        ("sgd", torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
        ("adagrad", torch.optim.Adagrad, {}),
    ],
)
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_a_flat_solver_steps_like_the_optimizer_of_torch(name, reference, options, weight_decay):
    modules = [NETWORKS["mlp"].encoder(4, 2, (5,), "tanh", generator()).double() for _ in range(2)]
    solver = make_solver(name, modules[0], learning_rate=0.05, momentum=0.9, weight_decay=weight_decay)
    groups = [
        {"params": [p for p in modules[1].parameters() if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in modules[1].parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    oracle = reference(groups, lr=0.05, **options)
    x = torch.randn(20, 4, generator=generator()).double()
    for step in range(6):
        if step == 3:
            solver.divide_learning_rate(5.0)
            for group in oracle.param_groups:
                group["lr"] /= 5.0
        for module, stepper in ((modules[0], solver), (modules[1], oracle)):
            stepper.zero_grad()
            (module(x) - 1.0).square().mean().backward()
            stepper.step()
    for one, other in zip(modules[0].parameters(), modules[1].parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_every_solver_is_compared_with_torch():
    assert set(SOLVERS) == {"adam", "adamw", "sgd", "adagrad"}
