"""The only room that knows pandas, polars and pyarrow as libraries of frames."""
