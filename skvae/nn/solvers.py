"""Solvers: one step for all parameters of a module. Never: a loss.

The solvers by name see the parameters as one flat vector, so that a step is one call whatever the number of layers; the
arithmetic is that of torch's optimisers. Any ``torch.optim.Optimizer`` class works beside them.
"""

import inspect
from abc import ABC, abstractmethod
from contextlib import contextmanager

import torch
from torch import nn
from torch.optim.adagrad import adagrad
from torch.optim.sgd import sgd

from skvae.nn.replay import in_place

LARGEST_GRADIENT = 1000.0
"""Norm to which longer gradients of one step are cut: a single far row turns no model over."""


class Solver(ABC):
    """What the training loop asks of a solver."""

    gradients = None
    """Where gradients are added up, one tensor a parameter that stays in place; None where they come and go."""

    moved = ()
    """The tensors that a step changes in place."""

    @abstractmethod
    def zero_grad(self):
        """Forget the gradient."""

    @abstractmethod
    def combine(self, ranks, share):
        """Replace the gradient by the sum of those of all ranks, each times its share."""

    @abstractmethod
    def step(self):
        """Move the parameters along the gradient."""

    @abstractmethod
    def divide_learning_rate(self, divisor):
        """Go on with smaller steps."""

    @property
    @abstractmethod
    def rates(self):
        """The learning rate of each group of parameters; it can be set."""

    @abstractmethod
    def state(self):
        """Tensors and plain values from which ``load`` goes on."""

    @abstractmethod
    def load(self, state):
        """Go on from an earlier state."""


def weight_matrices(module):
    """Parameters that decay and others: weight matrices, and vectors."""
    parameters = list(module.parameters())
    return [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim < 2]


class Layout:
    """How the parameters of a module lie in one vector: weight matrices first, then vectors.

    A matrix of an affine layer with more outputs than inputs lies column by column: gradients lie as what they are of,
    and products whose rows are short take several times as long.
    """

    def __init__(self, module):
        decaying, others = weight_matrices(module)
        layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
        self._across = {layer.weight for layer in layers if layer.out_features > layer.in_features}
        self.parameters, self.n_decaying = decaying + others, sum(parameter.numel() for parameter in decaying)
        self._sizes = [parameter.numel() for parameter in self.parameters]

    def __call__(self, vector):
        """The parts of such a vector, in the shapes of the parameters."""
        pairs = zip(self.parameters, vector.split(self._sizes), strict=True)
        return [
            part.view(parameter.shape[::-1]).mT if parameter in self._across else part.view_as(parameter)
            for parameter, part in pairs
        ]

    def row_by_row(self, vector):
        """The same numbers, every matrix row by row."""
        return torch.cat([part.reshape(-1) for part in self(vector)])

    def put(self, vector, numbers):
        """Fill a vector with what ``row_by_row`` gave."""
        for part, own in zip(self(vector), numbers.split(self._sizes), strict=True):
            part.copy_(own.view(part.shape))


@torch.inference_mode(False)
def apart(module):
    """Give each parameter memory of its own, where it lies as in a copy: products round by where their numbers lie."""
    for parameter in module.parameters():
        parameter.data = parameter.detach().clone(memory_format=torch.contiguous_format)


