"""Which cells of a table are strange, given the others of their row and those of their column."""
