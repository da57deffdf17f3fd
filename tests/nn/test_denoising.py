"""Corruptions: which cells they hit, what stands there, and what errors of these count."""

import numpy as np
import pytest
import torch
from small_models import OWN_ARGUMENTS, cells, generator, parts, small_likelihood, small_model

from skvae.nn.corruptions import CORRUPTIONS, SomeCells
from skvae.nn.likelihoods import make_likelihood
from skvae.nn.likelihoods.holes import Incomplete

OF_CELLS = sorted(name for name, member in CORRUPTIONS.items() if issubclass(member, SomeCells))


def mixed(n_rows=4000):
    """A likelihood of two columns of numbers and one of three levels, the first with holes; and its rows."""
    groups = [("gaussian", [0, 1], {}), ("categorical", [2], {"n_levels": [3]})]
    likelihood = Incomplete(make_likelihood(groups, 3), [0]).double()
    x = torch.cat([cells("gaussian", n_rows, 2), cells("categorical", n_rows, 1, seed=1)], dim=1)
    x[::5, 0] = torch.nan
    likelihood.observe(x, torch.ones_like(x))
    return likelihood, x


def made(name, likelihood, x, weight=None, **own):
    """A corruption that took note of rows."""
    corruption = CORRUPTIONS[name](likelihood, **{**OWN_ARGUMENTS[name], **own}).double()
    corruption.observe(likelihood, x, x.new_ones(len(x)) if weight is None else weight)
    return corruption


@pytest.mark.parametrize("name", OF_CELLS)
def test_a_share_of_the_cells_is_hit_and_counts_its_emphasis(name):
    likelihood, x = mixed()
    _, emphasis = made(name, likelihood, x, share=0.3, emphasis=5.0)(likelihood.inputs(x), generator(), None)
    assert emphasis.shape == x.shape
    assert set(emphasis.unique().tolist()) == {1.0, 5.0}
    np.testing.assert_allclose((emphasis == 5.0).double().mean(0), 0.3, atol=5.0 * (0.21 / len(x)) ** 0.5)
    assert made(name, likelihood, x, emphasis=1.0)(likelihood.inputs(x), generator(), None)[1] is None


@pytest.mark.parametrize("name", OF_CELLS)
def test_what_is_not_hit_stays_and_all_inputs_of_a_cell_change_together(name):
    likelihood, x = mixed()
    inputs = likelihood.inputs(x)
    seen, emphasis = made(name, likelihood, x)(inputs, generator(), None)
    hit = (emphasis != 1.0)[:, likelihood.input_columns]
    torch.testing.assert_close(seen[~hit], inputs[~hit], rtol=0.0, atol=0.0)
    assert not torch.equal(seen, inputs)
    levels = seen[:, 2:5]
    known = torch.cat([likelihood.inputs(x)[:, 2:5].unique(dim=0), levels.new_zeros(1, 3)])
    if name != "masking":
        assert (torch.cdist(levels, known).amin(1) < 1e-9).all()
    assert torch.equal(made(name, likelihood, x, share=0.0)(inputs, generator(), None)[0], inputs)


def test_masked_cells_are_as_missing_ones():
    likelihood, x = mixed()
    seen, _ = made("masking", likelihood, x, share=1.0)(likelihood.inputs(x), generator(), None)
    torch.testing.assert_close(seen, likelihood.inputs(torch.full_like(x, torch.nan)))
    assert (seen[:, -1] == 1.0).all()


def test_masked_cells_of_complete_rows_are_the_weighted_mean():
    likelihood = small_likelihood("bernoulli", 2)
    x, weight = torch.tensor([[0.0, 1.0], [1.0, 1.0]]).double(), torch.tensor([1.0, 3.0]).double()
    seen, _ = made("masking", likelihood, x, weight, share=1.0)(likelihood.inputs(x), generator(), None)
    torch.testing.assert_close(seen, likelihood.inputs(torch.tensor([[0.75, 1.0]]).double()).expand(2, 2))


