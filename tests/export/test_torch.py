"""Modules of torch have the units of the data inside, and go through ``torch.export``."""

import numpy as np
import pytest
import torch
from fits import fitted
from sklearn.datasets import load_wine

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._export.programs import Measured, Standard
from skvae.export import to_torch

WINE = load_wine().data
ESTIMATORS = {
    "vae": VAETransformer(3, max_iter=5, random_state=0),
    "autoencoder": AutoencoderTransformer(3, max_iter=5, random_state=0),
    "detector": AutoencoderOutlierDetector(random_state=0),
    "detector of novelty": AutoencoderOutlierDetector(contamination=0.0, random_state=0),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_module_answers_as_the_estimator_does(name):
    estimator = fitted(ESTIMATORS[name], WINE)
    X = WINE.copy()
    X[::5, 3] = np.nan
    for output in ["score_samples", *(["predict"] if name.startswith("detector") else ["transform"])]:
        found = to_torch(estimator, output, unforeseen_holes=True)(torch.from_numpy(X)).numpy()
        np.testing.assert_allclose(found, getattr(estimator, output)(X), rtol=1e-5, atol=1e-5)
    assert not any(weight.requires_grad for weight in to_torch(estimator, "score_samples").parameters())


def test_units_are_those_of_the_estimator_placeholders_and_bounds_too():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(200, 4))
    X[::9, 1], X[::8, 1], X[::7, 2] = -999.0, 999.0, -1e4
    X[:, 3] = X[:, 3].clip(0.0, 1.0)
    units = AutoencoderTransformer(2, max_iter=1, random_state=0).fit(X)._model.units
    assert len(units.usual.placeholders) == 2
    assert np.isfinite(units.bounds).any()
    standard = 3.0 * np.vstack([units.to_standard(X), rng.normal(size=(200, 4))])
    measured, wanted = Measured(units)(torch.from_numpy(standard)).numpy(), units.from_standard(standard)
    assert {-999.0, 999.0} <= set(wanted[:, 1])
    assert (measured == wanted).all()
    X[3, 0], X[4, 0] = np.nan, 1e300
    found = Standard(units, torch.float64)(torch.from_numpy(X)).numpy()
    np.testing.assert_array_equal(found, units.to_standard(X))


def test_a_module_is_a_copy():
    estimator = fitted(ESTIMATORS["vae"], WINE)
    before, module = estimator.transform(WINE), to_torch(estimator)
    with torch.no_grad():
        for weight in module.parameters():
            weight.zero_()
    assert (estimator.transform(WINE) == before).all()


@pytest.mark.slow
# torch.export warns of its own parts, which change from release to release
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(("name", "output"), [("vae", "transform"), ("autoencoder", "score_samples")])
def test_modules_go_through_torch_export(name, output):
    estimator = fitted(ESTIMATORS[name], WINE)
    rows = {0: torch.export.Dim("rows")}
    program = torch.export.export(to_torch(estimator, output), (torch.from_numpy(WINE[:5]),), dynamic_shapes=(rows,))
    found = program.module()(torch.from_numpy(WINE)).numpy()
    np.testing.assert_allclose(found, getattr(estimator, output)(WINE), rtol=1e-5)
