"""Recording and replaying: the same numbers as without, or no replay at all."""

import itertools

import numpy as np
import pytest
import torch
from small_models import cells, generator, small_model

from skvae.nn.corruptions import CORRUPTIONS
from skvae.nn.likelihoods import LIKELIHOODS
from skvae.nn.models import MODELS
from skvae.nn.networks import ACTIVATIONS
from skvae.nn.objectives import OBJECTIVES
from skvae.nn.penalties import PENALTIES
from skvae.nn.priors import PRIORS
from skvae.nn.regularizers import REGULARIZERS
from skvae.nn.replay import Replayed, cpu, replayed
from skvae.nn.replay.kernels import memory, tensors_in
from skvae.nn.solvers import SOLVERS, make_solver
from skvae.nn.training import Clock, Plan, Rows, make_gradient, train_epoch


def rows(n_rows=70, dtype=torch.float64, likelihood="gaussian", heaviest=1):
    x = cells(likelihood, n_rows, 5, dtype=dtype)
    return Rows(x, 1.0 + (torch.arange(n_rows, dtype=dtype) % heaviest))


def trained(
    name,
    likelihood="gaussian",
    activation="silu",
    solver="adam",
    corruption=None,
    products=None,
    eager=False,
    n_epochs=3,
    heaviest=1,
    **options,
):
    """Weights and losses after some epochs of full and ragged batches, and the gradient function that was used."""
    dtype = torch.float32 if products else torch.float64
    module = small_model(name, likelihood=likelihood, activation=activation, corruption=corruption, **options)
    module.to(dtype)
    data = rows(dtype=dtype, likelihood=likelihood, heaviest=heaviest)
    module.observe(*data, generator())
    module.product_dtype = products and getattr(torch, products)
    stepper, source = make_solver(solver, module, 1e-2, momentum=0.9, weight_decay=0.01), generator(2)
    gradient = make_gradient(module, stepper, source)
    gradient = gradient.function if eager else gradient
    plan = Plan(batch_size=32, max_iter=n_epochs)
    clock = Clock(plan, data.size)
    losses = [train_epoch(module, data, stepper, plan, clock, gradient, source) for _ in range(n_epochs)]
    return [parameter.detach().clone() for parameter in module.parameters()], losses, gradient


def outcomes(function):
    """Of each set of shapes, in the order in which they came: whether replays are trusted, or why they are not."""
    return list((function.trusted | function.refused).values())


