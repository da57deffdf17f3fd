"""Arrays in, arrays out: the only file where numpy meets torch.

An ``ArrayModel`` owns the torch module, its device and the units of the data. It speaks float64 arrays in the units of
the data on one side and tensors in standard units on the other, and it is made of numpy arrays and plain values when it
is pickled.
"""

import copy
import math
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import torch

from skvae._engine.device import PRECISIONS, OneThread, check_precision, memory_errors, resolve_device
from skvae._engine.draws import NOISE_SEED, mixture_of, normal_draws
from skvae._engine.states import as_arrays, as_tensors
from skvae._surroundings import as_in_children
from skvae._tables.bounds import NOWHERE, narrower
from skvae._tables.frames.frame import as_array
from skvae._tables.matrix import chunk_rows, chunks, is_complete, keeps_sparse, lacking_by_row, pieces_of
from skvae._tables.names import column_name
from skvae._tables.units import FARTHEST, Units
from skvae.nn.likelihoods import LIKELIHOODS
from skvae.nn.models import MODELS
from skvae.nn.replay import replayed
from skvae.nn.solvers import apart, make_solver
from skvae.nn.training import History, Rows, train

ROWS_PER_CALL = 512
"""Inference runs in pieces of exactly this many rows, the last one padded, so that a row's result does not depend on
the rows beside it: matrix products of one shape round alike."""

DRAWS_PER_CALL = 8192
"""Importance draws of all rows of a piece: with many draws a row, pieces have fewer rows."""

MANY_PIECES = 8
"""Pieces from which on it pays to record what is done with one; a recorded piece gives the same bits."""

OBSERVED_ROWS, OBSERVED_CELLS = 8192, 2**23
"""Training rows, evenly spread, that a model looks at before training, and the cells that these may have."""

CODES_FOR_MIXTURE = 10_000
"""Codes that a mixture is fitted to."""

CODES_A_ROW, LEAST_CODES, MOST_CODES = 16, 16_384, 262_144
"""Codes that are drawn for each row of which some cells are given, and bounds on their number."""

SHORT_STEP = 100_000_000
"""Products of one forward pass below which a second thread costs more than it brings: five times the time at a quarter
of this, where other processes are busy."""

SHAPE = (
    "n_features",
    "latent_dim",
    "network",
    "hidden_layer_sizes",
    "activation",
    "likelihood",
    "holes",
    "apart",
    "prior",
    "n_mixture_components",
    "code_density",
    "regularizer",
    "precision",
)
"""Options that give the weights of a model their shape and meaning."""


def equal_spans(n_rows, n_spans, size):
    """Slices of equal length that cover ``n_rows`` rows, each a multiple of ``size`` but the last."""
    length = max(1, math.ceil(n_rows / (max(n_spans, 1) * size))) * size
    return [slice(start, min(start + length, n_rows)) for start in range(0, n_rows, length)]


