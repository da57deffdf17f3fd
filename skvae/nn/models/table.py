"""The models by name."""

from skvae.nn.models.autoencoder import Autoencoder
from skvae.nn.models.vae import VAE

MODELS = {"autoencoder": Autoencoder, "vae": VAE}
