"""Penalties with parameters of their own: what encoder, inputs and codes cost beside how badly rows are explained.

Codes are measured in units of the codes of a batch, so that scaling them down brings nothing.
"""

from dataclasses import dataclass
from numbers import Integral, Real

from skvae._members import Member
from skvae._validation import Interval

STRENGTH = Interval(Real, 0, None, closed="left")


class Penalty(Member):
    """A value of the parameter ``penalty``."""


@dataclass(frozen=True)
class Sparse(Penalty):
    r"""Codes of which few units are active in any one row: by absolute values [1]_, or by a target activation [2]_.

    Without a target the cost of a row is :math:`\sum_j |z_j| / \sqrt{\overline{z_j^2}}`, with root mean squares over
    the batch. With a target :math:`\rho` codes are activations :math:`z_j = \sigma(a_j)` between 0 and 1, :math:`a`
    what the encoder says, and the cost is :math:`\sum_j \mathrm{KL}(\rho \| \bar z_j)`, the divergence of two coins,
    with the mean activation :math:`\bar z_j` of the batch.

    Parameters
    ----------
    strength : float, default=1.0
        Weight of the cost, in nats.
    target : float or None, default=None
        Mean activation of each unit, between 0 and 1, for an :class:`~skvae.AutoencoderTransformer` only: the codes of
        a :class:`~skvae.VAETransformer` are to look like its prior, which has no bounds. None penalises absolute
        values.

    References
    ----------
    .. [1] B. A. Olshausen and D. J. Field, "Emergence of simple-cell receptive field properties by learning a sparse
       code for natural images", Nature, 1996.
    .. [2] A. Ng, "Sparse autoencoder", CS294A lecture notes, Stanford University, 2011.

    Examples
    --------
    >>> from skvae import AutoencoderTransformer
    >>> from skvae.penalties import Sparse
    >>> AutoencoderTransformer(2, penalty=Sparse()).set_params(penalty__strength=0.5)
    AutoencoderTransformer(n_components=2,
                           penalty=Sparse(strength=0.5, target=None))
    """

    strength: float = 1.0
    target: float | None = None

    name = "sparse"
    _parameter_constraints = {"strength": [STRENGTH], "target": [Interval(Real, 0, 1, closed="neither"), None]}


@dataclass(frozen=True)
class Contractive(Penalty):
    r"""Codes that move little where rows move: the squared norm of the encoder's Jacobian [1]_.

    The cost of a row is :math:`\|J(x)\|_F^2`, with :math:`J_{ji} = \partial z_j / \partial x_i / \mathrm{sd}(z_j)` and
    standard deviations over the batch; columns are in units of the encoder's inputs, which are standardised. It is
    never computed: the squared norm of :math:`J^T s` for random signs :math:`s` has it as its mean [2]_.

    Parameters
    ----------
    strength : float, default=0.03
        Weight of the cost, in nats. Where it is large, units become alike: their differences then hold what is left.
    n_projections : int, default=1
        Random signs of each row and step; more of them are less noise, and take longer.

    References
    ----------
    .. [1] S. Rifai, P. Vincent, X. Muller, X. Glorot and Y. Bengio, "Contractive auto-encoders: explicit invariance
       during feature extraction", ICML 2011.
    .. [2] M. F. Hutchinson, "A stochastic estimator of the trace of the influence matrix for Laplacian smoothing
       splines", Communications in Statistics, 1990.

    Examples
    --------
    >>> from skvae import AutoencoderTransformer
    >>> from skvae.penalties import Contractive
    >>> AutoencoderTransformer(2, penalty=Contractive(0.5))
    AutoencoderTransformer(n_components=2,
                           penalty=Contractive(strength=0.5, n_projections=1))
    """

    strength: float = 0.03
    n_projections: int = 1

    name = "contractive"
    _parameter_constraints = {"strength": [STRENGTH], "n_projections": [Interval(Integral, 1, None, closed="left")]}


@dataclass(frozen=True)
class Orthogonal(Penalty):
    r"""Codes whose units are not correlated, as those of PCA are.

    The cost is :math:`\sum_{j < k} r_{jk}^2`, with the correlations of the units over the batch, where rows are
    weighed by what they count [1]_.

    Parameters
    ----------
    strength : float, default=1.0
        Weight of the cost, in nats.

    References
    ----------
    .. [1] M. Cogswell, F. Ahmed, R. Girshick, L. Zitnick and D. Batra, "Reducing overfitting in deep networks by
       decorrelating representations", ICLR 2016, with covariances.

    Examples
    --------
    >>> from skvae import AutoencoderTransformer
    >>> from skvae.penalties import Orthogonal
    >>> AutoencoderTransformer(2, penalty=Orthogonal(10.0))
    AutoencoderTransformer(n_components=2, penalty=Orthogonal(strength=10.0))
    """

    strength: float = 1.0

    name = "orthogonal"
    _parameter_constraints = {"strength": [STRENGTH]}


@dataclass(frozen=True)
class Principal(Penalty):
    r"""Codes that leave the principal components of the rows only where that pays.

    The cost is :math:`\sum_j (\mu_j(x) - c_j(x))^2 / \mathrm{Var}(c_j)`: how far the code of a row, or the mean of its
    posterior, is from its principal components :math:`c(x)`, of what the encoder sees. PCA's codes are what is left
    where the strength is large; without it codes are free to carry what is cheap to predict. Components are computed
    before training, of rows of up to 1,000 encoder inputs; of wider ones, and of fewer than two rows an input, there
    is no cost.

    Parameters
    ----------
    strength : float, default=3.0
        Weight of the cost, in nats for a departure of one standard deviation.

    Examples
    --------
    >>> from skvae import AutoencoderTransformer
    >>> from skvae.penalties import Principal
    >>> AutoencoderTransformer(2, penalty=Principal(10.0))
    AutoencoderTransformer(n_components=2, penalty=Principal(strength=10.0))
    """

    strength: float = 3.0

    name = "principal"
    _parameter_constraints = {"strength": [STRENGTH]}
