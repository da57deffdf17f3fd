"""Fitted estimators outside of this package: graphs of ONNX, modules of torch, and files of weights.

Graphs need ``skvae[onnx]``, files of weights ``skvae[safetensors]``.
"""

from os import PathLike, fspath
from typing import Any

import numpy as np

from skvae import __version__
from skvae._autoencoder import AutoencoderTransformer
from skvae._export.answers import module_of
from skvae._export.converter import register
from skvae._export.models import feed_of, model_of
from skvae._export.weights import load, save
from skvae._outlier import AutoencoderOutlierDetector
from skvae._surroundings import undisturbed_function
from skvae._typing import Module, Table
from skvae._vae import VAETransformer
from skvae._validation import check_is_fitted

FLOATS_OF_ROWS = "float64", "float32"
"""Dtypes that rows of a matrix may have in a graph."""


@undisturbed_function
def to_onnx(
    estimator: Any,
    output: str = "transform",
    *,
    dtype: str = "float64",
    missing: str = "",
    unforeseen_holes: bool = True,
) -> Any:
    """What a fitted estimator answers as a graph of ONNX, which needs neither torch nor this package to run.

    All that the estimator does with a row is in the graph: the units of its columns, placeholders, level numbers of
    texts, missing cells, the noise of importance draws, distances to training rows. Only errors are not: cells that the
    estimator would refuse, such as infinite ones or values without a density, have answers without a meaning.

    An estimator that was fitted on an array has one input, ``X`` of shape (n, n_features). One that was fitted on a
    data frame has an input of shape (n, 1) for each column, by its name: a string for texts and categories of texts,
    otherwise float64 with NaN for missing cells. Booleans are 0 and 1; dates are microseconds since 1970 in UTC, and
    spans of time are microseconds. ``onnx_inputs`` makes such inputs of a table.

    Scores need memory for all importance draws of all rows at once: run a few hundred rows at a time.

    Parameters
    ----------
    estimator : VAETransformer, AutoencoderTransformer or AutoencoderOutlierDetector
        Fitted. A detector must judge by one of these transformers, alone or in the ensemble.
    output : str, default="transform"
        Of a transformer "transform" (``codes``), "reconstruct", the rows that ``inverse_transform`` makes of the codes
        (``expected_X``, or ``expected_`` and the name of each column), "inverse_transform", the same with ``codes`` as
        input, or "score_samples" (``scores``). Of a detector "score_samples" or "decision_function" (``scores``), or
        "predict" (``labels``).
    dtype : {"float64", "float32"}, default="float64"
        Dtype of the input ``X`` or ``codes``, and of codes and rows that come out, as those of arrays are. Scores are
        float64.
    missing : str, default=""
        What stands for a missing text.
    unforeseen_holes : bool, default=True
        Whether rows may lack cells of columns of which none was missing in training. Their codes are looked for in a
        loop inside a branch of the graph, which other rows do not enter. Without it such rows have NaN for an answer,
        and the label of an outlier.

    Returns
    -------
    model : onnx.ModelProto
        ``onnx.save(model, path)`` writes it; ``model.SerializeToString()`` is what an ``InferenceSession`` takes.

    Raises
    ------
    ImportError
        If onnx is not there.
    TypeError
        If the estimator is none of these.
    ValueError
        If it does not answer ``output``; if a column has no export, such as days on the clocks of a time zone; if
        ``missing`` is a level; if a function of ``network=Custom(...)`` has no counterpart in ONNX.

    Examples
    --------
    >>> import numpy as np
    >>> import onnxruntime
    >>> from sklearn.datasets import load_wine
    >>> from skvae import VAETransformer
    >>> from skvae.export import to_onnx
    >>> X = load_wine().data
    >>> vae = VAETransformer(3, max_iter=5, random_state=0).fit(X)
    >>> model = to_onnx(vae, "score_samples")
    >>> session = onnxruntime.InferenceSession(model.SerializeToString())
    >>> (scores,) = session.run(None, {"X": X})
    >>> bool(np.allclose(scores, vae.score_samples(X), rtol=1e-5))
    True
    """
    check_is_fitted(estimator)
    check_words(dtype, missing)
    return model_of(estimator, output, dtype, missing, unforeseen_holes)


@undisturbed_function
def onnx_inputs(estimator: Any, X: Table, *, dtype: str = "float64", missing: str = "") -> dict[str, np.ndarray]:
    """A table as the inputs of the graph of an estimator, by name: what ``InferenceSession.run`` takes.

    Parameters
    ----------
    estimator : estimator
        As in ``to_onnx``.
    X : array-like of shape (n_samples, n_features)
        Rows, such as the estimator takes.
    dtype : {"float64", "float32"}, default="float64"
        As in ``to_onnx``.
    missing : str, default=""
        As in ``to_onnx``.

    Returns
    -------
    inputs : dict of ndarray
        ``X`` (n, n_features), or an array (n, 1) for each column.

    Examples
    --------
    >>> import pandas as pd
    >>> from skvae import AutoencoderTransformer
    >>> from skvae.export import onnx_inputs
    >>> X = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0], "colour": ["red", "blue", None, "red"]})
    >>> autoencoder = AutoencoderTransformer(1, max_iter=1).fit(X)
    >>> onnx_inputs(autoencoder, X)["colour"].ravel().tolist()
    ['red', 'blue', '', 'red']
    """
    check_is_fitted(estimator)
    check_words(dtype, missing)
    return feed_of(estimator, X, dtype, missing)


