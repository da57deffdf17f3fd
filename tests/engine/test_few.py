"""Few rows at a time: the bits of many, in small pieces that are recorded once."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from fits import fitted

from skvae import AutoencoderTransformer, VAETransformer
from skvae._engine.draws import balanced_draws
from skvae._engine.few import FEW_PIECES, NONE, Few, Found, Small
from skvae._engine.pieces import ROWS_PER_CALL, Pieces

SMALL = {"hidden_layer_sizes": (20, 12), "max_iter": 4, "random_state": 0}
N_ROWS = 600


def numbers(n_columns=7):
    """Columns that hang together."""
    rng = np.random.RandomState(0)
    return rng.normal(size=(N_ROWS, 2)) @ rng.normal(size=(2, n_columns)) + 0.3 * rng.normal(size=(N_ROWS, n_columns))


def mixed():
    """Numbers, zeros, levels, booleans and days, with missing cells."""
    X, rng = numbers(), np.random.RandomState(1)
    table = pd.DataFrame({"a": X[:, 0], "zeros": np.maximum(X[:, 1], 0.0), "count": rng.poisson(np.exp(0.3 * X[:, 2]))})
    table["level"] = pd.cut(X[:, 3], 5, labels=list("abcde")).astype(str)
    table["flag"] = X[:, 4] > 0.0
    table["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.rint(30.0 * X[:, 5]), unit="D")
    return table.mask(rng.uniform(size=table.shape) < 0.05)


CASES = {
    "numbers": (VAETransformer(2, **SMALL), numbers()),
    "one column": (VAETransformer(1, **SMALL), numbers(1)),
    "float64": (VAETransformer(2, precision="float64", **SMALL), numbers()),
    "linear": (VAETransformer(3, **{**SMALL, "hidden_layer_sizes": ()}), numbers()),
    "prior": (VAETransformer(2, prior="vampprior", **SMALL), numbers()),
    "pixels": (VAETransformer(2, image_shape=(6, 6), network="convolutional", max_iter=2, random_state=0), numbers(36)),
    "autoencoder": (AutoencoderTransformer(2, **SMALL), numbers()),
    "mixed": (VAETransformer(2, **SMALL), mixed()),
    "mixed autoencoder": (AutoencoderTransformer(2, **SMALL), mixed()),
}


def some(X, rows):
    """Rows of an array or a frame, in memory of their own."""
    return X.iloc[rows].copy() if hasattr(X, "iloc") else X[rows].copy()


@pytest.mark.parametrize("case", CASES)
def test_a_row_has_the_same_bits_alone_and_among_others_at_every_call(case):
    estimator, X = CASES[case]
    model = pickle.loads(pickle.dumps(fitted(estimator, X)))
    codes = model.transform(X)
    answers = {"transform": (X, codes), "score_samples": (X, model.score_samples(X))}
    answers["inverse_transform"] = codes, model.inverse_transform(codes)
    for name, (rows, expected) in answers.items():
        for few in ([3], [4], [5], [597], [599, 8, 8], range(100, 131), range(60), range(200)):
            found = getattr(model, name)(some(rows, list(few)))
            wanted = some(expected, list(few))
            assert np.asarray(found).tolist() == np.asarray(wanted).tolist() or same(found, wanted), (name, few)


def same(one, other):
    """Whether two tables are equal, missing cells too."""
    return pd.DataFrame(one).reset_index(drop=True).equals(pd.DataFrame(other).reset_index(drop=True))


def test_one_row_is_computed_in_a_small_piece_from_the_second_call_on():
    model, seen = VAETransformer(2, **SMALL).fit(numbers()), []
    model.module_.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    row = numbers()[:1]
    model.transform(row)
    assert seen == [ROWS_PER_CALL]
    model.transform(row)
    small = model._model.found.by_function["codes"]
    assert isinstance(small, Small)
    assert small.size <= ROWS_PER_CALL // 16
    del seen[:]
    model.transform(row)
    assert seen == []  # replayed
    model.transform(numbers()[: FEW_PIECES * small.size + 1])
    assert seen == [ROWS_PER_CALL]


@pytest.mark.parametrize(
    "function", [lambda x: x * len(x), lambda x: x - x.mean(), lambda x: torch.where(x == x[-1:], x + 1e-7, x)]
)
def test_small_pieces_that_give_other_bits_are_not_taken(function):
    module, found = torch.nn.Linear(2, 2), Found()
    few = Few(found, module, "it", lambda n, generator: torch.randn(n, 2, generator=generator))
    rows = np.random.RandomState(0).normal(size=(3, 2))
    first, *others = (Pieces("cpu", "float32").fill(function, rows, np.empty((3, 2)), few=few) for _ in range(3))
    assert found.by_function == {"it": NONE}
    for other in others:
        np.testing.assert_array_equal(other, first)


CHANGES = {
    "in place": lambda layer: layer.weight.mul_(2.0),
    "another parameter": lambda layer: setattr(layer, "weight", torch.nn.Parameter(2.0 * layer.weight, False)),
    "other data": lambda layer: setattr(layer.weight, "data", 2.0 * layer.weight.data),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_module_that_was_changed_by_hand_answers_as_it_is_now(change):
    X = numbers()
    model = VAETransformer(2, **SMALL).fit(X)
    before = [model.transform(X[:1]) for _ in range(4)][-1]
    with torch.no_grad():
        CHANGES[change](model.module_.encoder.linear)
    np.testing.assert_array_equal(model.transform(X[:1]), model.transform(X)[:1])
    assert (model.transform(X[:1]) != before).any()


def test_threads_that_ask_for_rows_at_once_get_what_one_gets():
    X = numbers()
    model = VAETransformer(2, **SMALL).fit(X)
    expected = model.score_samples(X)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: model.score_samples(X[i : i + 1])[0], range(100)))
    assert found == expected[:100].tolist()


def test_what_was_found_is_neither_stored_nor_copied():
    X = numbers()
    model = VAETransformer(2, **SMALL).fit(X)
    before = pickle.dumps(model)
    for _ in range(3):
        model.transform(X[:1])
    assert pickle.dumps(model) == before
    for other in copy.deepcopy(model), pickle.loads(pickle.dumps(model)):
        assert other._model.found.by_function == {}
        np.testing.assert_array_equal(other.transform(X[:1]), model.transform(X[:1]))


@pytest.mark.parametrize(("n_draws", "latent_dim"), [(12, 3), (12, 11), (64, 16), (12, 12), (4, 40), (2, 1)])
def test_few_draws_have_the_moments_of_what_they_are_drawn_from(n_draws, latent_dim):
    draws = balanced_draws(n_draws, latent_dim)
    covariance, rank = draws.T @ draws / n_draws, min(latent_dim, n_draws - 1)
    torch.testing.assert_close(draws.mean(0), torch.zeros(latent_dim, dtype=torch.float64), atol=1e-12, rtol=0.0)
    expected = torch.zeros(latent_dim, dtype=torch.float64)
    expected[-rank:] = latent_dim / rank
    torch.testing.assert_close(torch.linalg.eigvalsh(covariance), expected, atol=1e-10, rtol=0.0)