CASES = [
    *({"name": name, "likelihood": likelihood} for name, likelihood in itertools.product(MODELS, LIKELIHOODS)),
    *({"name": "vae", "activation": activation} for activation in ACTIVATIONS),
    *({"name": "vae", "solver": solver} for solver in SOLVERS),
    *({"name": "autoencoder", "corruption": corruption} for corruption in CORRUPTIONS),
    {"name": "vae", "likelihood": "multinomial", "corruption": "masking"},
    *({"name": name, "penalty": penalty} for name, penalty in itertools.product(MODELS, PENALTIES)),
    {"name": "autoencoder", "penalty": ("sparse", {"strength": 0.1, "target": 0.2})},
    *({"name": name, "network": ("mlp", {"dropout": 0.3, "tied": True})} for name in MODELS),
    {"name": "autoencoder", "network": ("residual_blocks", {"dropout": 0.3})},
    *({"name": "vae", "prior": prior} for prior in PRIORS),
    *({"name": "vae", "regularizer": regularizer} for regularizer in REGULARIZERS),
    *({"name": "vae", "objective": objective, "n_draws": 3} for objective in OBJECTIVES),
    {"name": "vae", "free_bits": 0.1},
    {"name": "vae", "heaviest": 3},
    {"name": "vae", "products": "bfloat16"},
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_training_by_replay_is_training(case):
    weights, losses, gradient = trained(**case)
    expected_weights, expected_losses, _ = trained(**case, eager=True)
    assert len(gradient.trusted) == (2 if case.get("heaviest", 1) == 1 else 1)
    assert not gradient.refused
    rounding = 1e-9 if weights[0].dtype == torch.float64 else 1e-5
    for one, other in zip(weights, expected_weights, strict=True):
        torch.testing.assert_close(one, other, rtol=rounding, atol=0.01 * rounding)
    for one, other in zip(losses, expected_losses, strict=True):
        assert one == pytest.approx(other, rel=rounding)


def test_matrix_products_of_few_digits_change_training_a_little():
    (exact, *_), (coarse, *_) = trained("vae", products="float32"), trained("vae", products="bfloat16")
    changes = [(one - other).abs().max() for one, other in zip(exact, coarse, strict=True)]
    assert 0.0 < max(changes) < 0.1


def test_a_solver_class_of_torch_is_trained_without_a_recording():
    weights, losses, gradient = trained("vae", solver=torch.optim.SGD)
    assert not isinstance(gradient, Replayed)
    assert losses[-1]["reconstruction"] < losses[0]["reconstruction"]
    assert all(torch.isfinite(weight).all() for weight in weights)


def fourth(function, *inputs, gradients=(), frozen=False, of_values=torch.ones_like):
    """The output of a fourth call, and its recording or None."""
    run = replayed(function, gradients=gradients, frozen=frozen)
    with torch.no_grad():
        for factor in (1.0, 1.0, 2.0):
            run(*(factor * of_values(tensor) for tensor in inputs))
            for gradient in gradients:
                gradient.zero_()
        output = run(*inputs).clone()
    return output, next(iter(run.trusted.values()), None)


X = torch.arange(1.0, 7.0).reshape(2, 3)


def shared_buffer(x):
    buffer = torch.zeros(2, 3)
    buffer.add_(x)
    return buffer.exp()


def overwritten(x):
    y = x + 1.0
    z = y * 2.0
    y.mul_(3.0)
    return y + z


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.relu().sum(-1),
        lambda x: (x * 2.0).relu_() + x,
        lambda x: torch.addmm(torch.ones(4), x, torch.ones(3, 4)).tanh(),
        lambda x: torch.cat([x, x.mT.reshape(2, 3)], dim=1).softmax(1),
        lambda x: x.reshape(3, 2).mT.contiguous().cumsum(0),
        lambda x: (x[:, 1:] - x[:, :-1]).square().mean(),
        lambda x: x.unbind(1)[1] ** 2,
        lambda x: torch.where(x > 3, x, -x).amax(1),
        lambda x: x.sort(dim=1, descending=True).values,
        lambda x: x.double().logsumexp(1).float(),
        lambda x: x,
        shared_buffer,
        overwritten,
    ],
)
@pytest.mark.parametrize("frozen", [True, False])
def test_a_replay_gives_what_the_function_gives(function, frozen):
    output, recording = fourth(function, X.clone(), frozen=frozen)
    assert recording is not None
    torch.testing.assert_close(output, function(X.clone()), rtol=1e-6, atol=0.0)


def test_a_call_that_reads_a_value_is_not_fourth():
    output, recording = fourth(lambda x: x + 1 if x.sum() > 10 else x - 1, X)
    assert recording is None
    torch.testing.assert_close(output, X + 1)


def test_a_call_whose_shapes_depend_on_values_is_not_fourth():
    output, recording = fourth(lambda x: x[x > 2].sum(), X)
    assert recording is None
    assert output == 18.0


def test_a_call_with_random_numbers_from_elsewhere_is_not_fourth():
    state = torch.get_rng_state()
    _, recording = fourth(lambda x: x + torch.rand(2, 3), X)
    torch.set_rng_state(state)
    assert recording is None


def test_a_recording_that_takes_too_much_memory_is_not_kept(monkeypatch):
    monkeypatch.setattr(cpu, "LARGEST", 10)
    output, recording = fourth(lambda x: x + 1, X)
    assert recording is None
    torch.testing.assert_close(output, X + 1)


