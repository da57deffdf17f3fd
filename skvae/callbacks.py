"""Callbacks for fits, as scikit-learn 1.9 and later have them, beside those of scikit-learn itself."""

from dataclasses import dataclass
from numbers import Real
from os import PathLike
from typing import Any, ClassVar

from skvae._validation import HAS_CALLBACKS, Interval, validate_parameter_constraints


@dataclass(frozen=True)
class Checkpoint:
    """Each fit keeps what it needs to go on in a file, from which the same call goes on after it was killed.

    It is what the parameters ``checkpoint`` and ``checkpoint_interval`` of an estimator are, for all of our estimators
    in another one: a Pipeline, a search or an :class:`~skvae.AutoencoderOutlierDetector` passes it on, so it is set on
    the outermost estimator. A fit that goes on ends with the weights, losses and scores of one that was never killed.
    A fit that has ended removes its file, so a search that is killed does the fits again that had ended, and goes on
    with those that had not. Where an estimator has a ``checkpoint`` of its own, that counts.

    Parameters
    ----------
    folder : str or path
        Where the files are. It is made if it is not there, and any number of fits may share it: a file is named after
        the parameters and the rows of its fit.
    interval : float, default=60.0
        Seconds between two states of a fit at least; each waits for the end of an epoch and takes milliseconds. 0 keeps
        one an epoch.

    Raises
    ------
    ImportError
        If scikit-learn is older than 1.9, which has no callbacks.
    ValueError
        If the folder is no path, or the interval no number of at least 0.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skvae import VAETransformer
    >>> from skvae.callbacks import Checkpoint
    >>> pipeline = make_pipeline(StandardScaler(), VAETransformer(2, max_iter=3, random_state=0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     codes = pipeline.set_callbacks(Checkpoint(folder, interval=0)).fit_transform(load_wine().data)
    ...     os.listdir(folder)  # the fit has ended
    []
    """

    folder: str | PathLike[str]
    interval: float = 60.0

    max_propagation_depth: ClassVar[None] = None
    """It goes to the estimators in others, however deep."""

    _parameter_constraints: ClassVar[dict] = {
        "folder": [str, PathLike],
        "interval": [Interval(Real, 0, None, closed="left")],
    }

    def __post_init__(self) -> None:
        if not HAS_CALLBACKS:
            raise ImportError(
                "skvae.callbacks.Checkpoint needs callbacks, which scikit-learn has from version 1.9 on. Install it "
                '(pip install -U "scikit-learn>=1.9"), or give the estimator itself checkpoint="FOLDER".'
            )
        validate_parameter_constraints(self._parameter_constraints, vars(self), type(self).__name__)

    def setup(self, estimator: Any, context: Any) -> None:
        """Do nothing: a fit asks its callbacks where to keep its state, which no hook of theirs is told.

        Parameters
        ----------
        estimator : estimator
            The outermost one.
        context : CallbackContext
            Its fit.
        """

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do nothing: a fit that has ended removes its file.

        Parameters
        ----------
        estimator : estimator
            The outermost one.
        context : CallbackContext
            Its fit.
        """

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing.

        Parameters
        ----------
        estimator : estimator
            One whose task begins.
        context : CallbackContext
            The task.
        """

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Do nothing, and stop no fit.

        Parameters
        ----------
        estimator : estimator
            One whose task has ended.
        context : CallbackContext
            The task.
        """
