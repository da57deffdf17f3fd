"""One step of training, as objectives and penalties see it."""

from collections.abc import Callable
from typing import NamedTuple

import torch

from skvae.nn.posteriors import DiagonalNormal


class Step(NamedTuple):
    """What is known of a batch while its gradient is computed.

    Parameters
    ----------
    z : torch.Tensor
        Codes (batch, latent_dim), draws of the posterior where there is one; several of a row are
        (batch, n_draws, latent_dim) to an objective, and penalties see the first.
    posterior : DiagonalNormal or None
        q(z|x) of what the encoder was shown; None where codes are points.
    prior : Prior or None
        p(z); None in a model that has none.
    x : torch.Tensor or None
        Cells that are to be explained (batch, n_features).
    inputs : torch.Tensor or None
        What the encoder was shown of these (batch, n_inputs), corrupted where the model denoises.
    clean : torch.Tensor or None
        What it would have been shown without corruption (batch, n_inputs).
    encode : callable or None
        The encoder, inputs (n, n_inputs) -> codes without noise (n, latent_dim).
    decode : callable or None
        The decoder, codes (..., latent_dim) -> p(x|z).
    generator : torch.Generator or None
        Where random numbers come from.
    weight : torch.Tensor or None
        What rows count (batch,) where a term is about all of them; None where they are alike.
    emphasis : torch.Tensor or None
        What the error of each cell counts (batch, n_features); None where they are alike.
    """

    z: torch.Tensor
    posterior: DiagonalNormal | None = None
    prior: torch.nn.Module | None = None
    x: torch.Tensor | None = None
    inputs: torch.Tensor | None = None
    clean: torch.Tensor | None = None
    encode: Callable | None = None
    decode: Callable | None = None
    generator: torch.Generator | None = None
    weight: torch.Tensor | None = None
    emphasis: torch.Tensor | None = None

    @property
    def shares(self):
        """Share of each row in what concerns all (batch,); equal ones without weights."""
        if self.weight is None:
            return self.z.new_full((len(self.z),), 1.0 / len(self.z))
        return self.weight / self.weight.sum()
