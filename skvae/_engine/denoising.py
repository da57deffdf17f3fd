"""A denoiser as arrays: trained, continued, pickled; what cells cost by it."""

import copy
import math
from contextlib import nullcontext

import numpy as np
import torch

from skvae._engine.device import OneThread, memory_errors, resolve_device
from skvae._engine.draws import NOISE_SEED
from skvae._engine.pieces import Pieces
from skvae._engine.states import as_arrays, as_tensors
from skvae._surroundings import as_in_children
from skvae.nn.models.denoiser import Denoiser
from skvae.nn.ranks import ALONE
from skvae.nn.solvers import apart, make_solver
from skvae.nn.training import SCHEDULES, History, Plan, Rows, train

HIDDEN_LAYER_SIZES = (256, 256)
"""Wider than rows are: the noise, not a bottleneck, keeps the network from copying them."""

SOLVER = {"solver": "adam", "learning_rate": 2e-3, "momentum": 0.9, "weight_decay": 0.0}

BATCH_SIZE, N_STEPS, STEPS_A_LOOK, LOOKS_WITHOUT_CHANGE = 128, 1500, 100, 6
"""How it is trained: rows are gone over until so many steps have passed between two looks at those held out."""

N_LEVELS, N_DRAWS = 10, 2
"""Levels of noise that a row is judged at, and draws of each."""


class Denoising:
    """A ``Denoiser`` of points (n, width) in standard units, on one device.

    Parameters
    ----------
    width : int
        Numbers of a point.
    device : str
        Where it computes.
    seed : int
        Seed of the first weights.
    """

    def __init__(self, width, device, seed):
        self.width, self.device = width, device
        self.module = self._build(seed)

    def _build(self, seed):
        with memory_errors(self.device), torch.device("cpu"), torch.inference_mode(False):
            module = Denoiser(self.width, HIDDEN_LAYER_SIZES, torch.Generator().manual_seed(seed))
            return module.to(self.device).eval().requires_grad_(False)

    def train(self, points, weight, held_out, seed, share=1.0):
        """Train on points that count ``weight`` (n,), and keep the state that is best on those held out.

        ``held_out`` are such points with their weights. ``share`` is that of the usual number of steps, for a network
        that goes on. Every process of several trains for itself, all the same.
        """
        with memory_errors(self.device), torch.inference_mode(False), torch.enable_grad():
            rows, watched = self._rows(points, weight), self._rows(*held_out)
            n_steps = max(math.ceil(rows.size / BATCH_SIZE), 1)
            times = math.ceil(STEPS_A_LOOK / n_steps)
            rows = Rows(rows.x.repeat(times, 1), rows.weight.repeat(times))
            n_looks = max(1, round(share * N_STEPS / (times * n_steps)))
            plan = Plan(BATCH_SIZE, n_looks, 0.0, LOOKS_WITHOUT_CHANGE, SCHEDULES["cosine"], ranks=ALONE)
            generator = torch.Generator(self.device).manual_seed(seed)
            self.module.requires_grad_(True)
            with OneThread() if torch.device(self.device).type == "cpu" else nullcontext():
                solver = make_solver(module=self.module, **SOLVER)
                train(self.module, rows, watched, solver, plan, generator, History(), lambda history: False)
        apart(self.module)
        self.module.zero_grad(set_to_none=True)
        self.module.requires_grad_(False)
        return self

    def _rows(self, points, weight):
        """Points and what they count as tensors."""
        x, weight = (torch.tensor(part, dtype=torch.float32).to(self.device) for part in (points, weight))
        return Rows(x, weight)

    @property
    def noise(self):
        """Standard normal draws (n_levels, n_draws, width), the same at every call."""
        generator = torch.Generator().manual_seed(NOISE_SEED)
        half = torch.randn(N_LEVELS, N_DRAWS // 2, self.width, generator=generator)
        return torch.cat([half, -half], dim=1).to(self.device)

    def costs(self, points):
        """What each number of points costs (n, width), float64."""
        noise = self.noise
        pieces = Pieces(self.device, "float32")
        return pieces.fill(lambda x: self.module.costs(x, noise), points, np.empty(points.shape))

    def copy(self):
        """An independent one in the same state."""
        return copy.deepcopy(self)

    def __getstate__(self):
        return {"width": self.width, "device": self.device, "module": as_arrays(dict(self.module.state_dict()))}

    def __setstate__(self, state):
        self.width, self.device = state["width"], state["device"]
        with as_in_children():
            try:
                self.device = resolve_device(self.device)
            except ValueError:
                self.device = "cpu"  # the density beside it has said so
            self.module = self._build(seed=0)
            self.module.load_state_dict(as_tensors(state["module"]))