class ArrayModel:
    """A model of rows (n, n_features) with codes (n, latent_dim), on one device, in the units of the data.

    Parameters
    ----------
    options : Options
        What the model is built from, plain values.
    units : Units
        Location and scale of each column.
    precision : {"float32", "float64", "bfloat16"}
        What the module computes in; with "bfloat16" only the matrix products of training do, all else in float32.
    device : str
        Where it computes.
    seed : int
        Seed of the first weights.
    """

    def __init__(self, options, units, precision, device, seed):
        check_precision(precision, device)
        self.options, self.units, self.precision, self.device = options, units, precision, device
        self.history, self.n_seen, self.solver_state, self.told = History(), 0, None, []
        self.module = self._build(seed)

    def _build(self, seed):
        with memory_errors(self.device), torch.device("cpu"), torch.inference_mode(False):
            module = MODELS[self.options.model](**self.options.arguments, generator=torch.Generator().manual_seed(seed))
            module.likelihood.place(self.units.shift, self.units.scale)
            module.fence = None if self.units.fence is None else torch.from_numpy(self.units.fence)
            module.product_dtype = getattr(torch, PRECISIONS[self.precision][1])
            return module.to(device=self.device, dtype=self._dtype).eval()

    @property
    def _dtype(self):
        return getattr(torch, self._array_dtype)

    @property
    def _array_dtype(self):
        return PRECISIONS[self.precision][0]

    @property
    def latent_dim(self):
        """Number of latent variables."""
        return self.options.latent_dim

    @property
    def bounds(self):
        """Between which values cells can be (2, n_features), in the units of the data, by what their columns are."""
        bounds = np.repeat(NOWHERE, self.options.n_features, axis=1)
        for name, columns, _ in self.options.likelihood:
            kind, low = LIKELIHOODS[name].units, self.units.shift[columns]
            if kind in ("unit_interval", "interval"):
                bounds[:, columns] = low, low + self.units.scale[columns]
            elif kind in ("positive", "counts"):
                bounds[0, columns] = 0.0
        return bounds if self.units.bounds is None else narrower(bounds, self.units.bounds)

    def copy(self):
        """An independent model in the same state."""
        return copy.deepcopy(self)

    def __getstate__(self):
        state = self.module.state_dict()
        return {**vars(self), "module": {name: value.cpu().numpy() for name, value in state.items()}}

    def __setstate__(self, state):
        with as_in_children():
            self._restore(state)

    def _restore(self, state):
        vars(self).update(state)
        try:
            self.device = resolve_device(self.device)
        except ValueError:
            warnings.warn(
                f"The model was fitted on device {self.device!r}, which is not here; it runs on 'cpu'.", stacklevel=3
            )
            self.device = "cpu"
        self.module = self._build(seed=0)
        self.module.load_state_dict({name: torch.tensor(value) for name, value in state["module"].items()})

    def _tensor(self, array):
        return torch.from_numpy(np.ascontiguousarray(array, self._array_dtype)).to(self.device)

    def _rows(self, rows):
        """Weighted rows in standard units: tensors, but those of a sparse table are made as training asks for them."""
        if not keeps_sparse(rows.X):
            return self._dense(rows)
        return Rows(StandardRows(self, rows), self._weight(rows))

    def standard(self, X):
        """Cells in standard units, as a tensor."""
        return self._tensor(self.units.to_standard(X))

    def to_learn(self, X):
        """The same of rows that the module learns from."""
        return self._tensor(self.units.to_learn(X))

    def _weight(self, rows):
        """What each row counts."""
        return self._tensor(rows.counts)

    def _dense(self, rows):
        """Weighted rows in standard units as tensors."""
        standard = np.empty((rows.n_rows, self.options.n_features), self._array_dtype)
        for part in chunks(*standard.shape):
            standard[part] = self.units.to_learn(rows.part(part).X)
        return Rows(self._tensor(standard), self._weight(rows))

    def to_go_on(self, options, precision, device, units):
        """A copy to go on training, under options that leave its weights their shape and meaning."""
        fitted, wanted = (
            {**values.arguments, "precision": p, "likelihood": lasting(values.likelihood)}
            for values, p in ((self.options, self.precision), (options, precision))
        )
        changed = [
            f"{name} from {fitted[name]!r} to {wanted[name]!r}"
            for name in SHAPE
            if fitted.get(name) != wanted.get(name)
        ]
        if changed:
            raise ValueError(
                f"Training goes on from the fitted model, but these parameters have changed: {', '.join(changed)}. Set "
                "them back, or train a new model with fit and warm_start=False."
            )
        model = ArrayModel.__new__(ArrayModel)
        now = {"options": options, "device": device, "units": units}
        model.__setstate__(copy.deepcopy({**self.__getstate__(), **now}))
        return model

    def train(self, rows, validation, plan, solver, seed, after_epoch=lambda history: False, resume=False):
        """Train on weighted rows, watching others, or None.

        ``solver`` holds the arguments of ``make_solver``. With ``resume`` the solver goes on from where the last
        resumable call with the same one left it, as a stream of batches needs; otherwise nothing of it is kept.
        """
        identity = str(solver["solver"])
        with memory_errors(self.device), torch.inference_mode(False), torch.enable_grad():
            data, watched = self._rows(rows), validation and self._rows(validation)
            module = self._open_to(data.x, *([] if watched is None else [watched.x]))
            solver = make_solver(module=module, **solver)
            if resume and self.solver_state and self.solver_state["solver"] == identity:
                solver.load(as_tensors(self.solver_state["state"]))
            generator = torch.Generator(self.device).manual_seed(seed)
            n_observed = min(OBSERVED_ROWS, max(OBSERVED_CELLS // data.x.shape[1], 1))
            observed = data.take(slice(None, None, math.ceil(rows.n_rows / n_observed)))
            if self.n_seen:
                module.go_on(*observed)
            else:
                self.module.observe(*observed, torch.Generator(self.device).manual_seed(seed))
            products = data.rows_a_step(plan.batch_size) * self.module.n_products
            with OneThread() if products < SHORT_STEP else nullcontext():
                train(module, data, watched, solver, plan, generator, self.history, after_epoch)
        apart(self.module)
        self.solver_state = {"solver": identity, "state": as_arrays(solver.state())} if resume else None
        self.module.zero_grad(set_to_none=True)
        self.module.requires_grad_(False)
        self.n_seen += rows.total

    def calibrate(self, rows, profile, rate):
        """Fit what the model fits after training to rows with their profile: noise scales and density of the codes."""
        pieces = (self._dense(rows.part(part)) for part in chunks(rows.n_rows, rows.X.shape[1]))
        module = self.module.open_to_holes() if profile.columns.holed[self._unforeseen].any() else self.module
        with memory_errors(self.device), torch.no_grad():
            module.calibrate(pieces, rate)
        density = self.module.code_density
        if not getattr(density, "from_moments", True):
            mixture = mixture_of(self._code_draws(rows, rate), density.n_components)
            with torch.no_grad():
                density.fit(*map(self._tensor, mixture))

    def _code_draws(self, rows, rate):
        """Codes of up to CODES_FOR_MIXTURE rows, spread evenly over the total weight, float64.

        The share 1 - ``rate`` of them are draws of the density that was fitted before: what remains of earlier rows.
        """
        weight = np.ones(rows.n_rows) if rows.weight is None else rows.weight
        n_codes = min(round(rows.counts.sum() / rate), CODES_FOR_MIXTURE)
        n_new = max(round(rate * n_codes), 2)
        ends = np.cumsum(weight) / weight.sum()
        index = np.searchsorted(ends, (np.arange(n_new) + 0.5) / n_new).clip(0, rows.n_rows - 1)
        generator = torch.Generator(self.device).manual_seed(NOISE_SEED)
        with torch.no_grad():
            pieces = (self._dense(rows.part(index[part])).x for part in chunks(n_new, rows.X.shape[1]))
            codes = [self._open_to(x).code_draws(x, generator) for x in pieces]
            if n_codes > n_new:
                codes.append(self.module.code_density.sample(n_codes - n_new, generator))
        return torch.cat(codes).cpu().numpy().astype(np.float64)

    def kl_per_component(self, X, counts):
        """KL divergence of each latent variable, its mean over rows, and the variance of their codes; float64."""
        generator = torch.Generator(self.device).manual_seed(NOISE_SEED)
        x = self.standard(X)
        with memory_errors(self.device), torch.no_grad():
            module = self._open_to(x)
            divergence, codes = as_array(module.kl_per_component(x, generator)), as_array(module.codes(x))
        centred = codes - np.average(codes, axis=0, weights=counts)
        return np.average(divergence, axis=0, weights=counts), np.average(centred**2, axis=0, weights=counts)

    def effective_sample_size(self, X, n_draws):
        """How many equally weighted draws the importance draws of each row are worth (n,), float64."""
        noise = self._noise(n_draws)

        def size(module, x):
            shares = torch.softmax(module.log_weights(x, noise), dim=1)
            return 1.0 / shares.square().sum(1)

        return self._map_rows(size, X, np.empty(len(X)), size=self._rows_per_call(n_draws))

    def supports(self, columns):
        """Whether the likelihood gives a density to all cells of which these are ``Columns`` of a profile."""
        together = any(not LIKELIHOODS[name].separable for name, *_ in self.options.likelihood)
        outside = self.module.likelihood.outside(self.units.to_standard(columns.witnesses))
        some = outside is not None and (outside & ~np.isnan(columns.witnesses)).any()
        return not (some or (together and columns.holed.any()))

    def check_support(self, X, names):
        """Refuse values that the likelihood gives no density, and missing ones that it cannot do without."""
        self._check_together(X, names)
        likelihood, units = self.module.likelihood, self.units
        if likelihood.outside(units.to_standard(X[:1])) is None:
            return
        for part, cells in pieces_of(X):
            outside = likelihood.outside(units.to_standard(cells)) & ~np.isnan(cells)
            if outside.any():
                row, j = np.argwhere(outside)[0]
                member = likelihood.member(j)
                name = next(name for name, columns, _ in self.options.likelihood if j in columns)
                support = member.support.format(low=units.shift[j], high=units.shift[j] + units.scale[j])
                raise ValueError(
                    f"{column_name(names, j)}, row {part.start + row} holds {cells[row, j]:.6g}, but "
                    f"likelihood={name!r} describes {support} only. {member.remedy}"
                )

    def _check_together(self, X, names):
        """Refuse rows that lack some cells only of columns whose cells depend on each other."""
        together = [group for group in self.options.likelihood if not LIKELIHOODS[group[0]].separable]
        pieces = () if not together or is_complete(X) else pieces_of(X)
        for (part, cells), (name, columns, _) in product(pieces, together):
            lacks = np.isnan(cells[:, columns])
            rows = np.flatnonzero(lacks.any(1) & ~lacks.all(1))
            if len(rows):
                row = lacks[rows[0]]
                raise ValueError(
                    f"row {part.start + rows[0]} lacks {column_name(names, columns[row.argmax()])} but has "
                    f"{column_name(names, columns[row.argmin()])}; likelihood={name!r} describes a row's cells of its "
                    "columns together, all or none of them. Use 'poisson' for these columns, or put 0 where a missing "
                    "count means none."
                )

    def _map(self, function, array, out, size=ROWS_PER_CALL, units=None):
        """Fill ``out`` with ``function`` of each row of ``array``, in pieces of one fixed size.

        Long tables are shared out among threads, one a core, each of which computes alone: rows then wait for nothing
        and have the same bits whatever the number of threads.
        """
        size = min(size, chunk_rows(array.shape[1]))

        def fill(span):
            run = replayed(function, frozen=True) if span.stop - span.start > MANY_PIECES * size else function
            with torch.no_grad(), np.errstate(all="ignore"):  # which a thread does not inherit
                for part in chunks(span.stop, array.shape[1], span.start):
                    rows = array[part] if units is None else units.to_standard(array[part])
                    self._fill_part(run, np.ascontiguousarray(rows, self._array_dtype), out[part], size)

        n_threads = torch.get_num_threads() if self.device == "cpu" else 1
        with memory_errors(self.device), OneThread():
            spans = equal_spans(len(array), min(n_threads, math.ceil(len(array) / (MANY_PIECES * size))), size)
            if len(spans) < 2:
                for span in spans:
                    fill(span)
            else:
                with ThreadPoolExecutor(len(spans)) as pool:
                    list(pool.map(fill, spans))
        return out

    def _fill_part(self, function, rows, out, size):
        for start in range(0, len(rows), size):
            piece = rows[start : start + size]
            whole = piece if len(piece) == size else np.pad(piece, ((0, size - len(piece)), (0, 0)))
            result = function(torch.from_numpy(whole).to(self.device))
            out[start : start + size] = result[: len(piece)].cpu().numpy()

    def _map_rows(self, function, X, out, units=None, **pieces):
        """Fill ``out`` with ``function`` of a module and each row of ``X``.

        Rows that lack cells of columns of which none was missing in training go through a model that is open to them;
        the others do not depend on whether there are such rows.
        """
        units, lacking = units or self.units, self._lacking(X)
        if not lacking.any():
            return self._map(partial(function, self.module), X, out, units=units, **pieces)
        for module, rows in ((self.module, ~lacking), (self.module.open_to_holes(), lacking)):
            out[rows] = self._map(partial(function, module), X[rows], out[rows], units=units, **pieces)
        return out

    @property
    def _unforeseen(self):
        """Columns of which no cell was missing in training."""
        return np.setdiff1d(np.arange(self.options.n_features), self.options.holes)

    def _lacking(self, X):
        """Mask of the rows that lack cells of such columns (n,)."""
        columns = self._unforeseen.tolist()
        return lacking_by_row(X, columns) if columns else np.zeros(len(X), dtype=bool)

    def _open_to(self, *tables):
        """The module, open to holes where tensors in standard units have such rows."""
        columns = torch.as_tensor(self._unforeseen, device=self.device)
        tables = (x for x in tables if isinstance(x, torch.Tensor))
        lacking = any(bool(x.isnan().any(0).index_select(0, columns).any()) for x in tables)
        return self.module.open_to_holes() if lacking else self.module

    def encode(self, X):
        """Codes (n, latent_dim) of rows, in the dtype of X."""
        return self._map_rows(lambda module, x: module.codes(x), X, np.empty((len(X), self.latent_dim), X.dtype))

    def decode(self, Z):
        """Expected rows (n, n_features) of codes, float64."""
        out = np.empty((len(Z), self.options.n_features))
        Z = np.clip(Z, -FARTHEST, FARTHEST)
        return self.units.from_standard(self._map(lambda z: self.module.decode(z).mean, Z, out))

    def log_prob(self, X, n_draws):
        """Score of each row (n,) in nats, in the units of the data, float64."""
        noise, size = self._noise(n_draws), self._rows_per_call(n_draws)
        scores = self._map_rows(lambda module, x: module.log_prob(x, noise), X, np.empty(len(X)), size=size)
        return scores + self._log_jacobian(X)

    def _log_jacobian(self, X):
        """What the units add to the log-density of the cells that each row has (n,)."""
        each, added = self.units.log_jacobian, np.full(len(X), self.units.log_jacobian.sum())
        for part, cells in () if is_complete(X) else pieces_of(X):
            missing = np.isnan(cells)
            rows = missing.any(axis=1)
            if rows.any():
                added[part][rows] = np.where(missing[rows], 0.0, each).sum(axis=1)
        return added

    def impute(self, X, n_draws):
        """What is expected of each cell given those of its row that are there (n, n_features), float64."""
        noise, size = self._noise(n_draws), self._rows_per_call(n_draws)
        cells = self._map_rows(lambda module, x: module.expected(x, noise), X, np.empty(X.shape), size=size)
        return self.units.from_standard(cells)

    def complete(self, X, n_draws, seed):
        """A draw of each cell given those of its row that are there (n, n_features), float64."""
        generator = torch.Generator(self.device).manual_seed(seed)
        noise, size, out = self._noise(n_draws), self._rows_per_call(n_draws), np.empty(X.shape)
        with memory_errors(self.device), torch.inference_mode():
            for start in range(0, len(X), size):
                x = self.standard(X[start : start + size])
                out[start : start + size] = self._open_to(x).completed(x, noise, generator).cpu().numpy()
        return self._drawn(out)

    def sample_given(self, row, n_samples, seed):
        """Draws of rows (n_samples, n_features) that have the cells of ``row`` (n_features,) that are not NaN.

        And how many equally weighted draws of the code these stand for.
        """
        generator = torch.Generator(self.device).manual_seed(seed)
        n_codes = min(max(CODES_A_ROW * n_samples, LEAST_CODES), MOST_CODES)
        with memory_errors(self.device), torch.inference_mode():
            x = self.standard(row[None])
            cells, size = self.module.open_to_holes().sample_given(x, n_samples, n_codes, generator)
        return self._drawn(cells.cpu().numpy()), float(size)

    def _drawn(self, cells):
        """Drawn cells in the units of the data, exact ones exactly."""
        return self.units.from_standard(cells, self.module.likelihood.exact)

    def _noise(self, n_draws):
        with memory_errors(self.device):
            return normal_draws(n_draws, self.latent_dim).to(self._dtype).to(self.device)

    def _rows_per_call(self, n_draws):
        return min(ROWS_PER_CALL, max(DRAWS_PER_CALL // n_draws, 16))

    def feature_log_prob(self, X, usual):
        """Log-density of each cell (n, n_features) given the row's code, in standard units, float64.

        The code is that of the row with its cells clipped to the ``usual`` range (2, n_features): a far cell would pull
        it towards itself, and others would then look strange.
        """

        def of_cells(module, both):
            x, tame = both.chunk(2, dim=1)
            return module.feature_log_prob(x, tame)

        return self._map_rows(of_cells, X, np.empty(X.shape), units=Tamed(self.units, usual))

    def feature_shortfall(self, X, usual):
        """The same for each cell less that of the cell that is expected, 0 where cells are missing."""

        def of_cells(module, both):
            x, tame = both.chunk(2, dim=1)
            return module.feature_shortfall(x, tame)

        return self._map_rows(of_cells, X, np.empty(X.shape), units=Tamed(self.units, usual))

    def sample(self, n_samples, seed):
        """Rows like the data (n_samples, n_features), float64."""
        generator = torch.Generator(self.device).manual_seed(seed)
        out = np.empty((n_samples, self.options.n_features))
        with memory_errors(self.device), torch.inference_mode():
            for start in range(0, n_samples, ROWS_PER_CALL):
                part = out[start : start + ROWS_PER_CALL]
                part[:] = self.module.sample(len(part), generator).cpu().numpy()
        return self._drawn(out)


class StandardRows:
    """Weighted rows of an ``ArrayModel`` in standard units (n, n_features): ``rows[index]`` makes a tensor of some."""

    def __init__(self, model, rows):
        self._model, self._rows = model, rows
        self.shape = rows.n_rows, rows.X.shape[1]

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        index = index.cpu().numpy() if isinstance(index, torch.Tensor) else index
        return self._model.to_learn(self._rows.part(index).X)


def lasting(parts):
    """The parts of a likelihood without what more rows may widen."""
    return [
        (name, columns, {key: value for key, value in further.items() if key not in LIKELIHOODS[name].follows})
        for name, columns, further in parts
    ]


@dataclass(frozen=True)
class Tamed:
    """Units in which a row stands beside itself with its cells clipped to a range (2, n_features)."""

    units: Units
    usual: np.ndarray

    def to_standard(self, X):
        """Standard units (n, 2 * n_features), float64."""
        return np.hstack([self.units.to_standard(X), self.units.to_standard(self.units.usual.clipped(X, *self.usual))])
