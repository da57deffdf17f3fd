"""What both models are: how they are trained, and what they tell of rows.

All tensors are in standard units: ``x`` is (batch, n_features), ``z`` is (..., latent_dim).
"""

from abc import abstractmethod

import torch

from skvae.nn.corruptions import corruption_of
from skvae.nn.models.beginning import begin
from skvae.nn.models.codec import Codec
from skvae.nn.models.repair import completed_by_search, expected_by_search
from skvae.nn.networks.dropout import lent
from skvae.nn.numerics import wide


class LatentModel(Codec):
    """A codec that is trained to explain rows, and a density of its codes.

    Members have an ``objective``, which training minimises, and a ``code_density``, whence codes of new rows come.
    """

    infers_rows = True
    """Whether scores draw after a step of inference for their row."""

    def __init__(self, n_features, latent_dim, *, corruption, **codec):
        super().__init__(n_features, latent_dim, **codec)
        self.corruption = corruption_of(corruption, self.likelihood)

    def loss_terms(self, x, generator, weight=None):
        """Named terms of the objective, each (batch,), before weighting.

        ``weight`` (batch,) is what rows count where a term is about all of them; None where they are alike.
        """
        x = self.likelihood.realize(x, generator)
        clean = self.inputs(x)
        inputs, emphasis = self.corruption(clean, generator, weight)  # (batch, n_inputs)
        inputs = inputs if inputs is clean else self.likelihood.rescaled(inputs)
        with lent(self, generator):
            return self.objective(self.step(x, inputs, generator, weight)._replace(emphasis=emphasis, clean=clean))

    @abstractmethod
    def step(self, x, inputs, generator, weight):
        """What the objective sees of cells x (batch, n_features) of which the encoder was shown ``inputs``."""

    def term_weights(self, progress):
        """Weight of each named term after the share ``progress`` of the run."""
        return self.objective.weights(progress)

    @abstractmethod
    def log_prob(self, x, noise):
        """Score of each row (batch,), with standard normal ``noise`` (draws, latent_dim) for a model that needs it."""

    @abstractmethod
    def calibrate(self, batches, rate):
        """Fit what is fitted after training to ``batches``, pairs of x and row weights; ``rate=1`` forgets the old."""

    @abstractmethod
    def code_draws(self, x, generator):
        """Codes of rows to which a density of the codes is fitted (batch, latent_dim)."""

    @torch.no_grad()
    def observe(self, x, weight, generator):
        """Take note of training rows, before training, and of how many rows each one counts."""
        self.likelihood.observe(x, weight[:, None].expand(x.shape))
        self.corruption.observe(self.likelihood, x, weight)
        if self.objective.linear:
            begin(self, x, weight)
        self.observe_codes(x, weight, generator)

    @abstractmethod
    def observe_codes(self, x, weight, generator):
        """Take note of rows whose cells were taken note of, where the codes of training rows matter."""

    @torch.no_grad()
    def go_on(self, x, weight):
        """Take note of more rows, before training goes on with these."""
        outputs = self.decoder(self.codes(x))
        shift = self.likelihood.go_on(x, weight[:, None].expand(x.shape), outputs)
        self.decoder.last_layer.bias.add_(shift)

    @abstractmethod
    def linear_model(self, covariance, latent_dim, n_rows):
        """The best linear model of ``n_rows`` rows with this covariance and mean zero.

        Loadings (n_inputs, latent_dim), noise variances (n_inputs,), and weights and bias of the encoder.
        """

    def expected(self, x, noise):
        """What is expected of each cell given those of its row that are there (batch, n_features)."""
        return expected_by_search(self, x, noise) if self.is_open else self.expected_of_seen(x, noise)

    def completed(self, x, noise, generators):
        """A draw by each generator of each cell given those that are there (n_generators, batch, n_features)."""
        if self.is_open:
            return completed_by_search(self, x, noise, generators)
        return torch.stack([self.completed_of_seen(x, noise, generator) for generator in generators])

    @abstractmethod
    def expected_of_seen(self, x, noise):
        """What is expected of rows such as the encoder has seen (batch, n_features)."""

    @abstractmethod
    def completed_of_seen(self, x, noise, generator):
        """A draw of the cells of rows such as the encoder has seen (batch, n_features)."""

    @abstractmethod
    def place_of_inputs(self, inputs):
        """Where the encoder places the codes of what it sees, and their scales, each (..., latent_dim).

        The scale is None where it says none.
        """

    def feature_log_prob(self, x, seen):
        """Log-density of every cell of x given the codes of the rows ``seen`` (batch, n_features)."""
        return self.decode(self.codes(seen)).log_prob(x)

    def feature_shortfall(self, x, seen):
        """Log-density of each cell of x less that of what is expected of it (batch, n_features); 0 where it is missing.

        Both are given the codes of the rows ``seen``.
        """
        conditional = self.decode(self.codes(seen))
        short = conditional.log_prob(x) - conditional.log_prob(conditional.mean)
        return torch.where(x.isnan(), torch.zeros_like(short), short)

    def sample(self, n_samples, generator, noise=True):
        """Rows like the data (n_samples, n_features): code, decoder, noise; without noise, what is expected of them."""
        return shown(self.decode(self.code_density.sample(n_samples, generator)), generator, noise)

    def sample_given(self, x, n_samples, n_codes, generator, noise=True):
        """Rows with the cells of x (1, n_features) that are there, the others drawn; and the effective sample size.

        By sampling importance resampling (Rubin, 1988): codes are drawn, weighted by the density that they give the
        given cells, and drawn again by their weights. Without noise the others are what is expected given the code.
        """
        codes = self.code_density.sample(n_codes, generator)  # (n_codes, latent_dim)
        pieces = codes.split(self.rows_at_once)
        log_weights = torch.cat([self.decode(z).row_log_prob(x).to(wide(x)) for z in pieces])
        shares = torch.softmax(log_weights, dim=0)  # (n_codes,)
        chosen = torch.multinomial(shares, n_samples, replacement=True, generator=generator)
        others = shown(self.decode(codes[chosen]), generator, noise)
        return torch.where(x.isnan(), others, x), 1.0 / shares.square().sum()


def shown(conditional, generator, noise):
    """The rows that a decoded density is shown by: draws with its noise, or what is expected."""
    return conditional.sample(generator) if noise else conditional.mean