def test_salt_and_pepper_are_the_largest_and_the_smallest_cell():
    likelihood, x = mixed()
    seen, _ = made("salt_and_pepper", likelihood, x, share=1.0)(likelihood.inputs(x), generator(), None)
    there = torch.where(x.isnan(), x.nanmean(0), x)
    ends = torch.stack([there.amin(0), there.amax(0)])
    expected = likelihood.inputs(ends)
    for column in range(3):
        own = likelihood.input_columns == column
        found, counts = seen[:, own].unique(dim=0, return_counts=True)
        torch.testing.assert_close(found.sort(0).values, expected[:, own].sort(0).values)
        np.testing.assert_allclose(counts / len(x), 0.5, atol=5.0 * 0.5 / len(x) ** 0.5)


def test_swapped_cells_keep_the_columns_and_break_what_they_share():
    x = torch.randn(5000, 1, dtype=torch.float64, generator=generator()).expand(-1, 2).contiguous()
    likelihood = small_likelihood("gaussian", 2)
    seen, _ = made("swap", likelihood, x, share=1.0)(x, generator(1), None)
    for column in range(2):
        assert np.isin(seen[:, column], x[:, column]).all()
        assert len(seen[:, column].unique()) > 3000
    np.testing.assert_allclose(seen.mean(0), x.mean(0), atol=0.06)
    np.testing.assert_allclose(seen.std(0), x.std(0), atol=0.06)
    assert abs(np.corrcoef(seen.T)[0, 1]) < 0.06
    half, _ = made("swap", likelihood, x, share=0.5)(x, generator(1), None)
    assert np.corrcoef(half.T)[0, 1] == pytest.approx(0.25, abs=0.06)  # both cells stay


def test_cells_come_from_rows_by_what_these_count():
    likelihood = small_likelihood("gaussian", 1)
    x, weight = torch.arange(4.0, dtype=torch.float64)[:, None], torch.tensor([0.0, 1.0, 0.0, 3.0]).double()
    x, weight = x.repeat(2000, 1), weight.repeat(2000)
    seen, _ = made("swap", likelihood, x, share=1.0)(x, generator(), weight)
    assert set(seen.unique().tolist()) == {1.0, 3.0}
    assert (seen == 3.0).double().mean() == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_a_row_alone_can_be_corrupted(name):
    likelihood, x = mixed()
    seen, _ = made(name, likelihood, x)(likelihood.inputs(x[:1]), generator(), None)
    assert torch.isfinite(seen).all()


def test_a_column_without_cells_is_corrupted_to_a_number():
    likelihood, x = mixed()
    x[:, 0] = torch.nan
    likelihood.observe(x, torch.ones_like(x))
    for name in CORRUPTIONS:
        assert torch.isfinite(made(name, likelihood, x)(likelihood.inputs(x), generator(), None)[0]).all()


def losses(emphasis, share=0.5):
    """Objective of each row, and the mask of corrupted cells."""
    own = {"share": share, "emphasis": emphasis}
    model, x = small_model("autoencoder", corruption=("masking", own)), cells("gaussian", 200, 5)
    model.observe(x, torch.ones(200, dtype=torch.float64), generator())
    return model.loss_terms(x, generator(3))["reconstruction"].detach(), model, x


def test_emphasis_adds_errors_of_corrupted_cells_and_nothing_else():
    once, model, x = losses(1.0)
    thrice, never = losses(3.0)[0], losses(0.0)[0]
    assert (thrice > once).double().mean() > 0.9
    torch.testing.assert_close(thrice - once, 2.0 * (once - never))  # linear in the emphasis
    seen, _ = model.corruption(model.inputs(x), generator(3), None)
    each = model.decode(model.codes_of_inputs(seen)).cell_distortion(x)
    kept = torch.rand(200, 5, dtype=torch.float64, generator=generator(3)) >= 0.5
    torch.testing.assert_close(never, (each * kept).sum(1))


def test_corruption_ends_with_training():
    model, x = small_model("autoencoder", corruption=("swap", {"share": 1.0, "emphasis": 1.0})), cells("gaussian", 9, 5)
    plain = small_model("autoencoder")
    torch.testing.assert_close(model.eval().codes(x), plain.eval().codes(x))


def test_levels_of_a_column_are_masked_together_in_a_model():
    model = small_model("vae", likelihood="categorical", corruption=("masking", {"share": 0.5, "emphasis": 1.0}))
    x = cells("categorical", 300, 5)
    model.observe(x, torch.ones(300, dtype=torch.float64), generator())
    inputs = model.inputs(x)
    seen, _ = model.corruption(inputs, generator(), None)
    changed = (seen != inputs).unflatten(1, (5, 3)) if model.likelihood.n_inputs == 15 else None
    assert changed is not None, parts("categorical")
    assert ((changed.sum(2) == 0) | (changed.sum(2) == 3)).all()


