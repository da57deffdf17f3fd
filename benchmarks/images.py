"""Images: errors, codes, samples and features of autoencoders on MNIST and Fashion-MNIST, beside published figures.

``python benchmarks/images.py PART --data FOLDER`` reads ``images/mnist.npz`` and ``images/fashion_mnist.npz`` of the
folder; pixels are in [0, 1]. Parts:

``deep``
    784-1000-500-250-30 on MNIST, squared error summed over the pixels of a test digit (Hinton and Salakhutdinov, 2006:
    3.00, PCA 13.87).
``convolutional``
    Convolutional autoencoder and VAE with 64 components, 50,000 training images: squared error a pixel and accuracy of
    the nearest neighbour's label on test codes (Sainburg et al., 2021).
``generation``
    Fréchet distance between features of samples and of test digits, of a classifier that is trained here, for densities
    of 16 components: the prior, densities fitted to the codes, and PCA with a mixture.
``features``
    A linear classifier on the codes of a denoising autoencoder: test error with 60,000, 1,000 and 100 labels.
``clustering``
    Digits by groups of codes and of principal components: adjusted Rand index and mutual information.
``compression``
    Squared error of test digits from codes stored with 8 and 4 bits a number, beside PCA stored alike.
``retrieval``
    Share of the ten nearest of 10,000 digits that have the label of a test digit: codes, principal components, pixels.
``denoising``
    Peak signal-to-noise ratio of test digits under noise of 0.3 of the range, beside PCA with several numbers of
    components.
``anomaly``
    Area under the curve of the pixels of a stroke that does not belong to a test digit, by ``score_features``, and by
    residuals of PCA with several numbers of components.
``defaults``
    ``AutoencoderTransformer(32)`` of 10,000 training digits of uint8 with no other argument: seconds, and error beside
    PCA's.
``rate``
    Products a second of training, as a share of what the machine multiplies matrices with, both measured by turns.

The short schedules take up to ten minutes a model on two cores; ``--epochs`` sets longer ones.
"""

import argparse
import statistics
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from figures import write
from scipy.linalg import sqrtm
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skvae import AutoencoderTransformer, VAETransformer
from skvae.corruptions import Gaussian, Masking
from skvae.networks import Convolutional
from skvae.penalties import Sparse

SHAPE = (1, 28, 28)

SCHEDULE = {"learning_rate": "cosine", "early_stopping": False, "random_state": 0}
"""A schedule of a fixed length, with all training rows."""

BARS = {
    ("mnist", "AutoencoderTransformer"): (0.0016, 0.9785),
    ("mnist", "VAETransformer"): (0.0024, 0.9785),
    ("fashion_mnist", "AutoencoderTransformer"): (0.0054, 0.8747),
    ("fashion_mnist", "VAETransformer"): (0.0058, 0.8747),
}
"""Squared error a pixel, and accuracy of the nearest neighbour, for the better of two models."""


def images(folder, name):
    """Training and test pixels in [0, 1] (n, 784) of float32, each with labels (n,)."""
    with np.load(folder / "images" / f"{name}.npz") as file:
        parts = {part: file[part] for part in ("X_train", "y_train", "X_test", "y_test")}
    X_train, X_test = ((parts[part].reshape(-1, 784) / 255.0).astype(np.float32) for part in ("X_train", "X_test"))
    return X_train, parts["y_train"], X_test, parts["y_test"]


def squared_error(model, X):
    """Squared error of each pixel, its mean."""
    return float(np.square(model.inverse_transform(model.transform(X)) - X).mean())


def fitted(model, X):
    """A model trained on X, and the seconds of processor time that it took, over all cores."""
    start = time.process_time()
    model.fit(X)
    return model, time.process_time() - start


def run_deep(arguments):
    """The deep autoencoder of Hinton and Salakhutdinov (2006), without pre-training."""
    X, _, X_test, _ = images(arguments.data, "mnist")
    pca = 784 * squared_error(PCA(30, random_state=0).fit(X), X_test)
    model = AutoencoderTransformer(
        30,
        hidden_layer_sizes=(1000, 500, 250),
        network="mlp",
        likelihood="isotropic_gaussian",
        max_iter=arguments.epochs or 64,
        batch_size=200,
        learning_rate_init=1.5e-3,
        **SCHEDULE,
    )
    model, seconds = fitted(model, X)
    error = 784 * squared_error(model, X_test)
    print(f"784-1000-500-250-30: {error:.3f} a test digit after {model.n_iter_} epochs, {seconds:.0f} s")
    print(f"PCA-30: {pca:.2f}; published: autoencoder 3.00, PCA 13.87; bar 3.0 short, 2.5 long")
    return [{"error": error, "epochs": model.n_iter_, "seconds": seconds, "pca": pca}]


