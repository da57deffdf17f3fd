"""Few labels: codes of all training digits without labels, and a linear classifier on 50 or 200 labels.

The same classifier stands on raw pixels and on principal components, on the same ten draws of labelled digits; what is
tested are held-out digits. The picture needs matplotlib, ``pip install 'skvae[plot]'``.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skvae import AutoencoderTransformer
from skvae.corruptions import Gaussian
from skvae.networks import Convolutional


def main(n_components=32, max_iter=200, n_draws=10, output="few_labels.png"):
    """Fit codes once, and classifiers for each draw of labels."""
    X, y = load_digits(return_X_y=True)
    X, X_new, y, y_new = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    autoencoder = AutoencoderTransformer(
        n_components,
        network=Convolutional((1, 8, 8), channels=(16, 32)),
        likelihood="isotropic_gaussian",  # pixels share one unit
        corruption=Gaussian(1.0),
        max_iter=max_iter,
        random_state=0,
    )
    features = {"raw pixels": (X, X_new)}
    models = {f"codes, {n_components}": autoencoder}
    models |= {f"PCA, {size}": PCA(size, random_state=0) for size in (10, 20, 32)}
    for name, model in models.items():
        features[name] = model.fit(X).transform(X), model.transform(X_new)
    # One scale for all columns: standardised one by one, pixels and small principal components would be mostly noise
    features = {name: (rows / scale(rows), rows_new / scale(rows)) for name, (rows, rows_new) in features.items()}

    counts = (50, 200, len(X))
    print(f"Accuracy on {len(X_new)} held-out digits; mean and standard deviation of {n_draws} draws of labels\n")
    print("            " + "".join(f"{count:6d} labels" for count in counts))
    accuracy = {}
    for name, (rows, rows_new) in features.items():
        for count in counts:
            drawn = draws(y, count, n_draws)
            accuracy[name, count] = [
                LogisticRegression(max_iter=5000).fit(rows[i], y[i]).score(rows_new, y_new) for i in drawn
            ]
        cells = [accuracy[name, count] for count in counts]
        print(f"{name:12s}" + "".join(f"  {np.mean(cell):.3f} {np.std(cell):.3f}" for cell in cells))
    picture(accuracy, list(features), counts, output)


def scale(rows):
    """The standard deviation that columns have in common."""
    return np.sqrt(rows.var(axis=0).mean())


def draws(y, count, n_draws):
    """Rows whose labels are known, in each draw; all of them are one draw."""
    everyone = np.arange(len(y))
    if count == len(y):
        return [everyone]
    return [train_test_split(everyone, train_size=count, stratify=y, random_state=draw)[0] for draw in range(n_draws)]


def picture(accuracy, names, counts, path):
    """Draw accuracies as points, and their spread over draws."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 4.0), layout="constrained")
    axes = figure.subplots()
    for shift, (name, marker) in enumerate(zip(names, "osD^v", strict=False)):
        cells = [accuracy[name, count] for count in counts]
        middle, spread = [np.mean(cell) for cell in cells], [np.std(cell) for cell in cells]
        places = np.array(counts) * 1.04 ** (shift - len(names) / 2)  # beside one another on the logarithmic axis
        axes.errorbar(places, middle, spread, fmt=f"{marker}-", label=name, capsize=2, linewidth=1.2, markersize=5)
    axes.set_xscale("log")
    axes.set_xticks(counts, counts)
    axes.minorticks_off()
    axes.set(xlabel="labels", ylabel="accuracy on held-out digits", title="A linear classifier, ten draws of labels")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=90)
    print(f"\nPicture: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-components", type=int, default=32, help="numbers of a code")
    parser.add_argument("--max-iter", type=int, default=200, help="most passes over the data")
    parser.add_argument("--n-draws", type=int, default=10, help="draws of labels")
    parser.add_argument("--output", default="few_labels.png", help="file of the picture")
    main(**vars(parser.parse_args()))
