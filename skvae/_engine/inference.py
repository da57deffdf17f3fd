"""What a trained model answers: arrays in, arrays out, in the units of the data."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from skvae._engine.components import Axes
from skvae._engine.device import answering
from skvae._engine.draws import NOISE_SEED, balanced_draws, normal_draws
from skvae._engine.few import Few, Found
from skvae._engine.holes import Opening
from skvae._engine.pieces import ROWS_PER_CALL, Pieces, rows_per_call
from skvae._engine.tensors import Tamed, Tensors
from skvae._tables.frames.frame import as_array
from skvae._tables.matrix import is_complete, pieces_of
from skvae._tables.units import FARTHEST
from skvae.nn.models.hidden import log_prob_of_hidden

ROWS_TO_SEARCH = 32
"""Rows of a piece of those whose codes are looked for: many small steps, each of which takes its time for few rows."""

ROWS_A_REPORT = 1024
"""After so many rows one who asks is told how far a long table is."""

CODES_A_ROW, LEAST_CODES, MOST_CODES = 16, 16_384, 262_144
"""Codes that are drawn for each row of which some cells are given, and bounds on their number."""


@dataclass(frozen=True)
class Inference:
    """Codes, densities and draws of rows X (n, n_features); codes have ``latent_dim`` variables.

    ``found`` is what is known of small pieces of few rows.
    """

    opening: Opening
    tensors: Tensors
    pieces: Pieces
    n_features: int
    axes: Axes
    found: Found

    @property
    def latent_dim(self):
        """Number of variables of a code."""
        return len(self.axes.order)

    def _map(self, function, X, out, units=None, size=ROWS_PER_CALL, open_size=None, what=None):
        """Fill ``out`` with ``function`` of a module and each row of ``X``.

        Rows that lack cells of columns of which none was missing in training go through a model that is open to them;
        the others do not depend on whether there are such rows. Those have pieces of ``open_size``. ``what`` is a key
        of the function where few rows are to take less time.
        """
        prepare = (units or self.tensors.units).to_standard
        for module, rows in self.opening.parts(X):
            run = partial(function, module)
            if rows is None:
                few = what and Few(self.found, module, what, partial(module.sample, noise=True))
                self.pieces.fill(run, X, out, prepare=prepare, size=size, few=few)
            else:
                own = open_size if module.is_open and open_size else size
                out[rows] = self.pieces.fill(run, X[rows], out[rows], prepare=prepare, size=own)
        return out

    def encode(self, X):
        """Codes (n, latent_dim) of rows, in the dtype of X."""
        out = np.empty((len(X), self.latent_dim), X.dtype)
        return self.axes.shown(self._map(lambda module, x: module.codes(x), X, out, what="codes"))

    def decode(self, Z):
        """Expected rows (n, n_features) of codes, float64."""
        out = np.empty((len(Z), self.n_features))
        Z = self.axes.variables(np.clip(Z, -FARTHEST, FARTHEST))
        few = Few(self.found, self.opening.module, "rows", self.opening.module.code_density.sample)
        self.pieces.fill(lambda z: self.opening.module.decode(z).mean, Z, out, few=few)
        return self.tensors.units.from_standard(out)

    def log_prob(self, X, n_draws):
        """Score of each row (n,) in nats, in the units of the data, float64."""
        noise, size = self.score_noise(n_draws), rows_per_call(n_draws)
        scores = self._map(
            lambda module, x: module.log_prob(x, noise), X, np.empty(len(X)), size=size, what=("scores", n_draws)
        )
        return scores + self._log_jacobian(X)

    def _log_jacobian(self, X):
        """What the units add to the log-density of the cells that each row has (n,)."""
        each, added = self.tensors.units.log_jacobian, np.full(len(X), self.tensors.units.log_jacobian.sum())
        for part, cells in () if is_complete(X) else pieces_of(X):
            missing = np.isnan(cells)
            rows = missing.any(axis=1)
            if rows.any():
                added[part][rows] = np.where(missing[rows], 0.0, each).sum(axis=1)
        return added

    def impute(self, X, n_draws, tell=None):
        """What is expected of each cell given those of its row that are there (n, n_features), float64.

        ``tell`` is told now and then how many of how many rows are done; None where nobody asks.
        """
        noise, size, n_rows = self.noise(n_draws), rows_per_call(n_draws), len(X)
        cells, step = np.empty(X.shape), n_rows if tell is None else ROWS_A_REPORT
        for part in (slice(start, start + step) for start in range(0, n_rows, max(step, 1))):
            run, filled = X[part], cells[part]
            self._map(lambda module, x: module.expected(x, noise), run, filled, size=size, open_size=ROWS_TO_SEARCH)
            if tell is not None:
                tell(min(part.stop, n_rows), n_rows)
        return self._as_seen(self.tensors.units.from_standard(cells))

    def complete(self, X, n_draws, seeds):
        """A draw for each seed of each cell given those of its row that are there (n_seeds, n, n_features), float64."""
        generators = [torch.Generator(self.tensors.device).manual_seed(seed) for seed in seeds]
        noise, size, out = self.noise(n_draws), rows_per_call(n_draws), np.empty((len(seeds), *X.shape))
        with answering(self.tensors.device), torch.no_grad():
            for module, rows in self.opening.parts(X):
                index = np.arange(len(X)) if rows is None else np.flatnonzero(rows)
                for start in range(0, len(index), size):
                    some = index[start : start + size]
                    out[:, some] = module.completed(self.tensors.standard(X[some]), noise, generators).cpu().numpy()
        return [self._as_seen(self._drawn(cells)) for cells in out]

    def _as_seen(self, cells):
        """Cells that are filled in, no farther than those of the training rows went."""
        return self.tensors.units.within_usual(cells)

    def sample_given(self, row, n_samples, seed, noise=True):
        """Rows (n_samples, n_features) that have the cells of ``row`` (n_features,) that are not NaN.

        The others are drawn with the noise of their columns or, without it, what is expected given a code that is
        drawn. And how many equally weighted draws of the code these stand for.
        """
        generator = torch.Generator(self.tensors.device).manual_seed(seed)
        n_codes = min(max(CODES_A_ROW * n_samples, LEAST_CODES), MOST_CODES)
        with answering(self.tensors.device), torch.inference_mode():
            x = self.tensors.standard(row[None])
            cells, size = self.opening.module.open_to_holes().sample_given(x, n_samples, n_codes, generator, noise)
        return self._shown(cells.cpu().numpy(), noise), float(size)

    def _shown(self, cells, noise):
        """Cells in the units of the data: those that were drawn with noise, or expected ones, which may lie between."""
        return self._drawn(cells) if noise else self.tensors.units.from_standard(cells)

    def _drawn(self, cells):
        """Drawn cells in the units of the data, exact ones exactly."""
        likelihood = self.opening.module.likelihood
        return self.tensors.units.from_standard(cells, lambda drawn: likelihood.exact(torch.from_numpy(drawn)))

    def score_noise(self, n_draws):
        """The draws of scores (n_draws, latent_dim)."""
        return self.noise(n_draws, balanced_draws if self.opening.module.infers_rows else normal_draws)

    def noise(self, n_draws, made=normal_draws):
        """Standard normal draws (n_draws, latent_dim), the same at every call."""
        with answering(self.tensors.device):
            return made(n_draws, self.latent_dim).to(getattr(torch, self.tensors.dtype)).to(self.tensors.device)

    def feature_log_prob(self, X, usual):
        """Log-density of each cell (n, n_features) given the row's code, in standard units, float64.

        The code is that of the row with its cells clipped to the ``usual`` range (2, n_features): a far cell would pull
        it towards itself, and others would then look strange.
        """

        def of_cells(module, both):
            x, tame = both.chunk(2, dim=1)
            return module.feature_log_prob(x, tame)

        return self._map(of_cells, X, np.empty(X.shape), units=Tamed(self.tensors.units, usual))

    def log_prob_of_hidden(self, X, others):
        """Log-density of cells given all others of their rows, and what is expected there, of a masking model.

        ``others`` (n_others, n, n_features) are cells that may stand in the place of those of X. The log-densities
        (n_others, n, n_features) are in standard units, as what is expected (n, n_features) is.
        """
        x, *cells = (self.tensors.units.to_standard(part) for part in (X, *others))
        out = np.empty((len(cells) + 1, *X.shape))
        for j in range(X.shape[1]):
            run = partial(of_hidden, self.opening.module, X.shape[1], j)
            rows = np.hstack([x, *(part[:, [j]] for part in cells)])
            out[:, :, j] = self.pieces.fill(run, rows, np.empty((len(X), len(out)))).T
        return out[:-1], out[-1]

    def feature_shortfall(self, X, usual):
        """Nats that each cell has less than the one that is expected (n, n_features), given the code; 0 for holes."""

        def of_cells(module, both):
            x, tame = both.chunk(2, dim=1)
            return module.feature_shortfall(x, tame)

        return self._map(of_cells, X, np.empty(X.shape), units=Tamed(self.tensors.units, usual))

    def sample(self, n_samples, seed, noise=True):
        """Rows like the data (n_samples, n_features), float64; without noise, what is expected given drawn codes."""
        generator = torch.Generator(self.tensors.device).manual_seed(seed)
        out = np.empty((n_samples, self.n_features))
        with answering(self.tensors.device), torch.inference_mode():
            for start in range(0, n_samples, ROWS_PER_CALL):
                part = out[start : start + ROWS_PER_CALL]
                part[:] = self.opening.module.sample(len(part), generator, noise).cpu().numpy()
        return self._shown(out, noise)

    def kl_per_component(self, X, counts):
        """KL divergence of each latent variable, its mean over rows, and the variance of their codes; float64."""
        generator = torch.Generator(self.tensors.device).manual_seed(NOISE_SEED)
        x = self.tensors.standard(X)
        with answering(self.tensors.device), torch.no_grad():
            module = self.opening.for_tensors(x)
            divergence, codes = as_array(module.kl_per_component(x, generator)), as_array(module.codes(x))
        centred = codes - np.average(codes, axis=0, weights=counts)
        each = (np.average(part, axis=0, weights=counts) for part in (divergence, centred**2))
        return tuple(part[self.axes.order] for part in each)

    def effective_sample_size(self, X, n_draws):
        """How many equally weighted draws the importance draws of each row are worth (n,), float64."""
        noise = self.score_noise(n_draws)

        def size(module, x):
            shares = torch.softmax(module.log_weights(x, noise), dim=1)
            return 1.0 / shares.square().sum(1)

        return self._map(size, X, np.empty(len(X)), size=rows_per_call(n_draws))


def of_hidden(module, n_features, column, both):
    """What a module says of one hidden column of rows beside which cells stand that may be in their place."""
    return log_prob_of_hidden(module, both[:, :n_features], both[:, n_features:], column)
