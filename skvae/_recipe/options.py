"""What a model is built from: frozen, and of plain values, as it is pickled with the weights."""

from dataclasses import dataclass

from skvae._members import Named
from skvae._recipe.shapes import networks_of
from skvae._recipe.sizes import latent_dim
from skvae._recipe.words import corruption_of


@dataclass(frozen=True)
class VariationalOptions:
    """What only the VAE has: its prior, what training maximises, and what a code costs."""

    prior: str
    objective: str
    n_draws: int
    regularizer: str
    beta: float
    free_bits: float
    kl_warmup: float


@dataclass(frozen=True)
class Options:
    """What both models have; ``model`` is a key of ``skvae.nn.models.MODELS``, ``own`` what only this one has.

    ``likelihood`` holds the name, the columns and further arguments of each group of columns, ``holes`` the columns of
    which cells are missing, and ``apart`` those with values that stand apart from their other cells, with these values.
    ``alike`` is whether the columns were found to be alike, as pixels are, when training began.
    """

    model: str
    n_features: int
    latent_dim: int
    network: Named
    hidden_layer_sizes: list
    activation: str
    likelihood: list
    holes: list
    apart: list
    n_mixture_components: int
    code_density: str | None
    corruption: Named | None
    penalty: Named | None
    own: VariationalOptions | None = None
    alike: bool = False

    @property
    def arguments(self):
        """Arguments of the model by name."""
        shared = {name: value for name, value in vars(self).items() if name not in ("model", "own", "alike")}
        return shared | ({} if self.own is None else vars(self.own))


def options_of(parameters, recipe, known, rows, whole, fitted=None):
    """The options of a model of rows of which so much is ``known``.

    ``whole`` is False where the rows are one batch of a stream; ``fitted`` is the model to go on from.
    """
    n_features = rows.X.shape[1]
    size = latent_dim(parameters, n_features)
    if fitted is not None and parameters.code_density == "auto":
        code_density = fitted.options.code_density
    else:
        code_density = recipe.code_density(parameters, whole, rows.n_counted / size)
    network, sizes = networks_of(parameters, recipe, n_features, known.alike)
    return Options(
        model=recipe.model,
        n_features=n_features,
        latent_dim=size,
        network=network,
        hidden_layer_sizes=sizes,
        activation=parameters.activation,
        likelihood=known.likelihood,
        holes=known.holes,
        apart=known.apart,
        n_mixture_components=int(parameters.n_mixture_components),
        code_density=code_density,
        corruption=corruption_of(parameters, known, n_features, fitted),
        penalty=recipe.penalty(parameters, network, known, fitted),
        own=recipe.own(parameters, known.share_missing, fitted),
        alike=known.alike,
    )
