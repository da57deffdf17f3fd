"""Fitted estimators outside of this package: ONNX graphs, modules of torch, and files of weights."""

from os import PathLike
from typing import Any

import numpy as np

from skvae._autoencoder import AutoencoderTransformer
from skvae._export.answers import module_of
from skvae._export.converter import register
from skvae._export.models import feed_of, model_of
from skvae._outlier import AutoencoderOutlierDetector
from skvae._surroundings import undisturbed
from skvae._typing import Module, Table
from skvae._vae import VAETransformer
from skvae._validation import check_is_fitted

DTYPES = "float64", "float32"


def to_onnx(estimator: Any, output: str = "transform", *, dtype: str = "float64", missing: str = "") -> Any:
    check_is_fitted(estimator)
    return model_of(estimator, output, dtype, missing)


def register_skl2onnx() -> None:
    register([VAETransformer, AutoencoderTransformer], [AutoencoderOutlierDetector])
