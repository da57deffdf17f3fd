"""A data frame in: codes, reconstructions, new rows, likelihoods and reasons out of one fitted model.

The table is scikit-learn's: 13 chemical measurements of 178 wines, in units from 0.1 to 1000. Nothing is scaled by
hand.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skvae import VAETransformer


def main(max_iter=200, n_samples=2000, output="quickstart.png"):
    """Fit on three quarters of the wines, and look at the rest."""
    X, cultivar = load_wine(return_X_y=True, as_frame=True)
    X_train, X_test = train_test_split(X, random_state=0)
    vae = VAETransformer(n_components=2, max_iter=max_iter, random_state=0).set_output(transform="pandas").fit(X_train)
    print(
        f"Fitted on {len(X_train)} wines with {X.shape[1]} columns in {vae.n_iter_} passes; {len(X_test)} are held out."
    )

    title("Codes: two numbers a wine")
    codes = vae.transform(X_test)
    show(codes.head(3))

    title(f"Wine {codes.index[0]}, and what its code says of it")
    restored = vae.inverse_transform(codes)
    show(pd.DataFrame({"measured": X_test.iloc[0], "restored": restored.iloc[0]}))

    title(f"{n_samples} new wines beside the training data")
    samples = vae.sample(n_samples, random_state=0)
    numbers = {"data": X_train.agg(["mean", "std"]), "samples": samples.agg(["mean", "std"])}
    show(pd.concat(numbers).swaplevel().sort_index().T)

    title(f"Log-likelihood of the {len(X_test)} held-out wines, two components each")
    compare(vae, X_train, X_test)

    title("The strangest held-out wines, and the column to look at first")
    show(strangest(vae, X_test, restored), decimals=1)
    picture(vae, X, cultivar, samples, output)


def compare(vae, X_train, X_test):
    """Print mean log-likelihoods in the units of the data, and the winner."""
    scaler = StandardScaler().fit(X_train)
    jacobian = np.log(scaler.scale_).sum()  # from standard units back to those of the data; skvae does it by itself
    scores = {"VAETransformer": vae.score_samples(X_test)}
    for linear in (FactorAnalysis(2), PCA(2)):
        linear.fit(scaler.transform(X_train))
        scores[type(linear).__name__] = linear.score_samples(scaler.transform(X_test)) - jacobian
    scores = pd.DataFrame(scores)
    show(scores.mean().rename("nats a wine").to_frame())
    first, second = scores.mean().nlargest(2).index
    lead = scores[first] - scores[second]
    print(f"{first} wins by {lead.mean():.2f} nats a wine (standard error {lead.sem():.2f}).")


def strangest(vae, X, restored, n_rows=3):
    """Rows of the lowest scores, each with the column of the lowest share."""
    scores = pd.Series(vae.score_samples(X), index=X.index).nsmallest(n_rows)
    shares = vae.score_features(X.loc[scores.index])
    columns = shares.idxmin(axis=1)
    cells = {
        "score": scores,
        "column": columns,
        "measured": [X.at[cell] for cell in columns.items()],
        "expected": [restored.at[cell] for cell in columns.items()],
        "share": shares.min(axis=1),
    }
    return pd.DataFrame(cells)


def picture(vae, X, cultivar, samples, path):
    """Draw codes, learning curves and samples, where matplotlib is there."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("\nNo picture, as matplotlib is missing: pip install 'skvae[plot]'")
        return
    figure = Figure(figsize=(13, 4), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.15)
    left, middle, right = figure.subplots(1, 3)

    codes, scores = vae.transform(X).to_numpy(), vae.score_samples(X)
    low, high = np.quantile(scores, [0.02, 1.0])
    for kind, marker in enumerate("os^"):
        mine = (cultivar == kind).to_numpy()
        style = {"marker": marker, "s": 34, "edgecolor": "white", "linewidth": 0.5}
        points = left.scatter(*codes[mine].T, c=scores[mine], vmin=low, vmax=high, **style)
        left.scatter([], [], color="0.4", label=f"cultivar {kind}", **style)
    figure.colorbar(points, ax=left, extend="min", label="log-likelihood in nats")
    left.legend(fontsize="small")
    left.set(title="Codes of all wines, fitted without labels", xlabel="first code", ylabel="second code")

    validation = -np.array(vae.validation_scores_)
    best = validation.argmin()
    passes = np.arange(1, vae.n_iter_ + 1)
    middle.plot(passes, vae.loss_curve_, label="training")
    middle.plot(passes, validation, "--", label="validation")
    middle.plot(passes[best], validation[best], "o", color="C1", label=f"kept: pass {passes[best]}")
    middle.set(title="Learning curves", xlabel="pass over the data", ylabel="negative ELBO in nats, standard units")
    middle.legend(fontsize="small")

    drawn = samples.head(len(X))
    for rows, color, marker, label in ((drawn, "C1", "x", "drawn from the model"), (X, "C0", "o", "data")):
        style = {"s": 20, "color": color, "marker": marker, "alpha": 0.7, "linewidth": 1.2 * (marker == "x")}
        right.scatter(rows["flavanoids"], rows["color_intensity"], **style, label=label)
    right.set(title="As many new wines as old ones", xlabel="flavanoids", ylabel="color_intensity")
    right.legend(fontsize="small")

    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    print(f"\nPicture: {path}")


def title(text):
    """Print a headline."""
    print(f"\n{text}")


def show(table, decimals=2):
    """Print a data frame."""
    print(table.to_string(float_format=f"{{:.{decimals}f}}".format))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--max-iter", type=int, default=200, help="most passes over the data")
    parser.add_argument("--n-samples", type=int, default=2000, help="wines to draw from the model")
    parser.add_argument("--output", default="quickstart.png", help="file of the picture")
    main(**vars(parser.parse_args()))
