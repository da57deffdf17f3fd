"""Dropout: some activations of a layer are left out of a step (Srivastava et al., 2014)."""

from contextlib import contextmanager

import torch
from torch import nn


class Dropout(nn.Module):
    """Each activation is zero with chance ``share``, the others grow so that the mean stays.

    Only while a generator is lent to it; a model does so where a gradient is computed, and nowhere else.
    """

    def __init__(self, share):
        super().__init__()
        self._share, self.generator = share, None

    def forward(self, x):
        """Activations (..., n) of which some are dropped, or x itself."""
        if self.generator is None:
            return x
        draws = torch.rand(x.shape, dtype=x.dtype, device=x.device, generator=self.generator)
        return x * (draws >= self._share).to(x.dtype) / (1.0 - self._share)


@contextmanager
def lent(module, generator):
    """Have the dropout of a module in training act, with numbers from ``generator``, if gradients are computed."""
    acting = module.training and torch.is_grad_enabled()
    layers = [each for each in module.modules() if isinstance(each, Dropout)] if acting else []
    for layer in layers:
        layer.generator = generator
    try:
        yield
    finally:
        for layer in layers:
            layer.generator = None