def test_a_replay_that_differs_is_found_out(monkeypatch):
    monkeypatch.setattr(cpu, "changing", lambda kernels, inputs: kernels[:1])
    source = generator()
    run = replayed(lambda x: x * 2.0 + torch.rand(2, 3, generator=source), source, frozen=True)
    expected = generator()
    for _ in range(4):
        torch.testing.assert_close(run(X), X * 2.0 + torch.rand(2, 3, generator=expected))
    assert not run.trusted
    assert run.refused


@pytest.mark.parametrize("frozen", [True, False])
def test_replays_draw_the_numbers_that_calls_would(frozen):
    source, expected = generator(), generator()
    run = replayed(lambda x: x + torch.randn(x.shape, generator=source), source, frozen=frozen)
    for factor in range(5):
        x = factor * X
        torch.testing.assert_close(run(x), x + torch.randn(2, 3, generator=expected), rtol=0.0, atol=0.0)
    assert run.trusted


def test_each_shape_has_its_recording():
    run = replayed(lambda x: 2.0 * x)
    for step, n_rows in enumerate((2, 1, 2, 1, 2, 1, 2, 1)):
        torch.testing.assert_close(run(step * X[:n_rows]), 2.0 * step * X[:n_rows])
    assert len(run.trusted) == 2


def test_a_single_call_is_not_recorded():
    calls = []
    run = replayed(lambda x: calls.append(isinstance(x, torch.Tensor) and x is X) or 2.0 * x)
    run(X)
    assert calls == [True]
    run(X)
    assert calls == [True, False]  # a recording is of a copy


def test_what_does_not_depend_on_the_inputs_is_computed_once():
    matrix = torch.zeros(2, 3)
    frozen, alive = replayed(lambda x: x * matrix.exp(), frozen=True), replayed(lambda x: x * matrix.exp())
    for factor in (1.0, 2.0, 3.0):
        frozen(factor * X)
        alive(factor * X)
    matrix.add_(1.0)
    torch.testing.assert_close(frozen(2.0 * X), 2.0 * X)
    torch.testing.assert_close(alive(2.0 * X), 2.0 * X * torch.e)


def test_gradients_of_a_weight_that_is_used_twice_add_up():
    weight = torch.nn.Parameter(torch.ones(3, 3))
    weight.grad = torch.zeros(3, 3)

    def function(x):
        with torch.enable_grad():
            (x @ weight.mT @ weight.mT).sum().backward()
            (x @ weight).square().sum().backward()
        return x.sum()

    _, recording = fourth(function, X, gradients=[weight.grad])
    assert recording is not None
    by_replay = weight.grad.clone()
    weight.grad.zero_()
    function(X)
    torch.testing.assert_close(by_replay, weight.grad)


def test_a_result_that_is_read_elsewhere_is_not_only_written_to_a_gradient():
    gradient = torch.zeros(3, 3)

    def function(x):
        product = x.mT @ x
        gradient.add_(product)
        return product.sum()

    output, recording = fourth(function, X, gradients=[gradient])
    assert recording is not None
    assert output == (X.mT @ X).sum()
    torch.testing.assert_close(gradient, X.mT @ X)


def chain(x):
    steps = [x]
    for _ in range(10):
        steps.append(steps[-1].cumsum(0) + steps[0])
    return steps[-1] + steps[5].exp()


def test_results_lie_where_others_lay_that_nothing_reads_any_more():
    output, recording = fourth(chain, 0.01 * X)
    torch.testing.assert_close(output, chain(0.01 * X))
    used = {memory(tensor) for _, args, kwargs in recording._calls for tensor in tensors_in((args, kwargs))}
    assert len(used) <= 6 < len(recording._calls)


def test_neither_inputs_nor_what_is_computed_once_are_written_over():
    matrix = torch.full((2, 3), 0.01)
    run = replayed(lambda x: chain(x) + chain(matrix) * x, frozen=True)
    for factor in (1.0, 2.0, 3.0, 4.0, 4.0):
        x = 0.01 * factor * X
        torch.testing.assert_close(run(x), chain(x) + chain(matrix) * x)
        torch.testing.assert_close(x, 0.01 * factor * X)
    assert run.trusted


