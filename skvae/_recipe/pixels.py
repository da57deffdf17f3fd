"""What "auto" stands for where the columns of a table are alike, as pixels are."""

from skvae._tables.alike import are_alike, are_numbers

LIKELIHOOD_OF_PIXELS, REASON = "isotropic_gaussian", "one unit and one range with its neighbours, as pixels have"
"""One noise scale for all columns: scales of their own would make much of pixels that are almost always empty."""

ASKED = "likelihood", "network", "max_iter"
"""Parameters whose "auto" depends on whether columns are alike."""


def found_alike(parameters, profile, schema, fitted=None):
    """Whether the columns of a profile are alike, if a parameter asks; as it was found first for the ``fitted`` model.

    Numbers of which the shape of an image is known are. ``fitted`` is the model to go on from.
    """
    if fitted is not None:
        return fitted.options.alike
    if parameters.image_shape is not None:
        return are_numbers(schema)
    asks = any(isinstance(value, str) and value == "auto" for value in (getattr(parameters, name) for name in ASKED))
    return asks and are_alike(profile, schema)
