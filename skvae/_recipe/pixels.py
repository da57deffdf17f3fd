"""What "auto" stands for where the columns of a table are alike, as pixels are."""

from skvae._recipe.sizes import layer_sizes
from skvae._tables.alike import are_alike

LIKELIHOOD_OF_PIXELS, REASON = "isotropic_gaussian", "one unit and one range with its neighbours, as pixels have"
"""One noise scale for all columns: scales of their own would make much of pixels that are almost always empty."""

USUAL_NETWORK = "residual"
"""Networks of unrelated columns, and of linear models."""

ASKED = "likelihood", "network", "max_iter"
"""Parameters whose "auto" depends on whether columns are alike."""


def found_alike(parameters, profile, schema, fitted=None):
    """Whether the columns of a profile are alike, if a parameter asks; as it was found first for the ``fitted`` model.

    ``fitted`` is the model to go on from.
    """
    if fitted is not None:
        return fitted.options.alike
    asks = any(isinstance(value, str) and value == "auto" for value in (getattr(parameters, name) for name in ASKED))
    return asks and are_alike(profile, schema)


def network_of(parameters, recipe, alike, fitted=None):
    """Name of the networks of a table whose columns are ``alike`` or not; ``fitted`` is the model to go on from."""
    if parameters.network != "auto":
        return parameters.network
    if fitted is not None:
        return fitted.options.network
    return recipe.network_of_pixels if alike and layer_sizes(parameters) else USUAL_NETWORK
