"""Settings that must stand before scikit-learn is imported, and small data for all tests."""

import os
from fnmatch import fnmatch
from pathlib import Path

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # else scikit-learn skips check_array_api_input
os.environ.setdefault("OMP_NUM_THREADS", "1")  # test processes run side by side

import numpy as np
import pandas as pd
import pytest

SLOW = (Path(__file__).parent / "slow.txt").read_text().splitlines()
"""Tests that take long and show once more, or on one more case, what others show: names with ``*`` for any letters."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks as slow what ``slow.txt`` names, so that what decides the length of a run stands on one page."""
    for item in items:
        name = item.nodeid.replace("[", "(").replace("]", ")")
        if any(fnmatch(name, each) for each in SLOW):
            item.add_marker(pytest.mark.slow)


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
