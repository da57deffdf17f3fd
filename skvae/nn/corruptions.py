"""Corruptions: what a denoising model sees instead of x. The target stays x."""

from skvae.nn.numerics import standard_normal


def keep(x, level, generator):
    """No corruption."""
    return x


def gaussian(x, level, generator):
    """Additive normal noise, ``level`` standard deviations of each column (Vincent et al., 2010)."""
    return x + level * standard_normal(x.shape, x, generator)


CORRUPTIONS = {None: keep, "gaussian": gaussian}
