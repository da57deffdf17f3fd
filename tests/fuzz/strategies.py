"""Random cases: a table, an estimator with its parameters, and an order of calls.

A case is plain data, so that it can be written down, drawn by hypothesis, and made smaller part by part. Everything is
chosen by one ``random.Random``: that of a case's number in a long run, that of hypothesis in the tests.
"""

import json
import random
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse
from hypothesis import strategies as st

from skvae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer

from .cells import INTEGERS, LEVELS, REALS, REFUSED, frame_kinds, objects, polars_kinds

ROWS = 30, 12, 3, 2, 60, 1, 120, 200
COLUMNS = 3, 1, 2, 5, 8, 20, 60
HOLES = {"none": 0.0, "one": None, "some": 0.1, "many": 0.6, "nearly all": 0.97}
CONTAINERS = (
    "float64",
    "pandas",
    "polars",
    "float32",
    "integers",
    "objects",
    "lists",
    "booleans",
    "csr",
    "csc",
    "coo",
    "bsr",
)
ARRAYS = tuple(name for name in CONTAINERS if name not in ("pandas", "polars"))
SPARSE = "csr", "csc", "coo", "bsr"
NAMES = "letters", "numbers", "odd", "pairs", "mixed", "twice"
INDEXES = "range", "texts", "repeated", "dates", "pairs", "holes"
WEIGHTS = (
    "none",
    "ones",
    "random",
    "whole",
    "half zero",
    "one row",
    "tiny",
    "huge",
    "list",
    "negative",
    "missing",
    "zero",
    "short",
    "text",
)
BAD_WEIGHTS = "negative", "missing", "zero", "short", "text"
FRAME_KINDS, POLARS_KINDS = frame_kinds(), polars_kinds()
OF_REAL_NUMBERS = (
    "gaussian",
    "student_t",
    "laplace",
    "heteroscedastic_gaussian",
    "inflated_gaussian",
    "isotropic_gaussian",
    "huber",
)
LIKELIHOODS = (
    *OF_REAL_NUMBERS, "lognormal", "gamma", "bernoulli", "binarized_bernoulli", "continuous_bernoulli", "poisson",
    "negative_binomial", "multinomial", "dirichlet", "categorical", "ordinal",
)  # fmt: skip
ESTIMATORS = {"vae": VAETransformer, "autoencoder": AutoencoderTransformer, "detector": AutoencoderOutlierDetector}
STEPS = {
    "transformer": (
        "fit", "transform", "score_samples", "score", "score_features", "inverse_transform", "sample", "sample given",
        "impute", "impute draws", "rows alone", "new rows", "bad rows", "partial_fit", "partial_fit new rows",
        "warm start", "clone", "pickle", "same seed", "fit_transform", "set_output", "effective_sample_size", "units",
        "weights", "validation rows", "copy", "bad parameter", "attributes",
    ),
    "detector": (
        "fit", "score_samples", "decision", "predict", "outlier_probability", "explain", "rows alone", "new rows",
        "bad rows", "partial_fit", "partial_fit new rows", "warm start", "clone", "pickle", "same seed", "fit_predict",
        "copy", "bad parameter",
    ),
}  # fmt: skip
"""Calls that an order is made of; ``steps.py`` says what each does and checks."""


@dataclass(frozen=True)
class Column:
    """One column of a table: its kind, the seed of its cells, and which of these are missing."""

    kind: str
    seed: int
    holes: str = "none"


@dataclass(frozen=True)
class Case:
    """A table, an estimator with its parameters, and the calls that follow the first one."""

    container: str
    n_rows: int
    columns: list
    estimator: str = "vae"
    params: dict = field(default_factory=dict)
    first: str = "fit"
    steps: list = field(default_factory=list)
    weights: str = "none"
    names: str = "letters"
    index: str = "range"
    repeated: bool = False
    seed: int = 0

    def __repr__(self):
        return f"Case.read({json.dumps(asdict(self))!r})"

    @classmethod
    def read(cls, text):
        """The case that a repr holds."""
        values = json.loads(text)
        return cls(**{**values, "columns": [Column(**column) for column in values["columns"]]})

    @property
    def is_frame(self):
        """Whether the table is a data frame."""
        return self.container in ("pandas", "polars")

    @property
    def is_sparse(self):
        """Whether the table is sparse."""
        return self.container in SPARSE

    def rng(self, *about):
        """A random state of its own for each thing that a step draws."""
        return np.random.RandomState([self.seed % 2**32, *(hash_of(part) for part in about)])

    def table(self, change=0):
        """The table, or with a ``change`` one of the same kinds with other cells."""
        columns = [cells_of(column, self.container, self.n_rows, change) for column in self.columns]
        if self.repeated:
            columns = [repeat(cells, self.n_rows) for cells in columns]
        return MAKERS.get(self.container, array_of)(self, columns)

    def weight(self, n_rows=None):
        """Weights of the rows, or None."""
        return weight_of(self.weights, self.n_rows if n_rows is None else n_rows, self.rng("weights"))

    def make(self, **more):
        """The unfitted estimator."""
        return build(self.estimator, self.params | more)


