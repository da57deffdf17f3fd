"""How near the bounds of ``VAETransformer.score_samples`` are to what many draws find.

``python benchmarks/bound.py --data FOLDER`` fits default models to up to 2,000 rows of fourteen tables and prints, for
80 rows of the training and 80 new ones, in nats, the error of bounds by 64 draws of q(z|x) and by few draws of the
density that scores draw from (``VAE.proposal``): its mean, standard deviation, root mean square and median size.
"""

import argparse
import json
import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from skvae import VAETransformer
from skvae._engine.draws import balanced_draws, normal_draws
from skvae.nn.posteriors import DiagonalNormal

ADBENCH = (
    "6_cardio",
    "28_pendigits",
    "19_landsat",
    "45_wine",
    "22_magic.gamma",
    "2_annthyroid",
    "20_letter",
    "32_shuttle",
)
MIXED = "german_credit", "adult_train", "telco_churn", "attrition", "beijing_pm25", "creditcard_subsample"
MOST_ROWS, N_ROWS, N_DRAWS = 2000, 80, 800
"""Rows of a training, rows whose bounds are compared, and draws of each density of a reference."""

ROWS_AT_ONCE = 4


def read(folder, name):
    """Training rows and further ones of a table."""
    file = folder / "adbench" / f"{name}.npz"
    if file.exists():
        X = pd.DataFrame(np.load(file)["X"].astype(float))
    else:
        path = f"mixed/{name}.csv.gz"
        told = json.loads((folder / "schema.json").read_text())[path]
        X = pd.read_csv(folder / path, keep_default_na=False, na_values=[""])
        X = X.drop(columns=[*told["id_columns"], told["target"]], errors="ignore")
    place = np.random.RandomState(0).permutation(len(X))
    n_train = min(MOST_ROWS, int(0.7 * len(X)))
    train, test = (X.iloc[each] for each in (place[:n_train], place[n_train : n_train + N_ROWS]))
    return (train.to_numpy(), test.to_numpy()) if file.exists() else (train, test)


def joint(module, x, z):
    """Log p(x, z) of codes (rows, draws, latent_dim)."""
    pieces = zip(x.split(ROWS_AT_ONCE), z.split(ROWS_AT_ONCE), strict=True)
    return torch.cat(
        [module.decode(b).row_log_prob(a[:, None]).double() + module.code_density.log_prob(b) for a, b in pieces]
    )


def bound(module, x, densities, noise):
    """Bound of each row by draws of several densities, each weighted by all (the balance heuristic)."""
    parts = noise.to(x).view(-1, len(densities), noise.shape[1]).unbind(1)
    broadcast = [each.broadcast() for each in densities]
    z = torch.cat([each.at(part) for each, part in zip(broadcast, parts, strict=True)], dim=1)
    drawn_from = torch.logsumexp(torch.stack([each.log_prob(z).double() for each in broadcast]), 0)
    weights = joint(module, x, z) - drawn_from + math.log(len(densities))
    return torch.logsumexp(weights, 1) - math.log(weights.shape[1])


@torch.no_grad()
def errors(vae, X):
    """Errors of bounds of rows, by what they are drawn from."""
    inference, module = vae._model.inference, vae.module_
    rows = np.asarray(vae._read(X)[:])
    x = inference.tensors.standard(rows[~inference.opening.lacking(rows)])
    q, r, latent_dim = module.posterior(x), module.proposal(x), module.latent_dim
    between = DiagonalNormal((q.mean + r.mean) / 2.0, 1.3 * q.scale)
    around = [q, DiagonalNormal(q.mean, 1.4 * q.scale), r, DiagonalNormal(r.mean, 1.15 * q.scale), between]
    exact = bound(module, x, around, normal_draws(N_DRAWS * len(around), latent_dim))
    found = {"64 draws of q": bound(module, x, [q], normal_draws(64, latent_dim))}
    for n_draws in (12, 16):
        found[f"{n_draws} draws of r"] = bound(module, x, [r], balanced_draws(n_draws, latent_dim))
    return {name: (each - exact).numpy() for name, each in found.items()}


def main():
    """Print a line for each table and kind of bound, and the means over tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with adbench/*.npz and mixed/*.csv.gz")
    parser.add_argument("tables", nargs="*", default=[*ADBENCH, *MIXED])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = []
    for name in arguments.tables:
        train, test = read(arguments.data, name)
        vae = VAETransformer(random_state=0).fit(train)
        for rows, X in ("training", train[:N_ROWS]), ("new", test):
            for what, each in errors(vae, X).items():
                size = np.abs(each)
                figures = each.mean(), each.std(), np.sqrt(np.mean(size**2)), np.median(size)
                lines.append((name, rows, what, *figures))
                print(f"{name:22} {rows:9} {what:14}", *(f"{figure:8.3f}" for figure in figures), flush=True)
    means = pd.DataFrame(lines, columns=["table", "rows", "bound", "bias", "deviation", "rms", "median"])
    print(means.drop(columns="table").groupby(["rows", "bound"]).mean().round(3))


if __name__ == "__main__":
    main()
