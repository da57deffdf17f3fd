"""What can be asked of a fitted estimator outside of this package, as modules of torch over numbers of rows."""

from dataclasses import dataclass, replace

import torch

from skvae._engine.density import MatrixDensity
from skvae._export.cells import Numbered, Written
from skvae._export.judging import Decided, Labelled, NoveltyScoresOf, RobustScoresOf
from skvae._export.programs import Chain, Codes, Decoded, Scores
from skvae._outliers.judges import is_own
from skvae._outliers.novelty import NoveltyScores
from skvae._outliers.robust_scores import RobustScores
from skvae._tables.exchange import Exchanged
from skvae._tables.names import column_name
from skvae._tables.schema import Schema

SCORES = {MatrixDensity: Scores, RobustScores: RobustScoresOf, NoveltyScores: NoveltyScoresOf}
"""Scores of what estimators are on matrices."""


@dataclass(frozen=True)
class Asked:
    """An estimator of which something is asked: itself on matrices, the columns of its tables, and its threshold.

    ``is_open`` is whether rows may lack cells of columns of which none was missing in training.
    """

    density: object
    schema: Schema
    n_features: int
    offset: float | None
    is_open: bool = True

    @classmethod
    def of(cls, estimator, is_open=True):
        """That of a fitted transformer or detector."""
        offset, inside = getattr(estimator, "offset_", None), getattr(estimator, "estimator_", estimator)
        if not hasattr(inside, "_on_matrices") or (inside is not estimator and (offset is None or not is_own(inside))):
            raise TypeError(
                f"{type(inside).__name__} has no export. A fitted VAETransformer, AutoencoderTransformer, or "
                "AutoencoderOutlierDetector around one of these or with estimator=None has one; a Pipeline that holds "
                "one goes through skl2onnx.to_onnx after skvae.export.register_skl2onnx()."
            )
        return cls(inside._on_matrices, inside._schema, estimator.n_features_in_, offset, is_open)

    @property
    def latent_dim(self):
        """Size of a code."""
        return self.density.model.latent_dim

    @property
    def columns(self):
        """How the cells of each column are written: a list of ``Exchanged``."""
        columns = [Exchanged()] * self.n_features
        for j, column in self.schema.columns.items():
            try:
                columns[j] = column.exchanged()
            except ValueError as error:
                raise ValueError(
                    f"{column_name(self.schema.names, j)} has no export: {error}. Fit on texts, numbers, or dates in "
                    "UTC or without a zone there, or leave the column out."
                ) from error
            if self.schema.frame is None:
                columns[j] = replace(columns[j], single=False)
        return columns

    @property
    def scores(self):
        """What scores rows."""
        return SCORES[type(self.density)](self.density, self.is_open)


def codes(asked):
    return Chain(Numbered(asked.columns), Codes(asked.density, asked.is_open))


def decoded(asked):
    return Chain(Decoded(asked.density), Written(asked.columns))


def reconstructed(asked):
    return Chain(
        Numbered(asked.columns), Codes(asked.density, asked.is_open), Decoded(asked.density), Written(asked.columns)
    )


def scores(asked):
    return Chain(Numbered(asked.columns), asked.scores)


def decided(asked):
    return Chain(Numbered(asked.columns), asked.scores, Decided(asked.offset))


def labels(asked):
    return Chain(Numbered(asked.columns), asked.scores, Decided(asked.offset), Labelled())


@dataclass(frozen=True)
class Answer:
    """One answer: what makes the module, whether codes or rows go in, and what comes out.

    ``gives`` is "cells", or the name of what is returned.
    """

    make: object
    gives: str
    of_codes: bool = False
    of_detectors: bool = False


TRANSFORMED = {
    "transform": Answer(codes, "codes"),
    "inverse_transform": Answer(decoded, "cells", of_codes=True),
    "reconstruct": Answer(reconstructed, "cells"),
    "score_samples": Answer(scores, "scores"),
}
"""What transformers answer."""

JUDGED = {
    "score_samples": Answer(scores, "scores"),
    "decision_function": Answer(decided, "scores"),
    "predict": Answer(labels, "labels"),
}
"""What detectors answer."""


def answers_of(asked):
    """What may be asked, by name."""
    return TRANSFORMED if asked.offset is None else JUDGED


def module_of(estimator, output, is_open=True):
    """The estimator that is asked, the answer, and the module that gives it."""
    asked = Asked.of(estimator, is_open)
    known = answers_of(asked)
    if output not in known:
        raise ValueError(f"output={output!r}: {type(estimator).__name__} exports {', '.join(map(repr, known))}.")
    with torch.no_grad():
        return asked, known[output], known[output].make(asked).eval().requires_grad_(False)