class FlatSolver(Solver):
    """Parameters and gradients as views of two flat vectors, weight matrices first: only they decay.

    ``state`` has every matrix row by row, however it lies.
    """

    def __init__(self, module, learning_rate, momentum, weight_decay):
        self.momentum, self.weight_decay, self._learning_rate = momentum, weight_decay, learning_rate
        self._layout = layout = Layout(module)
        self.values = torch.cat([parameter.detach().reshape(-1) for parameter in layout.parameters])
        self.gradient, self.n_decaying = torch.zeros_like(self.values), layout.n_decaying
        for parameter, value, gradient in zip(
            layout.parameters, layout(self.values), layout(self.gradient), strict=True
        ):
            parameter.data, parameter.grad = value.copy_(parameter.detach()), gradient
        self.moved = [self.values]
        self.gradients = [parameter.grad for parameter in layout.parameters]
        self.first, self.second = torch.zeros_like(self.values), torch.zeros_like(self.values)
        self.n_steps = torch.zeros((), dtype=torch.float32, device=self.values.device)
        self.rate = torch.full_like(self.n_steps, learning_rate)
        self._step = self._plain_step

    @property
    def learning_rate(self):
        """How far a step goes; ``rate`` is the same as a tensor."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, rate):
        self._learning_rate = rate
        self.rate.fill_(rate)

    @abstractmethod
    def update(self):
        """Change ``values`` by ``gradient``."""

    def zero_grad(self):
        self.gradient.zero_()

    def combine(self, ranks, share):
        ranks.add_up(self.gradient, share)

    def decay(self):
        """Add the gradient of the squared norm of the weight matrices, no more of it than takes one step to zero."""
        if self.weight_decay:
            most = min(self.weight_decay, 1.0 / self.learning_rate)
            self.gradient[: self.n_decaying].add_(self.values[: self.n_decaying], alpha=most)

    def clip(self):
        """Cut a gradient that is too long; on a GPU, which tells no number in between, by a factor that may be one."""
        norm = torch.linalg.vector_norm(self.gradient)
        if norm.device.type != "cpu" or not float(norm) <= LARGEST_GRADIENT:
            self.gradient.mul_((LARGEST_GRADIENT / norm).clamp_max(1.0))

    @torch.no_grad()
    def step(self):
        self._step()

    def _plain_step(self):
        self.clip()
        self.decay()
        self.update()

    def divide_learning_rate(self, divisor):
        self.learning_rate /= divisor

    @property
    def rates(self):
        return [self.learning_rate]

    @rates.setter
    def rates(self, rates):
        (self.learning_rate,) = rates

    def state(self):
        moments = {name: self._layout.row_by_row(getattr(self, name)) for name in ("first", "second")}
        return {**moments, "n_steps": self.n_steps}

    def load(self, state):
        self.n_steps.copy_(state["n_steps"])
        for name in ("first", "second"):
            self._layout.put(getattr(self, name), state[name])


class Adam(FlatSolver):
    """Kingma and Ba (2015). On a GPU a step is one launch, where its decay does not depend on the learning rate."""

    def __init__(self, module, learning_rate, momentum, weight_decay):
        super().__init__(module, learning_rate, momentum, weight_decay)
        self._vectors = [self.values], [self.gradient], [self.first], [self.second], [], [self.n_steps]
        if weight_decay * learning_rate <= 1.0:  # rates only fall
            state = [self.values, self.gradient, self.first, self.second, self.n_steps]
            self._step = in_place(self._plain_step, state)

    def update(self):
        self.n_steps += 1.0
        torch._fused_adam_(*self._vectors, lr=self._rate, **ADAM)  # what torch.optim.adam.adam calls, after 15 us

    @property
    def _rate(self):
        """The learning rate, on a GPU as a tensor, of which a graph reads what it is at each launch."""
        return self.rate if self.rate.device.type == "cuda" else self.learning_rate


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    def __init__(self, module, learning_rate, momentum, weight_decay):
        super().__init__(module, learning_rate, momentum, weight_decay)
        if weight_decay:
            self._step = self._plain_step

    def decay(self):
        if self.weight_decay:
            self.values[: self.n_decaying].mul_(max(0.0, 1.0 - self.learning_rate * self.weight_decay))


class SGD(FlatSolver):
    """Gradient descent with Nesterov momentum."""

    def update(self):
        sgd(
            [self.values],
            [self.gradient],
            [self.first],
            lr=self.learning_rate,
            momentum=self.momentum,
            nesterov=self.momentum > 0,
            dampening=0.0,
            weight_decay=0.0,
            maximize=False,
            fused=True,
        )


class Adagrad(FlatSolver):
    """Duchi, Hazan and Singer (2011)."""

    def update(self):
        adagrad(
            [self.values],
            [self.gradient],
            [self.second],
            [self.n_steps],
            lr=self.learning_rate,
            lr_decay=0.0,
            eps=1e-10,
            weight_decay=0.0,
            maximize=False,
        )


@contextmanager
def solver_errors(optimizer):
    """What an optimiser class refuses, as an error that names it."""
    try:
        yield
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"solver={optimizer!r} cannot train this network: {error} Use another class, or one of {sorted(SOLVERS)}."
        ) from error


class TorchSolver(Solver):
    """A ``torch.optim.Optimizer`` class over the module's parameters, one by one."""

    def __init__(self, optimizer, module, learning_rate, weight_decay):
        decaying, others = weight_matrices(module)
        groups = [{"params": decaying, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.moved = decaying + others
        with solver_errors(optimizer):
            self.optimizer = optimizer(groups if weight_decay else decaying + others, lr=learning_rate)

    def zero_grad(self):
        self.optimizer.zero_grad()

    def combine(self, ranks, share):
        for group in self.optimizer.param_groups if ranks.world > 1 else []:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    ranks.add_up(parameter.grad, share)

    def step(self):
        nn.utils.clip_grad_norm_(
            (p for group in self.optimizer.param_groups for p in group["params"]), LARGEST_GRADIENT
        )
        with solver_errors(type(self.optimizer)):
            self.optimizer.step()

    def divide_learning_rate(self, divisor):
        for group in self.optimizer.param_groups:
            group["lr"] /= divisor

    @property
    def rates(self):
        return [group["lr"] for group in self.optimizer.param_groups]

    @rates.setter
    def rates(self, rates):
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def state(self):
        return self.optimizer.state_dict()

    def load(self, state):
        fresh = self.optimizer.state_dict()
        self.optimizer.load_state_dict({**state, "param_groups": fresh["param_groups"]})


ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False, "maximize": False}

SOLVERS = {"adam": Adam, "adamw": AdamW, "sgd": SGD, "adagrad": Adagrad}


def is_optimizer(solver):
    """Whether ``solver`` is an optimiser class whose steps need no closure."""
    if not (isinstance(solver, type) and issubclass(solver, torch.optim.Optimizer)):
        return False
    closure = inspect.signature(solver.step).parameters.get("closure")
    return closure is None or closure.default is not inspect.Parameter.empty


def make_solver(solver, module, learning_rate, momentum, weight_decay):
    """A solver by name, or around an optimiser class, which has its own momentum."""
    if solver in SOLVERS:
        return SOLVERS[solver](module, learning_rate, momentum, weight_decay)
    return TorchSolver(solver, module, learning_rate, min(weight_decay, 1.0 / learning_rate))
