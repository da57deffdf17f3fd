"""The whole scikit-learn contract over many configurations, none skipped and none expected to fail."""

import warnings

import pytest
from cases import each_value
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from skvae import (
    AutoencoderCellChecker,
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    VAETransformer,
)
from skvae.corruptions import Masking, SaltAndPepper, Swap
from skvae.networks import Perceptron
from skvae.nn.likelihoods import LIKELIHOODS
from skvae.penalties import Contractive, Orthogonal, Sparse

FULL_BATCH = {"batch_size": 10_000, "early_stopping": False, "precision": "float64"}


def vae(**params):
    return VAETransformer(
        **{"max_iter": 4, "batch_size": 100, "n_importance_samples": 4, "hidden_layer_sizes": (16,), **params}
    )


def autoencoder(**params):
    return AutoencoderTransformer(**{"max_iter": 4, "batch_size": 100, "hidden_layer_sizes": (16,), **params})


FOR_REAL_NUMBERS = sorted(
    name for name, member in LIKELIHOODS.items() if member.units not in ("positive", "counts", "simplex")
)

OF_VAES = {
    "heteroscedastic_gaussian": {"prior": "vampprior", "code_density": "normal"},
    "huber": {"prior": "gaussian_mixture", "code_density": "gaussian_mixture", "n_mixture_components": 2},
    "gaussian": {"objective": "iwae", "n_draws": 3},
    "laplace": {"regularizer": "mmd"},
    "student_t": {"regularizer": "adversarial"},
    "isotropic_gaussian": {"regularizer": "total_correlation", "beta": 2.0},
    "continuous_bernoulli": {"n_components": 1},
    "inflated_gaussian": {"hidden_layer_sizes": (256, 256)},
    "binarized_bernoulli": {
        "corruption": Swap(),
        "penalty": Orthogonal(),
        "network": Perceptron(dropout=0.1, tied=True),
    },
    "bernoulli": {"beta": 4.0, "kl_warmup": 0.5, "solver": "sgd", "learning_rate": "constant"},
}
OF_AUTOENCODERS = {
    "student_t": {"n_components": 1},
    "huber": {"hidden_layer_sizes": (256, 256)},
    "laplace": {"corruption": "gaussian"},
    "gaussian": {"corruption": Masking(0.2, emphasis=2.0), "penalty": Sparse(target=0.1)},
    "isotropic_gaussian": {
        "corruption": SaltAndPepper(),
        "penalty": Contractive(),
        "network": "residual_blocks",
    },
    "continuous_bernoulli": {"solver": "adagrad", "alpha": 1.0},
}
"""What else is not as it is by default, by the likelihood: each value comes once, as all checks of one take long. Other
likelihoods meet these checks in VAEs."""

TRANSFORMERS = [
    vae(batch_size=4),
    autoencoder(batch_size=4),
    vae(**FULL_BATCH),
    autoencoder(**FULL_BATCH),
    *[vae(likelihood=name, **OF_VAES.get(name, {})) for name in FOR_REAL_NUMBERS],
    *[autoencoder(likelihood=name, **params) for name, params in OF_AUTOENCODERS.items()],
    vae(hidden_layer_sizes=(), early_stopping=False),
]

DETECTORS = [
    AutoencoderOutlierDetector(vae()),
    AutoencoderOutlierDetector(autoencoder(), contamination=0.1),
    AutoencoderOutlierDetector(vae(**FULL_BATCH)),
    AutoencoderOutlierDetector(make_pipeline(StandardScaler(), vae()), random_state=0),
]

IMPUTERS = [
    AutoencoderImputer(vae(batch_size=4), random_state=0),
    AutoencoderImputer(autoencoder(batch_size=4), add_indicator=True),
]

CHECKERS = [AutoencoderCellChecker(autoencoder(corruption=Masking(0.2), penalty=None), random_state=0)]

EXTRA_CHECKS = [
    "check_dataframe_column_names_consistency",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_inplace_ensure_writeable",
    "check_param_validation",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_get_feature_names_out_error",
]

DETECTOR_CHECKS = [
    "check_dataframe_column_names_consistency",
    "check_estimators_partial_fit_n_features",
    "check_inplace_ensure_writeable",
    "check_param_validation",
]


SHARES = {VAETransformer(): 1, AutoencoderTransformer(): 1, AutoencoderOutlierDetector(): 3, AutoencoderImputer(): 3}
"""Of the checks of the classes as they are, one in so many is in every run; the others are slow."""

SHARE = 12
"""So it is with the checks of any other configuration, those of the next one beginning one later."""


def checks():
    """All checks of all configurations, those slow that not every run needs."""
    shares = [*SHARES.items(), *((estimator, SHARE) for estimator in TRANSFORMERS + DETECTORS + IMPUTERS + CHECKERS)]
    for place, (estimator, share) in enumerate(shares):
        for number, pair in enumerate(parametrize_with_checks([estimator]).args[1]):
            yield pytest.param(*pair, marks=() if (number + place) % share == 0 else pytest.mark.slow)


@pytest.mark.parametrize(("estimator", "check"), list(checks()), ids=parametrize_with_checks([]).kwargs["ids"])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_no_check_is_skipped():
    results = check_estimator(autoencoder(), on_skip=None)
    assert len(results) > 50
    assert {result["status"] for result in results} == {"passed"}
    assert "check_array_api_input" in {result["check_name"] for result in results}


def state_of(estimator):
    """Parameters and names of attributes: a check raises what it finds, and works on clones, which share nothing."""
    return repr(estimator), set(vars(estimator))


@each_value(name=EXTRA_CHECKS, estimator=[vae(), autoencoder(), vae(early_stopping=False), IMPUTERS[0]])
def test_extra_checks_of_scikit_learn_itself(estimator, name):
    before = state_of(estimator)
    with warnings.catch_warnings():
        # some of these checks fit on a frame and transform an array on purpose
        warnings.filterwarnings("ignore", message="X (does not have valid|has) feature names", category=UserWarning)
        getattr(estimator_checks, name)(type(estimator).__name__, estimator)
    assert state_of(estimator) == before


@pytest.mark.parametrize("name", DETECTOR_CHECKS)
def test_extra_checks_of_the_detector(name):
    before = state_of(DETECTORS[0])
    getattr(estimator_checks, name)("AutoencoderOutlierDetector", DETECTORS[0])
    assert state_of(DETECTORS[0]) == before
