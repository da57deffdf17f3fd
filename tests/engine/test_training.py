"""The training loop through its face: stopping, validation, weights, continuation, breakdowns."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from cases import each_pair, each_value
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from small_models import cells, generator, small_model

import skvae._engine.array_model
import skvae._outliers.robust_scores
import skvae._tables.distinct
from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer
from skvae._engine.device import DeviceMemoryError, check_precision
from skvae._recipe import auto_batch_size, least_batch_size
from skvae._tables.distinct import distinct_rows
from skvae._tables.weighted import WeightedRows, drawn_rows
from skvae.nn import training
from skvae.nn.solvers import make_solver
from skvae.nn.training import Batch, make_gradient, supporting
from skvae.penalties import Principal

BOTH = [VAETransformer, AutoencoderTransformer]
ESTIMATORS = pytest.mark.parametrize("Estimator", BOTH)
SMALL = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 5}

WEIGHTS = {"departure": Principal().strength}
"""What terms are weighed with by default, if not with one."""


@ESTIMATORS
def test_curves_have_one_entry_an_epoch_and_add_up(X, Estimator):
    fitted = Estimator(**SMALL).fit(X)
    assert fitted.n_iter_ == 5
    assert len(fitted.loss_curve_) == len(fitted.validation_scores_) == 5
    assert all(len(values) == 5 for values in fitted.history_.values())
    weighed = [np.multiply(values, WEIGHTS.get(name, 1.0)) for name, values in fitted.history_.items()]
    np.testing.assert_allclose(np.sum(weighed, axis=0), fitted.loss_curve_, rtol=1e-6)
    assert fitted.best_validation_score_ == max(fitted.validation_scores_)


def test_history_names_the_terms(X):
    assert set(VAETransformer(**SMALL).fit(X).history_) == {"reconstruction", "kl"}
    assert set(AutoencoderTransformer(**SMALL).fit(X).history_) == {"reconstruction", "departure"}


def test_loss_curve_weighs_terms_as_at_the_end_of_the_warm_up(X):
    fitted = VAETransformer(**{**SMALL, "beta": 3.0, "kl_warmup": 1.0}).fit(X)
    expected = np.add(fitted.history_["reconstruction"], 3.0 * np.array(fitted.history_["kl"]))
    np.testing.assert_allclose(fitted.loss_curve_, expected, rtol=1e-6)


@ESTIMATORS
def test_early_stopping_ends_the_run_and_restores_the_best_state(X, Estimator):
    params = {**SMALL, "network": "mlp", "hidden_layer_sizes": (64,), "learning_rate": "constant"}
    params["learning_rate_init"] = 0.03
    fitted = Estimator(**{**params, "max_iter": 500, "n_iter_no_change": 5}).fit(X[:100], X_val=X[100:])
    best = int(np.argmax(fitted.validation_scores_))
    assert fitted.n_iter_ < 500
    assert best <= fitted.n_iter_ - 5
    cut = Estimator(**{**params, "max_iter": best + 1}).fit(X[:100], X_val=X[100:])
    np.testing.assert_allclose(cut.transform(X), fitted.transform(X), rtol=1e-6)


def test_adaptive_learning_rate_goes_on_from_the_best_state_with_smaller_steps(X):
    params = {**SMALL, "learning_rate_init": 0.05, "n_iter_no_change": 3, "max_iter": 400}
    constant = VAETransformer(**params, learning_rate="constant").fit(X)
    adaptive = VAETransformer(**params, learning_rate="adaptive").fit(X)
    assert adaptive.n_iter_ > constant.n_iter_
    assert adaptive.best_validation_score_ > constant.best_validation_score_


def rates(schedule, n_epochs):
    """The learning rate of each epoch."""
    module, x = small_model("autoencoder"), cells("gaussian", 40, 5)
    solver, found = make_solver("adam", module, 0.01, momentum=0.9, weight_decay=0.0), []
    plan = training.Plan(batch_size=16, max_iter=n_epochs, schedule=training.SCHEDULES[schedule])
    rows = training.Rows(x, torch.ones(40, dtype=x.dtype))
    training.train(
        module, rows, None, solver, plan, generator(), training.History(), lambda _: found.append(solver.learning_rate)
    )
    return found


def test_a_cosine_schedule_lowers_the_learning_rate_on_half_a_wave():
    expected = [0.01 * (0.5 + 0.5 * np.cos(np.pi * epoch / 8)) for epoch in range(8)]
    assert rates("cosine", 8) == pytest.approx(expected)
    assert rates("constant", 3) == [0.01] * 3


def test_early_stopping_waits_for_the_warm_up(X):
    params = {**SMALL, "tol": 1e6, "n_iter_no_change": 2, "max_iter": 20, "learning_rate": "constant"}
    assert VAETransformer(**params).fit(X).n_iter_ == 3
    assert VAETransformer(**params, kl_warmup=0.5).fit(X).n_iter_ == 11


def test_without_early_stopping_there_are_no_validation_scores(X):
    fitted = VAETransformer(**SMALL, early_stopping=False).fit(X)
    assert fitted.validation_scores_ is None
    assert fitted.best_validation_score_ is None


@ESTIMATORS
def test_a_validation_set_of_ones_own_replaces_the_split(X, Estimator):
    all_rows = Estimator(**SMALL, early_stopping=False).fit(X)
    watched = Estimator(**{**SMALL, "tol": 0.0, "n_iter_no_change": 100}).fit(X, X_val=X[:7])
    np.testing.assert_array_equal(watched.loss_curve_, all_rows.loss_curve_)
    assert len(watched.validation_scores_) == 5


def test_a_validation_set_is_checked_like_the_training_set(X):
    with pytest.raises(ValueError, match="5 features"):
        VAETransformer(**SMALL).fit(X, X_val=X[:, :3])


@ESTIMATORS
@pytest.mark.parametrize("batch_size", [16, 1000])
def test_equal_weights_that_are_shares_are_no_weights(X, Estimator, batch_size):
    X = np.r_[X, X[:20]]
    plain = Estimator(**SMALL, batch_size=batch_size).fit(X)
    weighted = Estimator(**SMALL, batch_size=batch_size).fit(X, sample_weight=np.full(len(X), 1.0 / len(X)))
    np.testing.assert_allclose(weighted.transform(X), plain.transform(X), rtol=1e-4, atol=1e-5)


@ESTIMATORS
@pytest.mark.parametrize("batch_size", [16, 1000])
def test_zero_weight_is_absence(X, Estimator, batch_size):
    weight = np.r_[np.ones(150), np.zeros(50)]
    absent = Estimator(**SMALL, batch_size=batch_size).fit(X[:150])
    zero = Estimator(**SMALL, batch_size=batch_size).fit(X, sample_weight=weight)
    np.testing.assert_array_equal(zero.score_samples(X), absent.score_samples(X))


@ESTIMATORS
def test_weight_two_is_repetition_in_full_batches_whatever_the_order(X, Estimator):
    weight = np.random.RandomState(0).randint(1, 4, size=len(X))
    params = {**SMALL, "batch_size": 1000, "precision": "float64", "early_stopping": False}
    weighted = Estimator(**params).fit(X, sample_weight=weight)
    repeated = Estimator(**params).fit(np.random.RandomState(1).permutation(X.repeat(weight, axis=0)))
    np.testing.assert_allclose(weighted.score_samples(X), repeated.score_samples(X), rtol=1e-9)


@pytest.mark.parametrize(("factor", "other"), [(1e-300, 1.0), (1e-50, 1.0), (1e50, 1e300)])
def test_only_the_ratio_matters_of_weights_that_are_shares_or_huge(X, factor, other):
    weight = np.random.RandomState(0).uniform(0.5, 2.0, size=len(X))
    weight /= weight.sum()
    reference = VAETransformer(**SMALL).fit(X, sample_weight=weight * other)
    scaled = VAETransformer(**SMALL).fit(X, sample_weight=weight * factor)
    np.testing.assert_allclose(scaled.transform(X), reference.transform(X), rtol=1e-4, atol=1e-5)


def as_frame(X):
    """Rows with levels, whole numbers and holes."""
    columns = {"a": X[:, 0], "b": np.where(X[:, 1] > 10.0, np.nan, X[:, 1]), "count": np.rint(X[:, 3])}
    levels = pd.Series(np.where(X[:, 4] > 1.0, "high", "low")).mask(X[:, 0] > 1.5, None)
    return pd.DataFrame({**columns, "level": levels})


TABLES = {"array": np.asarray, "sparse": lambda X: csr_array(X * (X > 0.5)), "frame": as_frame}


def weighted_and_repeated(X, kind="array", seed=0):
    """Rows with whole weights, some of them zero, and as often repeated ones, each in an order of its own."""
    rng = np.random.RandomState(seed)
    weight, table = rng.randint(4, size=len(X)), TABLES[kind](X)
    one, other = rng.permutation(len(X)), rng.permutation(np.arange(len(X)).repeat(weight))
    take = (lambda rows: table.iloc[rows]) if kind == "frame" else (lambda rows: table[rows])
    return (take(one), weight[one].astype(float)), take(other), table


@each_pair(kind=TABLES, batch_size=[1, 16, "auto"], Estimator=BOTH)
def test_weight_two_is_repetition_and_zero_absence_in_mini_batches_whatever_the_order(X, Estimator, kind, batch_size):
    (rows, weight), repeated, table = weighted_and_repeated(X[:80], kind)
    params = {**SMALL, "batch_size": batch_size, "max_iter": 3, "learning_rate_init": 1e-3}
    by_weight, by_rows = Estimator(**params).fit(rows, sample_weight=weight), Estimator(**params).fit(repeated)
    assert by_weight.validation_scores_ == by_rows.validation_scores_
    np.testing.assert_array_equal(by_weight.transform(table), by_rows.transform(table))
    np.testing.assert_allclose(by_weight.score_samples(table), by_rows.score_samples(table), rtol=1e-12)


@ESTIMATORS
def test_weight_two_is_repetition_in_a_stream(X, Estimator):
    by_weight, by_rows = (Estimator(**SMALL, batch_size=16) for _ in range(2))
    for part in (X[:80], X[80:160]):
        (rows, weight), repeated, _ = weighted_and_repeated(part)
        by_weight.partial_fit(rows, sample_weight=weight)
        by_rows.partial_fit(repeated)
    assert by_weight._model.n_seen == by_rows._model.n_seen
    np.testing.assert_array_equal(by_weight.transform(X), by_rows.transform(X))


@pytest.mark.parametrize("kind", list(TABLES))
def test_weight_two_is_repetition_to_a_detector(X, kind, monkeypatch):
    monkeypatch.setattr(skvae._outliers.robust_scores, "REFERENCE_ROWS", 50)
    (rows, weight), repeated, table = weighted_and_repeated(X[:80], kind)
    density = VAETransformer(**SMALL, network="mlp", likelihood="gaussian", n_importance_samples=4)
    by_weight, by_rows = (AutoencoderOutlierDetector(density, ensemble=True, random_state=0) for _ in range(2))
    by_weight.fit(rows, sample_weight=weight)
    by_rows.fit(repeated)
    np.testing.assert_allclose(by_weight.decision_function(table), by_rows.decision_function(table), rtol=1e-9)
    np.testing.assert_allclose(by_weight.expected_interval_, by_rows.expected_interval_, rtol=1e-9)


def test_weight_two_is_repetition_after_rows_were_scaled(X):
    """Rounding that differs between two tables changes neither which rows are equal nor their order."""
    (rows, weight), repeated, _ = weighted_and_repeated(X[:80])
    params = {**SMALL, "precision": "float64", "learning_rate_init": 1e-3}
    by_weight = VAETransformer(**params).fit(rows / 3.0 * 3.0, sample_weight=weight)
    by_rows = VAETransformer(**params).fit(repeated)
    np.testing.assert_allclose(by_weight.transform(X), by_rows.transform(X), rtol=1e-6, atol=1e-9)


def batches(weight, batch_size):
    """Row numbers, weights and sizes of the batches of one epoch over rows that are their numbers."""
    rows = training.Rows(torch.arange(float(len(weight)))[:, None].double(), torch.tensor(weight).double())
    return [
        (batch.x[:, 0].long().numpy(), batch.weight.numpy(), float(batch.size))
        for batch in rows.batches(batch_size, generator())
    ]


@pytest.mark.parametrize("batch_size", [1, 7, 64, 10_000])
def test_batches_hold_so_much_weight_and_all_of_it(batch_size):
    weight = np.random.RandomState(0).lognormal(size=200) + 0.01
    found, held = batches(weight, batch_size), np.zeros(200)
    for rows, weights, size in found:
        assert weights.mean() == pytest.approx(1.0)
        np.add.at(held, rows, weights * size / len(rows))
    np.testing.assert_allclose(held, weight)
    assert [size for *_, size in found[:-1]] == pytest.approx([batch_size] * (len(found) - 1))
    assert len(found) == np.ceil(weight.sum() / batch_size)
    assert len({len(rows) for rows, *_ in found}) == 1


def test_a_heavy_row_is_in_many_batches_and_rules_none():
    found = batches(np.r_[500.0, np.ones(500)], 100)
    shares = [weights[rows == 0].sum() / len(rows) for rows, weights, _ in found]
    assert min(shares) > 0.2
    assert max(shares) < 0.8


def test_batches_of_rows_without_weights_are_rows_in_random_order():
    found = batches(np.ones(50), 16)
    order = torch.randperm(50, generator=generator()).numpy()
    np.testing.assert_array_equal(np.concatenate([rows for rows, *_ in found]), order)
    assert [size for *_, size in found] == [16, 16, 16, 2]
    assert all((weights == 1.0).all() for _, weights, _ in found)


def test_an_epoch_has_no_end_of_steps_where_weights_are_large():
    assert [auto_batch_size(n, n) for n in (10, 1000, 10_000, 10**6, 10**7)] == [16, 62, 256, 1953, 2048]
    assert [auto_batch_size(10_000, times * 10_000) for times in (1, 2, 4, 8, 1000)] == [256, 256, 256, 512, 64_000]
    assert auto_batch_size(4, 1000) == 62
    assert least_batch_size(10_000, 10_000) == least_batch_size(10, 500) == 1
    assert least_batch_size(1000, 10**6) == 1000


def test_validation_rows_are_drawn_by_weight():
    weight = np.r_[1000.0, np.ones(1000)]
    rows = WeightedRows.distinct(np.arange(1001.0)[:, None], weight)
    left, drawn = rows.split(0.1, 0)
    assert drawn.counts.sum() == pytest.approx(200.0)
    assert left.counts.sum() + drawn.counts.sum() == pytest.approx(2000.0)
    heavy = [part.counts[part.X[part.index, 0] == 0.0].sum() for part in (left, drawn)]
    assert sum(heavy) == pytest.approx(1000.0)
    assert 60.0 < heavy[1] < 140.0


def test_copies_of_a_row_train_and_validate_as_rows_do():
    rows = WeightedRows.distinct(np.repeat(np.arange(10_000.0), 2)[:, None])
    left, drawn = rows.split(0.1, 0)
    both = len(np.intersect1d(left.index, drawn.index))
    assert drawn.counts.sum() == pytest.approx(2000.0)
    assert both == pytest.approx(10_000 * 2 * 0.1 * 0.9, abs=6 * np.sqrt(1800))


def test_copies_of_a_row_are_in_batches_as_rows_are():
    found = batches(np.full(512, 2.0), 64)
    once = sum((np.unique(rows[weights > 0.0], return_counts=True)[1] == 1).sum() for rows, weights, _ in found)
    assert once > 0.9 * 1024


def test_rows_are_drawn_of_any_weight_in_little_memory():
    index, counts = drawn_rows(np.arange(3000.0)[:, None], np.full(3000, 1e9), 500, np.random.RandomState(0))
    assert counts.sum() == pytest.approx(500.0)
    assert len(index) > 400


def test_many_rows_are_drawn_by_weight():
    X, weight = np.arange(300.0)[:, None], np.r_[np.full(100, 3.0), np.zeros(100), np.ones(100)]
    index, counts = drawn_rows(X, weight, 100, np.random.RandomState(0))
    assert counts.sum() == pytest.approx(100.0)
    assert not ((index >= 100) & (index < 200)).any()
    assert counts[index < 100].sum() == pytest.approx(75.0, abs=10.0)


def test_equal_rows_are_one_row_with_holes_and_zeros_of_either_sign():
    X = np.array([[0.0, np.nan], [1.0, 2.0], [-0.0, -np.nan], [1.0, np.nan], [0.0, np.nan]])
    index, weight = distinct_rows(X, np.array([1.0, 1.0, 2.0, 1.0, 4.0]))
    assert (index.tolist(), weight.tolist()) == ([0, 1, 3], [7.0, 1.0, 1.0])
    index, weight = distinct_rows(X[:, ::-1])
    assert (index.tolist(), weight.tolist()) == ([1, 0, 3], [1.0, 3.0, 1.0])


def test_rows_that_differ_stay_apart_even_where_their_fingerprints_are_the_same(monkeypatch):
    monkeypatch.setattr(skvae._tables.distinct, "fingerprints", lambda X: np.zeros(len(X), np.uint64))
    index, weight = distinct_rows(np.array([[2.0], [1.0], [1.0], [3.0]]))
    assert (index.tolist(), weight.tolist()) == ([1, 0, 3], [2.0, 1.0, 1.0])


def test_rows_that_all_differ_and_have_no_weights_stay_in_their_order(X):
    assert distinct_rows(X)[1] is None
    index, weight = distinct_rows(X[::-1], np.repeat([1.0, 0.0], 100))
    assert weight is None
    np.testing.assert_array_equal(index, np.arange(100))


def test_a_table_of_few_different_rows_is_learned_in_many_steps():
    patterns = np.array([[0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1.0]])
    X = np.random.RandomState(0).permutation(np.repeat(patterns, [50, 250, 500, 200], axis=0))
    best = -(np.array([0.05, 0.25, 0.5, 0.2]) * -np.log([0.05, 0.25, 0.5, 0.2])).sum()
    vae = VAETransformer(2, likelihood="bernoulli", random_state=0).fit(X)
    assert best - 0.3 < vae.score(X) <= best + 1e-6


def test_a_step_follows_the_weighted_mean_of_the_objective(X):
    module, source = small_model("autoencoder"), generator()
    solver, x = make_solver("adam", module, 1e-2, momentum=0.9, weight_decay=0.0), torch.from_numpy(X[:4])
    weight, total = torch.tensor([0.5, 2.0, 1.0, 0.5]).double(), torch.zeros_like(solver.gradient)
    for row, factor in zip(x, weight, strict=True):
        solver.zero_grad()
        (module.loss_terms(row[None], source)["reconstruction"] * factor / 4).sum().backward()
        total += solver.gradient
    solver.zero_grad()
    terms = make_gradient(module, solver, source)(Batch(x, weight, 4, 4), torch.ones(1).double())
    torch.testing.assert_close(solver.gradient, total)
    torch.testing.assert_close(terms[0], weight @ module.loss_terms(x, source)["reconstruction"].detach() / 4)


@ESTIMATORS
def test_heavier_rows_are_fitted_better(X, Estimator):
    weight = np.r_[np.full(100, 50.0), np.ones(100)]
    params = {**SMALL, "max_iter": 40, "early_stopping": False}
    plain, weighted = Estimator(**params).fit(X), Estimator(**params).fit(X, sample_weight=weight)
    gain = weighted.score_samples(X) - plain.score_samples(X)
    assert gain[:100].mean() > gain[100:].mean()


@ESTIMATORS
def test_warm_start_goes_on(X, Estimator):
    cold = Estimator(**SMALL, warm_start=False).fit(X)
    first = cold.loss_curve_
    assert cold.fit(X).loss_curve_ == first
    warm = Estimator(**SMALL, warm_start=True).fit(X)
    warm.fit(X)
    assert warm.loss_curve_[:5] == first
    assert warm.n_iter_ == 10
    assert warm.loss_curve_[5] < first[0]


def test_warm_start_refuses_another_architecture(X):
    fitted = VAETransformer(**SMALL, warm_start=True).fit(X)
    with pytest.raises(ValueError, match=r"hidden_layer_sizes from \[8\] to \[9\].*warm_start=False"):
        fitted.set_params(hidden_layer_sizes=(9,)).fit(X)


def test_warm_start_takes_what_does_not_shape_the_weights(X):
    fitted = VAETransformer(**SMALL, warm_start=True).fit(X)
    assert fitted.set_params(beta=50.0, corruption="gaussian").fit(X).n_iter_ == 10
    assert fitted.loss_curve_[-1] > fitted.loss_curve_[4]


@ESTIMATORS
def test_warm_start_does_not_lose_what_it_started_from(X, Estimator):
    fitted = Estimator(**{**SMALL, "max_iter": 60}, warm_start=True).fit(X)
    before = fitted.score(X)
    fitted.set_params(learning_rate_init=1.0, max_iter=3).fit(X)
    assert fitted.score(X) > before - 0.5


@ESTIMATORS
def test_partial_fit_learns_from_a_stream(X, Estimator):
    stream = Estimator(2, network="mlp", hidden_layer_sizes=(16,), random_state=0)
    scores = []
    for _ in range(15):
        for part in np.split(X, 4):
            stream.partial_fit(part)
        scores.append(stream.score(X))
    assert stream.n_iter_ == 60
    assert scores[-1] > scores[0] + 1.0


@ESTIMATORS
def test_partial_fit_goes_on_after_fit_and_after_a_round_trip(X, Estimator):
    fitted = Estimator(**SMALL).fit(X)
    fitted.partial_fit(X[:50])
    assert fitted.n_iter_ == 6
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.partial_fit(X[50:]).transform(X), fitted.partial_fit(X[50:]).transform(X))


def test_partial_fit_takes_single_rows_after_the_first_call(X):
    stream = AutoencoderTransformer(hidden_layer_sizes=(8,), random_state=0).partial_fit(X[:20])
    for row in X[20:30]:
        stream.partial_fit(row[None])
    assert np.isfinite(stream.score_samples(X)).all()


@pytest.mark.parametrize("first", ["adam", torch.optim.Adam])
@pytest.mark.parametrize("second", ["sgd", "adam", torch.optim.SGD, torch.optim.Adam])
def test_partial_fit_takes_another_solver(X, first, second):
    stream = VAETransformer(**SMALL, solver=first).partial_fit(X)
    before = stream.transform(X)
    stream.set_params(solver=second, learning_rate_init=1e-9).partial_fit(X)
    np.testing.assert_allclose(stream.transform(X), before, atol=1e-5)


def test_partial_fit_counts_rows_not_distinct_rows(X):
    stream = AutoencoderTransformer(**SMALL).partial_fit(np.repeat(X[:3], 300, axis=0)).partial_fit(X[:10])
    assert stream._model.n_seen == 910


def test_partial_fit_keeps_the_solver_and_fit_drops_it(X):
    fitted = VAETransformer(**SMALL).partial_fit(X)
    assert fitted._model.solver_state["state"]["n_steps"] > 0
    assert fitted.fit(X)._model.solver_state is None


def test_noise_of_an_autoencoder_follows_a_stream(X):
    stream = AutoencoderTransformer(2, network="mlp", hidden_layer_sizes=(), random_state=0).partial_fit(X)
    before = stream.module_.likelihood.scale.clone()
    for _ in range(50):
        stream.partial_fit(X)
    assert (stream.module_.likelihood.scale < before).all()


@each_value(
    solver=["adam", "adamw", "adagrad", "sgd", torch.optim.SGD, torch.optim.AdamW],
    weight=[1e-300, 1e-30],
)
def test_a_prior_on_the_weights_may_outweigh_all_rows(X, solver, weight):
    params = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 2, "network": "mlp", "solver": solver}
    fitted = VAETransformer(**params, alpha=10.0).fit(X, sample_weight=np.full(len(X), weight))
    assert np.isfinite(fitted.score_samples(X)).all()
    free = VAETransformer(**params, alpha=0.0).fit(X)
    norms = [sum(float(p.square().sum()) for p in each.module_.parameters() if p.ndim > 1) for each in (fitted, free)]
    assert norms[0] < norms[1]


def test_divergence_keeps_the_best_state_and_warns(X, monkeypatch):
    epochs = iter(range(100))
    true_epoch = training.train_epoch

    def breaks_down(*args):
        terms = true_epoch(*args)
        return dict.fromkeys(terms, np.nan) if next(epochs) == 3 else terms

    monkeypatch.setattr(training, "train_epoch", breaks_down)
    with pytest.warns(ConvergenceWarning, match="diverged after 3 epochs.*learning_rate_init"):
        fitted = VAETransformer(**SMALL).fit(X)
    assert fitted.n_iter_ == 3
    assert np.isfinite(fitted.score_samples(X)).all()


def test_an_epoch_whose_last_step_breaks_a_weight_is_not_kept(X, monkeypatch):
    epochs = iter(range(100))
    true_epoch = training.train_epoch

    def breaks_a_weight(module, *args):
        terms = true_epoch(module, *args)
        if next(epochs) == 3:
            torch.nn.init.constant_(next(module.decoder.parameters()), torch.nan)
        return terms

    monkeypatch.setattr(training, "train_epoch", breaks_a_weight)
    with pytest.warns(ConvergenceWarning, match="diverged after 3 epochs"):
        fitted = VAETransformer(**SMALL, early_stopping=False).fit(X)
    assert np.isfinite(fitted.score_samples(X)).all()


def test_divergence_in_the_first_epoch_is_an_error(X):
    with pytest.raises(ValueError, match="diverged.*learning_rate_init=1e"):
        AutoencoderTransformer(solver="sgd", learning_rate_init=1e20, random_state=0).fit(X)


@pytest.mark.parametrize("params", [{"max_iter": 1}, {"max_iter": 50}])
@ESTIMATORS
def test_numbers_that_the_last_step_broke_are_not_kept(X, Estimator, params):
    broken = Estimator(learning_rate_init=1e30, batch_size=1000, early_stopping=False, random_state=0, **params)
    with pytest.raises(ValueError, match="diverged.*learning_rate_init=1e"):
        broken.fit(X)
    with pytest.raises(ValueError, match="diverged.*learning_rate_init=1e"):
        broken.partial_fit(X)


def test_a_fit_that_goes_on_and_diverges_keeps_what_it_started_from(X):
    fitted = VAETransformer(**SMALL, warm_start=True).fit(X)
    codes = fitted.transform(X)
    with pytest.warns(ConvergenceWarning, match="diverged") as caught:
        fitted.set_params(learning_rate_init=1e30).fit(X)
    np.testing.assert_array_equal(fitted.transform(X), codes)
    assert caught[0].filename == __file__


def test_keyboard_interrupt_keeps_the_best_state_and_warns(X, monkeypatch):
    epochs = iter(range(100))
    true_epoch = training.train_epoch

    def interrupted(*args):
        if next(epochs) == 4:
            raise KeyboardInterrupt
        return true_epoch(*args)

    monkeypatch.setattr(training, "train_epoch", interrupted)
    with pytest.warns(UserWarning, match="interrupted by user"):
        fitted = VAETransformer(**{**SMALL, "max_iter": 100}).fit(X)
    assert fitted.n_iter_ == 4
    assert np.isfinite(fitted.score_samples(X)).all()


def test_too_little_memory_is_a_typed_error_with_advice(X, monkeypatch):
    def out_of_memory(*args):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(skvae._engine.array_model, "train", out_of_memory)
    with pytest.raises(DeviceMemoryError, match="device='cpu' ran out of memory.*batch_size"):
        VAETransformer(**SMALL, device="cpu").fit(X)
    assert issubclass(DeviceMemoryError, ValueError)
    assert issubclass(DeviceMemoryError, MemoryError)


def test_a_failed_fit_leaves_the_estimator_as_it_was(X):
    fitted = VAETransformer(**SMALL).fit(X)
    codes = fitted.transform(X)
    with pytest.raises(ValueError, match="zero"):
        fitted.fit(X[:, :3], sample_weight=np.zeros(len(X)))
    assert fitted.n_features_in_ == 5
    np.testing.assert_array_equal(fitted.transform(X), codes)
    with pytest.raises(ValueError, match="diverged"):
        fitted.set_params(solver="sgd", learning_rate_init=1e30).fit(X)
    np.testing.assert_array_equal(fitted.transform(X), codes)


def test_random_state_means_what_it_means_in_scikit_learn(X):
    params = {**SMALL, "max_iter": 2}
    codes = VAETransformer(**params).fit(X).transform(X)
    np.testing.assert_array_equal(VAETransformer(**params).fit(X).transform(X), codes)
    shared = np.random.RandomState(0)
    first = VAETransformer(**{**params, "random_state": shared}).fit(X).transform(X)
    second = VAETransformer(**{**params, "random_state": shared}).fit(X).transform(X)
    np.testing.assert_array_equal(first, codes)
    assert not np.array_equal(first, second)
    np.random.seed(0)
    np.testing.assert_array_equal(VAETransformer(**{**params, "random_state": None}).fit(X).transform(X), codes)


def test_the_noise_scale_of_a_feature_is_learned():
    rng = np.random.RandomState(0)
    z = rng.normal(size=(2000, 1))
    X = np.c_[z + 0.1 * rng.normal(size=(2000, 1)), z + 0.5 * rng.normal(size=(2000, 1)), z]
    X = np.c_[X, z[:, 0] + 0.2 * rng.normal(size=2000)]
    fitted = VAETransformer(1, likelihood="gaussian", n_iter_no_change=30, random_state=0).fit(X[:, [0, 1, 3]])
    scale = fitted.module_.likelihood.scale.numpy() * fitted._model.units.scale
    np.testing.assert_allclose(scale, [0.1, 0.5, 0.2], rtol=0.4)
    assert scale[0] < scale[2] < scale[1]


@ESTIMATORS
def test_a_batch_larger_than_the_data_is_one_full_batch(X, Estimator):
    exact = Estimator(**SMALL, batch_size=len(X)).fit(X).transform(X)
    np.testing.assert_array_equal(Estimator(**SMALL, batch_size=10**6).fit(X).transform(X), exact)


@ESTIMATORS
def test_a_batch_may_be_one_row(X, Estimator):
    params = {**SMALL, "batch_size": 1, "learning_rate_init": 1e-3}
    fitted = Estimator(**params).fit(X[:60])
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]
    assert np.isfinite(fitted.score_samples(X)).all()


@ESTIMATORS
@pytest.mark.parametrize(("name", "solver"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
def test_a_solver_class_trains_like_the_solver_of_its_name(X, Estimator, name, solver):
    params = {**SMALL, "precision": "float64", "batch_size": 32, "alpha": 1.0}
    by_name = Estimator(**params, solver=name).fit(X)
    by_class = Estimator(**params, solver=solver).fit(X)
    np.testing.assert_allclose(by_class.transform(X), by_name.transform(X), rtol=1e-6, atol=1e-8)


def test_precision_that_the_device_lacks_is_an_error(X, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    with pytest.raises(ValueError, match="precision='bfloat16' is not available on device='cpu' AVX2.*float32"):
        VAETransformer(**SMALL, precision="bfloat16", device="cpu").fit(X)
    for device in ("mps", "mps:0"):
        with pytest.raises(ValueError, match="precision='float64' is not available on device='mps.*float32"):
            check_precision("float64", device)


@ESTIMATORS
def test_bfloat16_trains_nearly_like_float32_and_scores_in_it(X, Estimator, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    params = {**SMALL, "device": "cpu", "max_iter": 20}
    exact, coarse = Estimator(**params).fit(X), Estimator(**params, precision="bfloat16").fit(X)
    assert all(parameter.dtype == torch.float32 for parameter in coarse.module_.parameters())
    assert not np.array_equal(coarse.transform(X), exact.transform(X))
    assert coarse.score(X) == pytest.approx(exact.score(X), abs=0.05)
    x = torch.from_numpy(coarse._model.units.to_standard(X)).float()
    np.testing.assert_allclose(coarse.module_.codes(x), coarse.transform(X), atol=1e-5)


def test_the_support_is_the_rows_of_lowest_objective_by_weight():
    objective, weight = torch.tensor([3.0, 1.0, 9.0, 2.0]), torch.tensor([1.0, 1.0, 1.0, 1.0])
    assert supporting(weight, objective, 0.5).tolist() == [0.0, 2.0, 0.0, 2.0]
    assert supporting(weight, objective, 0.51).tolist() == pytest.approx([4 / 3, 4 / 3, 0.0, 4 / 3])
    assert supporting(weight, objective, 1e-9).tolist() == [0.0, 4.0, 0.0, 0.0]
    heavy, repeated = torch.tensor([1.0, 2.0, 1.0, 1.0]), torch.tensor([3.0, 1.0, 1.0, 9.0, 2.0])
    for share in (0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        one = supporting(heavy, objective, share).tolist()
        two = supporting(torch.ones(5), repeated, share).tolist()
        assert one == pytest.approx([two[0], two[1] + two[2], two[3], two[4]])


@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_a_support_below_one_leaves_outliers_out(Estimator):
    """Rows of another plane among the training rows: who leaves them out explains the others as if they were not."""
    rng = np.random.RandomState(0)
    planes = rng.normal(size=(2, 2, 8))
    usual = rng.normal(size=(1400, 2)) @ planes[0] + 0.1 * rng.normal(size=(1400, 8))
    strange = 3.0 * rng.normal(size=(60, 2)) @ planes[1] + 0.1 * rng.normal(size=(60, 8))
    train, test = np.r_[usual[:600], strange], usual[600:]
    params = {"n_components": 2, "hidden_layer_sizes": (), "likelihood": "gaussian", "random_state": 0}
    params["network"] = "mlp"
    error = {
        share: np.square(test - reconstructed(Estimator(support_fraction=share, **params).fit(train), test)).mean()
        for share in (1.0, 0.85)
    }
    clean = np.square(test - reconstructed(Estimator(**params).fit(usual[:600]), test)).mean()
    assert error[0.85] < 2.0 * clean
    assert error[1.0] > 10.0 * clean


def reconstructed(model, X):
    return model.inverse_transform(model.transform(X))
