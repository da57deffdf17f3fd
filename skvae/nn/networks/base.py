"""What a network is: tensor in, tensor out, and what it says of itself."""

from abc import ABC, abstractmethod

from torch import nn


class Network(nn.Module, ABC):
    """What a model asks of its encoder and its decoder beside their outputs."""

    same_bits = True
    """Whether a row has the same bits wherever it stands among as many others, outside of training."""

    linear_part = None
    """The affine layer at which training may begin; None where there is none, or it is to begin at random."""

    def join(self, encoder):
        """Share with the encoder what a decoder shares, once both are built: nothing."""

    @property
    @abstractmethod
    def last_layer(self):
        """The affine layer whose bias moves what the network says."""

    @property
    @abstractmethod
    def width(self):
        """How many numbers of a row it holds at once, at most."""

    @property
    def n_products(self):
        """How many products it computes for a row."""
        return sum(parameter.numel() for parameter in self.parameters())
