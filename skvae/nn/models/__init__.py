"""The models: a code for every row, a density for every code, and what training minimises."""

from skvae.nn.models.table import MODELS

__all__ = ["MODELS"]
