"""VAETransformer: its parameters, and the model they describe."""

import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from os import PathLike

import numpy as np

from skvae._base import BaseAutoencoder
from skvae._base.estimator import ALL_DRAWS
from skvae._base.training import CALLERS, written
from skvae._engine.summaries import use_of_components, worth_of_draws
from skvae._recipe import VariationalRecipe
from skvae._surroundings import undisturbed
from skvae._typing import Columns, Likelihoods, Optimizer, Seed, Table
from skvae._validation import Interval, StrOptions, check_is_fitted
from skvae.corruptions import Corruption
from skvae.networks import Network
from skvae.nn.objectives import OBJECTIVES
from skvae.nn.priors import CODE_DENSITIES, PRIORS
from skvae.nn.regularizers import REGULARIZERS
from skvae.penalties import Penalty

SILENT = 0.01
"""Nats below which a component says nothing of the rows."""

MANY_COMPONENTS = 4
"""From this many on, it is worth a warning that most say nothing; with fewer there is little to spare."""

ENOUGH_DRAWS, LEAST_SAMPLE_SIZE = 12, 1.25
"""From this many draws on, a score whose draws are worth fewer than the second number is not to be trusted."""


class VAETransformer(BaseAutoencoder):
    r"""Variational autoencoder: nonlinear codes of rows, a density of rows, and new rows from it.

    The model is a code :math:`z \sim p(z)` and a row :math:`x \sim p(x \mid z)` whose density a decoder computes. An
    encoder gives :math:`q(z \mid x) = N(\mu(x), \mathrm{diag}\,\sigma^2(x))`, and both maximise the evidence lower
    bound [1]_, with :math:`\beta = 1` unless asked otherwise [2]_:

    .. math:: \log p(x) \ge E_{q(z \mid x)}[\log p(x \mid z)] - \beta \, KL(q(z \mid x) \,\|\, p(z)).

    Without hidden layers and with one noise scale a column this is :class:`~sklearn.decomposition.FactorAnalysis`; with
    one scale for all it is the probabilistic model of :class:`~sklearn.decomposition.PCA`. Columns are standardised
    inside, so that their units do not matter.

    ``score_samples`` is the importance-weighted bound [3]_ with :math:`K` = ``n_importance_samples`` draws,

    .. math:: \log \frac{1}{K} \sum_{k=1}^K \frac{p(x, z_k)}{r(z_k \mid x)}, \quad z_k \sim r(z \mid x),

    in nats and in the units of the data. :math:`r` is :math:`q`, a little wider and moved by one step up
    :math:`\log p(x, z)` [11]_: a network that has to serve all rows says of each of them only nearly where its code
    lies. The draws come from the same evenly spread points for every row and every call, so that scores are
    deterministic; the more draws, the closer to :math:`\log p(x)`.

    Data frames may hold numbers, texts, categories, booleans, dates and spans of time, and any cell may be missing: a
    row's score is then the density of the cells that are there, and :meth:`impute` fills the others. Texts and
    categories are levels; one that no training row has is taken for none of them by the encoder, and all such levels
    together have the probability of half a training row.

    Parameters
    ----------
    n_components : "auto" or int, default="auto"
        Size of a code, the number of latent variables. "auto" is half the number of columns, rounded up, but
        at most 16. More components than columns are allowed.
    hidden_layer_sizes : int or array-like of int, default=(128, 128)
        Hidden units of each layer of the encoder; the decoder has the same in reverse. ``()`` is a linear model.
    activation : {"elu", "gelu", "identity", "logistic", "relu", "silu", "softplus", "tanh"}, default="silu"
        Activation of the hidden layers.
    network : {"auto", "convolutional", "mlp", "residual", "residual_blocks"} or Network, default="auto"
        Encoder and decoder: "mlp" is a multi-layer perceptron, of which the object has dropout and tied weights;
        "residual_blocks" is one for many hidden layers; "residual" adds an affine map to it, and training begins at
        factor analysis of the training rows where the likelihood has a noise scale or levels, likelier for tables,
        above all of few rows; "convolutional" is for images of the ``image_shape``, and what "auto" takes where there
        is one of 3 pixels a side or more. Otherwise "auto" is "mlp" for pixels, whose codes are better with it, and
        "residual" elsewhere. A member of :mod:`skvae.networks` has parameters of its own, and is where encoders and
        decoders of one's own come in.
    image_shape : tuple of int or None, default=None
        Shape of a row that is a flattened image, (channels, height, width), or sequence, (channels, length), whose
        cells are in this order.
    likelihood : str, dict or list of (str, columns), default="auto"
        Density of a row given its code. "auto" is "isotropic_gaussian" where all columns are pixels or the like: at
        least 16 columns of numbers in one unit and one range, each of which goes with its neighbours; scaled one by
        one, in an order of chance, of a sparse table, or of fewer than 50 rows they are not taken for such. Otherwise
        it is "inflated_gaussian" for numbers and dates, without hidden layers "gaussian"; "categorical" for texts,
        categories and booleans; "ordinal" for ordered categories (``column_likelihoods_`` says which and why). A name
        is for all columns of numbers, and for booleans if it is not a density of real numbers; a dict has names for
        some columns, a list of (name, columns) for all, columns by name or number. Real numbers: "gaussian", one
        learned noise scale a column; "isotropic_gaussian", one learned scale for all columns, in the units of the data,
        like PCA, for columns of one unit such as pixels; "heteroscedastic_gaussian", a scale that depends on the code;
        "inflated_gaussian", the same with atoms at values that a column repeats (each of up to 20 levels; otherwise
        each value of 5 % of the rows), for tables as they are; "student_t", learned scales and tails, for columns with
        rare, far values; "laplace", absolute errors; "huber", normal noise whose tails fall exponentially. Numbers
        above 0: "lognormal" and "gamma". Numbers in a range: "bernoulli" for binary cells, where what lies between
        counts as a probability; "binarized_bernoulli", which draws zeros and ones with these probabilities anew in
        every training step; and "continuous_bernoulli", a density between the smallest and largest value of the table,
        0 and 1 where all lie between them. Counts: "poisson", "negative_binomial", and "multinomial" given the row's
        total, such as words of a document. Shares that sum to 1 in each row: "dirichlet". Levels: "categorical", and
        "ordinal" where they have an order.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Columns of numbers whose values are levels: their names, numbers, or a mask, beside the columns of texts,
        categories and booleans of a data frame, which are always taken so, as in
        :class:`~sklearn.ensemble.HistGradientBoostingClassifier`. "from_dtype" and None name none.
    prior : {"normal", "gaussian_mixture", "vampprior"}, default="normal"
        Density of the codes: a standard normal; a mixture of normal densities that is learned with the rest; or the
        mean of the posteriors of learned pseudo-inputs [4]_.
    n_mixture_components : int, default=16
        Components of such a mixture; for ``code_density="gaussian_mixture"`` the most that are tried.
    code_density : {"auto", "normal", "gaussian_mixture"} or None, default="auto"
        Density that is fitted to draws of the training rows' posteriors after training and takes the place of the prior
        in ``sample`` and ``score_samples`` [5]_; None keeps the prior. A mixture has as many full-covariance components
        as the Bayesian information criterion prefers. "auto" is such a mixture where ``fit`` trains hidden layers under
        a normal prior on at least 10 rows a component, else None; what ``partial_fit`` starts keeps the prior.
    objective : {"auto", "elbo", "iwae"}, default="auto"
        What training maximises: the evidence lower bound, or the importance-weighted bound over ``n_draws`` draws [3]_,
        with doubly reparameterised gradients [6]_. The latter has no cost of the code of its own: ``regularizer``,
        ``beta``, ``free_bits`` and ``kl_warmup`` must be left at their defaults. "auto" is "iwae" where these are and
        at least 5 % of the training cells are missing, as the posterior of a row with holes is wide and not normal
        [10]_; otherwise "elbo".
    n_draws : "auto" or int, default="auto"
        Draws of the code for each row and step. "auto" is 1 for "elbo" and 20 for "iwae".
    regularizer : {"kl", "total_correlation", "mmd", "adversarial"}, default="kl"
        What a code costs: the Kullback-Leibler divergence from the prior; the same with ``beta`` times the dependence
        between components [7]_; the maximum mean discrepancy between codes and prior [8]_; or what a second network
        finds that tells them apart [9]_.
    beta : float, default=1.0
        Weight of that cost. Above 1 it gives fewer and more independent codes, at the price of likelihood; 0 is an
        autoencoder with noise.
    free_bits : float, default=0.0
        Nats that each component may carry at no cost, with ``regularizer="kl"``: against components that fall silent.
    kl_warmup : float in [0, 1], default=0.0
        Share of ``max_iter`` over which the weight of the cost rises from 0 to ``beta``.
    n_importance_samples : int, default=12
        Draws of one score; may be changed after ``fit``.
    corruption : {"auto", "gaussian", "masking", "salt_and_pepper", "swap"}, Corruption or None, default="auto"
        What the encoder is shown in training instead of x, for a denoising model; the target stays x. A member of
        :mod:`skvae.corruptions`, or its name: normal noise, cells that look as if they were missing, the extremes of
        their column, or those of other rows, which suits columns of any kind. "auto" is ``Masking(0.5)`` where all
        columns are "multinomial" and 100 or more, as words of documents are, and none elsewhere.
    penalty : {"auto", "sparse", "contractive", "orthogonal", "principal"}, Penalty or None, default="auto"
        What codes and encoder cost beside how badly rows are explained. A member of :mod:`skvae.penalties`, or its
        name: few active units, codes that move little where rows do, units that are not correlated, or codes that leave
        the principal components of the rows only where that pays. "auto" is none: codes that keep to
        principal components cost density. As features, and if components are few, those of "principal" are better.
    solver : {"adam", "adamw", "sgd", "adagrad"} or torch.optim.Optimizer class, default="adam"
        What minimises the objective.
    alpha : float, default=0.0
        Strength of the L2 penalty on the weight matrices: the objective summed over rows gains
        ``0.5 * alpha * ||W||²``.
    batch_size : "auto" or int, default="auto"
        Rows of one step: batches are drawn by weight, a row of weight two counting as two rows, and one that straddles
        the end of a batch counts in both, with a part of its weight. "auto" takes about 16 steps an epoch, with 16 to
        256 different rows each, and up to 2,048 where that would be more than 512 steps; a number is raised where an
        epoch would have more steps than there are different rows, or 512. Where all rows fit into one batch, the order
        of rows does not matter.
    learning_rate : {"adaptive", "averaged", "constant", "cosine"}, default="adaptive"
        "adaptive" divides the learning rate by 5 when ``n_iter_no_change`` epochs brought no gain, once, and goes on
        from the best state; "constant" ends there. "averaged" ends there too, and what it watches and keeps is an
        exponential mean of the weights over steps, with a half-life of two epochs: with ``n_iter_no_change=5`` it takes
        two thirds of the time for 0.1 nats a row less. "cosine" lowers the rate from epoch to epoch on half a cosine
        wave that ends at ``max_iter``: for schedules of a fixed length.
    learning_rate_init : float, default=0.003
        First learning rate.
    momentum : float in [0, 1), default=0.9
        Nesterov momentum of ``solver="sgd"``; the others do not use it.
    max_iter : "auto" or int, default="auto"
        Most epochs, passes over the training rows. Reaching it is no error and no warning: see ``n_iter_``. "auto" is
        200, and for pixels as many as make about 2,500 steps, from 20 to 200.
    tol : float, default=1e-4
        An epoch is a gain if it lowers the watched objective by more than this, in nats a row.
    early_stopping : bool, default=True
        Whether to set aside validation rows, watch the objective on them and keep the best state. Otherwise the
        training objective is watched, and the last state stays.
    validation_fraction : float in (0, 1), default=0.1
        Share of the rows that is set aside, at least one row.
    n_iter_no_change : int, default=10
        Epochs without a gain before the learning rate is cut or training ends.
    support_fraction : float in (0, 1], default=1.0
        Share of each batch that training learns from and of the validation rows that are watched: those of the lowest
        objective. Below 1 the others are left out, for tables that hold outliers.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the fitted model, in its units. What shapes the weights must stay as it was.
    precision : {"float32", "float64", "bfloat16"}, default="float32"
        What the model computes in. With "bfloat16" the matrix products of training have 8 significant bits, which is
        faster for wide networks where the device has them; weights, densities and scores stay in float32. Results
        have the float dtype of X in any case, scores are float64.
    device : str, default="auto"
        Where the model computes, in torch's words. "auto" is "cuda" if there is one, else "mps", else "cpu".
    random_state : int, RandomState instance or None, default=None
        Seed of first weights, validation split, order of rows and noise. The same int gives the same model on the same
        machine, device and versions.
    verbose : bool or int, default=False
        What is printed: 1 or True a line an epoch, with the objective on training and validation rows, both the lower
        the better, and seconds since ``fit`` began; 2 in ``fit`` a bar that is drawn over itself, with the time that is
        left at most. The logger "skvae" is told the same at level DEBUG, and of a fit that has ended at INFO.
    checkpoint : str, path or None, default=None
        Folder in which ``fit`` keeps what it needs to go on: the same call after the process was killed goes on from
        there, to the model that it would have become. A fit keeps a file of its own there, so that many may share a
        folder, and removes it once it has ended. None keeps nothing: most fits take seconds.
    checkpoint_interval : float, default=60.0
        Seconds between two checkpoints at least; each waits for the end of an epoch and takes milliseconds. 0 keeps
        every epoch.

    Attributes
    ----------
    n_components_ : int
        Size of a code.
    explained_variance_ratio_ : ndarray of shape (n_components_,)
        Share of the variance of all columns that comes back through the decoder with each component, beside that with
        the ones before it; columns of levels count as one standardised column each. Components stand in the order of
        what of the columns goes with each of them alone, and most of what the encoder sees grows with each one: so
        fits can be compared. Of a linear model both are those of PCA. A share may be larger than the one before it
        where components act together.
    n_iter_ : int
        Epochs that ran, over all calls since training began.
    loss_curve_ : list of float
        Objective of each epoch, its mean over training rows in nats, at the final weights of its terms.
    history_ : dict of list of float
        The named terms of the objective, one value an epoch: "reconstruction" and what the code costs, or "iwae". All
        lists are as long as ``loss_curve_``, so that ``pandas.DataFrame(history_)`` is a table with a row an epoch; NaN
        where a warm start went on with other terms.
    kl_per_component_ : ndarray of shape (n_components_,)
        Kullback-Leibler divergence of each component from the prior in nats, its mean over training rows: what the
        component says about a row.
    active_components_ : ndarray of bool of shape (n_components_,)
        Which components are in use: their codes vary over training rows by more than 0.01 (variance) [3]_, and they say
        more than 0.1 nats of a row (``kl_per_component_``).
    validation_scores_ : list of float or None
        Minus the objective on the validation rows after each epoch, higher is better; None without any.
    best_validation_score_ : float or None
        The best of them, which chose the state that is kept.
    device_ : str
        Device of the fitted model.
    module_ : torch.nn.Module
        The fitted model, in eval mode. It works in standard units, on tensors of dtype ``precision``.
    column_likelihoods_ : pandas.DataFrame
        The likelihood of each column and why it was chosen.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where X had string names for all of them.

    See Also
    --------
    AutoencoderTransformer : Codes without a prior; lower reconstruction error.
    AutoencoderOutlierDetector : Labels for outliers, and reasons.

    References
    ----------
    .. [1] D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", ICLR 2014.
    .. [2] I. Higgins et al., "beta-VAE: Learning basic visual concepts with a constrained variational framework",
       ICLR 2017.
    .. [3] Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted autoencoders", ICLR 2016.
    .. [4] J. M. Tomczak and M. Welling, "VAE with a VampPrior", AISTATS 2018.
    .. [5] P. Ghosh, M. S. M. Sajjadi, A. Vergari, M. Black and B. Schölkopf, "From variational to deterministic
       autoencoders", ICLR 2020.
    .. [6] G. Tucker, D. Lawson, S. Gu and C. J. Maddison, "Doubly reparameterized gradient estimators for Monte Carlo
       objectives", ICLR 2019.
    .. [7] R. T. Q. Chen, X. Li, R. Grosse and D. Duvenaud, "Isolating sources of disentanglement in variational
       autoencoders", NeurIPS 2018.
    .. [8] S. Zhao, J. Song and S. Ermon, "InfoVAE: Balancing learning and inference in variational autoencoders",
       AAAI 2019.
    .. [9] A. Makhzani, J. Shlens, N. Jaitly and I. Goodfellow, "Adversarial autoencoders", ICLR 2016 workshop.
    .. [10] P.-A. Mattei and J. Frellsen, "MIWAE: Deep generative modelling and imputation of incomplete data sets",
       ICML 2019.
    .. [11] Y. Kim, S. Wiseman, A. C. Miller, D. Sontag and A. M. Rush, "Semi-amortized variational autoencoders", ICML
       2018.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.decomposition import FactorAnalysis
    >>> from skvae import VAETransformer
    >>> X = load_wine().data
    >>> vae = VAETransformer(3, random_state=0).fit(X[::2])
    >>> vae.transform(X).shape
    (178, 3)
    >>> vae.sample(5, random_state=0).shape
    (5, 13)
    >>> bool(vae.score(X[1::2]) > FactorAnalysis(3).fit(X[::2]).score(X[1::2]))
    True
    """

    kl_per_component_: np.ndarray
    active_components_: np.ndarray

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        "prior": [StrOptions(set(PRIORS))],
        "code_density": [StrOptions(set(CODE_DENSITIES) | {"auto"}), None],
        "objective": [StrOptions({name for name, each in OBJECTIVES.items() if each.is_bound} | {"auto"})],
        "n_draws": [StrOptions({"auto"}), Interval(Integral, 1, 2**16, closed="both")],
        "free_bits": [Interval(Real, 0, None, closed="left")],
        "regularizer": [StrOptions(set(REGULARIZERS))],
        "beta": [Interval(Real, 0, None, closed="left")],
        "kl_warmup": [Interval(Real, 0, 1, closed="both")],
        "n_importance_samples": [Interval(Integral, 1, 2**31 - 1, closed="both")],
    }

    _recipe = VariationalRecipe()

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        hidden_layer_sizes: int | Sequence[int] = (128, 128),
        activation: str = "silu",
        network: str | Network = "auto",
        image_shape: tuple[int, ...] | None = None,
        likelihood: Likelihoods = "auto",
        categorical_features: Columns = "from_dtype",
        prior: str = "normal",
        n_mixture_components: int = 16,
        code_density: str | None = "auto",
        objective: str = "auto",
        n_draws: int | str = "auto",
        regularizer: str = "kl",
        beta: float = 1.0,
        free_bits: float = 0.0,
        kl_warmup: float = 0.0,
        n_importance_samples: int = 12,
        corruption: str | Corruption | None = "auto",
        penalty: str | Penalty | None = "auto",
        solver: "str | type[Optimizer]" = "adam",
        alpha: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate: str = "adaptive",
        learning_rate_init: float = 3e-3,
        momentum: float = 0.9,
        max_iter: int | str = "auto",
        tol: float = 1e-4,
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        support_fraction: float = 1.0,
        warm_start: bool = False,
        precision: str = "float32",
        device: str = "auto",
        random_state: Seed = None,
        verbose: bool | int = False,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_interval: float = 60.0,
    ) -> None:
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.network = network
        self.image_shape = image_shape
        self.likelihood = likelihood
        self.categorical_features = categorical_features
        self.prior = prior
        self.n_mixture_components = n_mixture_components
        self.code_density = code_density
        self.objective = objective
        self.n_draws = n_draws
        self.regularizer = regularizer
        self.beta = beta
        self.free_bits = free_bits
        self.kl_warmup = kl_warmup
        self.n_importance_samples = n_importance_samples
        self.corruption = corruption
        self.penalty = penalty
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.support_fraction = support_fraction
        self.warm_start = warm_start
        self.precision = precision
        self.device = device
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint = checkpoint
        self.checkpoint_interval = checkpoint_interval

    def _diagnostics(self, run):
        divergence, is_active = use_of_components(run.model, run.profile.sample.rows)
        return {"kl_per_component_": divergence, "active_components_": is_active}

    def _advise(self):
        silent, n_components = int((self.kl_per_component_ < SILENT).sum()), self.n_components_
        if self._inside == "second":
            return
        if self.n_components != "auto" and n_components >= MANY_COMPONENTS and silent > n_components / 2:
            warnings.warn(
                f"{silent} of {n_components} components say nothing about the rows (see kl_per_component_). Take fewer "
                f"than {written(self, n_components=n_components)}, or try {written(self, free_bits=0.1)}, "
                f"{written(self, kl_warmup=0.2)} or a smaller {written(self, beta=self.beta)}.",
                stacklevel=CALLERS + 1,
            )

    def _advise_on_scores(self, rows):
        told, n_draws = self._model.told, self.n_importance_samples
        if self._inside or n_draws < ENOUGH_DRAWS or n_draws in told or ALL_DRAWS in told:
            return
        worth = worth_of_draws(self._model, rows, self._usual, n_draws)
        if worth is None:
            return
        if self._model.first_to_tell(n_draws) and worth < LEAST_SAMPLE_SIZE:
            warnings.warn(
                f"The {n_draws} importance draws of a score are worth less than {LEAST_SAMPLE_SIZE:g} "
                "(effective_sample_size, median of usual rows): scores are loose bounds on the log-likelihood. Raise "
                "n_importance_samples, or keep q(z|x) close to the posterior with regularizer='kl' and beta=1.",
                stacklevel=4,
            )

    @undisturbed
    def effective_sample_size(self, X: Table) -> np.ndarray:
        r"""How many equally weighted draws the ``n_importance_samples`` draws of each row's score are worth.

        Kish's formula, :math:`(\sum_k w_k)^2 / \sum_k w_k^2` over the weights :math:`w_k = p(x, z_k) / r(z_k|x)`. Near
        1, one draw rules the score: the bound is loose there, and more draws would raise it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        sizes : ndarray of shape (n_samples,)
            Between 1 and ``n_importance_samples``.
        """
        check_is_fitted(self)
        return self._model.inference.effective_sample_size(self._read(X), self.n_importance_samples)
