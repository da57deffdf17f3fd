"""What acts in training alone. Dropout: some activations of a layer are left out (Srivastava et al., 2014)."""

from contextlib import contextmanager

import torch
from torch import nn


class Acting(nn.Module):
    """What acts only while a generator is lent to it; a model does so where a gradient is computed, nowhere else."""

    generator = None


class Dropout(Acting):
    """Each activation is zero with chance ``share``, the others grow so that the mean stays."""

    def __init__(self, share):
        super().__init__()
        self._share = share

    def forward(self, x):
        """Activations (..., n) of which some are dropped, or x itself."""
        if self.generator is None:
            return x
        draws = torch.rand(x.shape, dtype=x.dtype, device=x.device, generator=self.generator)
        return x * (draws >= self._share).to(x.dtype) / (1.0 - self._share)


@contextmanager
def lent(module, generator):
    """Have what acts in training act, with numbers from ``generator``, if gradients of a module are computed."""
    acting = module.training and torch.is_grad_enabled()
    layers = [each for each in module.modules() if isinstance(each, Acting)] if acting else []
    for layer in layers:
        layer.generator = generator
    try:
        yield
    finally:
        for layer in layers:
            layer.generator = None
