"""The world <-> one matrix of float64 with NaN for holes. Never: torch."""
