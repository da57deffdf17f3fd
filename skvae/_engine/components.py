"""What the components of codes say: their order and signs, and how much of each column comes back through them."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import entr

from skvae._engine.device import answering, threads_for
from skvae._engine.summaries import spread
from skvae._tables.frames.frame import as_array
from skvae._tables.weighted import WeightedRows
from skvae.nn.numerics import wide
from skvae.nn.penalties import makes_activations

ROWS_TO_DECODE, MOST_DECODED, LEAST_DECODED = 2**15, 2048, 32
"""Rows that are decoded to find out what components say, over all of these; and bounds on their number for each."""

ROWS_TO_RECOVER = 10_000
"""Rows that say how much of each column comes back."""

ROUNDING = 1e-6
"""Deviations of a column's cells, as a share of the largest error, that rounding alone may bring about."""


@dataclass(frozen=True)
class Axes:
    """In which order, and with which signs, the variables of a model are shown as components of codes."""

    order: np.ndarray
    sign: np.ndarray

    @classmethod
    def own(cls, latent_dim):
        """Those of the model."""
        return cls(np.arange(latent_dim), np.ones(latent_dim))

    def shown(self, Z):
        """Codes (n, latent_dim) as they are shown, of the model's variables."""
        return Z[:, self.order] * self.sign.astype(Z.dtype)

    def variables(self, Z):
        """The model's variables, of codes as they are shown (n, latent_dim)."""
        own = np.empty_like(Z)
        own[:, self.order] = Z * self.sign.astype(Z.dtype)
        return own


@dataclass(frozen=True)
class Recovery:
    """What of columns comes back through codes, over weighted rows.

    ``lost`` (n_features,) is the mean error of each column's cells, ``spread`` (n_features,) what it is without codes:
    variances, or entropies in nats of the columns of levels, ``in_nats``.
    """

    lost: np.ndarray
    spread: np.ndarray
    in_nats: np.ndarray

    @property
    def shares(self):
        """Share of each column's variance or information that comes back (n_features,); NaN where there is none."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.spread > 0.0, 1.0 - self.lost / self.spread, np.nan)

    @property
    def share(self):
        """Share of all that comes back: of the variance of standardised columns, of which levels have one each."""
        weight = np.where(self.in_nats, (self.spread > 0.0).astype(float), self.spread)
        return float(weight @ np.nan_to_num(self.shares) / max(weight.sum(), 1e-300))


class Recovering:
    """Rows X (n, n_features) that count ``counts``, and how well their codes explain them."""

    def __init__(self, model, X, counts):
        self._tensors, self._options = model._tensors, model.options
        with answering(self._tensors.device), torch.no_grad(), threads_for(len(X) * model.module.n_products):
            self._x = self._tensors.standard(X)
            self._module = model._opening.for_tensors(self._x)
            self.codes = self._module.codes(self._x)
            apart = as_array(self._module.decode(torch.zeros_like(self.codes[:1])).residual(self._x))
        self._counts, self._weight = counts, counts[:, None] * ~np.isnan(X)
        self._in_nats = np.zeros(X.shape[1], dtype=bool)
        for _, columns, further in self._options.likelihood:
            self._in_nats[columns] = "n_levels" in further
        self._spread = self._mean((apart - self._mean(apart)) ** 2)
        self._spread[self._spread <= (ROUNDING * np.abs(np.nan_to_num(apart)).max(axis=0)) ** 2] = 0.0
        for column in np.flatnonzero(self._in_nats):
            self._spread[column] = entropy(X[:, column], self._weight[:, column])

    def _mean(self, values):
        return (self._weight * np.nan_to_num(values)).sum(axis=0) / np.maximum(self._weight.sum(axis=0), 1e-300)

    def of(self, codes):
        """What comes back through codes (n, latent_dim), a tensor."""
        n_products = len(codes) * self._module.n_products
        with answering(self._tensors.device), torch.no_grad(), threads_for(n_products):
            pieces = zip(*(part.split(self._module.rows_at_once) for part in (codes, self._x)), strict=True)
            errors = torch.cat([self._module.decode(z).error(x) for z, x in pieces])
            errors = torch.nan_to_num(errors).to(wide(errors))  # zero where cells are missing
            lost = as_array(torch.as_tensor(self._counts, dtype=errors.dtype, device=errors.device) @ errors)
        return Recovery(lost / np.maximum(self._weight.sum(axis=0), 1e-300), self._spread, self._in_nats)

    def one_by_one(self, order):
        """Share of all that each variable brings back beside those before it (latent_dim,), in this order."""
        codes = self._centre().expand_as(self.codes).clone()
        shares = [self.of(codes).share]
        for variable in order.tolist():
            codes[:, variable] = self.codes[:, variable]
            shares.append(self.of(codes).share)
        return np.diff(shares)

    def _centre(self):
        weight = self._tensors.of(self._weight.max(axis=1))
        return weight @ self.codes / weight.sum().clamp_min(1e-30)

    def axes(self, keeps_signs):
        """Axes by what of the encoder's inputs goes with each variable; activations ``keeps_signs``."""
        slopes = self._slopes()
        order = np.argsort(-np.square(slopes).sum(axis=1), kind="stable")
        sign = np.where((slopes**3).sum(axis=1) < 0.0, -1.0, 1.0)
        return Axes(order, np.ones(len(order)) if keeps_signs else sign[order])

    def _slopes(self):
        """How what the encoder sees goes with each variable (latent_dim, n_inputs): covariances in its deviations."""
        with torch.no_grad():
            inputs = as_array(self._module.seen(self._x)).astype(np.float64)
        codes, weight = as_array(self.codes).astype(np.float64), self._weight.max(axis=1)
        weight = weight / max(weight.sum(), 1e-300)
        inputs, codes = (part - weight @ part for part in (inputs, codes))
        return (weight[:, None] * codes).T @ inputs / np.maximum(np.sqrt(weight @ codes**2), 1e-12)[:, None]


def entropy(cells, weight):
    """Entropy in nats of levels by their weights."""
    there = weight > 0.0
    _, place = np.unique(cells[there], return_inverse=True)
    return float(entr(np.bincount(place, weight[there]) / max(weight[there].sum(), 1e-300)).sum())


def recovered(model, X):
    """What of each column of rows X, or of some, evenly spread, comes back through their codes."""
    some = spread(WeightedRows.present(X), ROWS_TO_RECOVER)
    recovering = Recovering(model, some.X, some.counts)
    return recovering.of(recovering.codes)


def components_of(model, rows, is_new):
    """The axes on which a model's codes are shown, and the share of the variance that each component explains.

    First comes what most of the variance of training rows goes with; most of what the encoder sees, the strongest
    before all, grows with each component, and activations have the signs they have. A model that is not ``is_new``
    keeps its axes. Shares (latent_dim,) are of all columns, beside the components before.
    """
    most = int(np.clip(ROWS_TO_DECODE // model.latent_dim, LEAST_DECODED, MOST_DECODED))
    some = spread(rows, most)
    recovering = Recovering(model, some.X, some.counts)
    axes = recovering.axes(makes_activations(model.options.penalty)) if is_new else model.axes
    return axes, recovering.one_by_one(axes.order)
