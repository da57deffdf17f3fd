"""An encoder and a decoder: what they see of rows, and what they say."""

import copy
from abc import ABC, abstractmethod
from functools import partial

import torch
from torch import nn

from skvae.nn.likelihoods import make_likelihood
from skvae.nn.likelihoods.holes import Incomplete
from skvae.nn.networks import NETWORKS
from skvae.nn.numerics import bounded

VALUES_AT_ONCE = 2**21
"""Values that one layer holds while scores are computed: a bound on memory, not on the number of draws."""

GUESSES = 20
"""How often cells of columns that had none missing in training are guessed anew."""


def repeated(function, times, state):
    """A state after a function of it was applied so many times."""
    for _ in range(times):
        state = function(state)
    return state


class Codec(nn.Module, ABC):
    """Codes of rows, and densities of rows given their codes.

    Rows x are (batch, n_features), in standard units.
    """

    repeated = staticmethod(repeated)
    """What applies a function to a state several times."""

    product_dtype = None
    """What matrix products of training are computed in; None is the dtype of the weights."""

    def __init__(
        self,
        n_features,
        latent_dim,
        *,
        code_outputs,
        network,
        hidden_layer_sizes,
        activation,
        likelihood,
        holes,
        apart,
        generator,
    ):
        super().__init__()
        sizes = tuple(hidden_layer_sizes)
        self.likelihood = make_likelihood(likelihood, n_features)
        if holes or apart:
            self.likelihood = Incomplete(self.likelihood, holes, apart)
        encoder, decoder = self._builders(*network)
        self.encoder = encoder(self.likelihood.n_inputs, code_outputs, sizes, activation, generator)
        self.decoder = decoder(latent_dim, self.likelihood.n_outputs, sizes[::-1], activation, generator)
        self.decoder.join(self.encoder)
        self._latent_dim, self._n_guesses = latent_dim, 0
        self.register_buffer("fence", None, persistent=False)

    def _builders(self, name, arguments):
        """What builds encoder and decoder of a member of NETWORKS with arguments of its own."""
        pair, likelihood = NETWORKS[name], self.likelihood
        columns = (likelihood.input_columns, likelihood.output_columns) if pair.by_columns else (None, None)
        own = [arguments if each is None else {**arguments, "columns": each} for each in columns]
        return [partial(build, **further) for build, further in zip((pair.encoder, pair.decoder), own, strict=True)]

    @property
    def latent_dim(self):
        """Number of latent variables."""
        return self._latent_dim

    @property
    def is_open(self):
        """Whether it is for rows with cells missing that it knows nothing of missing."""
        return self._n_guesses > 0

    @property
    def n_products(self):
        """How many products its networks compute for a row."""
        return self.encoder.n_products + self.decoder.n_products

    @property
    def rows_at_once(self):
        """Rows whose scores are computed at once."""
        return max(1, VALUES_AT_ONCE // max(self.decoder.width, self._latent_dim))

    def inputs(self, x):
        """What the encoder sees of rows (batch, n_inputs) that training did not corrupt."""
        return bounded(self.likelihood.inputs(self._within_fence(x)))

    def _within_fence(self, x):
        """Cells with far ones where such cells stood in training, whose rows came like this."""
        if self.training or self.fence is None:
            return x
        low, high, below, above = self.fence
        return torch.where(x < low, below, torch.where(x > high, above, x))

    @torch.no_grad()
    def open_to_holes(self):
        """A model that shares all weights, for rows in which cells of any column may be missing, as NaN.

        The encoder never saw rows without these cells: it is shown what the decoder made of what it saw before.
        """
        other = copy.copy(self)
        other._modules, other._n_guesses = dict(self._modules), GUESSES
        if not isinstance(self.likelihood, Incomplete):
            weight = next(self.parameters())
            with torch.no_grad():
                typical = self.decode(weight.new_zeros(1, self._latent_dim)).mean[0]
                other.likelihood = Incomplete(self.likelihood, []).to(weight)
                other.likelihood.learn_filler(typical, self.likelihood.inputs(typical))
        return other

    def seen(self, x):
        """What the encoder sees of rows (batch, n_inputs), with guesses for cells that it knows nothing of missing."""
        if not self.is_open:
            return self.inputs(x)
        unknown = self.likelihood.holes.unforeseen(x)

        def guessed(cells):
            return torch.where(unknown, self.decode(self.codes_of_inputs(self.inputs(cells))).mean, x)

        return self.inputs(self.repeated(guessed, self._n_guesses, x))

    @abstractmethod
    def codes_of_inputs(self, inputs):
        """Deterministic codes (batch, latent_dim) of what the encoder sees (batch, n_inputs)."""

    def codes(self, x):
        """Deterministic codes (batch, latent_dim) of rows x (batch, n_features)."""
        return self.codes_of_inputs(self.seen(x))

    def _outputs(self, network, inputs):
        """What a network says, in the dtype of its inputs; in training its matrix products may have fewer digits."""
        if not self.training or self.product_dtype in (None, inputs.dtype):
            return network(inputs)
        with torch.autocast(inputs.device.type, self.product_dtype, cache_enabled=False):
            return network(inputs).to(inputs.dtype)

    def decode(self, z):
        """p(x|z) of codes z (..., latent_dim)."""
        return self.likelihood(self._outputs(self.decoder, z))
