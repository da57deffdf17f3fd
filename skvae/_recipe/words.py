"""What "auto" stands for where the rows of a table are documents: counts of many words, most of which they lack."""

from skvae._members import named
from skvae.corruptions import Corruption, Masking
from skvae.nn.likelihoods import LIKELIHOODS

MANY_COLUMNS = 100
"""Columns of counts from which on they are taken for words, whose row totals say how long a document is."""

OF_WORDS = {"counts": "multinomial"}
"""Likelihood of all columns of a sparse table of so many, by what its cells are."""


def likelihood_of_words(sparse, n_features):
    """The likelihood of all columns of a table if they are words, else None; ``sparse`` says what its cells are."""
    return OF_WORDS.get(sparse) if n_features >= MANY_COLUMNS else None


def corruption_of(parameters, known, n_features, fitted):
    """Name and arguments of the corruption, or None.

    Under "auto" words are hidden from the encoder where all columns are such; so much is ``known`` of them. ``fitted``
    is the model to go on from.
    """
    if parameters.corruption != "auto":
        return named(parameters.corruption, Corruption)
    if fitted is not None:
        return fitted.options.corruption
    share = min(LIKELIHOODS[name].share_hidden for name, *_ in known.likelihood)
    return named(Masking(share), Corruption) if share and n_features >= MANY_COLUMNS else None
