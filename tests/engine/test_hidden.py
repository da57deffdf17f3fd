"""What a model that hides cells says of them: a probability given the others of the row, whatever stands there."""

import numpy as np
import pytest

from skvae import AutoencoderTransformer
from skvae.corruptions import Masking

N_LEVELS = 3


@pytest.fixture(scope="module")
def model():
    """A model of a number of level, a level that is the same, and one of chance; and its rows."""
    rng = np.random.RandomState(0)
    level = rng.randint(N_LEVELS, size=400)
    rows = np.column_stack([level, level, rng.randint(N_LEVELS, size=400)]).astype(float)
    likelihood = [("ordinal", [0]), ("categorical", [1, 2])]
    fitted = AutoencoderTransformer(
        8,
        hidden_layer_sizes=(32,),
        network="mlp",
        likelihood=likelihood,
        categorical_features=[0, 1, 2],
        corruption=Masking(0.3, emphasis=1000.0),
        penalty=None,
        max_iter=60,
        random_state=0,
    )
    return fitted.fit(rows)._on_matrices, rows


def all_levels(rows):
    """Each level in the place of every cell (N_LEVELS, n, n_features)."""
    return np.stack([np.full(rows.shape, float(level)) for level in range(N_LEVELS)])


def test_levels_of_a_hidden_cell_and_those_never_seen_have_probabilities_that_sum_to_one(model):
    density, rows = model
    log_prob, _ = density.of_hidden(rows, all_levels(rows))
    np.testing.assert_allclose(np.exp(log_prob).sum(axis=0) + 0.5 / len(rows), 1.0, atol=1e-5)


def test_what_is_said_of_a_cell_does_not_depend_on_it(model):
    density, rows = model
    other = rows.copy()
    other[:, 1] = (other[:, 1] + 1.0) % N_LEVELS
    for one, two in zip(*(density.of_hidden(each, all_levels(rows)) for each in (rows, other)), strict=True):
        np.testing.assert_array_equal(one[..., 1], two[..., 1])
        assert not np.array_equal(one[..., 0], two[..., 0])


def test_a_cell_is_foreseen_from_the_others_of_its_row_where_they_tell_it(model):
    density, rows = model
    log_prob, expected = density.of_hidden(rows, rows[None])
    assert (np.exp(log_prob[0, :, :2]).mean(axis=0) > 0.8).all()
    assert np.exp(log_prob[0, :, 2]).mean() < 0.5
    assert (expected[:, :2] == rows[:, :2]).mean() > 0.95


def test_cells_missing_where_none_was_in_training_are_hidden_too(model):
    density, rows = model
    holed = rows.copy()
    holed[:, 1] = np.nan
    log_prob, expected = density.of_hidden(holed, all_levels(rows))
    assert np.isfinite(log_prob).all()
    assert np.isfinite(expected).all()
    np.testing.assert_array_equal(log_prob[..., 1], density.of_hidden(rows, all_levels(rows))[0][..., 1])
