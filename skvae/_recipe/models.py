"""What parameters mean to each of the models: the only differences between the two recipes."""

from abc import ABC, abstractmethod

from skvae._members import named
from skvae._recipe.options import VariationalOptions
from skvae._recipe.shapes import USUAL_NETWORK, is_linear
from skvae._recipe.words import likelihood_of_words
from skvae.corruptions import Corruption
from skvae.nn.likelihoods import LIKELIHOODS
from skvae.nn.objectives import OBJECTIVES
from skvae.nn.penalties import makes_activations
from skvae.penalties import Penalty, Principal

ENOUGH_ROWS = 10
"""Rows a component from which on a mixture of the codes is fitted by default: fewer say too little of its shape."""

MANY_HOLES = 0.05
"""Share of missing cells from which on "auto" trains with several draws a row."""

COSTS = {"regularizer": "kl", "beta": 1.0, "free_bits": 0.0, "kl_warmup": 0.0, "penalty": "auto"}
"""Parameters that concern the cost of a code, and their defaults."""


class Recipe(ABC):
    """What the parameters of an estimator mean to its model; all of it follows from what is passed."""

    model = ""
    """Key of ``skvae.nn.models.MODELS``."""

    network_of_pixels = ""
    """Name of the networks of a table of pixels under "auto", where there are hidden layers."""

    of_sparse = {}
    """What "auto" takes for all columns of a sparse table that are no words, by what its cells are; else the usual."""

    keeps_components = False
    """Whether codes keep to principal components under "auto"."""

    def penalty(self, parameters, network, known, fitted):
        """Name and arguments of the penalty, or None.

        Under "auto" codes of an autoencoder keep to principal components where networks begin at these and columns do
        not have one unit; so much is ``known`` of them. ``fitted`` is the model to go on from.
        """
        if parameters.penalty != "auto":
            return named(parameters.penalty, Penalty)
        if fitted is not None:
            return fitted.options.penalty
        one_unit = known.alike or all(LIKELIHOODS[name].units == "common" for name, *_ in known.likelihood)
        suits = network.name == USUAL_NETWORK and not is_linear(parameters) and not one_unit
        return named(Principal(), Penalty) if self.keeps_components and suits else None

    def number_likelihood(self, parameters, sparse, n_features):
        """Name of the likelihood of so many columns of numbers under "auto".

        ``sparse`` says what those of a sparse table are; it is None for another table.
        """
        of_words = likelihood_of_words(sparse, n_features)
        return of_words or self.of_sparse.get(sparse) or self.usual_likelihood(parameters)

    @abstractmethod
    def usual_likelihood(self, parameters):
        """Name of the likelihood of columns of numbers under "auto", where nothing more is known of them."""

    @abstractmethod
    def code_density(self, parameters, whole, rows_a_component):
        """Name of the density that is fitted to the codes after training, or None."""

    @abstractmethod
    def own(self, parameters, share_missing, fitted):
        """The options that only this model has; ``fitted`` is the model to go on from."""

    @abstractmethod
    def n_draws(self, parameters):
        """Importance draws of one score."""


class PlainRecipe(Recipe):
    """That of the autoencoder."""

    model = "autoencoder"
    network_of_pixels = "residual"
    keeps_components = True

    def usual_likelihood(self, parameters):
        return "gaussian"

    def code_density(self, parameters, whole, rows_a_component):
        return parameters.code_density

    def own(self, parameters, share_missing, fitted):
        return None

    def n_draws(self, parameters):
        return 1


class VariationalRecipe(Recipe):
    """That of the VAE."""

    model = "vae"
    network_of_pixels = "mlp"
    of_sparse = {"binary": "bernoulli", "counts": "poisson", "real": "gaussian"}

    def usual_likelihood(self, parameters):
        return "gaussian" if is_linear(parameters) else "inflated_gaussian"

    def code_density(self, parameters, whole, rows_a_component):
        if parameters.code_density != "auto":
            return parameters.code_density
        bent = not is_linear(parameters)
        suits = whole and bent and parameters.prior == "normal" and rows_a_component >= ENOUGH_ROWS
        return "gaussian_mixture" if suits else None

    def own(self, parameters, share_missing, fitted):
        check_densities(parameters)
        ignored = ignored_costs(parameters)
        objective = parameters.objective
        if objective == "auto":
            many = not ignored and share_missing >= MANY_HOLES
            objective = fitted.options.own.objective if fitted is not None else "iwae" if many else "elbo"
        if ignored and not OBJECTIVES[objective].takes_cost:
            raise ValueError(
                f"objective={objective!r} has no cost of the code of its own, so {', '.join(ignored)} cannot act. "
                "Leave out what concerns the cost, or use objective='elbo'."
            )
        return VariationalOptions(
            prior=parameters.prior,
            objective=objective,
            n_draws=OBJECTIVES[objective].auto_draws if parameters.n_draws == "auto" else int(parameters.n_draws),
            regularizer=parameters.regularizer,
            beta=float(parameters.beta),
            free_bits=float(parameters.free_bits),
            kl_warmup=float(parameters.kl_warmup),
        )

    def n_draws(self, parameters):
        return parameters.n_importance_samples


def ignored_costs(parameters):
    """Parameters that concern the cost of a code and are not at their defaults, as they are written."""
    costs = {name: getattr(parameters, name) for name in COSTS}
    return [f"{name}={value!r}" for name, value in costs.items() if value != COSTS[name]]


def check_densities(parameters):
    """Refuse what members ask for that a model whose codes and rows have densities cannot do."""
    corruption, penalty = named(parameters.corruption, Corruption), named(parameters.penalty, Penalty)
    if corruption is not None and corruption.arguments.get("emphasis", 1.0) != 1.0:
        raise ValueError(
            f"corruption={parameters.corruption!r} weighs errors of single cells, but a VAETransformer maximises the "
            "density of whole rows. Use emphasis=1.0, or an AutoencoderTransformer."
        )
    if makes_activations(penalty):
        raise ValueError(
            f"penalty={parameters.penalty!r} makes codes activations between 0 and 1, but those of a VAETransformer "
            "are to look like its prior, which has no such bounds. Use target=None, or an AutoencoderTransformer."
        )
