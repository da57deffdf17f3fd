"""Penalties: what they measure, shown against the quantities themselves."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from small_models import OWN_ARGUMENTS, cells, generator, small_model

from skvae.nn.models import MODELS
from skvae.nn.penalties import PENALTIES, SparseActivations, penalties_of
from skvae.nn.posteriors import DiagonalNormal
from skvae.nn.step import Step


def codes(n_rows=60, latent_dim=3, seed=0):
    """Correlated codes (n_rows, latent_dim)."""
    independent = torch.randn(n_rows, latent_dim, dtype=torch.float64, generator=generator(seed))
    return independent.cumsum(1) * torch.arange(1.0, latent_dim + 1.0, dtype=torch.float64) + 0.5


def one_cost(penalty, step):
    """The only cost of a penalty, each row's."""
    (cost,) = penalty(step).values()
    return cost


def built(name, latent_dim, n_inputs, **own):
    """A penalty of codes of what an encoder sees; components are the first inputs, of variance 0.5."""
    (penalty,) = penalties_of((name, own or OWN_ARGUMENTS[name]), latent_dim, n_inputs)
    penalty = penalty.double()
    codes = torch.eye(latent_dim, n_inputs, dtype=torch.float64)
    penalty.place(codes, 0.0 * codes[:, 0], 0.5 + 0.0 * codes[:, 0])
    return penalty


def test_absolute_values_are_in_root_mean_squares():
    z = codes()
    cost = one_cost(PENALTIES["sparse"](strength=1.0), Step(z=z))
    expected = np.abs(z.numpy()) / np.sqrt(np.square(z.numpy()).mean(0))
    np.testing.assert_allclose(cost, expected.sum(1), rtol=1e-5)


def test_a_target_costs_the_divergence_of_two_coins():
    activations = torch.sigmoid(codes())
    cost = one_cost(PENALTIES["sparse"](strength=1.0, target=0.2), Step(z=activations))
    each = [entropy([0.2, 0.8], [mean, 1.0 - mean]) for mean in activations.mean(0).tolist()]
    np.testing.assert_allclose(cost, sum(each), rtol=1e-9)
    at_target = torch.full((5, 3), 0.2, dtype=torch.float64)
    np.testing.assert_allclose(one_cost(SparseActivations(1.0, 0.2), Step(z=at_target)), 0.0, atol=1e-12)
    for dead in (0.0, 1.0):
        assert torch.isfinite(one_cost(SparseActivations(1.0, 0.2), Step(z=0.0 * at_target + dead))).all()


def test_correlation_is_that_of_numpy():
    z = codes()
    cost = one_cost(PENALTIES["orthogonal"](strength=1.0), Step(z=z))
    correlation = np.corrcoef(z.T.numpy())
    np.testing.assert_allclose(cost, np.square(correlation[np.triu_indices(3, 1)]).sum(), rtol=1e-5)
    assert cost.shape == (60,)


def encoder_step(model, n_rows=40, weight=None):
    """A step of a model's encoder, and the squared norm of its Jacobian in units of its codes, row by row."""
    inputs = cells("gaussian", n_rows, 5)
    z = model.codes_of_inputs(inputs)
    spread = z.std(0, correction=0)
    jacobians = [torch.autograd.functional.jacobian(lambda x: model.codes_of_inputs(x[None])[0], row) for row in inputs]
    exact = torch.stack([(j / spread[:, None]).square().sum() for j in jacobians]).detach()
    return Step(z=z, inputs=inputs, encode=model.codes_of_inputs, generator=generator(7), weight=weight), exact


@pytest.mark.parametrize("name", MODELS)
def test_contraction_is_the_squared_norm_of_the_jacobian_in_the_mean_of_its_draws(name):
    step, exact = encoder_step(small_model(name))
    one = one_cost(PENALTIES["contractive"](strength=1.0, n_projections=1), step).detach()
    many = one_cost(PENALTIES["contractive"](strength=1.0, n_projections=2000), step).detach()
    assert (one / exact - 1.0).abs().max() > 0.1  # it is a draw
    np.testing.assert_allclose(many, exact, rtol=0.15)
    assert (many / exact).mean() == pytest.approx(1.0, abs=0.01)


def test_more_projections_are_less_noise():
    step, exact = encoder_step(small_model("autoencoder"))
    spreads = []
    for n_projections in (1, 16):
        penalty = PENALTIES["contractive"](strength=1.0, n_projections=n_projections)
        spreads.append(torch.stack([one_cost(penalty, step).detach() / exact for _ in range(200)]).std(0).mean())
    assert spreads[0] / spreads[1] == pytest.approx(4.0, rel=0.15)