def hash_of(text):
    """A number of a text that is the same in every process."""
    return sum(ord(letter) * 31**place for place, letter in enumerate(str(text))) % 2**32


def build(name, params):
    """An estimator from plain parameters; that of a detector is a pair of a name and parameters."""
    params = {
        key: tuple(value) if key == "hidden_layer_sizes" and isinstance(value, list) else value
        for key, value in params.items()
    }
    if isinstance(params.get("likelihood"), dict):
        params["likelihood"] = {
            int(key) if key.isdigit() else key: value for key, value in params["likelihood"].items()
        }
    if isinstance(params.get("likelihood"), list):
        params["likelihood"] = [tuple(pair) for pair in params["likelihood"]]
    if isinstance(params.get("estimator"), list):
        params["estimator"] = build(*params["estimator"])
    if isinstance(params.get("random_state"), str):
        params["random_state"] = np.random.RandomState(int(params["random_state"]))
    return ESTIMATORS[name](**params)


def cells_of(column, container, n_rows, change):
    """Cells of a column as its container holds them."""
    rng = np.random.RandomState([column.seed, change])
    if container == "polars":
        return polars_with_holes(POLARS_KINDS[column.kind](rng, n_rows), holes(column, n_rows, rng))
    if container == "pandas":
        kind = FRAME_KINDS.get(column.kind) or series_of_refused(column.kind)
        cells = kind(rng, n_rows)
        missing = holes(column, n_rows, rng)
        return cells.mask(missing) if missing.any() else cells
    cells = array_kind(column.kind)(rng, n_rows)
    missing = holes(column, n_rows, rng)
    return (
        np.where(missing, np.nan, cells)
        if missing.any() and container in ("float64", "float32", "objects", "lists")
        else cells
    )


def series_of_refused(kind):
    """A kind that no table may hold, as a pandas Series."""
    return lambda rng, n: pd.Series(REFUSED[kind][0](rng, n))


def array_kind(kind):
    """A kind of an array's column."""
    if kind in REFUSED:
        return REFUSED[kind][0]
    return REALS[kind] if kind in REALS else INTEGERS[kind][0] if kind in INTEGERS else LEVELS[kind]


def holes(column, n_rows, rng):
    """Mask of the cells that are missing (n,)."""
    share = HOLES[column.holes]
    if share is None:
        return np.arange(n_rows) == rng.randint(n_rows)
    return rng.uniform(size=n_rows) < share


def polars_with_holes(cells, missing):
    """A polars Series that lacks some cells."""
    if not missing.any() or cells.dtype == pl.Null:
        return cells
    if cells.dtype == pl.Object:
        return pl.Series(
            [None if gone else cell for cell, gone in zip(cells.to_list(), missing, strict=True)], dtype=pl.Object
        )
    return cells.zip_with(pl.Series(~missing), pl.Series([None] * len(cells), dtype=cells.dtype))


