"""A stack of models trains each as if it were alone."""

import pytest
import torch
from small_models import cells, generator, small_model

from skvae.nn.likelihoods import LIKELIHOODS
from skvae.nn.solvers import LARGEST_GRADIENT, SOLVERS, make_solver
from skvae.nn.stacking import Stack
from skvae.nn.training import Clock, Plan, Rows, make_gradient, train_epoch


def train(module, x, solver="adam"):
    """Two epochs, full and ragged batches; the losses."""
    stepper, source = make_solver(solver, module, 1e-2, momentum=0.9, weight_decay=0.1), generator(9)
    plan, rows = Plan(batch_size=16, max_iter=2), Rows(x, torch.ones(len(x), dtype=x.dtype))
    gradient, clock = make_gradient(module, stepper, source), Clock(plan, len(x))
    losses = [train_epoch(module, rows, stepper, plan, clock, gradient, source) for _ in range(2)]
    assert all(gradient._recordings.values())
    return losses


def assert_same_weights(one, other):
    for name, value in one.state_dict().items():
        torch.testing.assert_close(value, other.state_dict()[name], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("likelihood", "solver"),
    [
        *((name, "adam") for name in LIKELIHOODS if name != "binarized_bernoulli"),
        *(("gaussian", name) for name in SOLVERS),
    ],
)
@pytest.mark.parametrize("own_rows", [False, True])
def test_each_model_of_a_stack_trains_as_if_it_were_alone(likelihood, solver, own_rows):
    x = cells(likelihood, 40, 3, 5)
    x = x if own_rows else x[:, 0]
    stack = Stack([small_model("autoencoder", seed, likelihood) for seed in range(3)])
    together = train(stack, x, solver)
    apart = []
    for seed, trained in enumerate(stack.unstack()):
        alone = small_model("autoencoder", seed, likelihood)
        apart.append(train(alone, x[:, seed] if own_rows else x, solver))
        assert_same_weights(trained, alone)
    for epoch, losses in enumerate(together):
        assert losses["reconstruction"] == pytest.approx(sum(alone[epoch]["reconstruction"] for alone in apart))


def test_weights_decay_and_intercepts_do_not_in_a_stack_either():
    alone, stack = small_model("autoencoder", 0), Stack([small_model("autoencoder", seed) for seed in range(3)])
    one, three = (make_solver("adam", module, 1e-2, momentum=0.9, weight_decay=0.1) for module in (alone, stack))
    assert three.n_decaying == 3 * one.n_decaying
    assert three.values.numel() == 3 * one.values.numel()


def test_every_model_of_a_stack_draws_noise_of_its_own():
    x = torch.rand(40, 5, generator=generator(), dtype=torch.float64)
    stack = Stack([small_model("vae", 0), small_model("vae", 0)])
    first, second = stack.unstack()
    assert_same_weights(first, second)
    train(stack, x)
    first, second = stack.unstack()
    assert not torch.equal(first.encoder[0].weight, second.encoder[0].weight)


def test_a_stack_has_the_terms_and_the_warm_up_of_its_models():
    stack = Stack([small_model("vae", seed) for seed in range(2)])
    assert stack.term_weights(0.25) == small_model("vae", 0).term_weights(0.25) == {"reconstruction": 1.0, "kl": 0.5}
    terms = stack.loss_terms(torch.rand(4, 5, dtype=torch.float64), generator())
    assert {name: values.shape for name, values in terms.items()} == {"reconstruction": (4,), "kl": (4,)}


def test_a_stack_leaves_the_models_it_was_made_of_alone():
    models = [small_model("autoencoder", seed) for seed in range(2)]
    train(Stack(models), torch.rand(40, 5, dtype=torch.float64, generator=generator()))
    assert_same_weights(models[1], small_model("autoencoder", 1))


@pytest.mark.parametrize("solver", ["sgd", torch.optim.SGD])
def test_a_gradient_that_is_too_long_is_cut_to_its_largest_norm(solver):
    module = small_model("autoencoder")
    before = torch.cat([parameter.detach().flatten() for parameter in module.parameters()])
    stepper = make_solver(solver, module, 0.5, momentum=0.0, weight_decay=0.0)
    module.loss_terms(1e6 * cells("gaussian", 8, 5), generator())["reconstruction"].sum().backward()
    stepper.step()
    after = torch.cat([parameter.detach().flatten() for parameter in module.parameters()])
    assert torch.linalg.vector_norm(after - before).item() == pytest.approx(0.5 * LARGEST_GRADIENT, rel=1e-4)


def test_a_gradient_that_is_too_long_slows_no_other_model_of_a_stack():
    x = cells("gaussian", 16, 3, 5)
    x[:, 1] *= 1e6
    stack = Stack([small_model("autoencoder", seed) for seed in range(3)])
    train(stack, x, "sgd")
    for seed, trained in enumerate(stack.unstack()):
        alone = small_model("autoencoder", seed)
        train(alone, x[:, seed], "sgd")
        assert_same_weights(trained, alone)