def test_other_devices_are_left_alone():
    run = replayed(lambda x: x + 1.0)
    for factor in range(4):
        assert run(factor * torch.ones(2, device="meta")).shape == (2,)
    assert not run.trusted | run.refused


def normalised(x):
    """A module that remembers the mean of what it has seen."""
    return torch.nn.functional.batch_norm(x, MEAN, VARIANCE, training=True)


MEAN, VARIANCE = torch.zeros(3), torch.ones(3)

READERS = {
    "item": lambda x: x * x.sum().item(),
    "float": lambda x: x * float(x.sum()),
    "tolist": lambda x: x * x.sum().tolist(),
    "numpy": lambda x: x * float(x.detach().numpy().sum()),
    "array": lambda x: x * float(np.asarray(x.detach()).sum()),
    "dlpack": lambda x: x * float(np.from_dlpack(x.detach()).sum()),
    "branch": lambda x: x if bool((x > 1e9).any()) else -x,
    "repr": lambda x: x * float(format(x.sum())),
    "shape by value": lambda x: x[x > 2.0].sum(),
    "dropout": lambda x: torch.nn.functional.dropout(x, 0.5),
    "noise of the global generator": lambda x: x + torch.rand(2, 3),
    "in place on what is not its own": lambda x: x + MEAN.add_(1.0),
    "batch norm": normalised,
}


@pytest.mark.parametrize("what", READERS)
def test_what_kernels_cannot_repeat_is_refused_when_it_is_recorded(what):
    run = replayed(READERS[what])
    with torch.no_grad():
        for factor in (1.0, 2.0):
            run(factor * X)
        assert list(run._recordings) == []
        assert len(run.refused) == 1
        state, mean = torch.get_rng_state(), MEAN.clone()
        output = run(3.0 * X).clone()
        torch.set_rng_state(state)
        MEAN.copy_(mean)
        torch.testing.assert_close(output, READERS[what](3.0 * X), rtol=0.0, atol=0.0)


def counted():
    """A function that multiplies by the number of its call, of which no kernel knows."""
    calls = itertools.count()
    return lambda x: x * next(calls)


def drawn_by_numpy():
    """A function that adds a number of numpy's."""
    rng = np.random.RandomState(0)
    return lambda x: x + rng.normal()


@pytest.mark.parametrize("make", [counted, drawn_by_numpy])
@pytest.mark.parametrize("frozen", [True, False])
def test_a_value_that_python_has_is_found_out_by_the_next_batch(make, frozen):
    run, plain = replayed(make(), frozen=frozen), make()
    torch.testing.assert_close(run(X), plain(X))
    torch.testing.assert_close(run(2.0 * X), plain(2.0 * X))
    assert run._recordings
    run(3.0 * X)
    assert not run.trusted
    assert list(run.refused.values()) == ["a replay differs from the call"]


def test_the_same_inputs_prove_nothing_about_others():
    offset, known = torch.zeros(()), []

    def function(x):
        known[:] = known or [float(np.frombuffer(bytes(x.untyped_storage()), np.float32).sum())]
        return x * known[0] + offset

    run = replayed(function)
    for _ in range(6):
        torch.testing.assert_close(run(X), function(X))
        offset.add_(1.0)
    assert not run.trusted
    known.clear()
    torch.testing.assert_close(run(2.0 * X), 2.0 * X * 42.0 + offset)
    assert run.refused


def test_a_first_convolution_is_replayed():
    weight, bias = torch.nn.Parameter(torch.ones(2, 1, 3)), torch.nn.Parameter(torch.zeros(2))
    weight.grad, bias.grad = torch.zeros_like(weight), torch.zeros_like(bias)

    def function(x):
        with torch.enable_grad():
            loss = torch.nn.functional.conv1d(x[:, None], weight, bias).square().sum()
            loss.backward()
        return loss.detach()

    _, recording = fourth(function, X, gradients=[weight.grad, bias.grad])
    assert recording is not None
    by_replay = weight.grad.clone(), bias.grad.clone()
    weight.grad.zero_()
    bias.grad.zero_()
    function(X)
    torch.testing.assert_close(by_replay, (weight.grad, bias.grad))
