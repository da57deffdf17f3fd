"""The model as arrays: built, trained, continued, pickled.

An ``ArrayModel`` owns the torch module, its device and the units of the data. It is made of numpy arrays and plain
values when it is pickled.
"""

import copy
import math
import warnings

import numpy as np
import torch

from skvae._engine.calibration import calibrate
from skvae._engine.components import Axes
from skvae._engine.device import PRECISIONS, check_precision, memory_errors, resolve_device, threads_for
from skvae._engine.few import Found
from skvae._engine.holes import Opening
from skvae._engine.inference import Inference
from skvae._engine.pieces import Pieces
from skvae._engine.states import as_arrays, as_tensors
from skvae._engine.support import check_support, supports
from skvae._engine.tensors import Tensors
from skvae._surroundings import as_in_children
from skvae._tables.bounds import NOWHERE, narrower
from skvae.nn.checkpoints import UNKEPT
from skvae.nn.likelihoods import LIKELIHOODS
from skvae.nn.models import MODELS
from skvae.nn.penalties import keeps_components, makes_activations
from skvae.nn.solvers import apart, make_solver
from skvae.nn.training import History, train

OBSERVED_ROWS, OBSERVED_CELLS = 8192, 2**23
"""Training rows, evenly spread, that a model looks at before training, and the cells that these may have."""

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

    infers_rows = False
    """Whether scores draw after a step of inference for their row; models that were stored before do not."""

    def __init__(self, options, units, precision, device, seed):
        check_precision(precision, device)
        self.options, self.units, self.precision, self.device = options, units, precision, device
        self.history, self.n_seen, self.solver_state, self.told = History(), 0, None, {}
        self.axes, self.found = Axes.own(options.latent_dim), Found()
        self.infers_rows = True
        self.module = self._build(seed)

    def _build(self, seed):
        with memory_errors(self.device), torch.device("cpu"), torch.inference_mode(False):
            module = MODELS[self.options.model](**self.options.arguments, generator=torch.Generator().manual_seed(seed))
            module.likelihood.place(*map(torch.tensor, (self.units.shift, self.units.scale)))
            module.fence = None if self.units.fence is None else torch.from_numpy(self.units.fence)
            module.infers_rows = self.infers_rows
            module.product_dtype = getattr(torch, PRECISIONS[self.precision][1])
            return module.to(device=self.device, dtype=getattr(torch, self._dtype)).eval()

    @property
    def _dtype(self):
        """Name of the dtype of weights, densities and scores."""
        return PRECISIONS[self.precision][0]

    @property
    def _tensors(self):
        return Tensors(self.units, self.device, self._dtype)

    @property
    def _opening(self):
        return Opening.of(self.module, self.options)

    @property
    def inference(self):
        """What the model answers as it is now."""
        pieces = Pieces(self.device, self._dtype)
        return Inference(self._opening, self._tensors, pieces, self.options.n_features, self.axes, self.found)

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
            if kind in ("unit_interval", "interval", "simplex"):
                bounds[:, columns] = low, low + self.units.scale[columns]
            elif kind in ("positive", "counts"):
                bounds[0, columns] = 0.0
        return bounds if self.units.bounds is None else narrower(bounds, self.units.bounds)

    def copy(self):
        """An independent model in the same state."""
        model = copy.deepcopy(self)
        model.told = dict(self.told)
        return model

    def first_to_tell(self, subject):
        """Whether nobody has been told of something yet, of whom asks first, in whatever thread."""
        mine = object()
        return self.told.setdefault(subject, mine) is mine

    def __getstate__(self):
        """Without what has been told: a model that answers stays as it was, to the last byte of its pickle."""
        state = self.module.state_dict()
        own = {name: value for name, value in vars(self).items() if name != "found"}
        return {**own, "told": [], "module": {name: value.cpu().numpy() for name, value in state.items()}}

    def __setstate__(self, state):
        with as_in_children():
            self._restore(state)

    def _restore(self, state):
        vars(self).update(state, told=dict.fromkeys(state["told"]), found=Found())
        try:
            self.device = resolve_device(self.device)
        except ValueError:
            warnings.warn(
                f"The model was fitted on device {self.device!r}, which is not here; it runs on 'cpu'.", stacklevel=3
            )
            self.device = "cpu"
        self.module = self._build(seed=0).requires_grad_(False)
        self.module.load_state_dict({name: torch.tensor(value) for name, value in state["module"].items()})

    def to_go_on(self, options, precision, device, units):
        """A copy to go on training, under options that leave its weights their shape and meaning."""
        fitted, wanted = (
            {**values.arguments, "precision": p, "likelihood": lasting(values.likelihood)}
            for values, p in ((self.options, self.precision), (options, precision))
        )
        kinds = [(makes_activations(each.penalty), keeps_components(each.penalty)) for each in (self.options, options)]
        names = SHAPE if kinds[0] == kinds[1] else (*SHAPE, "penalty")
        changed = [
            f"{name} from {fitted[name]!r} to {wanted[name]!r}"
            for name in names
            if fitted.get(name) != wanted.get(name)
        ]
        if changed:
            raise ValueError(
                f"Training goes on from the fitted model, but these parameters have changed: {', '.join(changed)}. Set "
                "them back, or train a new model with fit and warm_start=False."
            )
        model = ArrayModel.__new__(ArrayModel)
        now = {"device": device, "units": units, "told": list(self.told)}
        # options are frozen: a copy of a function with arguments of its own would be another function
        model.__setstate__(copy.deepcopy({**self.__getstate__(), **now, "options": None}) | {"options": options})
        return model

    def train(self, rows, validation, plan, solver, seed, after_epoch=None, resume=False, checkpoint=UNKEPT):
        """Train on weighted rows, watching others, or None.

        ``solver`` holds the arguments of ``make_solver``. With ``resume`` the solver goes on from where the last
        resumable call with the same one left it, as a stream of batches needs; otherwise nothing of it is kept. What
        broke off goes on from its ``checkpoint``.
        """
        identity = str(solver["solver"])
        with memory_errors(self.device), torch.inference_mode(False), torch.enable_grad():
            self.module.requires_grad_(True)
            data = self._tensors.rows(rows)
            watched = validation and self._tensors.rows(validation)
            module = self._opening.for_tensors(data.x, *([] if watched is None else [watched.x]))
            solver = make_solver(module=module, **solver)
            if resume and self.solver_state and self.solver_state["solver"] == identity:
                solver.load(as_tensors(self.solver_state["state"]))
            generator = torch.Generator(self.device).manual_seed(seed)
            n_observed = min(OBSERVED_ROWS, max(OBSERVED_CELLS // data.x.shape[1], 1))
            observed = data.take(slice(None, None, math.ceil(rows.n_rows / n_observed)))
            with threads_for(observed.x.numel() * data.x.shape[1]):
                if self.n_seen:
                    module.go_on(*observed)
                else:
                    self.module.observe(*observed, torch.Generator(self.device).manual_seed(seed))
            plan.ranks.agree(module.state_dict().values(), generator)
            products = data.rows_a_step(plan.batch_size) * self.module.n_products
            with threads_for(products):
                train(module, data, watched, solver, plan, generator, self.history, after_epoch or never, checkpoint)
        apart(self.module)
        self.solver_state = {"solver": identity, "state": as_arrays(solver.state())} if resume else None
        self.module.zero_grad(set_to_none=True)
        self.module.requires_grad_(False)
        self.n_seen += rows.total

    def calibrate(self, rows, profile, rate):
        """Fit what the model fits after training to rows with their profile: noise scales and density of the codes."""
        calibrate(self._opening, self._tensors, rows, profile.columns.holed, rate)

    def supports(self, columns):
        """Whether the likelihood gives a density to all cells of which these are the ``Columns`` of a profile."""
        return supports(self.module.likelihood, self.units, self.options.likelihood, columns)

    def check_support(self, X, names):
        """Refuse values that the likelihood gives no density, and missing ones that it cannot do without."""
        check_support(self.module.likelihood, self.units, self.options.likelihood, X, names)


def never(history):
    """Nobody asks to stop."""
    return False


def lasting(parts):
    """The parts of a likelihood without what more rows may widen."""
    return [
        (name, columns, {key: value for key, value in further.items() if key not in LIKELIHOODS[name].follows})
        for name, columns, further in parts
    ]
