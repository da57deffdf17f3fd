"""``sample(noise=False)``: what is expected of drawn codes, and otherwise as draws are."""

import numpy as np
import pandas as pd
import pytest
import torch
from fits import fitted
from sklearn.utils import check_random_state

from skvae import AutoencoderTransformer, VAETransformer
from skvae._base.training import MAX_SEED

ESTIMATORS = [VAETransformer, AutoencoderTransformer]
SMALL = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 5}


def frame():
    """Columns of each kind, some with holes (300, 7)."""
    rng = np.random.RandomState(0)
    z = rng.normal(size=300)
    table = pd.DataFrame(
        {
            "number": z + 0.5 * rng.normal(size=300),
            "holes": pd.Series(z).mask(rng.uniform(size=300) < 0.2),
            "whole": np.rint(10.0 * z + 3.0 * rng.normal(size=300)).astype(int),
            "flag": z > 0.3,
            "level": np.where(z + rng.normal(size=300) > 0.0, "a", "b"),
            "ordered": pd.cut(z + 0.3 * rng.normal(size=300), 4, labels=list("wxyz")),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.rint(30.0 * z), unit="D"),
        }
    )
    return table


def drawn_codes(estimator, n_samples, random_state):
    """The codes of the rows that ``sample`` draws with this seed."""
    generator = torch.Generator().manual_seed(int(check_random_state(random_state).randint(MAX_SEED)))
    with torch.inference_mode():
        return estimator.module_.code_density.sample(n_samples, generator).numpy().astype(np.float64)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_rows_without_noise_are_what_the_codes_of_the_draws_stand_for(Estimator):
    estimator = fitted(Estimator(2, **SMALL), frame())
    shown = estimator.sample(50, random_state=1, with_missing=False, noise=False)
    expected = estimator.inverse_transform(drawn_codes(estimator, 50, 1))
    expected["whole"] = expected["whole"].clip(frame()["whole"].min(), frame()["whole"].max())
    expected["day"] = expected["day"].clip(frame()["day"].min(), frame()["day"].max())
    pd.testing.assert_frame_equal(shown, expected)
    noisy = estimator.sample(50, random_state=1, with_missing=False)
    assert (shown.dtypes == noisy.dtypes).all()
    assert not np.allclose(shown["number"], noisy["number"])


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("given", [None, {0: 1.5}])
def test_rows_of_a_linear_model_without_noise_lie_on_a_line(X, Estimator, given):
    estimator = fitted(Estimator(1, hidden_layer_sizes=(), random_state=0, max_iter=5), X)
    for noise, on_a_line in ((False, True), (True, False)):
        rows = estimator.sample(40, random_state=0, given=given, noise=noise)
        assert rows.dtype == np.float64
        if given is not None:
            assert set(rows[:, 0]) == {1.5}
        others = rows[:, 1:] / X[:, 1:].std(axis=0)
        rank = int(np.linalg.matrix_rank(others - others.mean(axis=0), tol=1e-3))
        assert (rank == 1) is on_a_line


def test_given_cells_stay_and_the_others_follow_them_without_noise():
    estimator = fitted(VAETransformer(2, **SMALL), frame())
    given = {"flag": True, "whole": 12}
    shown, noisy = (estimator.sample(200, random_state=0, given=given, noise=noise) for noise in (False, True))
    assert set(shown["flag"]) == {True}
    assert set(shown["whole"]) == {12}
    assert shown["number"].std() < 0.9 * noisy["number"].std()
    assert abs(shown["number"].mean() - noisy["number"].mean()) < 0.5 * frame()["number"].std()


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_holes_are_left_as_they_are_in_draws(Estimator):
    estimator = fitted(Estimator(2, **SMALL), frame())
    shown, noisy = (estimator.sample(200, random_state=0, noise=noise).isna() for noise in (False, True))
    assert shown["holes"].any()
    pd.testing.assert_frame_equal(shown, noisy)
    assert not estimator.sample(200, random_state=0, noise=False, with_missing=False).isna().any(axis=None)


def test_what_is_no_truth_value_is_an_error():
    with pytest.raises(ValueError, match="noise='none' must be True, for draws, or False"):
        fitted(VAETransformer(2, **SMALL), frame()).sample(noise="none")
