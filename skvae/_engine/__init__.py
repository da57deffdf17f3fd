"""numpy <-> torch."""