def run_convolutional(arguments):
    """Codes of 64 numbers: how well images come back, and whether neighbours have the same label."""
    records = []
    for name in arguments.names:
        X, y, X_test, y_test = images(arguments.data, name)
        X, y, pca = X[:50_000], y[:50_000], PCA(64, random_state=0).fit(X[:50_000])
        print(
            f"{name}, PCA-64: error {squared_error(pca, X_test):.5f}, 1-NN {neighbours(pca, X, y, X_test, y_test):.4f}"
        )
        for Estimator in (AutoencoderTransformer, VAETransformer):
            model = Estimator(
                64,
                network=Convolutional(SHAPE),
                likelihood="isotropic_gaussian",
                max_iter=arguments.epochs or 12,
                batch_size=64,
                learning_rate_init=4e-3,
                **SCHEDULE,
            )
            model, seconds = fitted(model, X)
            error, accuracy = squared_error(model, X_test), neighbours(model, X, y, X_test, y_test)
            bars = BARS[name, Estimator.__name__]
            print(
                f"{name}, {Estimator.__name__}: error {error:.5f} (bar {bars[0]}), 1-NN {accuracy:.4f} "
                f"(bar {bars[1]} for the better), {model.n_iter_} epochs, {seconds:.0f} s",
                flush=True,
            )
            records.append(
                {
                    "name": name,
                    "estimator": Estimator.__name__,
                    "error": error,
                    "accuracy": accuracy,
                    "epochs": model.n_iter_,
                    "seconds": seconds,
                }
            )
    return records


def neighbours(model, X, y, X_test, y_test):
    """Share of test images whose nearest training code has their label."""
    nearest = KNeighborsClassifier(1, algorithm="brute").fit(model.transform(X), y)
    return float(nearest.score(model.transform(X_test), y_test))


def classifier(X, y):
    """A small convolutional classifier whose last hidden layer gives features, trained for three epochs."""
    torch.manual_seed(0)
    features = nn.Sequential(
        nn.Unflatten(1, SHAPE),
        *(nn.Conv2d(1, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(3136, 128), nn.ReLU()),
    )
    network = nn.Sequential(features, nn.Linear(128, 10))
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    X, y = torch.from_numpy(X), torch.from_numpy(y.astype(np.int64))
    for _ in range(3):
        for rows in torch.randperm(len(X)).split(128):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(X[rows]), y[rows]).backward()
            optimizer.step()
    return network.eval(), features.eval()


def frechet(one, other):
    """Fréchet distance of two sets of features (n, d), as normal densities (Heusel et al., 2017)."""
    means = [part.mean(0) for part in (one, other)]
    covariances = [np.cov(part.T) for part in (one, other)]
    cross = sqrtm(covariances[0] @ covariances[1]).real
    return float(np.square(means[0] - means[1]).sum() + np.trace(covariances[0] + covariances[1] - 2.0 * cross))


