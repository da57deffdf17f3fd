"""Likelihoods: decoder output -> p(x|z), a density for every cell; one file a family."""

from skvae.nn.likelihoods.base import Likelihood
from skvae.nn.likelihoods.table import LIKELIHOODS, make_likelihood

__all__ = ["LIKELIHOODS", "Likelihood", "make_likelihood"]
