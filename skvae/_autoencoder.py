"""AutoencoderTransformer: its parameters, and the model they describe."""

from skvae._base import BaseAutoencoder


class AutoencoderTransformer(BaseAutoencoder):
    def __init__(
        self,
        n_components="auto",
        *,
        hidden_layer_sizes=(128, 128),
        activation="silu",
        network="mlp",
        likelihood="gaussian",
        corruption=None,
        corruption_level=0.1,
        solver="adam",
        alpha=0.0,
        batch_size="auto",
        learning_rate="adaptive",
        learning_rate_init=3e-3,
        momentum=0.9,
        max_iter=200,
        tol=1e-4,
        early_stopping=True,
        validation_fraction=0.1,
        n_iter_no_change=10,
        warm_start=False,
        precision="float32",
        device="auto",
        random_state=None,
        verbose=False,
    ):
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.network = network
        self.likelihood = likelihood
        self.corruption = corruption
        self.corruption_level = corruption_level
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
        self.warm_start = warm_start
        self.precision = precision
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def _model_options(self):
        return "autoencoder", {}

    @property
    def _n_draws(self):
        return 1
