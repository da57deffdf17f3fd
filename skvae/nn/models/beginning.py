"""Where training begins: at the best linear model of the rows, if networks have an affine part."""

from torch.nn.functional import pad

from skvae.nn.linear import moments, moments_with_holes

MOST_COLUMNS, ROWS_A_COLUMN = 1000, 2
"""What an encoder may see of a row where training begins at a linear model, as more take long to decompose; and how
many rows each of these numbers needs, as fewer say little of its covariance."""


def begin(model, x, weight):
    """Begin at a linear model of rows x (n, n_features), if cells have a scale and rows suffice.

    ``model.linear_model`` says what the best one is; ``weight`` (n,) is what rows count.
    """
    encoder, decoder, inputs = model.encoder.linear_part, model.decoder.linear_part, model.inputs(x)
    n_columns, n_rows = inputs.shape[1], float(weight.sum())
    if encoder is None or decoder is None or n_columns > min(MOST_COLUMNS, n_rows / ROWS_A_COLUMN):
        return
    mean, covariance = moments_of(inputs, model.likelihood.missing_inputs(x), weight, decoder.in_features)
    loadings, noise, codes, bias = model.linear_model(covariance, decoder.in_features, n_rows)
    if model.likelihood.begin(decoder.weight, decoder.bias, loadings, mean, noise):
        encoder.weight.copy_(pad(codes, (0, n_columns - len(mean))))
        encoder.bias.copy_(bias - codes @ mean)


def moments_of(inputs, missing, weight, latent_dim):
    """Mean (n,) and covariance (n, n), on the CPU, of the inputs that are about cells.

    ``missing`` is a mask of these, None where no cell can be missing.
    """
    if missing is None:
        mean, covariance = moments(inputs, weight)
    else:
        inputs = inputs[:, : missing.shape[1]]
        mean, covariance = moments_with_holes(inputs, missing, weight, min(latent_dim, inputs.shape[1]))
    return mean.cpu(), covariance.cpu()
