"""Small models of every kind, and rows that they can explain."""

from functools import partial

import torch

from skvae.nn.likelihoods import LIKELIHOODS, make_likelihood
from skvae.nn.models import MODELS
from skvae.nn.networks import NETWORKS

N_LEVELS = 3
"""Levels of a categorical column."""

COLUMN = {
    "categorical": {"n_levels": N_LEVELS},
    "ordinal": {"n_levels": N_LEVELS},
    "inflated_gaussian": {"atoms": [0.0, 0.5], "values": None},
}
"""What a likelihood is told of each column."""

OWN_OPTIONS = {
    "autoencoder": {"code_density": "normal"},
    "vae": {
        "prior": "normal",
        "code_density": None,
        "objective": "elbo",
        "n_draws": 1,
        "regularizer": "kl",
        "beta": 1.0,
        "free_bits": 0.0,
        "kl_warmup": 0.5,
    },
}
"""Options that only one of the models has."""


def two_layers(in_features, out_features):
    """A module of one's own."""
    return torch.nn.Sequential(torch.nn.Linear(in_features, 7), torch.nn.Tanh(), torch.nn.Linear(7, out_features))


OWN_ARGUMENTS = {
    "gaussian": {"level": 0.3},
    "masking": {"share": 0.3, "emphasis": 2.0},
    "salt_and_pepper": {"share": 0.3, "emphasis": 2.0},
    "swap": {"share": 0.3, "emphasis": 2.0},
    "sparse": {"strength": 0.1},
    "contractive": {"strength": 0.1, "n_projections": 2},
    "orthogonal": {"strength": 0.1},
    "principal": {"strength": 0.1},
    "convolutional": {"image_shape": (1, 5), "channels": [3], "kernel_size": 3},
    "custom": {"encoder": two_layers, "decoder": two_layers},
}
"""Arguments of members that have some of their own; images have five pixels."""


def halves(name):
    """Builders of encoder, of five inputs, and decoder, of five outputs, with their own arguments."""
    pair, own = NETWORKS[name], OWN_ARGUMENTS.get(name, {})
    own = own | {"columns": torch.arange(5)} if pair.by_columns else own
    return [partial(build, **own) for build in (pair.encoder, pair.decoder)]


def generator(seed=0):
    """A source of random numbers."""
    return torch.Generator().manual_seed(seed)


def parts(likelihood, n_features=5):
    """The same likelihood for all columns."""
    further = {name: n_features * [value] for name, value in COLUMN.get(likelihood, {}).items()}
    return [(likelihood, list(range(n_features)), further)]


def small_likelihood(name, n_features=2, raw=0.03):
    """A likelihood in float64 whose parameters are all ``raw``."""
    likelihood = make_likelihood(parts(name, n_features), n_features).double()
    with torch.no_grad():
        for parameter in likelihood.parameters():
            parameter.fill_(raw)
    return likelihood


def cells(likelihood, *shape, seed=0, dtype=torch.float64):
    """Random cells that have a density."""
    draws = torch.rand(*shape, generator=generator(seed), dtype=dtype)
    if LIKELIHOODS[likelihood].units == "simplex":
        return draws / draws.sum(-1, keepdim=True)
    return (N_LEVELS * draws).floor() if LIKELIHOODS[likelihood].units == "counts" else draws


def small_model(name, seed=0, likelihood="gaussian", n_features=5, **options):
    """A model with codes of size 2, in float64 and in training mode."""
    base = {"network": "mlp", "hidden_layer_sizes": [6, 7], "activation": "tanh", "n_mixture_components": 3}
    base |= {
        "likelihood": parts(likelihood, n_features),
        "corruption": None,
        "penalty": None,
        "holes": [],
        "apart": [],
    }
    options = base | OWN_OPTIONS[name] | options
    for kind in ("network", "corruption", "penalty"):
        member = options[kind]
        options[kind] = (member, OWN_ARGUMENTS.get(member, {})) if isinstance(member, str) else member
    return MODELS[name](n_features, 2, generator=generator(seed), **options).double().train()
