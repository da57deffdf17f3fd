"""Which form stored estimators have, and how those of earlier releases are read."""

from skvae import __version__

FORMAT = 3
"""The form that this release writes. It grows by one when a stored attribute changes its name, place or meaning."""


def with_checkpoints(state):
    """A transformer keeps no state of its fit unless it is told to."""
    return {"checkpoint": None, "checkpoint_interval": 60.0, **state} if "learning_rate_init" in state else state


CONVERSIONS = {0: lambda state: state, 1: with_checkpoints, 2: lambda state: state}
"""From the state of an estimator in one form to that in the next; 0 is from before there was a number. What differs in
form 2 are parts of detectors, which read themselves (``skvae._outliers``)."""

RELEASE, NUMBER = "_skvae_release", "_skvae_format"
"""What a stored state says beside the attributes: the release that wrote it, and its form."""


class Stored:
    """An estimator whose pickles, skops files and copies say which form they have.

    A file of an earlier release is converted as it is loaded; one of a later release, whose form this one cannot know,
    is an error.
    """

    def __getstate__(self):
        return {**super().__getstate__(), RELEASE: __version__, NUMBER: FORMAT}

    def __setstate__(self, state):
        state = dict(state)
        release, number = state.pop(RELEASE, "a release before 0.1.0"), state.pop(NUMBER, 0)
        if number > FORMAT:
            raise ValueError(
                f"This {type(self).__name__} was stored by skvae {release} in form {number}; skvae {__version__} reads "
                f"forms up to {FORMAT}. Upgrade skvae to {release} or later, or fit the estimator again."
            )
        for each in range(number, FORMAT):
            state = CONVERSIONS[each](state)
        super().__setstate__(state)
