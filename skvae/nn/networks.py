"""Networks: tensor in, tensor out. A pair builds the encoder and the decoder of a model."""

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

from torch import nn

ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
}


def linear(in_features, out_features, generator):
    """A linear layer whose first weights come from ``generator`` alone, never from torch's global one."""
    layer = nn.utils.skip_init(nn.Linear, in_features, out_features)
    bound = 1.0 / math.sqrt(in_features)
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def mlp(in_features, out_features, hidden_layer_sizes, activation, generator):
    """Multi-layer perceptron with a linear last layer; without hidden layers it is one affine map."""
    sizes = [in_features, *hidden_layer_sizes, out_features]
    layers = [linear(a, b, generator) for a, b in itertools.pairwise(sizes)]
    for position in range(len(layers) - 1, 0, -1):
        layers.insert(position, ACTIVATIONS[activation]())
    return nn.Sequential(*layers)


class Pair(NamedTuple):
    """Builders of both halves, each ``(in_features, out_features, hidden_layer_sizes, activation, generator)``."""

    encoder: Callable
    decoder: Callable


NETWORKS = {"mlp": Pair(encoder=mlp, decoder=mlp)}