def repeat(cells, n_rows):
    """The first third of the cells, again and again."""
    rows = np.arange(n_rows) % max(n_rows // 3, 1)
    return cells[rows].reset_index(drop=True) if isinstance(cells, pd.Series) else cells[rows]


def array_of(case, columns):
    """Columns as an array, a list of lists, or a sparse matrix."""
    if case.container in ("objects", "lists"):
        table = np.stack([objects(list(cells)) for cells in columns], axis=1)
        return table.tolist() if case.container == "lists" else table
    table = np.stack(columns, axis=1)
    if case.is_sparse:
        return getattr(scipy.sparse, f"{case.container}_matrix")(table)
    if case.container == "float32":
        table = np.clip(table, -1e37, 1e37).astype(np.float32)
    return table.astype(bool) if case.container == "booleans" else table


def pandas_of(case, columns):
    """Columns as a data frame of pandas."""
    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame()
    frame.columns = names_of(case.names, len(columns))
    frame.index = index_of(case.index, case.n_rows)
    return frame


def polars_of(case, columns):
    """Columns as a data frame of polars."""
    names = (
        [f"c{j}" for j in range(len(columns))]
        if case.names != "odd"
        else [str(n) for n in names_of("odd", len(columns))]
    )
    return pl.DataFrame([cells.alias(name) for name, cells in zip(names, columns, strict=True)])


MAKERS = {"pandas": pandas_of, "polars": polars_of}


def names_of(kind, n):
    """Column labels of a kind."""
    if kind == "numbers":
        return pd.Index(np.arange(n)[::-1] + 3)
    if kind == "odd":
        odd = ["", " ", "é", "a'b", "x" * 200, "column", "0", "{low}", "%s", "line\nbreak"]
        return pd.Index([*odd, *(f"c{j}" for j in range(n))][:n])
    if kind == "pairs":
        return pd.MultiIndex.from_tuples([("left" if j % 2 else "right", j) for j in range(n)])
    if kind == "mixed":
        return pd.Index([j if j % 2 else f"c{j}" for j in range(n)], dtype=object)
    if kind == "twice":
        return pd.Index([f"c{j % max(n - 1, 1)}" for j in range(n)])
    return pd.Index([f"c{j}" for j in range(n)])


def index_of(kind, n):
    """Row labels of a kind."""
    return {
        "range": lambda: pd.RangeIndex(n),
        "texts": lambda: pd.Index([f"row {i}" for i in range(n)], name="who"),
        "repeated": lambda: pd.Index(np.arange(n) // 2),
        "dates": lambda: pd.date_range("2020-01-01", periods=n, tz="UTC"),
        "pairs": lambda: pd.MultiIndex.from_arrays([np.arange(n) % 3, np.arange(n)], names=["a", None]),
        "holes": lambda: pd.Index([np.nan if i % 2 else float(i) for i in range(n)]),
    }[kind]()


def weight_of(kind, n, rng):
    """Row weights of a kind."""
    return {
        "none": lambda: None,
        "ones": lambda: np.ones(n),
        "random": lambda: rng.uniform(0.1, 2.0, size=n),
        "whole": lambda: rng.randint(1, 4, size=n),
        "half zero": lambda: np.r_[1.0, rng.randint(2, size=n - 1)],
        "one row": lambda: np.eye(1, n)[0],
        "tiny": lambda: np.full(n, 1e-300) * rng.uniform(0.5, 1.0, size=n),
        "huge": lambda: np.full(n, 1e300) * rng.uniform(0.5, 1.0, size=n),
        "list": lambda: [1.0 + i % 2 for i in range(n)],
        "negative": lambda: np.r_[-1.0, np.ones(n - 1)],
        "missing": lambda: np.r_[np.nan, np.ones(n - 1)],
        "zero": lambda: np.zeros(n),
        "short": lambda: np.ones(n + 1),
        "text": lambda: ["heavy"] * n,
    }[kind]()


def case_of(choose):
    """A case, everything in which is chosen by one ``random.Random``."""
    container = choose.choice(["pandas", "pandas", "polars", *CONTAINERS])
    n_rows, n_columns = choose.choice(ROWS), choose.choice(COLUMNS)
    n_rows = min(n_rows, 30) if n_columns > 20 else n_rows
    columns = columns_of(choose, container, n_columns)
    estimator = choose.choice(["vae", "vae", "autoencoder", "detector"])
    kind = "detector" if estimator == "detector" else "transformer"
    case = Case(
        container=container,
        n_rows=n_rows,
        columns=columns,
        estimator=estimator,
        params=PARAMETERS[estimator](choose, container, n_columns),
        first=choose.choice(["fit", "fit", "fit", "partial_fit", "nothing"]),
        steps=[choose.choice(STEPS[kind]) for _ in range(choose.randint(2, 5))],
        weights=rarely(choose, WEIGHTS, 0.25),
        seed=choose.randrange(2**31),
    )
    if container == "pandas":
        case = replace(case, index=rarely(choose, INDEXES, 0.3))
    if case.is_frame:
        case = replace(case, names=rarely(choose, NAMES, 0.2))
    return replace(case, repeated=not refused_kinds(columns) and seldom(choose, 0.1))


def refused_kinds(columns):
    """Kinds of some columns that no table may hold."""
    return {column.kind for column in columns} & set(REFUSED)


def seldom(choose, share):
    """Whether something happens that does in this share of the cases; what hypothesis takes for simple is not."""
    return choose.random() > 1.0 - share


def rarely(choose, options, share):
    """The first option, and any of them in this share of the cases."""
    return choose.choice(options) if seldom(choose, share) else options[0]


def columns_of(choose, container, n_columns):
    """Columns of a table, hardly ever one that no table may have."""
    refused = seldom(choose, 0.06)
    kinds = kinds_of(container)
    columns = [Column(choose.choice(kinds), choose.randrange(2**31)) for _ in range(n_columns)]
    if seldom(choose, 0.5):
        columns = [replace(column, holes=rarely(choose, tuple(HOLES), 0.5)) for column in columns]
    if refused and container in ("pandas", "float64", "objects"):
        possible = ["infinite"] if container == "float64" else sorted(REFUSED)
        columns[choose.randrange(n_columns)] = Column(choose.choice(possible), 0)
    if n_columns > 1 and seldom(choose, 0.1):
        columns[0] = columns[-1]
    return columns


def kinds_of(container):
    """Kinds of the columns that a container may hold."""
    if container in ("pandas", "polars"):
        return sorted(FRAME_KINDS if container == "pandas" else POLARS_KINDS)
    if container == "integers":
        return [name for name in sorted(INTEGERS) if "uint64" not in name]
    if container == "booleans":
        return ["booleans", "one boolean"]
    if container in SPARSE:
        return ["counts", "zeros and others", "two values", "constant", "uniform", "normal"]
    return [*sorted(REALS), "small", "bits"]


def shared_parameters(choose, container, n_columns):
    """Parameters of both transformers, most of them left as they are."""
    params = {
        "max_iter": choose.randint(1, 3),
        "hidden_layer_sizes": choose.choice([[8], [], 4, [6, 5]]),
        "random_state": choose.randrange(2**31),
    }
    possible = {
        "n_components": [1, 2, 3, n_columns, n_columns + 2],
        "activation": ["relu", "tanh", "gelu", "elu", "identity", "logistic", "softplus"],
        "network": ["mlp", "residual_blocks"],
        "likelihood": [likelihood(choose, container, n_columns)],
        "categorical_features": [None, [0], [n_columns - 1], [j % 2 == 0 for j in range(n_columns)]],
        "n_mixture_components": [1, 3],
        "corruption": ["gaussian", "masking", "salt_and_pepper", "swap"],
        "penalty": [None, "sparse", "contractive", "orthogonal", "principal"],
        "solver": ["adamw", "sgd", "adagrad"],
        "alpha": [0.1, 10.0],
        "batch_size": [5, 32, 500],
        "learning_rate": ["averaged", "constant", "cosine"],
        "learning_rate_init": [1e-6, 0.1, 1e3],
        "early_stopping": [False],
        "validation_fraction": [0.5, 0.01],
        "n_iter_no_change": [1],
        "support_fraction": [0.7, 0.1],
        "precision": ["float64"],
        "random_state": [str(choose.randrange(100))],
    }
    for name, values in possible.items():
        if seldom(choose, 0.4 if name == "likelihood" else 0.12):
            params[name] = choose.choice(values)
    return params


def likelihood(choose, container, n_columns):
    """A likelihood: a name for all columns, or names for some."""
    how = choose.random()
    if how < 0.4:
        return choose.choice(OF_REAL_NUMBERS)
    if how < 0.7:
        return choose.choice(LIKELIHOODS)
    if how < 0.85:
        names = [f"c{j}" if container in ("pandas", "polars") else str(j) for j in range(n_columns)]
        return {name: choose.choice(LIKELIHOODS) for name in names if seldom(choose, 0.3)} or "auto"
    cut = choose.randint(0, n_columns)
    groups = [("auto", list(range(cut))), (choose.choice(LIKELIHOODS), list(range(cut, n_columns)))]
    return [[name, columns] for name, columns in groups if columns]


def vae_parameters(choose, container, n_columns):
    """Parameters of a VAETransformer."""
    params = shared_parameters(choose, container, n_columns)
    params["n_importance_samples"] = choose.choice([4, 1, 16])
    possible = {
        "prior": ["gaussian_mixture", "vampprior"],
        "code_density": [None, "normal", "gaussian_mixture"],
        "objective": ["elbo", "iwae"],
        "n_draws": [1, 3],
        "regularizer": ["total_correlation", "mmd", "adversarial"],
        "beta": [0.0, 4.0],
        "free_bits": [0.1],
        "kl_warmup": [0.5],
    }
    for name, values in possible.items():
        if seldom(choose, 0.12):
            params[name] = choose.choice(values)
    return params


def autoencoder_parameters(choose, container, n_columns):
    """Parameters of an AutoencoderTransformer."""
    params = shared_parameters(choose, container, n_columns)
    if seldom(choose, 0.3):
        params["code_density"] = "gaussian_mixture"
    return params


def detector_parameters(choose, container, n_columns):
    """Parameters of a detector and of the estimator in it."""
    inside = choose.choice(["vae", "vae", "autoencoder"])
    params = {"random_state": choose.randrange(2**31), "ensemble": choose.choice([False, True, "auto"])}
    params["estimator"] = [inside, PARAMETERS[inside](choose, container, n_columns)]
    if seldom(choose, 0.3):
        params["contamination"] = choose.choice([0.1, 0.5, 0.001])
    return params


PARAMETERS = {"vae": vae_parameters, "autoencoder": autoencoder_parameters, "detector": detector_parameters}


def numbered_case(seed, number):
    """Case ``number`` of the long run with this seed."""
    return case_of(random.Random(f"{seed}, {number}"))


cases = st.randoms(use_true_random=False).map(case_of)
"""hypothesis' strategy of the same cases."""
