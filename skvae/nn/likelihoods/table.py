"""The likelihoods by name: a new one is one class and one line here."""

from skvae.nn.likelihoods.atoms import InflatedGaussian
from skvae.nn.likelihoods.columnwise import Columnwise
from skvae.nn.likelihoods.counts import Multinomial, NegativeBinomial, Poisson
from skvae.nn.likelihoods.interval import Bernoulli, BinarizedBernoulli, ContinuousBernoulli
from skvae.nn.likelihoods.levels import Categorical
from skvae.nn.likelihoods.ordinal import Ordinal
from skvae.nn.likelihoods.positive import Gamma, LogNormal
from skvae.nn.likelihoods.real import Gaussian, HeteroscedasticGaussian, Huber, IsotropicGaussian, Laplace, StudentT
from skvae.nn.likelihoods.simplex import Dirichlet

LIKELIHOODS = {
    "gaussian": Gaussian,
    "isotropic_gaussian": IsotropicGaussian,
    "heteroscedastic_gaussian": HeteroscedasticGaussian,
    "inflated_gaussian": InflatedGaussian,
    "student_t": StudentT,
    "laplace": Laplace,
    "huber": Huber,
    "lognormal": LogNormal,
    "gamma": Gamma,
    "bernoulli": Bernoulli,
    "binarized_bernoulli": BinarizedBernoulli,
    "continuous_bernoulli": ContinuousBernoulli,
    "poisson": Poisson,
    "negative_binomial": NegativeBinomial,
    "multinomial": Multinomial,
    "dirichlet": Dirichlet,
    "categorical": Categorical,
    "ordinal": Ordinal,
}


def make_likelihood(parts, n_features):
    """The likelihood of a table: ``parts`` holds the name, the columns and further arguments of each group."""
    members = [LIKELIHOODS[name](len(columns), **further) for name, columns, further in parts]
    groups = [columns for _, columns, _ in parts]
    return members[0] if groups == [list(range(n_features))] else Columnwise(members, groups)
