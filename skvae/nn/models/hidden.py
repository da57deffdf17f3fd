"""What a model that was trained with hidden cells says of a cell, given all others of its row."""

import torch

from skvae.nn.likelihoods.holes import Incomplete


def log_prob_of_hidden(model, x, others, column):
    """Log-density of ``others``, cells in the place of one of each row, given the other cells of the row.

    This ``column`` of x (batch, n_features) is hidden from the model, and so are cells missing where none was in
    training. ``others`` is (batch, n_others); the last column of what is returned (batch, n_others + 1) is the cell
    that is expected. The model's corruption is ``Masking``.
    """
    unforeseen = model.likelihood.holes.unforeseen(x) if isinstance(model.likelihood, Incomplete) else x.isnan()
    own = torch.arange(x.shape[1], device=x.device) == column
    seen = model.likelihood.rescaled(model.corruption.hide(model.inputs(x), unforeseen | own))
    conditional = model.decode(model.codes_of_inputs(seen))
    placed = [torch.where(own, cell[:, None], x) for cell in others.unbind(1)]
    return torch.stack([conditional.log_prob(row)[:, column] for row in placed] + [conditional.mean[:, column]], 1)
