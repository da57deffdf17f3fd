"""Tied weights, dropout and residual blocks: what they share, when they act, and that they train."""

import copy

import numpy as np
import pytest
import torch
from small_models import cells, generator, small_model

from skvae.nn.models import MODELS
from skvae.nn.networks import NETWORKS
from skvae.nn.networks.dense import Linear, Transposed
from skvae.nn.networks.dropout import Dropout, lent
from skvae.nn.solvers import SOLVERS, apart, make_solver

TIED = ("mlp", {"tied": True, "dropout": 0.0})


def matrices(network):
    """The weight matrices of a network, first to last."""
    return [parameter for name, parameter in network.named_parameters() if name.endswith("weight")]


@pytest.mark.parametrize("name", MODELS)
def test_matrices_of_a_tied_decoder_are_those_of_the_encoder_transposed(name):
    model = small_model(name, network=TIED)
    for own, theirs in zip(matrices(model.decoder), reversed(matrices(model.encoder)), strict=True):
        assert own is theirs
    z = torch.randn(4, 2, dtype=torch.float64, generator=generator())
    hidden = z
    layers = [layer for layer in model.decoder if isinstance(layer, Transposed)]
    for place, layer in enumerate(layers):
        matrix = matrices(model.encoder)[-1 - place][: layer.in_features]  # of a VAE those of the mean
        hidden = (hidden if place == 0 else torch.tanh(hidden)) @ matrix + layer.bias
    for train in (True, False):
        torch.testing.assert_close(model.train(train).decode(z).mean, hidden)


def test_a_tied_decoder_has_its_own_biases_and_half_the_matrices():
    tied, plain = small_model("autoencoder", network=TIED), small_model("autoencoder")
    n_biases = sum(p.numel() for p in plain.decoder.parameters() if p.ndim == 1)
    assert (
        sum(p.numel() for p in tied.parameters())
        == sum(p.numel() for part in (plain.encoder, plain.likelihood) for p in part.parameters()) + n_biases
    )
    assert tied.n_products == plain.n_products
    assert tied.decoder.width == plain.decoder.width
    before = tied.decoder(torch.zeros(1, 2).double())
    with torch.no_grad():
        tied.decoder.last_layer.bias.add_(1.0)
    torch.testing.assert_close(tied.decoder(torch.zeros(1, 2).double()), before + 1.0)


def test_a_last_layer_of_other_outputs_has_a_matrix_of_its_own():
    model = small_model("vae", likelihood="heteroscedastic_gaussian", network=TIED)
    own, theirs = matrices(model.decoder), matrices(model.encoder)
    assert own[0] is theirs[2]
    assert own[1] is theirs[1]
    assert own[2].shape == (10, 6)


@pytest.mark.parametrize("solver", [*SOLVERS, torch.optim.Adam])
def test_tied_matrices_stay_tied_through_steps_copies_and_states(solver):
    model, x = small_model("vae", network=TIED), cells("gaussian", 30, 5)
    stepper = make_solver(solver, model, 1e-2, momentum=0.9, weight_decay=0.1)
    before = [matrix.detach().clone() for matrix in matrices(model.encoder)]
    for _ in range(3):
        stepper.zero_grad()
        sum(term.mean() for term in model.loss_terms(x, generator()).values()).backward()
        stepper.step()
    apart(model)
    other = small_model("vae", seed=1, network=TIED)
    other.load_state_dict(model.state_dict())
    for each in (model, other, copy.deepcopy(other), other.float()):
        for own, theirs, old in zip(
            matrices(each.decoder), reversed(matrices(each.encoder)), before[::-1], strict=True
        ):
            assert own is theirs
            assert not torch.equal(own.double(), old)


def test_dropout_keeps_the_mean_and_drops_its_share():
    dropout, x = Dropout(0.25).train(), torch.ones(200, 500)
    with lent(dropout, generator()):
        dropped = dropout(x)
    torch.testing.assert_close(dropped.unique(), torch.tensor([0.0, 4.0 / 3.0]))
    assert (dropped == 0.0).float().mean() == pytest.approx(0.25, abs=0.01)
    assert dropped.mean() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("network", ["mlp", "residual_blocks"])
