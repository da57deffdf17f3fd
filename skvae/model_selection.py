"""What choosing the size of a code needs beside ``GridSearchCV``."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

LEAST_GAIN = 0.1
"""Nats a row that each further component must bring."""


def fewest_components(cv_results: Mapping[str, Any]) -> int:
    """The smallest size of a code that no larger one beats by enough, for ``refit`` of a search over ``n_components``.

    Beyond the size of the data's own code, held-out likelihood stays about level: further components fall silent, and
    which of these sizes has the best mean is chance. A size is passed over only if a larger one is better by more than
    0.1 nats a row for each further component, and by more than one standard error of the difference over the folds.

    Parameters
    ----------
    cv_results : dict
        ``cv_results_`` of a search in which one parameter, ``n_components``, was varied, in a Pipeline too, and the
        score was a mean log-likelihood, as it is by default.

    Returns
    -------
    index : int
        Position of the chosen candidate.

    Raises
    ------
    ValueError
        If the search varied no ``n_components``, or other parameters beside it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skvae import VAETransformer
    >>> from skvae.model_selection import fewest_components
    >>> rng = np.random.RandomState(0)
    >>> X = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 8)) + 0.2 * rng.normal(size=(500, 8))
    >>> vae = VAETransformer(random_state=0, max_iter=15)
    >>> search = GridSearchCV(vae, {"n_components": [1, 2, 3, 4]}, cv=3, refit=fewest_components).fit(X)
    >>> search.best_params_
    {'n_components': 2}
    """
    varied = [name for name in cv_results if name.startswith("param_")]
    if len(varied) != 1 or not varied[0].endswith("n_components"):
        raise ValueError(
            f"fewest_components compares sizes only: the search varied {[name[6:] for name in varied]}, but it must "
            "vary n_components and nothing else."
        )
    sizes = np.asarray(cv_results[varied[0]]).astype(int)
    folds = [name for name in cv_results if name.startswith("split") and name.endswith("_test_score")]
    scores = np.column_stack([cv_results[name] for name in folds])
    order = np.argsort(sizes, kind="stable")
    for position, i in enumerate(order):
        if not any(is_better(scores[j] - scores[i], sizes[j] - sizes[i]) for j in order[position + 1 :]):
            return int(i)
    return int(order[-1])


def is_better(differences, n_further):
    """Whether scores of the folds gain enough by further components."""
    gain, n_folds = differences.mean(), len(differences)
    error = differences.std(ddof=1) / math.sqrt(n_folds) if n_folds > 1 else 0.0
    return gain > max(error, LEAST_GAIN * n_further)
