"""Recording and replaying: the same numbers as without, or no replay at all."""

import itertools

import pytest
import torch
from small_models import cells, generator, small_model

from skvae.nn import capture
from skvae.nn.capture import Captured, memory, tensors_in
from skvae.nn.likelihoods import LIKELIHOODS
from skvae.nn.models import MODELS, OBJECTIVES
from skvae.nn.networks import ACTIVATIONS
from skvae.nn.priors import PRIORS
from skvae.nn.regularizers import REGULARIZERS
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
    gradient = gradient._function if eager else gradient
    plan = Plan(batch_size=32, max_iter=n_epochs)
    clock = Clock(plan, data.size)
    losses = [train_epoch(module, data, stepper, plan, clock, gradient, source) for _ in range(n_epochs)]
    return [parameter.detach().clone() for parameter in module.parameters()], losses, gradient


def recordings(captured):
    return list(captured._recordings.values())


CASES = [
    *({"name": name, "likelihood": likelihood} for name, likelihood in itertools.product(MODELS, LIKELIHOODS)),
    *({"name": "vae", "activation": activation} for activation in ACTIVATIONS),
    *({"name": "vae", "solver": solver} for solver in SOLVERS),
    {"name": "autoencoder", "corruption": "gaussian"},
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
    assert len(recordings(gradient)) == (2 if case.get("heaviest", 1) == 1 else 1)
    assert all(recordings(gradient))
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
    assert not isinstance(gradient, Captured)
    assert losses[-1]["reconstruction"] < losses[0]["reconstruction"]
    assert all(torch.isfinite(weight).all() for weight in weights)


def replayed(function, *inputs, gradients=(), frozen=False):
    """The output of a third call, and the recording."""
    captured = Captured(function, gradients=gradients, frozen=frozen)
    with torch.no_grad():
        for _ in range(2):
            captured(*(torch.ones_like(tensor) for tensor in inputs))
            for gradient in gradients:
                gradient.zero_()
        output = captured(*inputs).clone()
    return output, recordings(captured)[0]


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
    output, recording = replayed(function, X.clone(), frozen=frozen)
    assert recording is not None
    torch.testing.assert_close(output, function(X.clone()), rtol=1e-6, atol=0.0)


def test_a_call_that_reads_a_value_is_not_replayed():
    output, recording = replayed(lambda x: x + 1 if x.sum() > 10 else x - 1, X)
    assert recording is None
    torch.testing.assert_close(output, X + 1)


def test_a_call_whose_shapes_depend_on_values_is_not_replayed():
    output, recording = replayed(lambda x: x[x > 2].sum(), X)
    assert recording is None
    assert output == 18.0


def test_a_call_with_random_numbers_from_elsewhere_is_not_replayed():
    state = torch.get_rng_state()
    _, recording = replayed(lambda x: x + torch.rand(2, 3), X)
    torch.set_rng_state(state)
    assert recording is None


def test_a_recording_that_takes_too_much_memory_is_not_kept(monkeypatch):
    monkeypatch.setattr(capture, "LARGEST", 10)
    output, recording = replayed(lambda x: x + 1, X)
    assert recording is None
    torch.testing.assert_close(output, X + 1)


def test_a_replay_that_differs_is_found_out(monkeypatch):
    monkeypatch.setattr(capture, "changing", lambda kernels, inputs: kernels[:1])
    source = generator()
    captured = Captured(lambda x: x * 2.0 + torch.rand(2, 3, generator=source), source, frozen=True)
    expected = generator()
    for _ in range(4):
        torch.testing.assert_close(captured(X), X * 2.0 + torch.rand(2, 3, generator=expected))
    assert recordings(captured) == [None]


@pytest.mark.parametrize("frozen", [True, False])
def test_replays_draw_the_numbers_that_calls_would(frozen):
    source, expected = generator(), generator()
    captured = Captured(lambda x: x + torch.randn(x.shape, generator=source), source, frozen=frozen)
    for _ in range(4):
        torch.testing.assert_close(captured(X), X + torch.randn(2, 3, generator=expected), rtol=0.0, atol=0.0)
    assert recordings(captured)[0] is not None


def test_each_shape_has_its_recording():
    captured = Captured(lambda x: 2.0 * x)
    for n_rows in (2, 1, 2, 1, 2, 1):
        torch.testing.assert_close(captured(X[:n_rows]), 2.0 * X[:n_rows])
    assert len(recordings(captured)) == 2
    assert all(recordings(captured))


def test_a_single_call_is_not_recorded():
    captured = Captured(lambda x: 2.0 * x)
    captured(X)
    assert recordings(captured) == [None]


def test_what_does_not_depend_on_the_inputs_is_computed_once():
    matrix = torch.zeros(2, 3)
    frozen, alive = Captured(lambda x: x * matrix.exp(), frozen=True), Captured(lambda x: x * matrix.exp())
    for captured in (frozen, frozen, alive, alive):
        captured(X)
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

    _, recording = replayed(function, X, gradients=[weight.grad])
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

    output, recording = replayed(function, X, gradients=[gradient])
    assert recording is not None
    assert output == (X.mT @ X).sum()
    torch.testing.assert_close(gradient, X.mT @ X)


def chain(x):
    steps = [x]
    for _ in range(10):
        steps.append(steps[-1].cumsum(0) + steps[0])
    return steps[-1] + steps[5].exp()


def test_results_lie_where_others_lay_that_nothing_reads_any_more():
    output, recording = replayed(chain, 0.01 * X)
    torch.testing.assert_close(output, chain(0.01 * X))
    used = {memory(tensor) for _, args, kwargs in recording._calls for tensor in tensors_in((args, kwargs))}
    assert len(used) <= 6 < len(recording._calls)


def test_neither_inputs_nor_what_is_computed_once_are_written_over():
    matrix = torch.full((2, 3), 0.01)
    captured = Captured(lambda x: chain(x) + chain(matrix) * x, frozen=True)
    for factor in (1.0, 2.0, 3.0, 3.0):
        x = 0.01 * factor * X
        torch.testing.assert_close(captured(x), chain(x) + chain(matrix) * x)
        torch.testing.assert_close(x, 0.01 * factor * X)
    assert recordings(captured)[0] is not None


def test_other_devices_are_left_alone():
    captured = Captured(lambda x: x + 1.0)
    assert captured(torch.ones(2, device="meta")).shape == (2,)
    assert not captured._recordings
