"""Autoencoders and variational autoencoders as scikit-learn estimators."""

import importlib
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what is imported at its first use
    from skvae._autoencoder import AutoencoderTransformer
    from skvae._checker import AutoencoderCellChecker
    from skvae._displays.anomaly_score import AnomalyScoreDisplay
    from skvae._displays.column_likelihood import ColumnLikelihoodDisplay
    from skvae._displays.explanation import ExplanationDisplay
    from skvae._displays.images import ImageGridDisplay
    from skvae._displays.latent_space import LatentSpaceDisplay
    from skvae._displays.loss_curve import LossCurveDisplay
    from skvae._displays.reconstruction import ReconstructionDisplay
    from skvae._imputer import AutoencoderImputer
    from skvae._outlier import AutoencoderOutlierDetector
    from skvae._vae import VAETransformer

__version__ = "0.1.0"

_HOMES = {
    "AnomalyScoreDisplay": "skvae._displays.anomaly_score",
    "AutoencoderCellChecker": "skvae._checker",
    "AutoencoderImputer": "skvae._imputer",
    "AutoencoderOutlierDetector": "skvae._outlier",
    "AutoencoderTransformer": "skvae._autoencoder",
    "ColumnLikelihoodDisplay": "skvae._displays.column_likelihood",
    "ExplanationDisplay": "skvae._displays.explanation",
    "ImageGridDisplay": "skvae._displays.images",
    "LatentSpaceDisplay": "skvae._displays.latent_space",
    "LossCurveDisplay": "skvae._displays.loss_curve",
    "ReconstructionDisplay": "skvae._displays.reconstruction",
    "VAETransformer": "skvae._vae",
}

__all__ = [
    "AnomalyScoreDisplay",
    "AutoencoderCellChecker",
    "AutoencoderImputer",
    "AutoencoderOutlierDetector",
    "AutoencoderTransformer",
    "ColumnLikelihoodDisplay",
    "ExplanationDisplay",
    "ImageGridDisplay",
    "LatentSpaceDisplay",
    "LossCurveDisplay",
    "ReconstructionDisplay",
    "VAETransformer",
]


logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless the program listens


def __getattr__(name):
    """Import a public name at its first use (PEP 562): ``import skvae`` itself loads no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return globals()[name]


def __dir__():
    return sorted(set(globals()) | set(__all__))
