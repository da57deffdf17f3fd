"""How large codes, layers and batches are."""

import math
from numbers import Integral

import numpy as np

from skvae._tables.weighted import MOST_TIMES

MOST_AUTO_COMPONENTS = 16
"""Most components that "auto" takes."""

SMALLEST_BATCH, USUAL_BATCH, STEPS_AN_EPOCH = 16, 256, 16
"""``batch_size="auto"``: about this many steps an epoch, with a batch between the two."""

LARGEST_BATCH, MANY_STEPS = 2048, 512
"""In a table of so many rows that such batches are more steps an epoch than this, batches grow, up to this."""

USUAL_EPOCHS, LEAST_EPOCHS, STEPS_ON_PIXELS = 200, 20, 2500
"""``max_iter="auto"``, and for pixels the fewest epochs and about how many steps: rows of many columns take long, and
of many such rows each says much the same."""


def epochs_of(parameters, rows, batch_size, alike):
    """Most epochs of training on ``rows`` in batches of this size, whose columns are ``alike`` or not."""
    if parameters.max_iter != "auto":
        return parameters.max_iter
    steps = math.ceil(rows.n_counted / batch_size)
    epochs = min(max(STEPS_ON_PIXELS // steps, LEAST_EPOCHS), USUAL_EPOCHS) if alike else USUAL_EPOCHS
    return math.ceil(epochs / parameters._epochs_divided_by)


def auto_batch_size(n_rows, n_counted):
    """The batch, in what rows count, that suits ``n_rows`` different rows that stand for so many.

    Rows that are repeated up to MOST_TIMES make a batch as others do; what they count beyond that makes it larger, not
    an epoch longer, down to about STEPS_AN_EPOCH steps.
    """
    n_alike = min(n_counted, MOST_TIMES * n_rows)
    usual = min(max(n_alike // STEPS_AN_EPOCH, SMALLEST_BATCH), USUAL_BATCH)
    usual = min(max(n_alike // MANY_STEPS, usual), LARGEST_BATCH)
    return int(min(usual * n_counted / n_alike, max(n_counted / STEPS_AN_EPOCH, SMALLEST_BATCH)))


def least_batch_size(n_rows, n_counted):
    """The smallest batch: an epoch has no more steps than there are different rows, or MANY_STEPS."""
    return math.ceil(n_counted / max(n_rows, MANY_STEPS) - 1e-9)


def batch_size_of(parameters, rows):
    """What the rows of one step count together."""
    if parameters.batch_size == "auto":
        return auto_batch_size(rows.n_rows, rows.n_counted)
    return max(int(parameters.batch_size), least_batch_size(rows.n_rows, rows.n_counted))


def latent_dim(parameters, n_features):
    """Size of a code."""
    if parameters.n_components == "auto":
        return min(math.ceil(n_features / 2), MOST_AUTO_COMPONENTS)
    return int(parameters.n_components)


def layer_sizes(parameters):
    """Hidden units of each layer, as plain integers; one number is one layer."""
    return whole_sizes(parameters.hidden_layer_sizes)


def whole_sizes(value):
    """Hidden units of each layer, as plain integers, from the value of a parameter."""
    sizes = np.atleast_1d(np.asarray(value)).tolist()
    if not all(isinstance(size, Integral) and size >= 1 for size in sizes):
        raise ValueError(
            f"hidden_layer_sizes={value!r} must hold whole numbers of at least 1, one a hidden "
            "layer; () is a linear model."
        )
    return sizes
