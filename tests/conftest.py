"""Settings that must stand before scikit-learn is imported, and small data for all tests."""

import os
import sys
from fnmatch import fnmatch
from pathlib import Path

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # else scikit-learn skips check_array_api_input
os.environ.setdefault("OMP_NUM_THREADS", "1")  # test processes run side by side

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.utils.fixes import parse_version

SLOW = (Path(__file__).parent / "slow.txt").read_text().splitlines()
"""Tests that take long and show once more, or on one more case, what others show: names with ``*`` for any letters."""


NEWER = (Path(__file__).parent / "newer.txt").read_text().splitlines()
"""Tests of what needs newer packages than the package itself: dates at the ends of time (pandas 3.1), zones of zoneinfo
(pandas 3), float16 of arrow, and what scikit-learn 1.7 has: names of polars columns, frames of polars in a
ColumnTransformer, weights for the score of a Pipeline; callbacks (1.9); and the tables of later skrub."""

HAS_NEWER = all(
    parse_version(package.__version__) >= parse_version(least) for package, least in ((pd, "3.1"), (sklearn, "1.9"))
)


class Figures:
    """Closes the figures of each test, examples in docstrings included: matplotlib warns of more than twenty."""

    def pytest_runtest_teardown(self):
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:  # some tests have it missing
            pyplot.close("all")


def pytest_configure(config):
    """Has figures closed for all tests, not only for those of this folder."""
    config.pluginmanager.register(Figures(), "figures")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks as slow what ``slow.txt`` names, and skips what ``newer.txt`` names where packages are older."""
    for item in items:
        name = item.nodeid.replace("[", "(").replace("]", ")")
        if any(fnmatch(name, each) for each in SLOW):
            item.add_marker(pytest.mark.slow)
        if not HAS_NEWER and any(fnmatch(name, each) for each in NEWER):
            item.add_marker(pytest.mark.skip(reason="needs pandas 3.1 and scikit-learn 1.9: see tests/newer.txt"))


@pytest.fixture
def X():  # noqa: N802
    """Correlated columns in different units (200, 5)."""
    rng = np.random.RandomState(0)
    z = rng.normal(size=(200, 2))
    return (z @ rng.normal(size=(2, 5)) + 0.3 * rng.normal(size=(200, 5))) * [1, 10, 0.1, 5, 1] + [0, 3, 0, -50, 1]


@pytest.fixture
def frame(X):
    """The same as a data frame with integers, float32, booleans and an index of its own."""
    columns = {
        "a": X[:, 0],
        "b": X[:, 1].astype(np.float32),
        "count": np.rint(X[:, 3]).astype(np.int16),
        "flag": X[:, 4] > 1,
    }
    return pd.DataFrame(columns, index=[f"row{i}" for i in range(len(X))])
