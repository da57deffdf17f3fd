"""From parameters and what is known of the rows to what is built and how it is trained: pure functions."""

from skvae._recipe.learned import Learned, learned
from skvae._recipe.models import PlainRecipe, VariationalRecipe
from skvae._recipe.options import Options, VariationalOptions, options_of
from skvae._recipe.plans import plan_of, solver_of, stream_plan
from skvae._recipe.shapes import is_linear
from skvae._recipe.sizes import auto_batch_size, batch_size_of, epochs_of, layer_sizes, least_batch_size

__all__ = [
    "Learned",
    "Options",
    "PlainRecipe",
    "VariationalOptions",
    "VariationalRecipe",
    "auto_batch_size",
    "batch_size_of",
    "epochs_of",
    "is_linear",
    "layer_sizes",
    "learned",
    "least_batch_size",
    "options_of",
    "plan_of",
    "solver_of",
    "stream_plan",
]
