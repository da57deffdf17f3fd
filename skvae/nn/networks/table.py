"""The networks by name: a new one is one class or function and one line here."""

from skvae.nn.networks.base import Pair
from skvae.nn.networks.dense import mlp, residual

NETWORKS = {"mlp": Pair(encoder=mlp, decoder=mlp), "residual": Pair(encoder=residual, decoder=residual)}
