"""How a model is trained, from the parameters."""

from skvae.nn.solvers import SOLVERS, is_optimizer
from skvae.nn.training import SCHEDULES, Plan


def plan_of(parameters, batch_size, max_iter, goes_on):
    """How ``fit`` steps and when it stops."""
    return Plan(
        batch_size=batch_size,
        max_iter=max_iter,
        tol=parameters.tol,
        n_iter_no_change=parameters.n_iter_no_change,
        schedule=SCHEDULES[parameters.learning_rate],
        support_fraction=parameters.support_fraction,
        progress=float(goes_on),
    )


def stream_plan(parameters, batch_size):
    """One pass over a batch of a stream."""
    return Plan(batch_size, max_iter=1, support_fraction=parameters.support_fraction, progress=1.0)


def solver_of(parameters, rows):
    """Arguments of the solver; ``alpha`` acts on the sum over rows, as a prior on the weights does."""
    if parameters.solver not in SOLVERS and not is_optimizer(parameters.solver):
        raise ValueError(
            f"solver={parameters.solver!r} is no torch.optim.Optimizer class that steps without a closure. Use such a "
            f"class, or one of {sorted(SOLVERS)}."
        )
    return {
        "solver": parameters.solver,
        "learning_rate": float(parameters.learning_rate_init),
        "momentum": float(parameters.momentum),
        "weight_decay": parameters.alpha / rows.total,
    }
