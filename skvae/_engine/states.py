"""Nested states with arrays in the place of tensors, and back."""

import numpy as np
import torch


def as_arrays(state):
    """A nested state with numpy arrays for its tensors."""
    if isinstance(state, dict):
        return {key: as_arrays(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return [as_arrays(value) for value in state]
    return state.cpu().numpy() if isinstance(state, torch.Tensor) else state


def as_tensors(state):
    """The inverse of ``as_arrays``."""
    if isinstance(state, dict):
        return {key: as_tensors(value) for key, value in state.items()}
    if isinstance(state, list):
        return [as_tensors(value) for value in state]
    return torch.tensor(state) if isinstance(state, np.ndarray) else state
