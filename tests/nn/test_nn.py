"""Laws of the torch side over whole tables: densities, priors, networks, corruptions, solvers."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.stats import multivariate_normal, norm
from sklearn.mixture import GaussianMixture
from small_models import N_LEVELS, cells, generator, halves, small_likelihood, small_model

from skvae.nn.corruptions import CORRUPTIONS
from skvae.nn.likelihoods import LIKELIHOODS, make_likelihood
from skvae.nn.networks import ACTIVATIONS, NETWORKS, Linear
from skvae.nn.networks.convolutional import Kernels, Planes, Shift
from skvae.nn.numerics import hastened
from skvae.nn.objectives import OBJECTIVES
from skvae.nn.posteriors import DiagonalNormal
from skvae.nn.priors import CODE_DENSITIES, PRIORS, FittedNormal
from skvae.nn.regularizers import REGULARIZERS, Regularizer
from skvae.nn.solvers import SOLVERS, apart, make_solver
from skvae.nn.step import Step

PER_CELL = sorted(name for name, member in LIKELIHOODS.items() if member.separable)
"""Likelihoods that say something of each cell alone."""

PLACES = torch.linspace(-25, 25, 50_001, dtype=torch.float64)

GRIDS = {
    "standard": (PLACES.sinh(), 1e-3 * PLACES.cosh()),
    "positive": (PLACES.exp(), 1e-3 * PLACES.exp()),
    "interval": ((torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000, torch.tensor(1e-4)),
    "unit_interval": (torch.tensor([0.0, 1.0], dtype=torch.float64), torch.tensor(1.0)),
    "counts": (torch.arange(2000, dtype=torch.float64), torch.tensor(1.0)),
}
LEVELS = "categorical", "ordinal"
GRIDS["common"] = GRIDS["standard"]
"""Cells all over the support, and what each of them stands for."""


def known_of(X, counts=None):
    """What a likelihood is told of the columns of a whole table."""
    counts, ends = np.ones(len(X)) if counts is None else counts, np.stack([X.min(axis=0), X.max(axis=0)])
    cells, counts, ends = map(torch.from_numpy, (X, counts, ends))
    return SimpleNamespace(cells=cells, counts=counts, ends=ends, levels=[])


def outputs_of(likelihood, n_rows=1):
    """Outputs between -1.2 and 0.8, the same for all rows (n_rows, n_outputs)."""
    return torch.linspace(-1.2, 0.8, likelihood.n_outputs, dtype=torch.float64).expand(n_rows, -1)


@pytest.mark.parametrize("name", PER_CELL)
def test_a_likelihood_integrates_to_one(name):
    likelihood = small_likelihood(name)
    grid, cell = GRIDS[likelihood.units]
    grid = grid[:N_LEVELS].clone() if name in LEVELS else grid
    density = likelihood(outputs_of(likelihood)).log_prob(grid[:, None].expand(-1, 2)).exp()
    total = (density * cell.expand(len(grid))[:, None]).sum(0)
    np.testing.assert_allclose(total.detach().numpy(), 1.0, rtol=1e-6)


def test_a_multinomial_adds_up_to_one_over_the_rows_of_one_total():
    likelihood = small_likelihood("multinomial", n_features=3)
    rows = [(a, b, 5 - a - b) for a in range(6) for b in range(6 - a)]
    log_prob = likelihood(outputs_of(likelihood)).row_log_prob(torch.tensor(rows, dtype=torch.float64))
    assert log_prob.exp().sum().item() == pytest.approx(1.0)


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_draws_of_a_likelihood_have_its_mean_and_lie_in_its_support(name):
    likelihood = small_likelihood(name, raw=-0.05)
    if name == "multinomial":
        likelihood.totals.copy_(torch.linspace(1, 20, 256).round())
    with torch.no_grad():
        density = likelihood(outputs_of(likelihood, 100_000))
        mean, draws = density.mean[0], density.sample(generator())
    if name in LEVELS:
        expected = likelihood.statistics(outputs_of(likelihood)).reshape(2, N_LEVELS).detach()
        found = torch.stack([(draws == level).double().mean(0) for level in range(N_LEVELS)], dim=1)
        np.testing.assert_allclose(found, expected, atol=0.01)
        middle = expected.argmax(1) if name == "categorical" else (expected.cumsum(1) < 0.5).sum(1)
        np.testing.assert_array_equal(mean, middle)
    else:
        np.testing.assert_allclose(draws.mean(0), mean, atol=5.0 * draws.std().item() / 100_000**0.5)
    outside = likelihood.outside(draws)
    assert outside is None or not outside.any()


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
@pytest.mark.parametrize("output", [-1e4, -30.0, 0.0, 30.0, 1e4])
@pytest.mark.parametrize("raw", [-1e3, 0.0, 1e3])
def test_log_prob_and_its_gradient_are_finite_at_extreme_outputs(name, output, raw):
    likelihood = small_likelihood(name, raw=raw if abs(output) > 1e3 else 0.0).float()
    outputs = torch.full((3, likelihood.n_outputs), output, requires_grad=True)
    log_prob = likelihood(outputs).log_prob(cells(name, 3, 2, dtype=torch.float32) + 1e-6 * (name == "gamma"))
    log_prob.sum().backward()
    assert torch.isfinite(log_prob).all()
    assert torch.isfinite(outputs.grad).all()
    for parameter in likelihood.parameters():
        assert torch.isfinite(parameter.grad).all()


@pytest.mark.parametrize("name", sorted(set(LIKELIHOODS) - {"dirichlet"}))
def test_distortion_differs_from_minus_log_prob_at_unit_scale_by_a_constant(name):
    likelihood = small_likelihood(name, raw=0.0)
    outputs = torch.randn(50, likelihood.n_outputs, dtype=torch.float64, generator=generator())
    x = cells(name, 50, 2, seed=1)
    difference = likelihood.distortion(outputs, x) + likelihood(outputs).log_prob(x).sum(-1)
    assert difference.std() < 1e-2


ORACLES = {
    "laplace": lambda likelihood, mean: stats.laplace(mean, likelihood.scale.detach()).logpdf,
    "lognormal": lambda likelihood, _: (
        stats.lognorm(likelihood.noise.scale.detach(), scale=outputs_of(likelihood).exp()).logpdf
    ),
    "gamma": lambda likelihood, mean: (
        stats.gamma(likelihood.shape.detach(), scale=mean / likelihood.shape.detach()).logpdf
    ),
    "poisson": lambda likelihood, mean: stats.poisson(mean).logpmf,
    "negative_binomial": lambda likelihood, mean: (
        stats.nbinom(likelihood.r.detach(), likelihood.r.detach() / (likelihood.r.detach() + mean)).logpmf
    ),
    "heteroscedastic_gaussian": lambda likelihood, mean: (
        stats.norm(mean, likelihood._moments(outputs_of(likelihood))[1]).logpdf
    ),
}


@pytest.mark.parametrize("name", sorted(ORACLES))
def test_a_likelihood_is_that_of_scipy(name):
    likelihood = small_likelihood(name)
    density, x = likelihood(outputs_of(likelihood)), cells(name, 20, 2, seed=1) + (name == "gamma")
    expected = ORACLES[name](likelihood, density.mean.detach())(x)
    np.testing.assert_allclose(density.log_prob(x).detach(), expected, rtol=1e-6)


def inflated(n_rows=400):
    """A likelihood of columns: three levels, a constant, continuous, with many zeros; its rows and atoms."""
    source = np.random.RandomState(0)
    noise = source.normal(size=(n_rows, 2))
    X = np.c_[source.choice([1.0, 2.0, 5.0], n_rows, p=[0.7, 0.2, 0.1]), np.full(n_rows, 3.0), noise[:, 0], noise[:, 1]]
    X[::3, 3] = 0.0
    further = LIKELIHOODS["inflated_gaussian"].describe(known_of(X))
    likelihood = make_likelihood([("inflated_gaussian", [0, 1, 2, 3], further)], 4).double()
    likelihood.place(torch.zeros(4), torch.ones(4))
    likelihood.observe(torch.from_numpy(X), torch.ones(X.shape, dtype=torch.float64))
    return likelihood, X, further["atoms"]


def test_an_inflated_gaussian_has_the_values_that_rows_repeat_with_their_shares():
    likelihood, X, atoms = inflated()
    assert atoms == [[1.0, 2.0, 5.0], [3.0], [], [0.0]]
    assert likelihood.unseen.item() == pytest.approx(0.5 / len(X))
    outputs = torch.zeros(100_000, likelihood.n_outputs, dtype=torch.float64)
    draws = likelihood.sample(outputs, generator())
    for column, values in enumerate(atoms):
        for value in values:
            assert (draws[:, column] == value).double().mean() == pytest.approx(
                (X[:, column] == value).mean(), abs=0.01
            )
    assert draws[:, 2].unique().numel() > 99_000


def test_an_inflated_gaussian_is_a_mixture_of_noise_atoms_and_what_was_never_seen():
    likelihood, X, _ = inflated()
    log_prob = likelihood.log_prob(torch.zeros(1, likelihood.n_outputs, dtype=torch.float64), torch.from_numpy(X[:50]))
    share = (X[:, 3] == 0.0).mean()
    x, unseen = X[:50, 3], 0.5 / len(X)
    share = (share + unseen) / (1.0 + unseen)
    known = (1.0 - share) * norm(0.0, 1.001).pdf(x) + share * norm(0.0, 1e-3).pdf(x)
    expected = np.log((1.0 - unseen) * known + unseen * norm(0.0, 3.0).pdf(x))
    np.testing.assert_allclose(log_prob[:, 3], expected, rtol=1e-3)
    np.testing.assert_allclose(log_prob[:, 2], norm(0.0, 1.001).logpdf(X[:50, 2]), rtol=1e-3)


@pytest.mark.parametrize(
    ("values", "counts", "atoms"),
    [
        (np.repeat([0.0, 1.0], 20), np.ones(40), [0.0, 1.0]),
        (np.arange(40.0), np.ones(40), []),
        (np.arange(15.0), np.ones(15), []),
        (np.arange(15.0), 20.0 * np.ones(15), list(range(15))),
        (np.r_[np.zeros(9), np.arange(1.0, 100.0)], np.ones(108), []),
        (np.r_[np.zeros(10), np.arange(1.0, 100.0)], np.ones(109), [0.0]),
        (np.r_[0.0, np.arange(1.0, 100.0)], np.r_[10.0, np.ones(99)], [0.0]),
    ],
)
def test_atoms_are_the_levels_of_a_column_and_what_its_rows_repeat(values, counts, atoms):
    found = LIKELIHOODS["inflated_gaussian"].describe(known_of(values[:, None], counts))["atoms"]
    assert found == [atoms]


def test_draws_stay_within_training_cells_and_of_rounded_columns_are_values_seen():
    source = np.random.RandomState(0)
    X = np.c_[source.normal(size=300).round(1), source.normal(size=300)]
    further = LIKELIHOODS["inflated_gaussian"].describe(known_of(X))
    assert [len(values) for values in further["values"]] == [len(np.unique(X[:, 0])), 0]
    likelihood = LIKELIHOODS["inflated_gaussian"](2, **further)
    draws = np.array([[0.1499, 0.1499], [0.1501, 0.1501], [-99.0, -99.0], [99.0, 99.0], [0.2, 0.2]])
    likelihood.exact(torch.from_numpy(draws))
    np.testing.assert_allclose(draws[[0, 1, 4], 0], [0.1, 0.2, 0.2])
    assert np.isin(draws[:, 0].round(9), X[:, 0].round(9)).all()
    np.testing.assert_array_equal(draws[[0, 1, 4], 1], [0.1499, 0.1501, 0.2])
    low, high = X.min(axis=0), X.max(axis=0)
    assert (low <= draws[2]).all()
    assert (draws[2] <= low + 0.11 * (high - low)).all()
    assert (high - 0.11 * (high - low) <= draws[3]).all()
    assert (draws[3] <= high).all()
    near = np.array([low - 0.01, high + 0.01])
    likelihood.exact(torch.from_numpy(near))
    np.testing.assert_allclose(near[:, 1], [low[1] + 0.01, high[1] - 0.01])


def test_a_value_beside_an_atom_is_rare_and_a_far_one_rarer():
    likelihood, X, _ = inflated()
    rows = torch.from_numpy(X[:1].repeat(4, axis=0))
    rows[:, 0] = torch.tensor([1.0, 1.5, 9.0, 1e6])
    scores = likelihood.row_log_prob(torch.zeros(1, likelihood.n_outputs, dtype=torch.float64), rows)
    assert torch.isfinite(scores).all()
    assert (scores.diff() < -1.0).all()


def test_a_multinomial_is_that_of_scipy():
    likelihood, x = small_likelihood("multinomial", n_features=4), torch.tensor([[3.0, 0.0, 2.0, 7.0]]).double()
    expected = stats.multinomial(12, torch.softmax(outputs_of(likelihood)[0], 0).numpy()).logpmf(x.numpy())
    np.testing.assert_allclose(likelihood(outputs_of(likelihood)).row_log_prob(x), expected, rtol=1e-9)


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_inputs_of_training_rows_are_about_standard(name):
    likelihood, x = small_likelihood(name, n_features=3), 40.0 * cells(name, 500, 3)
    x = x.floor() if LIKELIHOODS[name].units == "counts" and name not in LEVELS else x / 40.0
    likelihood.observe(x, torch.ones(500, 3, dtype=torch.float64))
    if LIKELIHOODS[name].units in ("standard", "common") or name == "categorical":
        return
    inputs = likelihood.inputs(x)
    np.testing.assert_allclose(inputs.mean(0), 0.0, atol=1e-6)
    np.testing.assert_allclose(inputs.square().mean().sqrt(), 1.0, rtol=0.05)


def test_a_list_of_likelihoods_is_each_of_them_on_its_columns():
    groups = [("poisson", [3, 0], {}), ("categorical", [1], {"n_levels": [N_LEVELS]}), ("gaussian", [4, 2], {})]
    whole = make_likelihood(groups, 5).double()
    x = torch.cat([cells(name, 30, 1, seed=j) for j, name in enumerate(["poisson", "categorical"])], dim=1)
    x = torch.cat(
        [x, cells("gaussian", 30, 1), cells("poisson", 30, 1, seed=5), cells("gaussian", 30, 1, seed=6)], dim=1
    )
    whole.observe(x, torch.ones_like(x))
    outputs = torch.randn(30, whole.n_outputs, dtype=torch.float64, generator=generator())
    first = 0
    for (name, columns, _), member in zip(groups, whole.groups.members, strict=True):
        own = outputs[:, first : first + member.n_outputs]
        first += member.n_outputs
        np.testing.assert_allclose(
            whole.log_prob(outputs, x)[:, columns].detach(), member.log_prob(own, x[:, columns]).detach()
        )
        np.testing.assert_allclose(whole.mean(outputs)[:, columns], member.mean(own))
        np.testing.assert_allclose(whole.residual(outputs, x)[:, columns], member.residual(own, x[:, columns]))
        assert all(whole.member(column) is member for column in columns)
        assert type(member) is LIKELIHOODS[name]
    np.testing.assert_allclose(whole.row_log_prob(outputs, x).detach(), whole.log_prob(outputs, x).sum(1).detach())
    bad = x.clone()
    bad[7, 1] = N_LEVELS
    assert whole.outside(bad).nonzero().tolist() == [[7, 1]]


def test_student_t_is_that_of_scipy_and_draws_from_it():
    likelihood = small_likelihood("student_t", raw=0.05)
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


def penalty(name, free_bits=0.0):
    def build(in_features, out_features, hidden_layer_sizes):
        return NETWORKS["mlp"].encoder(in_features, out_features, hidden_layer_sizes, "relu", generator(5))

    return REGULARIZERS[name](2, free_bits, build).double()


class Away(Regularizer):
    """What codes are away from zero."""

    def forward(self, step):
        return {"away": step.z.abs().sum(-1)}

    def weights(self, beta):
        return {"away": 2.0 * beta}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_objective_adds_what_its_penalties_ask_for_after_a_warm_up(name):
    model = small_model("vae" if OBJECTIVES[name].is_bound else "autoencoder")
    x = torch.randn(6, 5, generator=generator(1)).double()
    alone = OBJECTIVES[name]()
    penalties = [Away(2, 0.0, None)] if alone.takes_cost else []
    objective = OBJECTIVES[name](penalties, beta=3.0, warmup=0.5)
    step = model.step(x, model.inputs(x), generator(), None)
    terms, own = objective(step), alone(step)
    assert [value.shape for value in terms.values()] == len(terms) * [(6,)]
    assert list(terms) == list(objective.weights(0.0)) == list(own) + len(penalties) * ["away"]
    torch.testing.assert_close(terms[alone.name], own[alone.name])
    for progress, beta in [(0.0, 0.0), (0.25, 1.5), (1.0, 3.0)]:
        assert list(objective.weights(progress).values()) == [1.0, *len(penalties) * [2.0 * beta]]


def step_of(posterior, prior, z, source, weight=None):
    """A step of which only the codes are known."""
    return Step(z, posterior=posterior, prior=prior, generator=source, weight=weight)


def codes_of(n_rows, mean, scale):
    """Posteriors around a mean that varies, and a draw of each."""
    source = generator()
    mean = torch.tensor(mean).double() + torch.randn(n_rows, 2, generator=source).double()
    posterior = DiagonalNormal(mean, torch.full_like(mean, scale))
    return posterior, posterior.at(torch.randn(n_rows, 2, generator=source).double())


@pytest.mark.parametrize("name", ["kl", "mmd"])
def test_codes_that_are_not_like_the_prior_cost_more(name):
    costs = []
    for mean in ([0.0, 0.0], [1.0, 0.0], [3.0, 0.0]):
        posterior, z = codes_of(500, mean, 0.5)
        (cost,) = penalty(name)(step_of(posterior, small_prior("normal", 2), z, generator(1))).values()
        assert cost.shape == (500,)
        costs.append(cost.mean().item())
    assert costs[0] < costs[1] < costs[2]


@pytest.mark.parametrize("name", ["kl", "total_correlation"])
def test_a_code_of_weight_two_costs_what_two_codes_cost(name):
    posterior, z = codes_of(6, [1.0, 0.0], 0.5)
    places, weight = torch.tensor([0, 0, 1, 2, 2, 2, 5]), torch.tensor([2.0, 1.0, 3.0, 0.0, 0.0, 1.0]).double()
    costs, prior = penalty(name, free_bits=0.6 * (name == "kl")), small_prior("normal", 2)
    repeated = costs(
        step_of(DiagonalNormal(posterior.mean[places], posterior.scale[places]), prior, z[places], generator())
    )
    for key, values in costs(step_of(posterior, prior, z, generator(), weight)).items():
        torch.testing.assert_close(values[places], repeated[key])


def test_codes_of_weight_zero_are_absent_from_the_discrepancy_of_the_others():
    posterior, z = codes_of(6, [1.0, 0.0], 0.5)
    weight, moved = torch.tensor([1.0, 1.0, 2.0, 1.0, 0.0, 0.0]).double(), z.clone()
    moved[4:] += 10.0
    mmd, prior = penalty("mmd"), small_prior("normal", 2)
    costs = [mmd(step_of(posterior, prior, codes, generator(), weight))["mmd"] for codes in (z, moved)]
    torch.testing.assert_close(costs[0][:4], costs[1][:4])
    alike = mmd(step_of(posterior, prior, z, generator(), torch.full_like(weight, 3.0)))["mmd"]
    torch.testing.assert_close(alike, mmd(step_of(posterior, prior, z, generator()))["mmd"])


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_row_that_counts_twice_is_taken_note_of_as_two_rows(name):
    x, counts = cells(name, 40, 2).clamp_min(1e-3), torch.randint(1, 4, (40,), generator=generator())
    by_weight, by_rows = small_likelihood(name), small_likelihood(name)
    by_weight.observe(x, counts.double()[:, None].expand(40, 2))
    repeated = x.repeat_interleave(counts, 0)
    by_rows.observe(repeated, torch.ones_like(repeated))
    for buffer, expected in zip(by_weight.buffers(), by_rows.buffers(), strict=True):
        torch.testing.assert_close(buffer, expected)


def test_mmd_of_draws_of_the_prior_is_zero():
    found = []
    for seed in range(20):
        z = torch.randn(300, 2, generator=generator(seed)).double()
        found.append(
            penalty("mmd")(step_of(None, small_prior("normal", 2), z, generator(100 + seed)))["mmd"].mean().item()
        )
    assert abs(np.mean(found)) < 3.0 * np.std(found) / 20**0.5 + 1e-3


def test_total_correlation_is_that_of_dependent_codes():
    source = generator()
    mean = torch.randn(1000, 2, generator=source).double()
    dependent = mean.clone()
    dependent[:, 1] = 0.9 * mean[:, 0] + 0.19**0.5 * mean[:, 1]
    found = []
    for centre in (mean, dependent):
        posterior = DiagonalNormal(centre, torch.full_like(centre, 0.3))
        z = posterior.at(torch.randn(1000, 2, generator=source).double())
        terms = penalty("total_correlation")(step_of(posterior, small_prior("normal", 2), z, source))
        found.append(terms["total_correlation"].mean().item())
        torch.testing.assert_close(
            terms["kl"], penalty("kl")(step_of(posterior, small_prior("normal", 2), z, source))["kl"]
        )
    expected = -0.5 * np.log(1.0 - (0.9 / 1.09) ** 2)
    assert found[1] - found[0] == pytest.approx(expected, abs=0.1)


def test_free_bits_are_free():
    posterior, z = codes_of(200, [0.0, 2.0], 0.9)
    prior, each = small_prior("normal", 2), None
    each = prior.kl_per_component(posterior, z).mean(0)
    bits = each.mean().item()
    cost = penalty("kl", free_bits=bits)(step_of(posterior, prior, z, None))["kl"].mean()
    assert each.min() < bits < each.max()
    assert cost.item() == pytest.approx(bits + each.max().item())


def test_a_critic_learns_the_log_odds_and_the_encoder_flees_it():
    module, prior = penalty("adversarial"), small_prior("normal", 2)
    solver, source = make_solver("adam", module, 1e-2, momentum=0.9, weight_decay=0.0), generator(3)
    shift = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    for _ in range(300):
        z = 1.0 + shift + torch.randn(256, 2, generator=source).double()
        solver.zero_grad()
        terms = module(step_of(None, prior, z, source))
        terms["adversarial"].mean().backward()
        solver.step()
    assert terms["adversarial"].mean().item() == pytest.approx(1.0, abs=0.3)
    assert (shift.grad > 0.0).all()


def small_prior(name, latent_dim):
    """A prior whose encoder takes inputs for means, with parameters that are not symmetric."""

    def encode(inputs):
        return DiagonalNormal(inputs[:, :latent_dim], 0.5 + 0.0 * inputs[:, :latent_dim])

    prior = PRIORS[name](latent_dim, 3, latent_dim + 1, encode, generator()).double()
    with torch.no_grad():
        for seed, parameter in enumerate(prior.parameters()):
            parameter.add_(0.5 * torch.randn(parameter.shape, generator=generator(seed)))
    return prior


@pytest.mark.parametrize("name", sorted(PRIORS))
def test_a_prior_integrates_to_one_and_draws_from_itself(name):
    prior = small_prior(name, 1)
    grid = torch.linspace(-12, 12, 24_001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        density, draws = prior.log_prob(grid).exp(), prior.sample(100_000, generator())
        torch.testing.assert_close(prior.component_log_prob(grid)[:, 0], prior.log_prob(grid))
    assert density.sum().item() * 1e-3 == pytest.approx(1.0, abs=1e-4)
    assert draws.mean().item() == pytest.approx((grid[:, 0] * density).sum().item() * 1e-3, abs=0.02)
    assert draws.var().item() == pytest.approx(
        ((grid[:, 0] - draws.mean()).square() * density).sum().item() * 1e-3, rel=0.02
    )


@pytest.mark.parametrize("name", sorted(PRIORS))
def test_kl_of_a_prior_is_the_mean_log_ratio(name):
    prior = small_prior(name, 2)
    posterior = DiagonalNormal(torch.tensor([[0.5, -1.0]]).double(), torch.tensor([[0.3, 1.7]]).double())
    z = posterior.at(torch.randn(200_000, 2, generator=generator()).double())
    with torch.no_grad():
        ratio = (posterior.log_prob(z) - prior.log_prob(z)).mean().item()
        each = (posterior.component_log_prob(z) - prior.component_log_prob(z)).mean(0)
        assert prior.kl(posterior, z).mean().item() == pytest.approx(ratio, abs=0.02)
        np.testing.assert_allclose(prior.kl_per_component(posterior, z).mean(0), each, atol=0.02)


def test_a_mixture_prior_is_that_of_scipy():
    prior = small_prior("gaussian_mixture", 2)
    z = torch.randn(50, 2, generator=generator()).double()
    with torch.no_grad():
        log_weights, means, scales = prior.components()
        expected = sum(
            weight * multivariate_normal(mean, np.diag(scale**2)).pdf(z)
            for weight, mean, scale in zip(log_weights.exp().numpy(), means.numpy(), scales.numpy(), strict=True)
        )
        np.testing.assert_allclose(prior.log_prob(z).exp(), expected, rtol=1e-8)


def test_pseudo_inputs_start_as_rows():
    prior, rows = small_prior("vampprior", 2), torch.arange(30.0).reshape(10, 3).double()
    prior.observe(rows, generator())
    assert all((rows == row).all(1).any() for row in prior.pseudo_inputs)
    prior.observe(rows, generator(), torch.tensor([1.0, 0.0, 99.0, *[0.0] * 7]).double())
    assert (prior.pseudo_inputs == rows[2]).all(1).double().mean() > 0.5
    assert all((rows[[0, 2]] == row).all(1).any() for row in prior.pseudo_inputs)


def test_fitted_mixture_is_that_of_scikit_learn():
    codes = np.random.RandomState(0).normal(size=(500, 2)) @ [[1.0, 0.5], [0.0, 2.0]]
    codes[::2] += 4.0
    mixture = GaussianMixture(3, random_state=0).fit(codes)
    fitted = CODE_DENSITIES["gaussian_mixture"](2, 5).double()
    fitted.fit(*map(torch.from_numpy, (mixture.weights_, mixture.means_, mixture.precisions_cholesky_)))
    np.testing.assert_allclose(fitted.log_prob(torch.from_numpy(codes)), mixture.score_samples(codes), rtol=1e-6)
    draws = fitted.sample(100_000, generator()).numpy()
    np.testing.assert_allclose(draws.mean(0), codes.mean(0), atol=0.05)
    np.testing.assert_allclose(np.cov(draws.T), np.cov(codes.T), rtol=0.05, atol=0.05)


def test_fitted_normal_is_the_normal_of_its_moments():
    rng = np.random.RandomState(0)
    codes = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 3)) + [1.0, 2.0, 3.0]
    prior = FittedNormal(3, 1).double()
    covariance = torch.from_numpy(np.cov(codes.T, bias=True))
    prior.fit(torch.from_numpy(codes.mean(axis=0)), covariance, rate=1.0)
    expected = multivariate_normal(codes.mean(axis=0), covariance.numpy()).logpdf(codes)
    np.testing.assert_allclose(prior.log_prob(torch.from_numpy(codes)), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.cov(prior.sample(200_000, generator()).numpy().T), covariance, rtol=0.05, atol=0.05)


def test_fitted_normal_blends_moments_like_pooled_data():
    rng = np.random.RandomState(0)
    first, second = rng.normal(size=(300, 2)), 3.0 + 2.0 * rng.normal(size=(100, 2))
    prior = FittedNormal(2, 1).double()
    for part, rate in ((first, 1.0), (second, 0.25)):
        prior.fit(torch.from_numpy(part.mean(axis=0)), torch.from_numpy(np.cov(part.T, bias=True)), rate)
    pooled = np.r_[first, second]
    np.testing.assert_allclose(prior.mean, pooled.mean(axis=0))
    np.testing.assert_allclose(prior.covariance, np.cov(pooled.T, bias=True))


def test_fitted_normal_stays_finite_for_dead_codes():
    prior = FittedNormal(2, 1)
    prior.fit(torch.zeros(2), torch.zeros(2, 2), rate=1.0)
    assert torch.isfinite(prior.log_prob(torch.zeros(1, 2))).all()
    assert torch.isfinite(prior.sample(3, generator())).all()


@pytest.mark.parametrize("infers_rows", [False, True])
def test_importance_weights_of_one_draw_are_the_one_sample_bound(infers_rows):
    vae = small_model("vae", n_features=3).eval()
    vae.infers_rows = infers_rows
    x, noise = torch.randn(4, 3, generator=generator(1)).double(), torch.randn(1, 2, generator=generator(2)).double()
    with torch.no_grad():
        posterior = vae.proposal(x)
        assert torch.equal(posterior.mean, vae.posterior(x).mean) is not infers_rows
        z = posterior.mean + posterior.scale * noise
        expected = norm(vae.decode(z).mean, vae.likelihood.scale).logpdf(x).sum(1) + norm.logpdf(z).sum(1)
        expected = expected - norm(posterior.mean, posterior.scale).logpdf(z).sum(1)
        np.testing.assert_allclose(vae.log_prob(x, noise), expected, rtol=1e-9)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_networks_map_shapes_and_draw_only_from_their_generator(name, activation):
    state = torch.get_rng_state()
    for build, a, b in zip([*halves(name), NETWORKS[name].of_codes], (5, 3, 3), (3, 5, 1), strict=True):
        first, second = (build(a, b, (7, 6), activation, generator()) for _ in range(2))
        x = torch.ones(4, a)
        assert first(x).shape == (4, b)
        assert first(x.expand(2, 4, a)).shape == (2, 4, b)
        assert torch.equal(first(x), second(x))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_network_without_hidden_layers_is_affine():
    build = NETWORKS["mlp"].encoder(5, 3, (), "relu", generator())
    x, y = torch.randn(2, 10, 5, generator=generator())
    torch.testing.assert_close(build(x + y), build(x) + build(y) - build(torch.zeros(10, 5)))


def test_gaussian_corruption_changes_x_as_much_as_its_level_says():
    x, likelihood = torch.zeros(1000, 3), small_likelihood("gaussian", 3)
    noisy = [CORRUPTIONS["gaussian"](likelihood, level)(x, generator(), None) for level in (0.0, 0.1, 1.0)]
    assert all(emphasis is None for _, emphasis in noisy)
    changes = [seen.square().mean().item() for seen, _ in noisy]
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


def test_matrices_lie_along_their_longer_side_while_they_are_learned():
    module = NETWORKS["mlp"].encoder(4, 2, (5,), "tanh", generator()).double()
    before = [parameter.detach().clone() for parameter in module.parameters()]
    solver = make_solver("adam", module, learning_rate=0.05, momentum=0.9, weight_decay=0.0)
    more, fewer = (layer.weight for layer in module if isinstance(layer, torch.nn.Linear))
    for weight, stride in ((more, (1, 5)), (fewer, (5, 1))):
        assert weight.stride() == weight.grad.stride() == stride
        assert weight.untyped_storage().data_ptr() == solver.values.untyped_storage().data_ptr()
    for parameter, start in zip(module.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.detach(), start, rtol=0.0, atol=0.0)
    apart(module)
    assert all(parameter.is_contiguous() for parameter in module.parameters())


def test_what_a_solver_goes_on_from_has_every_matrix_row_by_row():
    modules = [NETWORKS["mlp"].encoder(4, 2, (5,), "tanh", generator()).double() for _ in range(2)]
    solvers = [make_solver("adam", module, learning_rate=0.05, momentum=0.9, weight_decay=0.0) for module in modules]
    x = torch.randn(20, 4, generator=generator()).double()

    def step(place):
        solvers[place].zero_grad()
        (modules[place](x) - 1.0).square().mean().backward()
        solvers[place].step()

    step(0)
    more = modules[0][0].weight
    torch.testing.assert_close(solvers[0].state()["first"][:20], 0.1 * more.grad.flatten())
    modules[1].load_state_dict(modules[0].state_dict())
    solvers[1].load(solvers[0].state())
    for place in (0, 1):
        step(place)
    for one, other in zip(modules[0].parameters(), modules[1].parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0.0, atol=0.0)


def test_every_solver_is_compared_with_torch():
    assert set(SOLVERS) == {"adam", "adamw", "sgd", "adagrad"}


@pytest.mark.parametrize(("n_columns", "n_atoms"), [(2, 5), (5, 2), (3, 3)])
def test_atoms_of_many_columns_are_those_of_each_alone(n_columns, n_atoms):
    source = generator(0)
    x = torch.randn(7, n_columns, generator=source)
    atoms = [sorted(torch.randn(n_atoms, generator=source).tolist()) for _ in range(n_columns)]
    x[:3] = torch.tensor([column[1] for column in atoms])
    weight = torch.ones_like(x)
    together = LIKELIHOODS["inflated_gaussian"](n_columns, atoms, [[]] * n_columns)
    together.observe(x, weight)
    moments, logits = (
        torch.randn(7, 2, n_columns, generator=source),
        torch.randn(7, n_columns, n_atoms, generator=source),
    )
    outputs = torch.cat([moments.flatten(1), logits.flatten(1)], dim=1)
    for j in range(n_columns):
        alone = LIKELIHOODS["inflated_gaussian"](1, atoms[j : j + 1], [[]])
        alone.observe(x[:, j : j + 1], weight[:, j : j + 1])
        own = torch.cat([moments[:, :, j], logits[:, j]], dim=1)
        torch.testing.assert_close(together.log_prob(outputs, x)[:, j], alone.log_prob(own, x[:, j : j + 1])[:, 0])
        torch.testing.assert_close(together.mean(outputs)[:, j], alone.mean(own)[:, 0])
        drawn = together.sample(outputs[:1].expand(4000, -1), generator(1))[:, j]
        alike = alone.sample(own[:1].expand(4000, -1), generator(1))[:, 0]
        for atom in atoms[j]:
            shares = [float((cells - atom).abs().lt(1e-6).double().mean()) for cells in (drawn, alike)]
            assert shares[0] == pytest.approx(shares[1], abs=0.04)


@pytest.mark.parametrize("n_levels", [[5, 6], [2, 2, 3, 2], [4, 4, 4, 4]])
def test_levels_of_many_columns_are_those_of_each_alone(n_levels):
    together, source = LIKELIHOODS["categorical"](len(n_levels), n_levels), generator(0)
    outputs = torch.randn(9, sum(n_levels), generator=source)
    x = torch.stack([torch.randint(n, (9,), generator=source) for n in n_levels], dim=1).float()
    expected = [
        torch.log_softmax(own, dim=1).gather(1, x[:, j : j + 1].long())[:, 0]
        for j, own in enumerate(outputs.split(n_levels, dim=1))
    ]
    torch.testing.assert_close(together.log_prob(outputs, x), torch.stack(expected, dim=1))
    logits = outputs.requires_grad_()
    together.log_prob(logits, x).sum().backward()
    chances = torch.cat([torch.softmax(own, dim=1) for own in outputs.detach().split(n_levels, dim=1)], dim=1)
    assert torch.allclose(logits.grad, together.inputs(x) - chances, atol=1e-6)


@pytest.mark.parametrize("n_inputs", [3, 10, 12, 70])
def test_a_layer_that_is_widened_in_training_is_the_same_layer(n_inputs):
    layer, x = Linear(n_inputs, 5, generator(0), 1.0), torch.randn(200, n_inputs, generator=generator(1))
    for train in (True, False):
        layer.train(train).zero_grad()
        torch.testing.assert_close(layer(x), x @ layer.weight.mT + layer.bias)
        layer(x).square().sum().backward()
        torch.testing.assert_close(layer.weight.grad, 2.0 * layer(x).mT @ x, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("sizes", [(), (7,), (3, 11)])
def test_networks_say_how_wide_they_are_what_they_compute_and_what_moves_their_outputs(name, sizes):
    network, widths, products = halves(name)[1](4, 5, sizes, "tanh", generator()).eval(), [], []

    def note(layer, inputs, output):
        widths.append(output[0].numel())
        own = list(layer.parameters(recurse=False))
        if isinstance(layer, Kernels):
            products.append(own[0].numel() * inputs[0][0, 0].numel())
        elif not isinstance(layer, Shift):
            products.extend(parameter.numel() for parameter in own)

    for layer in network.modules():
        layer.register_forward_hook(note)
    x = torch.rand(64, 4, generator=generator())
    before = network(x)
    assert network.width == max(widths)
    assert network.n_products == sum(products)
    with torch.no_grad():
        network.last_layer.bias.add_(2.0)
    torch.testing.assert_close(network(x), before + 2.0)
    order = torch.randperm(64, generator=generator())
    assert not network.same_bits or torch.equal(network(x[order]), network(x)[order])


@pytest.mark.parametrize("columns", [[0, 1, 2, 3, 4, 5], [5, 3, 1, 0, 2, 4], [0, 0, 1, 2, 3, 4, 5, 5, 5], [2, 4]])
def test_numbers_about_pixels_become_images_and_come_back(columns):
    planes, columns = Planes(torch.tensor(columns), (1, 2, 3)), torch.tensor(columns)
    numbers = torch.rand(7, len(columns), generator=generator()) + 1.0
    images = planes.images(numbers)
    assert images.shape == (7, planes.n_channels, 2, 3)
    assert torch.equal(planes.numbers(images), numbers)
    assert (images != 0.0).sum() == 7 * len(columns)
    pixels = torch.where(images == 0.0, 0.0, 1.0).sum(1).flatten(1)[0]
    assert torch.equal(pixels, torch.bincount(columns, minlength=6).to(pixels))


@pytest.mark.parametrize("kernel_size", [2, 3, 4, 5])
@pytest.mark.parametrize("image_shape", [(1, 8, 8), (3, 9, 13), (2, 17), (1, 128, 128), (1, 12, 5)])
def test_a_decoder_gives_back_the_size_that_the_encoder_was_given(image_shape, kernel_size):
    n_pixels = math.prod(image_shape)
    own = {
        "image_shape": image_shape,
        "channels": [2, 3],
        "kernel_size": kernel_size,
        "columns": torch.arange(n_pixels),
    }
    pair = NETWORKS["convolutional"]
    z = pair.encoder(n_pixels, 4, (5,), "relu", generator(), **own)(torch.ones(2, n_pixels))
    assert pair.decoder(4, n_pixels, (5,), "relu", generator(), **own)(z).shape == (2, n_pixels)


def test_convolutions_do_not_care_where_in_an_image_a_thing_stands():
    own = {"image_shape": (1, 16, 16), "channels": [4], "kernel_size": 3, "columns": torch.arange(256)}
    encoder = NETWORKS["convolutional"].encoder(256, 4, (), "relu", generator(), **own)
    images = torch.zeros(2, 1, 16, 16)
    images[0, 0, 3:6, 3:6] = images[1, 0, 7:10, 9:12] = torch.rand(3, 3, generator=generator())
    one, other = encoder.layers[0](images)
    torch.testing.assert_close(one[:, 1:4, 1:4], other[:, 3:6, 4:7])
