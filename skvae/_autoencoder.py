"""AutoencoderTransformer: its parameters, and the model they describe."""

from collections.abc import Sequence
from os import PathLike

from skvae._base import BaseAutoencoder
from skvae._recipe import PlainRecipe
from skvae._typing import Columns, Likelihoods, Optimizer, Seed
from skvae._validation import StrOptions
from skvae.corruptions import Corruption
from skvae.networks import Network
from skvae.nn.priors import CODE_DENSITIES
from skvae.penalties import Penalty


class AutoencoderTransformer(BaseAutoencoder):
    r"""Autoencoder: nonlinear codes of rows, and the rows back from the codes.

    An encoder :math:`z = f(x)` and a decoder :math:`g` are trained to minimise the distortion of the likelihood between
    :math:`x` and :math:`g(f(x))`, the squared error for normal likelihoods [1]_. Without hidden layers the codes span
    the subspace of :class:`~sklearn.decomposition.PCA`. Columns are standardised inside, so that their units do not
    matter.

    After training, the noise of the likelihood is set to what the model leaves unexplained, and a normal density is
    fitted to the training codes [2]_. Rows then have a score,

    .. math:: \log p(x \mid z = f(x)) + \log p(f(x)),

    the log-likelihood of a row given its code plus that of the code, in nats and in the units of the data; and new rows
    are drawn by drawing a code, decoding it and adding the noise. The score ranks rows under one model. It is no
    normalised density: between models, and between values of ``n_components``, compare reconstruction errors, or take
    a :class:`VAETransformer`, whose scores are bounds on a log-likelihood.

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
        "residual_blocks" is one for many hidden layers; "residual" adds an affine map to it, and training begins at the
        principal components of the training rows where the likelihood has a noise scale or levels; "convolutional" is
        for images of the ``image_shape``, and what "auto" takes where there is one of 3 pixels a side or more.
        Otherwise "auto" is "residual", for pixels too. A member of :mod:`skvae.networks` has parameters of its own, and
        is where encoders and decoders of one's own come in.
    image_shape : tuple of int or None, default=None
        Shape of a row that is a flattened image, (channels, height, width), or sequence, (channels, length), whose
        cells are in this order.
    likelihood : str, dict or list of (str, columns), default="auto"
        What a decoded row says of the row itself. "auto" is "isotropic_gaussian" where all columns are pixels or the
        like: at least 16 columns of numbers in one unit and one range, each of which goes with its neighbours; scaled
        one by one, in an order of chance, of a sparse table, or of fewer than 50 rows they are not taken for such.
        Otherwise it is "gaussian" for numbers (``column_likelihoods_`` says which and why). A name is for all columns
        of numbers, texts and categories being "categorical" or, where they have an order, "ordinal", and booleans
        "categorical" beside a density of real numbers; a dict has names for some columns, a list of (name, columns) for
        all, columns by name or number. Real numbers: "gaussian", squared error in standardised columns, with one noise
        scale a column fitted after training; "isotropic_gaussian", squared error in the units of the data and one noise
        scale for all columns, like PCA, for columns of one unit such as pixels; "heteroscedastic_gaussian", noise that
        depends on the code; "inflated_gaussian", the same with atoms at values that a column repeats; "student_t", an
        error that grows with the logarithm of the distance, for columns with rare, far values; "laplace", absolute
        errors; "huber", squared errors that turn absolute. Numbers above 0: "lognormal" and "gamma". Numbers in a
        range: "bernoulli", cross-entropy, for binary columns; other values are mapped to [0, 1] by the smallest and
        largest value of the table; "continuous_bernoulli". Counts: "poisson", "negative_binomial", and "multinomial"
        given the row's total. Shares that sum to 1 in each row: "dirichlet", their divergence KL(x || expected shares).
        Levels: "categorical" and "ordinal", cross-entropies.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Columns of numbers whose values are levels: their names, numbers, or a mask, beside the columns of texts,
        categories and booleans of a data frame, which are always taken so, as in
        :class:`~sklearn.ensemble.HistGradientBoostingClassifier`. "from_dtype" and None name none.
    code_density : {"normal", "gaussian_mixture"}, default="normal"
        Density that is fitted to the training codes after training: what ``sample`` draws codes from, and the second
        part of a score. A mixture has as many components as the Bayesian information criterion prefers.
    n_mixture_components : int, default=16
        Most components that are tried.
    corruption : {"auto", "gaussian", "masking", "salt_and_pepper", "swap"}, Corruption or None, default="auto"
        What the encoder is shown in training instead of x, for a denoising model; the target stays x. A member of
        :mod:`skvae.corruptions`, or its name: normal noise, cells that look as if they were missing, the extremes of
        their column, or those of other rows, which suits columns of any kind. "auto" is ``Masking(0.5)`` where all
        columns are "multinomial" and 100 or more, as words of documents are, and none elsewhere.
    penalty : {"auto", "sparse", "contractive", "orthogonal", "principal"}, Penalty or None, default="auto"
        What codes and encoder cost beside how badly rows are explained. A member of :mod:`skvae.penalties`, or its
        name: few active units, codes that move little where rows do, units that are not correlated, or codes that leave
        the principal components of the rows only where that pays. "auto" is the last one for the networks of unrelated
        columns; none for columns of one unit such as pixels, for linear models and for other networks.
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
        The named terms of the objective, one value an epoch: "reconstruction" and what the penalty costs. All lists are
        as long as ``loss_curve_``, so that ``pandas.DataFrame(history_)`` is a table with a row an epoch; NaN where a
        warm start went on with other terms.
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
    VAETransformer : Codes with a prior, and a likelihood that can be compared between models.
    AutoencoderOutlierDetector : Labels for outliers, and reasons.

    References
    ----------
    .. [1] G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science,
       2006.
    .. [2] P. Ghosh, M. S. M. Sajjadi, A. Vergari, M. Black and B. Schölkopf, "From variational to deterministic
       autoencoders", ICLR 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skvae import AutoencoderTransformer
    >>> X = load_digits().data
    >>> autoencoder = AutoencoderTransformer(2, max_iter=20, random_state=0).fit(X)
    >>> autoencoder.column_likelihoods_["likelihood"].unique().tolist()  # pixels are recognised
    ['isotropic_gaussian']
    >>> autoencoder.transform(X).shape
    (1797, 2)
    >>> pca = PCA(2).fit(X)
    >>> def error(model):
    ...     return np.square(X - model.inverse_transform(model.transform(X))).mean()
    >>> bool(error(autoencoder) < error(pca))
    True
    """

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        "code_density": [StrOptions(set(CODE_DENSITIES))],
    }

    _recipe = PlainRecipe()

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
        code_density: str | None = "normal",
        n_mixture_components: int = 16,
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
        self.code_density = code_density
        self.n_mixture_components = n_mixture_components
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