def documents(n_rows=40, n_columns=6):
    """Counts of words, each row with some."""
    x = torch.poisson(torch.linspace(0.1, 3.0, n_columns, dtype=torch.float64).expand(n_rows, -1), generator())
    x[:, -1] += 1.0
    return x


def of_words(x, weight=None):
    """A multinomial that took note of rows."""
    likelihood = make_likelihood([("multinomial", list(range(x.shape[1])), {})], x.shape[1]).double()
    likelihood.observe(x, (x.new_ones(len(x)) if weight is None else weight)[:, None].expand(x.shape))
    return likelihood


def test_what_is_seen_of_words_does_not_depend_on_how_long_a_document_is():
    x = documents()
    likelihood = of_words(x)
    torch.testing.assert_close(likelihood.inputs(4.0 * x), likelihood.inputs(x))
    assert torch.isfinite(likelihood.inputs(torch.zeros_like(x))).all()
    assert likelihood.inputs(x).square().mean().item() == pytest.approx(1.0)
    once = likelihood.spread * likelihood.inputs(torch.eye(6, dtype=torch.float64)) + likelihood.centre
    torch.testing.assert_close(once, torch.eye(6, dtype=torch.float64))


def test_rare_words_count_more_and_weights_are_repetitions():
    x = documents()
    likelihood, weight = of_words(x), torch.arange(40.0, dtype=torch.float64) % 3
    assert (likelihood.rarity.diff() <= 0.0).all()
    assert likelihood.rarity[0] > likelihood.rarity[-1] == 1.0
    weighted, repeated = of_words(x, weight), of_words(x.repeat_interleave(weight.long(), dim=0))
    for name in ("rarity", "centre", "spread"):
        torch.testing.assert_close(getattr(weighted, name), getattr(repeated, name))


def test_hidden_words_are_as_if_they_were_not_in_the_document():
    x = documents()
    likelihood = of_words(x)
    masking = made("masking", likelihood, x, share=0.5, emphasis=2.0)
    seen, emphasis = masking(likelihood.inputs(x), generator(), None)
    torch.testing.assert_close(likelihood.rescaled(seen), likelihood.inputs(torch.where(emphasis == 2.0, 0.0, x)))
    torch.testing.assert_close(likelihood.rescaled(likelihood.inputs(x)), likelihood.inputs(x))


def test_words_beside_other_columns_are_hidden_in_the_same_way():
    x, beside = documents(), cells("gaussian", 40, 2)
    x[:, 5] = torch.linspace(-1.0, 1.0, 40)
    x = torch.cat([beside[:, :1], x[:, :5], beside[:, 1:]], dim=1)
    x[::4, 0] = torch.nan
    groups = [("gaussian", [0, 6], {}), ("multinomial", [1, 2, 3, 4, 5], {})]
    likelihood = Incomplete(make_likelihood(groups, 7), [0]).double()
    likelihood.observe(x, torch.ones_like(x))
    inputs, hidden = likelihood.inputs(x), x.clone()
    hidden[:, 2] = 0.0
    changed = inputs.clone()
    changed[:, 3] = likelihood.inputs(hidden)[:, 3]
    assert not torch.equal(changed, inputs)
    torch.testing.assert_close(likelihood.rescaled(changed), likelihood.inputs(hidden))


def test_a_model_of_words_is_shown_rows_of_one_length_in_training(monkeypatch):
    hide = ("masking", {"share": 0.5, "emphasis": 1.0})
    model, x = small_model("vae", likelihood="multinomial", n_features=6, corruption=hide), documents()
    model.observe(x, torch.ones(40, dtype=torch.float64), generator())
    shown, true_step = [], model.step
    monkeypatch.setattr(model, "step", lambda x, inputs, *rest: shown.append(inputs) or true_step(x, inputs, *rest))
    model.loss_terms(x, generator())
    lengths = (model.likelihood.spread * shown[0] + model.likelihood.centre).norm(dim=1)
    assert set(lengths.round(decimals=6).tolist()) <= {0.0, 1.0}
    assert (shown[0] != model.inputs(x)).any()