@undisturbed_function
def to_torch(estimator: Any, output: str = "transform", *, unforeseen_holes: bool = False) -> Module:
    """What a fitted estimator answers as a module of torch, units of the data included, for ``torch.export``.

    The module maps a tensor of cells (n, n_features), or of codes, to the answer. Its columns are the inputs of
    ``to_onnx``, but texts are the numbers of their levels from 0 up, in the order in which
    ``column_likelihoods_`` and ``inverse_transform`` have them sorted, one more for a text that is none, NaN for a
    missing one. It is a copy on the processor; ``module_`` of an estimator is the network without units.

    Parameters
    ----------
    estimator : estimator
        As in ``to_onnx``.
    output : str, default="transform"
        As in ``to_onnx``.
    unforeseen_holes : bool, default=False
        As in ``to_onnx``. A graph of ``torch.export`` has no branch for them: all rows take twenty times as long.

    Returns
    -------
    module : torch.nn.Module
        In eval mode, without gradients.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_wine
    >>> from skvae import VAETransformer
    >>> from skvae.export import to_torch
    >>> X = load_wine().data
    >>> vae = VAETransformer(3, max_iter=5, random_state=0).fit(X)
    >>> module = to_torch(vae)
    >>> bool((module(torch.from_numpy(X)).numpy() == vae.transform(X)).all())
    True
    """
    check_is_fitted(estimator)
    return module_of(estimator, output, unforeseen_holes)[2]


def register_skl2onnx() -> None:
    """Tell skl2onnx how estimators of this package are converted, so that a whole Pipeline exports.

    Call it before ``skl2onnx.to_onnx`` or ``skl2onnx.convert_sklearn``, with a ``target_opset`` of 18 or more. A
    transformer gives its codes, a detector ``label`` and ``scores``, which are those of ``decision_function``. Numbers
    come out as float32 if all that come in are. Where an estimator is the first step and was fitted on a data frame,
    each column has a type of its own, ``StringTensorType([None, 1])`` for texts, in which "" is a missing one, and
    ``DoubleTensorType([None, 1])`` for others, as in ``to_onnx``.

    Examples
    --------
    >>> import numpy as np
    >>> import skl2onnx
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skvae import AutoencoderTransformer
    >>> from skvae.export import register_skl2onnx
    >>> register_skl2onnx()
    >>> X = load_wine().data
    >>> pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(2, max_iter=2)).fit(X)
    >>> model = skl2onnx.to_onnx(pipeline, X[:1])
    >>> [output.name for output in model.graph.output]
    ['variable']
    """
    register([VAETransformer, AutoencoderTransformer], [AutoencoderOutlierDetector])


def to_safetensors(estimator: Any, path: str | PathLike) -> None:
    """Write a fitted estimator of this package into a file of safetensors.

    Its arrays have names: ``module.encoder.…`` and ``module.decoder.…`` are the weights, in standard units, whose
    ``units.shift`` and ``units.scale`` are there too. The header holds, as texts, ``skvae`` (the version),
    ``estimator`` (the class), ``parameters`` (JSON) and ``state`` (JSON), with which ``from_safetensors`` makes it
    again.

    Parameters
    ----------
    estimator : estimator
        Any fitted one of this package, but detectors and imputers around estimators of others.
    path : str or path-like
        The file.

    Raises
    ------
    ImportError
        If safetensors is not there.
    TypeError
        If a parameter is no plain value, such as a RandomState, a class of solvers or the functions of
        ``network=Custom(...)``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from safetensors.numpy import load_file
    >>> from sklearn.datasets import load_wine
    >>> from skvae import VAETransformer
    >>> from skvae.export import from_safetensors, to_safetensors
    >>> X = load_wine().data
    >>> vae = VAETransformer(3, max_iter=5, random_state=0).fit(X)
    >>> path = Path(tempfile.mkdtemp()) / "vae.safetensors"
    >>> to_safetensors(vae, path)
    >>> load_file(path)["module.encoder.linear.weight"].shape
    (6, 13)
    >>> bool((from_safetensors(path).transform(X) == vae.transform(X)).all())
    True
    """
    check_is_fitted(estimator)
    save(estimator, fspath(path), __version__)


def from_safetensors(path: str | PathLike) -> Any:
    """The estimator that ``to_safetensors`` has written.

    It reads arrays and plain values, and makes objects of this package alone: a file runs no code.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    estimator : estimator
        Fitted, on the device that it was fitted on if that is here.

    Raises
    ------
    ValueError
        If the file is none of ``to_safetensors``, or of a version with other classes.
    """
    return load(fspath(path), __version__)


def check_words(dtype, missing):
    """Refuse a dtype that rows have not, and what is no text for missing ones."""
    if dtype not in FLOATS_OF_ROWS:
        raise ValueError(f"dtype={dtype!r} must be one of {FLOATS_OF_ROWS}.")
    if not isinstance(missing, str):
        raise TypeError(f"missing={missing!r} must be a text, which stands for missing texts.")
