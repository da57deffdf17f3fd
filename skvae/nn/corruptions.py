"""Corruptions: what a denoising model sees instead of x. The target stays x."""

import torch


def keep(x, level, generator):
    """No corruption."""
    return x


def gaussian(x, level, generator):
    """Additive normal noise, ``level`` standard deviations of each column (Vincent et al., 2010)."""
    return x + level * torch.randn(x.shape, dtype=x.dtype, device=x.device, generator=generator)


CORRUPTIONS = {None: keep, "gaussian": gaussian}
