"""A fitted transformer in a few words."""

from collections import Counter

import numpy as np
import pandas as pd


def described(estimator):
    """What a fitted transformer is, as a Series of numbers and short texts."""
    model, schema = estimator._model, estimator._schema
    options, n = model.options, estimator.n_features_in_
    in_use = getattr(estimator, "active_components_", None)
    facts = {
        "columns": n,
        "kinds": counted(schema.column(j).kind for j in range(n)),
        "likelihoods": counted(likelihood for likelihood, _ in estimator._reasons),
        "columns with missing cells": len(options.holes),
        "components": estimator.n_components_,
        "components in use": None if in_use is None else int(np.sum(in_use)),
        "network": options.network.name,
        "hidden layers": ", ".join(map(str, options.hidden_layer_sizes)) or "none",
        "weights": sum(parameter.numel() for parameter in model.module.parameters()),
        "density of codes": options.code_density or getattr(options.own, "prior", None),
        "epochs": estimator.n_iter_,
        "outcome": model.history.outcome,
        "loss": estimator.loss_curve_[-1],
        "validation score": estimator.best_validation_score_,
        "device": model.device,
        "precision": model.precision,
    }
    known = {name: value for name, value in facts.items() if value is not None}
    return pd.Series(known, name=type(estimator).__name__, dtype=object)


def counted(names):
    """Names with how often each comes, the most frequent first."""
    return ", ".join(f"{name} {n}" for name, n in Counter(names).most_common())
