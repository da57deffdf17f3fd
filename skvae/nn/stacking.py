"""Models of one shape as one module, so that they train together: one kernel for all, not one for each."""

import copy

import torch
from torch import nn
from torch.func import functional_call, stack_module_state


class _Terms(nn.Module):
    """A model whose forward pass is its loss terms."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x, generator, weight):
        return self.model.loss_terms(x, generator, weight)


class Stack(nn.Module):
    """Models of one shape, side by side: each parameter has one more leading dimension, one entry a model.

    It says what a single model says to the training loop. A batch is (batch, n_features), the same rows for all models,
    or (batch, n_models, n_features), rows of its own for each. Every model draws noise of its own. A row's terms are
    summed over the models, so that each parameter's gradient is the one it would have alone; solvers that treat every
    number for itself, as all solvers by name do, then train each model as if it were alone.
    """

    n_leading = 1
    """Dimensions that a parameter has beyond those of one model."""

    def __init__(self, models):
        super().__init__()
        self._template = [_Terms(copy.deepcopy(models[0])).train()]
        parameters, buffers = stack_module_state([_Terms(model) for model in models])
        self._names, self._buffer_values = list(parameters), buffers
        self.stacked = nn.ParameterList(parameters.values())

    def loss_terms(self, x, generator, weight=None):
        """Named terms of the objective, each with one value a row: its sum over the models."""

        def one(parameters, buffers, x):
            return functional_call(self._template[0], (parameters, buffers), (x, generator, weight))

        every = torch.vmap(one, in_dims=(0, 0, 1 if x.ndim == 3 else None), out_dims=1, randomness="different")
        terms = every(dict(zip(self._names, self.stacked, strict=True)), self._buffer_values, x)
        return {name: values.sum(1) for name, values in terms.items()}

    def term_weights(self, progress):
        """Weight of each named term after the share ``progress`` of the run."""
        return self._template[0].model.term_weights(progress)

    @torch.no_grad()
    def unstack(self):
        """The models, each with its own parameters."""
        models = []
        for position in range(len(self.stacked[0])):
            one = copy.deepcopy(self._template[0])
            values = {name: values[position] for name, values in zip(self._names, self.stacked, strict=True)}
            one.load_state_dict(values | {name: values[position] for name, values in self._buffer_values.items()})
            models.append(one.model.eval())
        return models
