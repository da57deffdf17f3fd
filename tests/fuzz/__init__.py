"""Random tables, parameters and orders of calls, and what must hold of whatever comes of them."""
