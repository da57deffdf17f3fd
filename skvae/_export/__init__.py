"""Fitted estimators -> ONNX graphs, torch modules and files of weights."""
