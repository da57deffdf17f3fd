"""Members of tables with parameters of their own, as users give them: frozen, cloned, searched over, pickled."""

import copy
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae.corruptions import Gaussian
from skvae.networks import Convolutional
from skvae.penalties import Sparse

SMALL = {"n_components": 2, "hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}


def test_members_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Gaussian().level = 2.0
    assert Gaussian(0.1) == Gaussian()
    assert Gaussian(0.2).with_params(level=0.3) == Gaussian(0.3)


def test_an_estimator_has_the_parameters_of_its_members():
    estimator = VAETransformer(corruption=Gaussian(0.3), penalty=Sparse())
    assert estimator.get_params()["corruption__level"] == 0.3
    before = estimator.corruption
    estimator.set_params(corruption__level=0.5, penalty__strength=2.0, n_components=3)
    assert (before.level, estimator.corruption, estimator.penalty) == (0.3, Gaussian(0.5), Sparse(2.0))
    estimator.set_params(corruption=Gaussian(1.0), corruption__level=0.7)
    assert estimator.corruption == Gaussian(0.7)


def test_nested_parameters_reach_members_through_pipelines_and_detectors():
    pipe = make_pipeline(StandardScaler(), AutoencoderTransformer(corruption=Gaussian()))
    pipe.set_params(autoencodertransformer__corruption__level=0.4)
    assert pipe[-1].corruption == Gaussian(0.4)
    detector = AutoencoderOutlierDetector(AutoencoderTransformer(corruption=Gaussian()))
    assert detector.set_params(estimator__corruption__level=0.2).estimator.corruption == Gaussian(0.2)


def test_a_parameter_that_a_member_has_not_is_an_error_that_lists_those_it_has():
    with pytest.raises(ValueError, match=r"Invalid parameter 'strength' for Gaussian\(level=0.1\).*\['level'\]"):
        VAETransformer(corruption=Gaussian()).set_params(corruption__strength=1.0)
    with pytest.raises(ValueError, match="corruption='gaussian' has no parameters of its own.*corruption__level=1.0"):
        VAETransformer(corruption="gaussian").set_params(corruption__level=1.0)
    with pytest.raises(
        ValueError, match="penalty='auto' has no parameters of its own.*Give penalty as an object first"
    ):
        AutoencoderTransformer().set_params(penalty__strength=1.0)
    with pytest.raises(ValueError, match="Invalid parameter 'nothing' for estimator"):
        AutoencoderTransformer().set_params(nothing__strength=1.0)


@pytest.mark.parametrize("member", [Gaussian(0.3), Sparse(0.5), Convolutional((1, 2, 3), channels=[4])])
def test_members_are_cloned_copied_and_pickled(member):
    estimator = VAETransformer(corruption=member)
    assert clone(estimator).corruption == member
    assert copy.deepcopy(member) == pickle.loads(pickle.dumps(member)) == member
    assert repr(member) in repr(estimator).replace("\n", " ").replace("  ", "")


def test_a_search_runs_over_parameters_of_members(X):
    search = GridSearchCV(
        AutoencoderTransformer(**SMALL, corruption=Gaussian()), {"corruption__level": [0.0, 5.0]}, cv=2
    )
    scores = search.fit(X).cv_results_["mean_test_score"]
    assert scores[0] != scores[1]


@pytest.mark.parametrize("member", [Gaussian(), Sparse()])
def test_a_name_is_the_object_with_its_defaults(X, member):
    parameter = type(member).__mro__[1].__name__.lower()
    values = member.name, member
    one, other = (AutoencoderTransformer(**SMALL, **{parameter: value}).fit(X).transform(X) for value in values)
    np.testing.assert_array_equal(one, other)


def test_a_value_without_meaning_is_an_error_before_training(X):
    with pytest.raises(ValueError, match="'level' parameter of Gaussian must be a float in the range"):
        AutoencoderTransformer(**SMALL, corruption=Gaussian(-1.0)).fit(X)


def test_a_warm_start_goes_on_under_other_penalties_but_not_under_other_meanings_of_codes():
    X = np.random.RandomState(0).normal(size=(60, 4))
    model = AutoencoderTransformer(2, penalty=Sparse(), max_iter=1, random_state=0, warm_start=True).fit(X)
    for penalty in (Sparse(2.0), None):
        model.set_params(penalty=penalty).fit(X)
    with pytest.raises(ValueError, match=r"penalty from None to sparse\(strength=1.0, target=0.1\)"):
        model.set_params(penalty=Sparse(target=0.1)).fit(X)
