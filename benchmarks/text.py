"""Text as counts of words: what codes of documents are worth, beside TF-IDF with TruncatedSVD, LDA and NMF.

Run ``python benchmarks/text.py --data FOLDER --json results/text.json``; about half an hour on one core, with
``--fast`` some minutes. FOLDER holds ``counts/20newsgroups_bow.npz``; without it there are documents drawn from a topic
model.

Every model sees the training documents, with no argument but the size of the code. Then, on documents that it has not
seen:

- *words*: each distinct word of a document is left out with chance one half; the area under the curve of what is
  restored of the left-out words among all that the document does not show, its mean over documents.
- *retrieval*: of the ten documents of the highest cosine similarity of codes, the share that is of the same group.
- *rand* and *information*: adjusted Rand index and normalised mutual information of KMeans with as many clusters as
  there are groups, on codes of length one, means of three seeds.
- *linear*: accuracy of logistic regression on standardised codes.
- *seconds*: what a fit takes of the processor.

The file holds no groups, and training documents in an order of chance. Test documents stand as in scikit-learn's
``fetch_20newsgroups``, whose shuffles are known, and so are the sizes of the groups. Settings of skvae were chosen on
3,000 training documents, words of 400 others, and groups of the first half of the test documents (``--half choose``);
``--half confirm`` is the other one. Differences are paired by document, with 95 % intervals of a bootstrap.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from figures import write
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF, LatentDirichletAllocation, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.utils import check_random_state

from skvae import AutoencoderTransformer, VAETransformer

GROUP_SIZES = (*(319, 389, 394, 392, 385, 395, 390, 396, 398, 397, 399, 396, 393, 396, 394, 398, 364, 376, 310, 251),)
"""Test documents of each newsgroup, in the order of their names."""

EMPTY = 2742
"""Place of the one test document that has no word of the vocabulary, and is not in the file."""

N_QUERIES, N_NEIGHBOURS, N_WORDS, CLUSTER_SEEDS = 1000, 10, 600, 3
"""Documents whose neighbours are looked for among the others of their half, and how many of these; documents of which
words are left out; and runs of KMeans."""


def newsgroups(folder, half):
    """Training documents, documents of one half of the others, and the groups of these."""
    with np.load(folder / "counts" / "20newsgroups_bow.npz") as file:
        width = len(file["vocab"])
        train, test = (
            sparse.csr_matrix(
                (file[f"{part}_data"], file[f"{part}_indices"], file[f"{part}_indptr"]),
                shape=(len(file[f"{part}_indptr"]) - 1, width),
            ).astype(float)
            for part in ("train", "test")
        )
    groups = np.repeat(np.arange(len(GROUP_SIZES)), GROUP_SIZES)
    for seed in (0, 42):
        order = np.arange(len(groups))
        check_random_state(seed).shuffle(order)
        groups = groups[order]
    groups = np.delete(groups, EMPTY)
    middle = len(groups) // 2
    rows = slice(0, middle) if half == "choose" else slice(middle, None)
    return train, test[rows], groups[rows]


def drawn(half, n_train=2000, n_test=1200, n_words=600, n_groups=8):
    """Documents of a topic model: each group has its own mean shares of 20 topics, each topic its own words."""
    rng = np.random.RandomState(0 if half == "choose" else 1)
    topics = rng.dirichlet(np.full(n_words, 0.05), size=20)
    of_group = rng.dirichlet(np.full(20, 0.2), size=n_groups)
    groups = rng.randint(n_groups, size=n_train + n_test)
    shares = np.stack([rng.dirichlet(5.0 * of_group[group] + 0.01) for group in groups]) @ topics
    lengths = 5 + rng.negative_binomial(1, 0.02, size=len(groups))
    counts = [rng.multinomial(length, share) for length, share in zip(lengths, shares, strict=True)]
    counts = sparse.csr_matrix(np.asarray(counts, dtype=float))
    return counts[:n_train], counts[n_train:], groups[n_train:]


class Ours:
    """An estimator of skvae on counts as they come."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X):
        self.estimator.fit(X)
        return self

    def codes(self, X):
        return self.estimator.transform(X)

    def restored(self, X):
        return self.estimator.inverse_transform(self.estimator.transform(X))


class Factors:
    """A factorisation of TF-IDF with logarithmic counts."""

    def __init__(self, factors):
        self.weights, self.factors = TfidfTransformer(sublinear_tf=True), factors

    def fit(self, X):
        self.factors.fit(self.weights.fit_transform(X))
        return self

    def codes(self, X):
        return self.factors.transform(self.weights.transform(X))

    def restored(self, X):
        return self.codes(X) @ self.factors.components_


class Topics:
    """Latent Dirichlet allocation of counts."""

    def __init__(self, topics):
        self.topics = topics

    def fit(self, X):
        self.topics.fit(X)
        return self

    def codes(self, X):
        return self.topics.transform(X)

    def restored(self, X):
        return self.codes(X) @ normalize(self.topics.components_, norm="l1")


