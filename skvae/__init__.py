"""Autoencoders and variational autoencoders as scikit-learn estimators."""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "AutoencoderOutlierDetector": "skvae._outlier",
    "AutoencoderTransformer": "skvae._autoencoder",
    "ExplanationDisplay": "skvae._displays.explanation",
    "VAETransformer": "skvae._vae",
}

__all__ = sorted(_HOMES)


def __getattr__(name):
    """Import a public name at its first use (PEP 562): ``import skvae`` itself loads no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return globals()[name]


def __dir__():
    return sorted(set(globals()) | set(__all__))