def test_contraction_has_the_gradient_of_the_jacobian():
    model = small_model("autoencoder")
    step, _ = encoder_step(model)
    weight = model.encoder[0].weight
    penalty = PENALTIES["contractive"](strength=1.0, n_projections=4000)
    (found,) = torch.autograd.grad(one_cost(penalty, step).mean(), weight)

    def exact():
        z = model.codes_of_inputs(step.inputs)
        inputs = step.inputs.clone().requires_grad_()
        total, spread = 0.0, z.std(0, correction=0)
        for unit, value in enumerate(model.codes_of_inputs(inputs).unbind(1)):
            (slope,) = torch.autograd.grad(value.sum(), inputs, create_graph=True)
            total = total + (slope / spread[unit]).square().sum()
        return total / len(inputs)

    (expected,) = torch.autograd.grad(exact(), weight)
    assert (found - expected).norm() < 0.05 * expected.norm()


def test_contraction_is_known_without_gradients():
    step, _ = encoder_step(small_model("autoencoder"))
    penalty = PENALTIES["contractive"](strength=1.0, n_projections=1)
    with torch.no_grad():
        quiet = one_cost(penalty, step._replace(generator=generator()))
    torch.testing.assert_close(quiet, one_cost(penalty, step._replace(generator=generator())).detach())


def test_departures_are_in_variances_of_components():
    inputs, z = cells("gaussian", 7, 4), codes(7)
    penalty = built("principal", 3, 4)
    cost = one_cost(penalty, Step(z=z, clean=inputs))
    np.testing.assert_allclose(cost, (z - inputs[:, :3]).square().sum(1) / 0.5, rtol=1e-9)
    assert penalty.weights(1.0) == {"departure": 0.1}
    variance = torch.tensor([0.5, 1e-9, 0.0], dtype=torch.float64)
    penalty.place(torch.eye(3, 4, dtype=torch.float64), torch.ones(3), variance)
    cost = one_cost(penalty, Step(z=z, clean=inputs))  # components of no variance are nothing to keep to
    np.testing.assert_allclose(cost, (z - inputs[:, :3] - 1.0).square()[:, 0] / 0.5, rtol=1e-9)


def test_departures_of_a_posterior_are_those_of_its_mean():
    inputs, mean = cells("gaussian", 7, 4), codes(7)
    posterior = DiagonalNormal(mean, torch.ones_like(mean))
    cost = one_cost(built("principal", 3, 4), Step(z=mean + 5.0, clean=inputs, posterior=posterior))
    np.testing.assert_allclose(cost, (mean - inputs[:, :3]).square().sum(1) / 0.5, rtol=1e-9)


@pytest.mark.parametrize("name", sorted(set(PENALTIES) - {"principal"}))  # components have a scale of their own
@pytest.mark.parametrize("factor", [1e-1, 1e2])
def test_scaling_the_code_brings_nothing(name, factor):
    model = small_model("autoencoder")
    step, _ = encoder_step(model)
    scaled = step._replace(z=factor * step.z, encode=lambda x: factor * model.codes_of_inputs(x))
    penalty = PENALTIES[name](**OWN_ARGUMENTS[name])
    before, after = (one_cost(penalty, each._replace(generator=generator())).detach() for each in (step, scaled))
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", [*sorted(PENALTIES), "target"])
def test_weight_two_is_repetition_in_every_penalty(name):
    own = {"strength": 1.0, "target": 0.2} if name == "target" else OWN_ARGUMENTS[name]
    penalty = built("sparse" if name == "target" else name, 3, 6, **own)
    z = torch.sigmoid(codes(6)) if name == "target" else codes(6)
    count = torch.tensor([2, 1, 1, 3, 0, 1])

    def total(rows, weight):
        inputs = torch.cat([rows, rows], dim=1)
        encode = lambda x: x[:, :3]  # noqa: E731
        step = Step(z=rows, inputs=inputs, clean=inputs.square(), encode=encode, generator=generator(), weight=weight)
        return one_cost(penalty, step) @ (torch.ones(len(rows)).double() if weight is None else weight)

    weighed, repeated = total(z, count.double()), total(z.repeat_interleave(count, 0), None)
    torch.testing.assert_close(weighed, repeated)


@pytest.mark.parametrize("name", sorted(PENALTIES))
def test_a_unit_that_never_moves_costs_a_number_with_a_gradient(name):
    z = torch.zeros(8, 3, dtype=torch.float64, requires_grad=True)
    ones = torch.ones(8, 3).double()
    step = Step(z=z, inputs=ones, clean=ones, encode=lambda x: 0.0 * x, generator=generator())
    cost = one_cost(built(name, 3, 3), step)
    assert torch.isfinite(cost).all()
    if cost.requires_grad:
        cost.sum().backward()
        assert torch.isfinite(z.grad).all()


def test_codes_with_a_target_are_activations_in_training_and_afterwards():
    model, x = small_model("autoencoder", penalty=("sparse", {"strength": 1.0, "target": 0.3})), cells("gaussian", 9, 5)
    plain = small_model("autoencoder")
    for fitted in (model, model.eval()):
        torch.testing.assert_close(fitted.codes(x), torch.sigmoid(plain.codes(x)))
    assert math.isclose(model.term_weights(1.0)["sparsity"], 1.0)
