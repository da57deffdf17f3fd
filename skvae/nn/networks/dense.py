"""Dense networks: affine layers with an activation between two of them."""

import itertools
import math

import torch
from torch import nn
from torch.nn.functional import linear

from skvae.nn.networks.activations import ACTIVATIONS
from skvae.nn.networks.base import Network
from skvae.nn.networks.dropout import Dropout
from skvae.nn.numerics import aligned, product

REST_AT_FIRST = 0.3
"""How large the first weights of what a residual network adds are, beside those of a network that stands alone."""

FEW_OUTPUTS = 16
"""Products of fewer outputs take several times as long a row after the other as a column after the other."""


class Linear(nn.Linear):
    """An affine layer whose first weights come from ``generator`` alone, never from torch's global one.

    ``variance`` is that of its outputs for inputs of variance one.
    """

    is_added = False
    """Whether its outputs are only added to others."""

    def __init__(self, in_features, out_features, generator, variance):
        self._generator, self._variance = generator, variance
        super().__init__(in_features, out_features, dtype=torch.float32)
        del self._generator

    def reset_parameters(self):
        bound = math.sqrt(3.0 * self._variance / self.in_features)
        nn.init.uniform_(self.weight, -bound, bound, generator=self._generator)
        nn.init.zeros_(self.bias)

    def forward(self, x):
        """Outputs (..., out_features); outside of training a row has the same bits wherever it stands among others.

        In training few outputs lie column by column in memory, and so do gradients by them.
        """
        if not self.training:
            return product(x, aligned(self.weight, x.shape[-1]), self.bias, in_place=self.is_added)
        if self.out_features < FEW_OUTPUTS and x.ndim == 2 and x.device.type == "cpu":
            return torch.addmm(self.bias[:, None], self.weight, x.mT).mT
        return super().forward(x)


class Layers(nn.Sequential, Network):
    """Layers one after the other, the last one affine."""

    @property
    def last_layer(self):
        return self[-1]

    @property
    def width(self):
        return max(layer.out_features for layer in self if isinstance(layer, Linear | Transposed))


class Transposed(nn.Module):
    """An affine layer whose matrix is that of another one, transposed, and whose bias is its own.

    Parameters
    ----------
    layer : Linear
        Layer whose matrix it is; of more outputs than ``in_features`` those that come first.
    in_features : int
        Numbers that go in.
    """

    def __init__(self, layer, in_features):
        super().__init__()
        self.in_features, self.out_features = in_features, layer.in_features
        self.weight = layer.weight
        self.bias = nn.Parameter(torch.zeros(layer.in_features, dtype=torch.float32))

    def forward(self, x):
        """Outputs (..., out_features), as those of ``Linear``."""
        weight = self.weight[: self.in_features].mT
        return linear(x, weight, self.bias) if self.training else product(x, weight, self.bias)


class Perceptron(Layers):
    """Affine layers with an activation between two of them.

    One that is ``tied`` has the matrices of its encoder, transposed, if it is a decoder (Vincent et al., 2010); where
    its outputs are not as many as the encoder's inputs, its last layer has a matrix of its own.
    """

    def __init__(self, *layers, tied=False):
        super().__init__(*layers)
        self._tied = tied

    def join(self, encoder):
        if not self._tied:
            return
        places = [place for place, layer in enumerate(self) if isinstance(layer, Linear)]
        theirs = [layer for layer in encoder if isinstance(layer, Linear)]
        for place, layer in zip(places, reversed(theirs), strict=True):
            if layer.in_features == self[place].out_features:
                self[place] = Transposed(layer, self[place].in_features)


class Affine(Layers):
    """What is left of ``Residual`` without hidden layers: one affine map."""

    @property
    def linear_part(self):
        """The map itself."""
        return self[0]


class Residual(Network):
    """An affine map plus what a multi-layer perceptron adds to it, which is little at first."""

    def __init__(self, in_features, out_features, hidden_layer_sizes, activation, generator):
        super().__init__()
        self.linear = Linear(in_features, out_features, generator, variance=1.0 / 3.0)
        self.rest = mlp(in_features, out_features, hidden_layer_sizes, activation, generator)
        with torch.no_grad():
            self.rest[-1].weight.mul_(REST_AT_FIRST)
        self.linear.is_added = self.rest[-1].is_added = True

    def forward(self, x):
        x = x if self.training else aligned(x)  # once for both
        return self.linear(x) + self.rest(x)

    @property
    def linear_part(self):
        """The affine map."""
        return self.linear

    @property
    def last_layer(self):
        return self.linear

    @property
    def width(self):
        return self.rest.width


def mlp(in_features, out_features, hidden_layer_sizes, activation, generator, dropout=0.0, tied=False):
    """Multi-layer perceptron with a linear last layer; without hidden layers it is one affine map.

    After each activation the share ``dropout`` of it is dropped in training; ``Perceptron`` says what is ``tied``.

    Hidden layers keep the variance of what goes in (LeCun et al., 1998); with a third of it, as in torch's own layers,
    signals fade on their way, and models of many columns take longer to find their codes. The last one starts small.
    """
    sizes = [in_features, *hidden_layer_sizes, out_features]
    layers = [Linear(a, b, generator, variance=1.0) for a, b in itertools.pairwise(sizes[:-1])]
    layers.append(Linear(*sizes[-2:], generator, variance=1.0 / 3.0))
    for position in range(len(layers) - 1, 0, -1):
        layers[position:position] = [ACTIVATIONS[activation](), *([Dropout(dropout)] if dropout else [])]
    return Perceptron(*layers, tied=tied)


def residual(in_features, out_features, hidden_layer_sizes, activation, generator):
    """``Residual``, or ``Affine`` where there are no hidden layers."""
    if hidden_layer_sizes:
        return Residual(in_features, out_features, hidden_layer_sizes, activation, generator)
    return Affine(Linear(in_features, out_features, generator, variance=1.0 / 3.0))
