"""The networks by name: a new one is one class or function and one line here."""

from skvae.nn.networks.blocks import blocks
from skvae.nn.networks.convolutional import Decoder, Encoder
from skvae.nn.networks.dense import mlp, residual
from skvae.nn.networks.pair import Pair

NETWORKS = {
    "mlp": Pair(encoder=mlp, decoder=mlp),
    "residual": Pair(encoder=residual, decoder=residual, of_codes=residual),
    "residual_blocks": Pair(encoder=blocks, decoder=blocks, of_codes=blocks),
    "convolutional": Pair(encoder=Encoder, decoder=Decoder, by_columns=True),
}