MODELS = {
    "TF-IDF + TruncatedSVD": lambda size, seed: Factors(TruncatedSVD(size, random_state=seed)),
    "TF-IDF + NMF": lambda size, seed: Factors(NMF(size, init="nndsvda", random_state=seed)),
    "LDA": lambda size, seed: Topics(LatentDirichletAllocation(size, random_state=seed)),
    "AutoencoderTransformer": lambda size, seed: Ours(AutoencoderTransformer(size, random_state=seed)),
    "VAETransformer": lambda size, seed: Ours(VAETransformer(size, random_state=seed)),
    "VAETransformer, poisson": lambda size, seed: Ours(VAETransformer(size, likelihood="poisson", random_state=seed)),
}

RIVAL = "TF-IDF + TruncatedSVD"


def left_out(X):
    """Counts of documents without about half of their words (n, n_words), and which these are."""
    counts = X[:N_WORDS].toarray()
    hidden = (counts > 0) & (np.random.RandomState(0).uniform(size=counts.shape) < 0.5)
    some = hidden.any(axis=1) & (~hidden & (counts > 0)).any(axis=1)
    return np.where(hidden, 0.0, counts)[some], hidden[some]


def words(model, X):
    """Area under the curve of each document's left-out words among those that it does not show."""
    seen, hidden = left_out(X)
    scores = np.asarray(model.restored(sparse.csr_matrix(seen)))
    rows = zip(scores, hidden, seen, strict=True)
    return np.asarray([roc_auc_score(out[shown == 0], score[shown == 0]) for score, out, shown in rows])


def judged(model, X, groups):
    """Figures of codes: one a document for ``words``, ``retrieval`` and ``linear``, one a seed of KMeans else."""
    codes = np.asarray(model.codes(X), dtype=float)
    lengths, n = normalize(codes), min(N_QUERIES, len(groups) // 3)
    nearest = np.argsort(-(lengths[:n] @ lengths[n:].T), axis=1, kind="stable")[:, :N_NEIGHBOURS]
    reader = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500)).fit(codes[n:], groups[n:])
    n_groups = len(np.unique(groups))
    found = [KMeans(n_groups, n_init=3, random_state=seed).fit_predict(lengths) for seed in range(CLUSTER_SEEDS)]
    return {
        "words": words(model, X),
        "retrieval": (groups[n:][nearest] == groups[:n, None]).mean(axis=1),
        "linear": (reader.predict(codes[:n]) == groups[:n]).astype(float),
        "rand": np.asarray([adjusted_rand_score(groups, each) for each in found]),
        "information": np.asarray([normalized_mutual_info_score(groups, each) for each in found]),
    }


def interval(differences):
    """Ends of a 95 % interval of the mean, by a bootstrap over what was paired."""
    rng, n = np.random.RandomState(0), len(differences)
    means = [differences[rng.randint(n, size=n)].mean() for _ in range(2000)]
    return [float(end) for end in np.quantile(means, [0.025, 0.975])]


def measured(train, X, groups, sizes, names, seeds):
    """A record for each size, model and seed; and the figures of documents, by size and model, means over seeds."""
    records, by_document = [], {}
    for size in sizes:
        for name in names:
            found = []
            for seed in range(seeds):
                start = time.process_time()
                model = MODELS[name](size, seed).fit(train)
                seconds = time.process_time() - start
                found.append(judged(model, X, groups))
                means = {figure: float(values.mean()) for figure, values in found[-1].items()}
                records.append({"size": size, "model": name, "seed": seed, **means, "seconds": seconds})
                shown = "  ".join(f"{figure} {value:.3f}" for figure, value in means.items())
                print(f"{size:3d}  {name:24s} {shown}  {seconds:.0f} s", flush=True)
            by_document[size, name] = {figure: np.mean([each[figure] for each in found], axis=0) for figure in found[0]}
    return records, by_document


def compared(by_document, sizes, names):
    """Differences of every model to TF-IDF with TruncatedSVD, paired by document or by seed of KMeans."""
    told = []
    for size in sizes:
        for name in (each for each in names if each != RIVAL and RIVAL in names):
            for figure, values in by_document[size, name].items():
                differences = values - by_document[size, RIVAL][figure]
                low, high = interval(differences)
                mean = float(differences.mean())
                told.append({"size": size, "model": name, "figure": figure, "mean": mean, "interval": [low, high]})
                print(f"{size:3d}  {name:24s} less {RIVAL}, {figure}: {mean:+.3f} [{low:+.3f}, {high:+.3f}]")
    return told


def main():
    """Measure the models on documents of one half."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with counts/20newsgroups_bow.npz")
    parser.add_argument("--half", choices=("choose", "confirm"), default="confirm")
    parser.add_argument("--models", nargs="*", choices=MODELS, default=list(MODELS))
    parser.add_argument("--sizes", nargs="*", type=int, default=[20, 50])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--fast", action="store_true", help="1,500 training documents and 900 others")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    train, X, groups = newsgroups(arguments.data, arguments.half) if arguments.data else drawn(arguments.half)
    if arguments.fast:
        train, X, groups = train[:1500], X[:900], groups[:900]
    records, by_document = measured(train, X, groups, arguments.sizes, arguments.models, arguments.seeds)
    differences = compared(by_document, arguments.sizes, arguments.models)
    if arguments.json:
        write(arguments.json, text=records, differences=differences)


if __name__ == "__main__":
    main()
