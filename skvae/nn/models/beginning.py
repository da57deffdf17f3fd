"""Where training begins: at the best linear model of the rows, if networks have an affine part."""

from torch.nn.functional import pad

from skvae.nn.linear import moments, moments_with_holes

MOST_COLUMNS, ROWS_A_COLUMN = 1000, 2
"""What an encoder may see of a row where training begins at a linear model, as more take long to decompose; and how
many rows each of these numbers needs, as fewer say little of its covariance."""


def begin(model, x, weight):
    """Begin at a linear model of rows x (n, n_features), if cells have a scale and rows suffice.

    ``model.linear_model`` says what the best one is; ``weight`` (n,) is what rows count. Penalties that are about
    principal components take note of them.
    """
    encoder, decoder, inputs = model.encoder.linear_part, model.decoder.linear_part, model.inputs(x)
    n_columns, n_rows, latent_dim = inputs.shape[1], float(weight.sum()), model.latent_dim
    affine = encoder is not None and decoder is not None
    if not affine and not model.objective.keeps_components:
        return
    if n_columns > min(MOST_COLUMNS, n_rows / ROWS_A_COLUMN):
        return
    missing = None if model.objective.keeps_components else model.likelihood.missing_inputs(x)
    mean, covariance = moments_of(inputs, missing, weight, latent_dim)
    loadings, noise, codes, bias = model.linear_model(covariance, latent_dim, n_rows)
    if affine and model.likelihood.begin(decoder.weight, decoder.bias, loadings, mean, noise):
        encoder.weight.copy_(pad(codes, (0, n_columns - len(mean))))
        encoder.bias.copy_(bias - codes @ mean)
    if model.objective.keeps_components:
        own = codes[:latent_dim]
        variance = ((own @ covariance) * own).sum(1)
        for penalty in model.objective.penalties:
            penalty.place(own, -own @ mean, variance)


def moments_of(inputs, missing, weight, latent_dim):
    """Mean (n,) and covariance (n, n), on the CPU, of the inputs that are about cells.

    ``missing`` is a mask of these; None where no cell can be missing, or where what stands for such a cell, and says
    that it is missing, counts as others do: all inputs are meant then.
    """
    if missing is None:
        mean, covariance = moments(inputs, weight)
    else:
        inputs = inputs[:, : missing.shape[1]]
        mean, covariance = moments_with_holes(inputs, missing, weight, min(latent_dim, inputs.shape[1]))
    return mean.cpu(), covariance.cpu()
