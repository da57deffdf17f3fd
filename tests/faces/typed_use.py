"""A program that uses the public face, for the type checker: what it says of results is what users see."""

from typing import assert_type

import numpy as np
import pandas as pd

from skvae import (
    AutoencoderCellChecker,
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    ExplanationDisplay,
    ImageGridDisplay,
    ReconstructionDisplay,
    VAETransformer,
)
from skvae.model_selection import fewest_components


def use(X: np.ndarray, frame: pd.DataFrame, rows: list[list[float]]) -> None:
    """Every public method, on every kind of table."""
    vae = VAETransformer(3, hidden_layer_sizes=(32,), likelihood={"a": "poisson"}, random_state=0)
    assert_type(vae.fit(X, sample_weight=np.ones(3)), VAETransformer)
    assert_type(vae.partial_fit(frame), VAETransformer)
    assert_type(vae.transform(rows), np.ndarray)
    assert_type(vae.score_samples(frame), np.ndarray)
    assert_type(vae.score(X), float)
    assert_type(vae.effective_sample_size(X), np.ndarray)
    assert_type(vae.n_components_, int)
    assert_type(vae.history_, dict[str, list[float]])
    vae.sample(3, given={"a": 1}, with_missing=False, noise=False)
    vae.impute(frame, n_imputations=2)
    assert_type(AutoencoderTransformer(n_components=2).fit(frame), AutoencoderTransformer)
    detector = AutoencoderOutlierDetector(vae, contamination=0.1)
    assert_type(detector.fit(frame), AutoencoderOutlierDetector)
    assert_type(detector.predict(frame), np.ndarray)
    detector.explain(frame, n_columns=2)
    assert_type(ExplanationDisplay.from_estimator(detector, frame), ExplanationDisplay)
    assert_type(ReconstructionDisplay.from_estimator(vae, frame, image_shape=(1, 2, 2)), ReconstructionDisplay)
    assert_type(ReconstructionDisplay.from_reconstruction(X, X), ReconstructionDisplay)
    assert_type(ImageGridDisplay.from_estimator(vae, "map", image_shape=(1, 2, 2)), ImageGridDisplay)
    assert_type(ImageGridDisplay.from_images(X, image_shape=(2, 2)), ImageGridDisplay)
    imputer = AutoencoderImputer(vae, add_indicator=True, random_state=0)
    assert_type(imputer.fit(frame), AutoencoderImputer)
    assert_type(imputer.partial_fit(frame), AutoencoderImputer)
    assert_type(imputer.get_feature_names_out(), np.ndarray)
    imputer.transform(frame)
    checker = AutoencoderCellChecker(n_folds=2, random_state=0)
    assert_type(checker.fit(frame), AutoencoderCellChecker)
    assert_type(checker.strange_cells(frame, false_alarms=0.001), pd.DataFrame)
    assert_type(fewest_components({}), int)
    vae.fit(use)  # type: ignore[arg-type]
    vae.sample("three")  # type: ignore[arg-type]
    VAETransformer(beta="large")  # type: ignore[arg-type]
