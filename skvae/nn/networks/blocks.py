"""Deep perceptrons: hidden layers of one width add to what goes into them."""

import itertools

from torch import nn

from skvae.nn.networks.activations import ACTIVATIONS
from skvae.nn.networks.base import Network
from skvae.nn.networks.dense import Linear, mlp
from skvae.nn.networks.dropout import Dropout


class Blocks(Network):
    """Affine layers, each of which sees an activation of the one before and adds to it where both are equally wide.

    The activation comes before the layer, so that what goes in reaches the last layer by sums alone (He et al., 2016).
    What is added has a variance of one over the number of such layers at first, so that the variance of the sum does
    not grow with their number (Zhang et al., 2019).
    """

    def __init__(self, in_features, out_features, hidden_layer_sizes, activation, generator, dropout):
        super().__init__()
        sizes = list(itertools.pairwise(hidden_layer_sizes))
        n_added = max(sum(a == b for a, b in sizes), 1)
        self.first = Linear(in_features, hidden_layer_sizes[0], generator, variance=1.0)
        self.inner = nn.ModuleList(Linear(a, b, generator, variance=1.0 / n_added if a == b else 1.0) for a, b in sizes)
        self.last = Linear(hidden_layer_sizes[-1], out_features, generator, variance=1.0 / 3.0)
        self.activation = nn.Sequential(ACTIVATIONS[activation](), *([Dropout(dropout)] if dropout else []))

    def forward(self, x):
        """Outputs (..., out_features) of inputs (..., in_features)."""
        hidden = self.first(x)
        for layer in self.inner:
            change = layer(self.activation(hidden))
            hidden = hidden + change if layer.in_features == layer.out_features else change
        return self.last(self.activation(hidden))

    @property
    def last_layer(self):
        return self.last

    @property
    def width(self):
        return max(layer.out_features for layer in (self.first, *self.inner, self.last))


def blocks(in_features, out_features, hidden_layer_sizes, activation, generator, dropout=0.0):
    """``Blocks``, or one affine map where there are no hidden layers."""
    if hidden_layer_sizes:
        return Blocks(in_features, out_features, hidden_layer_sizes, activation, generator, dropout)
    return mlp(in_features, out_features, hidden_layer_sizes, activation, generator)
