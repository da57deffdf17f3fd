"""Documents as counts of words: codes by default, their densities, and what was left out of a document."""

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.special import gammaln, logsumexp
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import normalize

from skvae import AutoencoderTransformer, VAETransformer

SIZE, N_TRAIN, N_WORDS = 8, 1000, 300
TRAINED = {"n_components": SIZE, "max_iter": 40, "random_state": 0}


@pytest.fixture(scope="module")
def documents():
    """Training documents, others, and the groups of these, by which they have shares of ten topics."""
    rng = np.random.RandomState(0)
    topics, of_group = rng.dirichlet(np.full(N_WORDS, 0.05), size=10), rng.dirichlet(np.full(10, 0.2), size=6)
    groups = rng.randint(6, size=N_TRAIN + 400)
    shares = np.stack([rng.dirichlet(5.0 * of_group[group] + 0.02) for group in groups]) @ topics
    lengths = 8 + rng.negative_binomial(1, 0.02, size=len(groups))
    counts = [rng.multinomial(length, share) for length, share in zip(lengths, shares, strict=True)]
    counts = np.asarray(counts, dtype=float)
    return sparse.csr_array(counts[:N_TRAIN]), counts[N_TRAIN:], groups[N_TRAIN:]


def found(restored, seen, hidden):
    """Area under the curve of left-out words among those that a document does not show, its mean over documents."""
    rows = [(row, out, shown == 0) for row, out, shown in zip(restored, hidden, seen, strict=True) if out.any()]
    return np.mean([roc_auc_score(out[unseen], row[unseen]) for row, out, unseen in rows])


def same_group(codes, groups):
    """Share of the ten documents nearest by the cosine of codes that are of the same group."""
    lengths = normalize(codes)
    near = np.argsort(-(lengths[:200] @ lengths[200:].T), axis=1)[:, :10]
    return (groups[200:][near] == groups[:200, None]).mean()


@pytest.fixture(scope="module")
def left_out(documents):
    """Other documents without half of their words, and which these are."""
    _, counts, _ = documents
    hidden = (counts > 0) & (np.random.RandomState(1).uniform(size=counts.shape) < 0.5)
    return np.where(hidden, 0.0, counts), hidden


@pytest.mark.parametrize("Estimator", [VAETransformer, AutoencoderTransformer])
def test_left_out_words_are_restored_better_than_by_tf_idf_and_svd_or_without_the_defaults(
    Estimator, documents, left_out
):
    train, counts, groups = documents
    seen, hidden = left_out
    ours = Estimator(**TRAINED).fit(train)
    plain = Estimator(**TRAINED, likelihood="poisson").fit(train)
    weights = TfidfTransformer(sublinear_tf=True).fit(train)
    svd = TruncatedSVD(SIZE, random_state=0).fit(weights.transform(train))
    of_svd = svd.inverse_transform(svd.transform(weights.transform(sparse.csr_array(seen))))
    restored = found(ours.inverse_transform(ours.transform(seen)), seen, hidden)
    assert restored > found(of_svd, seen, hidden) + 0.01
    assert restored > found(plain.inverse_transform(plain.transform(seen)), seen, hidden) + 0.005
    assert same_group(ours.transform(counts), groups) > same_group(plain.transform(counts), groups) + 0.03


def test_codes_do_not_depend_on_how_long_a_document_is(documents):
    train, counts, _ = documents
    for Estimator in (VAETransformer, AutoencoderTransformer):
        fitted = Estimator(**{**TRAINED, "max_iter": 2}).fit(train)
        np.testing.assert_allclose(fitted.transform(3.0 * counts), fitted.transform(counts), rtol=1e-3, atol=1e-4)


def test_scores_bound_the_density_of_words_given_how_many_there_are(documents):
    train, counts, _ = documents
    fitted = VAETransformer(**{**TRAINED, "n_components": 2, "max_iter": 10}, n_importance_samples=2000).fit(train)
    rows = counts[counts.sum(axis=1) < 30][:40]
    module = fitted.module_
    with torch.no_grad():
        codes = module.code_density.sample(20_000, torch.Generator().manual_seed(0))
        shares = module.decode(codes).mean.double()
    log_shares = torch.log(shares / shares.sum(1, keepdim=True)).numpy()
    expected = logsumexp(rows @ log_shares.T, axis=1) - np.log(len(codes))
    expected += gammaln(rows.sum(axis=1) + 1.0) - gammaln(rows + 1.0).sum(axis=1)
    scores = fitted.score_samples(rows)
    assert expected.mean() - 1.0 < scores.mean() < expected.mean() + 0.1
    assert np.corrcoef(scores, expected)[0, 1] > 0.99
    assert -2.0 < fitted.score_samples(np.zeros((1, N_WORDS)))[0] <= 1e-6  # there is no other document without words


def test_drawn_documents_are_as_long_as_training_documents(documents):
    train, _, _ = documents
    drawn = VAETransformer(**{**TRAINED, "max_iter": 2}).fit(train).sample(2000, random_state=0)
    lengths, of_training = drawn.sum(axis=1), train.sum(axis=1)
    assert (drawn == np.rint(drawn)).all()
    np.testing.assert_allclose(
        np.quantile(lengths, [0.25, 0.5, 0.75]), np.quantile(of_training, [0.25, 0.5, 0.75]), rtol=0.15
    )


def test_a_document_without_words_has_a_code(documents):
    train, counts, _ = documents
    with_empty = sparse.vstack([train[:100], sparse.csr_array((3, N_WORDS))]).tocsr()
    for Estimator in (VAETransformer, AutoencoderTransformer):
        fitted = Estimator(**{**TRAINED, "max_iter": 2}).fit(with_empty)
        assert np.isfinite(fitted.transform(with_empty)).all()
        assert np.isfinite(fitted.score_samples(np.r_[counts[:2], np.zeros((1, N_WORDS))])).all()