def run_generation(arguments):
    """Samples of 16 components under several densities of the codes."""
    X, y, X_test, y_test = images(arguments.data, "mnist")
    network, features = classifier(X, y)

    @torch.no_grad()
    def of(rows):
        return features(torch.from_numpy(np.asarray(rows, np.float32))).double().numpy()

    with torch.no_grad():
        accuracy = float((network(torch.from_numpy(X_test)).argmax(1).numpy() == y_test).mean())
    itself = frechet(of(X[:10_000]), of(X_test))
    print(f"classifier of the features: accuracy {accuracy:.4f}; training digits {itself:.2f}")
    options = {
        "n_components": 16,
        "network": Convolutional(SHAPE),
        "likelihood": "isotropic_gaussian",
        "max_iter": arguments.epochs or 10,
        "batch_size": 64,
        "learning_rate_init": 4e-3,
        **SCHEDULE,
    }
    models = {
        "VAE, prior": VAETransformer(**options, code_density=None),
        "VAE, mixture fitted to the codes": VAETransformer(**options, code_density="gaussian_mixture"),
        "autoencoder, normal density": AutoencoderTransformer(**options, code_density="normal"),
        "autoencoder, mixture": AutoencoderTransformer(**options, code_density="gaussian_mixture"),
    }
    records, found = [], {}
    for name, model in models.items():
        model, seconds = fitted(model, X)
        found[name] = np.clip(model.sample(10_000, random_state=0, noise=False), 0.0, 1.0)
        records.append({"model": name, "distance": frechet(of(found[name]), of(X_test)), "seconds": seconds})
        print(f"{name}: {records[-1]['distance']:.2f}, {seconds:.0f} s", flush=True)
    pca = PCA(16, random_state=0).fit(X)
    mixture = GaussianMixture(16, random_state=0).fit(pca.transform(X))
    rows = np.clip(pca.inverse_transform(mixture.sample(10_000)[0]), 0.0, 1.0)
    records.append({"model": "PCA, mixture", "distance": frechet(of(rows), of(X_test))})
    print(f"PCA, mixture: {records[-1]['distance']:.2f}")
    print("published, on features of their own: autoencoder 58.7 with a normal density, 10.7 with a mixture of ten")
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
        for name, rows in found.items():
            draw(rows[:100], arguments.pictures / f"{name.replace(', ', '_').replace(' ', '_')}.png")
    return records


def draw(rows, path):
    """A hundred images as one picture."""
    from skvae import ImageGridDisplay

    ImageGridDisplay.from_images(rows, image_shape=SHAPE).figure_.savefig(path, dpi=80)


