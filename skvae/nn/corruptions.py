"""Corruptions: what a denoising model sees instead of x. The target stays x."""

from functools import partial

from skvae.nn.numerics import standard_normal


def keep(x, generator):
    """No corruption."""
    return x


def gaussian(x, generator, level):
    """Additive normal noise, ``level`` standard deviations of each column (Vincent et al., 2010)."""
    return x + level * standard_normal(x.shape, x, generator)


def corruption_of(corruption):
    """The function of a member of CORRUPTIONS with its arguments; ``keep`` of none."""
    return keep if corruption is None else partial(CORRUPTIONS[corruption[0]], **corruption[1])


CORRUPTIONS = {"gaussian": gaussian}
