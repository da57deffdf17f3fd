"""A pair of networks: what builds the encoder and the decoder of a model."""

from collections.abc import Callable
from typing import NamedTuple

from skvae.nn.networks.dense import mlp


class Pair(NamedTuple):
    """Builders of both halves, each ``(in_features, out_features, hidden_layer_sizes, activation, generator)``.

    Those of a member with arguments of its own have these besides, by name. Of one ``by_columns`` they have ``columns``
    too, the columns that inputs of the encoder or outputs of the decoder are about. ``of_codes`` builds what else
    sees codes. ``is_affine`` says whether they are affine maps without hidden layers.
    """

    encoder: Callable
    decoder: Callable
    of_codes: Callable = mlp
    by_columns: bool = False
    is_affine: bool = False
