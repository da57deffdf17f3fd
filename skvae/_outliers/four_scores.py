"""Where detectors of form 2 have what judges rows. Never: anything of its own."""

from skvae._outliers.robust_scores import RobustScores as FourScores

__all__ = ["FourScores"]
