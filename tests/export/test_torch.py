"""Modules of torch have the units of the data inside, and go through ``torch.export``."""

import numpy as np
import pytest
import torch
from fits import fitted
from sklearn.datasets import load_wine

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae.export import to_torch

WINE = load_wine().data
ESTIMATORS = {
    "vae": VAETransformer(3, max_iter=5, random_state=0),
    "autoencoder": AutoencoderTransformer(3, max_iter=5, random_state=0),
    "detector": AutoencoderOutlierDetector(random_state=0),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_module_answers_as_the_estimator_does(name):
    estimator = fitted(ESTIMATORS[name], WINE)
    X = WINE.copy()
    X[::5, 3] = np.nan
    for output in ["score_samples", *(["transform"] if name != "detector" else ["predict"])]:
        found = to_torch(estimator, output, unforeseen_holes=True)(torch.from_numpy(X)).numpy()
        np.testing.assert_allclose(found, getattr(estimator, output)(X), rtol=1e-5, atol=1e-5)
    assert not any(weight.requires_grad for weight in to_torch(estimator, "score_samples").parameters())


def test_a_module_is_a_copy():
    estimator = fitted(ESTIMATORS["vae"], WINE)
    before, module = estimator.transform(WINE), to_torch(estimator)
    with torch.no_grad():
        for weight in module.parameters():
            weight.zero_()
    assert (estimator.transform(WINE) == before).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(("name", "output"), [("vae", "transform"), ("vae", "score_samples"), ("detector", "predict")])
def test_modules_go_through_torch_export(name, output):
    estimator = fitted(ESTIMATORS[name], WINE)
    rows = {0: torch.export.Dim("rows")}
    program = torch.export.export(to_torch(estimator, output), (torch.from_numpy(WINE[:5]),), dynamic_shapes=(rows,))
    found = program.module()(torch.from_numpy(WINE)).numpy()
    np.testing.assert_allclose(found, getattr(estimator, output)(WINE), rtol=1e-5)
