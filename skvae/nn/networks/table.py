"""The networks by name: a new one is one class or function and one line here."""

from skvae.nn.networks.blocks import blocks
from skvae.nn.networks.convolutional import Decoder, Encoder
from skvae.nn.networks.custom import custom_decoder, custom_encoder
from skvae.nn.networks.dense import mlp, residual
from skvae.nn.networks.pair import Pair

NETWORKS = {
    "mlp": Pair(encoder=mlp, decoder=mlp, is_affine=True),
    "residual": Pair(encoder=residual, decoder=residual, of_codes=residual, is_affine=True),
    "residual_blocks": Pair(encoder=blocks, decoder=blocks, of_codes=blocks, is_affine=True),
    "convolutional": Pair(encoder=Encoder, decoder=Decoder, by_columns=True),
    "custom": Pair(encoder=custom_encoder, decoder=custom_decoder),
}
