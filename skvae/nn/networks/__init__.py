"""Networks: tensor in, tensor out, and what they need. A pair builds the encoder and the decoder of a model."""

from skvae.nn.networks.activations import ACTIVATIONS
from skvae.nn.networks.base import Network
from skvae.nn.networks.convolutional import Grid
from skvae.nn.networks.dense import Linear, mlp
from skvae.nn.networks.pair import Pair
from skvae.nn.networks.table import NETWORKS

__all__ = ["ACTIVATIONS", "NETWORKS", "Grid", "Linear", "Network", "Pair", "mlp"]
