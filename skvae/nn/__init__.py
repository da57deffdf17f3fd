"""The torch side of skvae: networks, densities, models and the training loop. No arrays, no estimators."""