def linear(X, y, X_test, y_test):
    """Test error of a linear classifier."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300, tol=1e-3))
    return float(1.0 - model.fit(X, y).score(X_test, y_test))


def run_features(arguments):
    """Codes of a denoising autoencoder trained on all images without labels, and few labels.

    Kind and number of units and corruption were chosen on 5,000 of the training rows.
    """
    X, y, X_test, y_test = images(arguments.data, "mnist")
    model = AutoencoderTransformer(
        2000,
        network=Convolutional(SHAPE),
        likelihood="isotropic_gaussian",
        corruption=Masking(0.7),
        penalty=Sparse(1.0, target=0.05),
        max_iter=arguments.epochs or 4,
        batch_size=64,
        learning_rate_init=4e-3,
        **SCHEDULE,
    )
    model, seconds = fitted(model, X)
    print(f"training without labels: {seconds:.0f} s")
    codes, codes_test, records = model.transform(X), model.transform(X_test), []
    for n_labels in (60_000, 1_000, 100):
        rows = np.random.RandomState(0).permutation(len(X))[:n_labels]
        found = [linear(part[rows], y[rows], test, y_test) for part, test in ((codes, codes_test), (X, X_test))]
        print(f"{n_labels} labels, test error: codes {found[0]:.4f}, raw pixels {found[1]:.4f}", flush=True)
        records.append({"labels": n_labels, "codes": found[0], "pixels": found[1]})
    print("bars: 60,000 labels 0.015; 1,000 labels 0.03 below raw pixels; published (Vincent et al., 2010): 0.0120")
    return records


def run_clustering(arguments):
    """Groups of codes, and of principal components."""
    X, y, _, _ = images(arguments.data, "mnist")
    X, y = X[:10_000], y[:10_000]
    model = VAETransformer(
        10, network=Convolutional(SHAPE), likelihood="isotropic_gaussian", max_iter=arguments.epochs or 20, **SCHEDULE
    )
    records = []
    for name, codes in (("VAE-10", model.fit(X).transform(X)), ("PCA-10", PCA(10, random_state=0).fit_transform(X))):
        groups = KMeans(10, n_init=10, random_state=0).fit_predict(codes)
        found = adjusted_rand_score(y, groups), normalized_mutual_info_score(y, groups)
        print(f"{name}: adjusted Rand index {found[0]:.3f}, normalised mutual information {found[1]:.3f}")
        records.append({"codes": name, "rand": found[0], "information": found[1]})
    return records


def small(n_components, arguments, corruption=None):
    """A convolutional autoencoder with the schedule of the parts on 10,000 digits."""
    return AutoencoderTransformer(
        n_components,
        network=Convolutional(SHAPE, channels=(16, 32)),
        likelihood="isotropic_gaussian",
        corruption=corruption,
        max_iter=arguments.epochs or 20,
        batch_size=100,
        learning_rate_init=2e-3,
        **SCHEDULE,
    )


def run_compression(arguments):
    """Codes stored at equal steps between the least and the largest training value of each number."""
    X, _, X_test, _ = images(arguments.data, "mnist")
    X, records = X[:10_000], []
    for size in (8, 16, 32):
        for name, model in (("autoencoder", small(size, arguments)), ("PCA", PCA(size, random_state=0))):
            model, seconds = fitted(model, X)
            codes, codes_test = model.transform(X), model.transform(X_test)
            low, high = codes.min(axis=0), codes.max(axis=0)
            for bits in (8, 4):
                step = (high - low) / (2**bits - 1)
                stored = np.clip(np.rint((codes_test - low) / step), 0, 2**bits - 1).astype(np.uint8)
                restored = np.clip(model.inverse_transform(low + step * stored), 0.0, 1.0)
                error, n_bytes = 784 * float(np.square(restored - X_test).mean()), size * bits // 8
                print(
                    f"{name}-{size}, {bits} bits: {n_bytes} bytes, error {error:.2f} a digit, {seconds:.0f} s",
                    flush=True,
                )
                records.append({"model": name, "size": size, "bits": bits, "bytes": n_bytes, "error": error})
    return records


def run_retrieval(arguments):
    """The ten nearest training digits of 2,000 test digits."""
    X, y, X_test, y_test = images(arguments.data, "mnist")
    X, y, X_test, y_test = X[:10_000], y[:10_000], X_test[:2_000], y_test[:2_000]
    models = {"raw pixels": None}
    for size in (10, 32):
        models[f"autoencoder-{size}"] = small(size, arguments, Gaussian(1.0))
        models[f"PCA-{size}"] = PCA(size, random_state=0)
    records = []
    for name, model in models.items():
        rows, queries = (X, X_test) if model is None else (model.fit(X).transform(X), model.transform(X_test))
        nearest = KNeighborsClassifier(10, algorithm="brute").fit(rows, y).kneighbors(queries, return_distance=False)
        right = y[nearest] == y_test[:, None]
        records.append({"codes": name, "first": float(right[:, 0].mean()), "ten": float(right.mean())})
        print(f"{name}: first {records[-1]['first']:.4f}, ten {records[-1]['ten']:.4f}", flush=True)
    return records


def run_denoising(arguments):
    """Noise of a known standard deviation, which training adds by itself."""
    X, _, X_test, _ = images(arguments.data, "mnist")
    X, noise = X[:10_000], 0.3
    noisy = (X_test + noise * np.random.RandomState(0).normal(size=X_test.shape)).astype(np.float32)
    models = {f"PCA-{size}": PCA(size, random_state=0) for size in (16, 32, 64, 128)}
    level = noise / float(np.sqrt(X.var(axis=0).mean()))  # pixels of one unit have one standard deviation
    models["autoencoder-64"] = small(64, arguments, Gaussian(level))
    records = [{"model": "noisy", "decibels": decibels(noisy, X_test)}]
    for name, model in models.items():
        model, seconds = fitted(model, X)
        restored = np.clip(model.inverse_transform(model.transform(noisy)), 0.0, 1.0)
        records.append({"model": name, "decibels": decibels(restored, X_test), "seconds": seconds})
    for record in records:
        print(f"{record['model']}: {record['decibels']:.2f} dB")
    return records


def decibels(rows, X):
    """Peak signal-to-noise ratio of pixels in [0, 1]."""
    return float(-10.0 * np.log10(np.square(rows - X).mean()))


def run_anomaly(arguments):
    """Strokes of up to 12 pixels, dark where a digit is bright and bright elsewhere."""
    X, _, X_test, _ = images(arguments.data, "mnist")
    X, rng = X[:10_000], np.random.RandomState(0)
    spoilt, truth = X_test[:1_000].reshape(-1, 28, 28).copy(), np.zeros((1_000, 28, 28), dtype=bool)
    for image in range(len(spoilt)):
        step = [(0, 1), (1, 0), (1, 1), (1, -1)][rng.randint(4)]
        places = rng.randint(28, size=2) + np.outer(np.arange(12), step)
        inside = places[((places >= 0) & (places < 28)).all(axis=1)]
        truth[image, inside[:, 0], inside[:, 1]] = True
    spoilt[truth] = np.where(spoilt[truth] < 0.5, 1.0, 0.0)
    spoilt, truth = spoilt.reshape(-1, 784), truth.reshape(-1, 784)
    model, seconds = fitted(small(32, arguments, Gaussian(1.0)), X)
    maps = {"score_features": -model.score_features(spoilt)}
    for size in (16, 32, 64, 128):
        pca = PCA(size, random_state=0).fit(X)
        maps[f"PCA-{size}"] = np.square(spoilt - pca.inverse_transform(pca.transform(spoilt)))
    records = []
    for name, strange in maps.items():
        first = float(truth[np.arange(len(truth)), strange.argmax(axis=1)].mean())
        records.append({"map": name, "area": float(roc_auc_score(truth.ravel(), strange.ravel())), "first": first})
        print(f"{name}: area {records[-1]['area']:.4f}, strangest pixel in the stroke {first:.3f}", flush=True)
    print(f"training: {seconds:.0f} s")
    return records


def run_defaults(arguments):
    """``AutoencoderTransformer(32)`` of 10,000 images of uint8, with no other argument."""
    with np.load(arguments.data / "images" / "mnist.npz") as file:
        X, X_test = file["X_train"].reshape(-1, 784)[:10_000], file["X_test"].reshape(-1, 784) / 255.0
    start = time.perf_counter()
    model = AutoencoderTransformer(32, random_state=0).fit(X)
    seconds = time.perf_counter() - start
    error = float(np.square(model.inverse_transform(model.transform(255.0 * X_test)) / 255.0 - X_test).mean())
    pca = squared_error(PCA(32, random_state=0).fit(X / 255.0), X_test)
    print(f"fit: {seconds:.1f} s on the clock (bar 30), {model.n_iter_} epochs")
    print(f"error a pixel: {error:.5f}, PCA {pca:.5f}, ratio {error / pca:.3f} (bar 0.6)")
    return [{"seconds": seconds, "error": error, "pca": pca, "epochs": model.n_iter_}]


def run_rate(arguments):
    """Training beside products of matrices, by turns."""
    X, _, _, _ = images(arguments.data, "mnist")
    X, shares = X[:5_000], []
    one, other = torch.rand(1024, 1024), torch.rand(1024, 1024)
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(20):
            one @ other
        limit = 20 * 2 * 1024**3 / (time.perf_counter() - start)
        model = AutoencoderTransformer(
            64, network=Convolutional(SHAPE), likelihood="isotropic_gaussian", max_iter=2, batch_size=250, **SCHEDULE
        )
        reached = []
        model.fit(X)
        stepped = [2, 6]
        for epochs in stepped:
            start = time.perf_counter()
            model.set_params(max_iter=epochs).fit(X)
            reached.append(time.perf_counter() - start)
        flop = 6 * model.module_.n_products * len(X) * (stepped[1] - stepped[0])
        shares.append(flop / (reached[1] - reached[0]) / limit)
        print(f"matrices {limit / 1e9:.0f} GFLOP/s, training {shares[-1] * limit / 1e9:.0f}", flush=True)
    print(f"share, median: {statistics.median(shares):.2f} (bar 0.5)")
    return [{"share": share} for share in shares]


PARTS = {
    "deep": run_deep,
    "convolutional": run_convolutional,
    "generation": run_generation,
    "features": run_features,
    "clustering": run_clustering,
    "compression": run_compression,
    "retrieval": run_retrieval,
    "denoising": run_denoising,
    "anomaly": run_anomaly,
    "defaults": run_defaults,
    "rate": run_rate,
}


def main():
    """Run one part and write its figures on request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--data", type=Path, required=True, help="folder with images/")
    parser.add_argument("--names", nargs="*", default=["mnist", "fashion_mnist"], help="sets of convolutional")
    parser.add_argument("--epochs", type=int, help="a schedule of one's own")
    parser.add_argument("--pictures", type=Path, help="folder for a hundred samples of each model of generation")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    records = PARTS[arguments.part](arguments)
    if arguments.json:
        write(arguments.json, **{arguments.part: records})


if __name__ == "__main__":
    main()