def test_dropout_acts_where_gradients_are_computed_in_training_and_nowhere_else(network):
    x = cells("gaussian", 30, 5)
    plain, model = (small_model("autoencoder", network=(network, {"dropout": share})) for share in (0.0, 0.5))

    def loss(model, seed=0):
        return model.loss_terms(x, generator(seed))["reconstruction"].detach()

    assert not torch.equal(loss(model), loss(plain))
    assert not torch.equal(loss(model), loss(model, seed=1))
    torch.testing.assert_close(loss(model), loss(model))
    with torch.no_grad():  # as validation rows are judged
        torch.testing.assert_close(loss(model), loss(plain))
    torch.testing.assert_close(loss(model.eval()), loss(plain.eval()))
    torch.testing.assert_close(model.codes(x), plain.codes(x))


def test_dropout_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    model = small_model("vae", network=("mlp", {"dropout": 0.5}))
    model.loss_terms(cells("gaussian", 30, 5), generator())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(layer.generator is None for layer in model.modules() if isinstance(layer, Dropout))


def test_what_goes_into_blocks_reaches_their_last_layer_by_sums():
    network = NETWORKS["residual_blocks"].encoder(3, 2, [4, 4, 4], "relu", generator())
    with torch.no_grad():
        for layer in network.inner:
            layer.weight.zero_()
    x = torch.randn(6, 3, generator=generator(1))
    torch.testing.assert_close(network(x), network.last(network.first(x).relu()))
    narrowing = NETWORKS["residual_blocks"].encoder(3, 2, [4, 5], "relu", generator())
    with torch.no_grad():
        narrowing.inner[0].weight.zero_()
    assert torch.equal(narrowing(x), torch.zeros(6, 2))


@pytest.mark.parametrize("activation", ["silu", "relu"])
def test_signals_and_gradients_pass_through_forty_blocks_but_not_through_a_perceptron(activation):
    x = torch.randn(500, 10, generator=generator(1))
    reached = {}
    for name in ("residual_blocks", "mlp"):
        network = NETWORKS[name].encoder(10, 5, 40 * [32], activation, generator())
        network(x).square().sum().backward()
        first = next(iter(network.parameters())).grad
        last = network.last_layer.weight.grad
        reached[name] = (first.norm() / last.norm()).item(), network(x).std(0).mean().item()
    assert 0.05 < reached["residual_blocks"][0] < 20.0
    assert 0.1 < reached["residual_blocks"][1] < 3.0
    np.testing.assert_array_less(reached["mlp"][1], 0.2 * reached["residual_blocks"][1])


@pytest.mark.parametrize("n_outputs", [1, 3, 15, 16])
def test_few_outputs_lie_column_by_column_in_training(n_outputs):
    """Outputs and gradients are those of a plain layer; of few outputs they are in another order in memory."""
    layer = Linear(20, n_outputs, generator(), variance=1.0).train()
    plain = torch.nn.Linear(20, n_outputs)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(30, 20, generator=generator())
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    outputs = [module(rows) for module, rows in zip((layer, plain), inputs, strict=True)]
    assert (outputs[0].stride() == (1, 30)) == (n_outputs < 16)
    for output in outputs:
        output.tanh().sum().backward()
    torch.testing.assert_close(*outputs)
    torch.testing.assert_close(*(rows.grad for rows in inputs))
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad)
    torch.testing.assert_close(layer.bias.grad, plain.bias.grad)
    torch.testing.assert_close(layer(x[:, None])[:, 0], plain(x))


def test_rows_that_were_padded_once_say_what_others_do():
    network = NETWORKS["residual"].encoder(6, 3, (7,), "tanh", generator()).eval()
    x = torch.randn(8, 6, generator=generator(), requires_grad=True)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    apart_from = network.linear(x) + network.rest(x)
    torch.testing.assert_close(network(x), apart_from)
    gradients = (torch.autograd.grad(output.square().sum(), x)[0] for output in (network(x), apart_from))
    torch.testing.assert_close(*gradients)
