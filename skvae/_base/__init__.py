"""What both transformers share."""

from skvae._base.estimator import BaseAutoencoder

__all__ = ["BaseAutoencoder"]
