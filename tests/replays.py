"""Training by recorded steps, for the tests of recordings on every device."""

import itertools

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
from skvae.nn.solvers import SOLVERS, make_solver
from skvae.nn.training import Clock, Plan, Rows, make_gradient, train_epoch


def weighted_rows(n_rows=70, dtype=torch.float64, likelihood="gaussian", heaviest=1):
    """Rows of five columns that count from one to ``heaviest``."""
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
    device="cpu",
    n_epochs=3,
    heaviest=1,
    n_rows=70,
    **options,
):
    """Weights and losses after some epochs of full and ragged batches, and the gradient function that was used."""
    dtype = torch.float32 if products else torch.float64
    module = small_model(name, likelihood=likelihood, activation=activation, corruption=corruption, **options)
    module.to(dtype)
    data = weighted_rows(n_rows, dtype=dtype, likelihood=likelihood, heaviest=heaviest)
    module.observe(*data, generator())
    module.to(device)
    data = Rows(*(part.to(device) for part in data))
    module.product_dtype = products and getattr(torch, products)
    stepper, source = (
        make_solver(solver, module, 1e-2, momentum=0.9, weight_decay=0.01),
        torch.Generator(device).manual_seed(2),
    )
    gradient = make_gradient(module, stepper, source)
    if eager:
        gradient._recorded = lambda plain: plain
    plan = Plan(batch_size=32, max_iter=n_epochs)
    clock = Clock(plan, data.size)
    losses = [train_epoch(module, data, stepper, plan, clock, gradient, source) for _ in range(n_epochs)]
    (function,) = gradient.by_size.values()
    return [parameter.detach().clone() for parameter in module.parameters()], losses, function


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
"""One case for each member that a step may have."""
