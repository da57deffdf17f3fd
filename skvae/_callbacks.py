"""What a running fit tells the outside: scikit-learn's callbacks, the lines or the bar of ``verbose``, and the log."""

import logging
import time

LOGGER = logging.getLogger("skvae")
"""Told each epoch at level DEBUG, and a fit that has ended at level INFO; silent unless the program listens."""

AS_A_BAR, WIDTH_OF_THE_BAR, LEAST_WAIT = 2, 24, 0.1
"""From which ``verbose`` on a bar takes the place of lines, its letters, and the seconds between two of its states."""


class FitReport:
    """Passes each epoch on to the estimator's callbacks, to the screen and to the log.

    ``attributes()`` makes the fitted attributes of that moment; it is called only for callbacks that want a fitted
    estimator. ``y`` falls back to X, because ScoringMonitor records no score without one.
    """

    def __init__(self, estimator, X, y, max_iter, attributes):
        self.estimator, self.attributes = estimator, attributes
        self.data = {"X": X, "y": X if y is None else y}
        self.words = Words(estimator, max_iter)
        self.context = None
        if hasattr(estimator, "_init_callback_context"):
            self.context = estimator._init_callback_context(max_subtasks=max_iter)
            self.context.call_on_fit_task_begin(estimator=estimator, **self.data)

    def epoch(self, history):
        """One epoch has ended; True when a callback asks to stop."""
        self.words.epoch(history)
        if self.context is None:
            return False
        task = self.context.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        return self._end(task)

    def close(self, history):
        """Training has ended, and well."""
        self.words.close(history)
        if self.context is not None:
            self._end(self.context)

    def _end(self, task):
        return task.call_on_fit_task_end(
            estimator=self.estimator, **self.data, reconstruction_attributes=self.attributes
        )


class Words:
    """Training in words: a line an epoch or a bar on the screen, as ``verbose`` asks, and the log."""

    def __init__(self, estimator, max_iter):
        self.estimator, self.name, self.max_iter = estimator, type(estimator).__name__, max_iter
        self.verbose, self.begun = int(estimator.verbose), time.perf_counter()
        self.n_epochs, self.width, self.drawn = 0, 0, -LEAST_WAIT

    def epoch(self, history):
        """One epoch has ended."""
        self.n_epochs += 1
        if self.verbose < AS_A_BAR:
            self.line(history)
            return
        seconds = self.line(history, is_shown=False)
        if seconds >= self.drawn + LEAST_WAIT:
            self.drawn = seconds
            left = seconds / self.n_epochs * (self.max_iter - self.n_epochs)
            self._draw(f"{losses(history)}, {duration(seconds)}, at most {duration(left)} left")

    def line(self, history, is_shown=True):
        """Log the last epoch, and print it where lines are asked for; the seconds since training began."""
        is_shown, is_logged = is_shown and self.verbose, LOGGER.isEnabledFor(logging.DEBUG)
        if not (self.verbose or is_logged):
            return 0.0
        seconds = time.perf_counter() - self.begun
        line = f"Epoch {len(history.loss)}, {losses(history)}, {seconds:.1f} s"
        if is_logged:
            LOGGER.debug("%s: %s", self.name, line)
        if is_shown:
            print(line)
        return seconds

    def close(self, history):
        """Training has ended, and well."""
        is_logged = LOGGER.isEnabledFor(logging.INFO)
        if not (self.verbose or is_logged):
            return
        ended = ENDS[history.outcome]
        seconds = duration(time.perf_counter() - self.begun)
        if is_logged:
            said = self.name, len(history.loss), seconds, ended, losses(history)
            LOGGER.info("%s: fitted in %d epochs and %s, %s; %s", *said)
        if self.verbose >= AS_A_BAR:
            self._draw(f"{losses(history)}, {seconds}, {ended}")
            print()
        elif self.verbose and history.outcome == "converged":
            print(
                f"The {'validation' if history.validation else 'training'} loss did not fall by more than "
                f"tol={self.estimator.tol} for {self.estimator.n_iter_no_change} epochs. Stopping."
            )

    def _draw(self, text):
        """Draw the bar over what it was."""
        n_filled = WIDTH_OF_THE_BAR * self.n_epochs // self.max_iter
        bar = "#" * n_filled + "-" * (WIDTH_OF_THE_BAR - n_filled)
        line = f"{self.name} [{bar}] {self.n_epochs}/{self.max_iter}, {text}"
        print("\r" + line.ljust(self.width), end="", flush=True)
        self.width = len(line)


def losses(history):
    """The objective of the last epoch in words."""
    watched = f", validation loss = {history.validation[-1]:.6f}" if history.validation else ""
    return f"loss = {history.loss[-1]:.6f}{watched}"


def duration(seconds):
    """A span of time in few letters."""
    if seconds < 60.0:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d} h" if minutes >= 60 else f"{minutes}:{seconds:02d} min"


def fit_parts(owner, parts, X, y):
    """Fit the parts of an owner as tasks of its fit, where scikit-learn has callbacks.

    ``parts`` holds, by name, an estimator and the function that fits it.
    """
    if not hasattr(owner, "_init_callback_context"):
        for _, fit in parts.values():
            fit()
        return
    context = owner._init_callback_context(max_subtasks=len(parts))
    context.call_on_fit_task_begin(estimator=owner, X=X, y=y)
    for name, (part, fit) in parts.items():
        task = context.subcontext(task_name=f"fit-{name}")
        task.call_on_fit_task_begin(estimator=owner, X=X, y=y)
        with task.propagate_callback_context(part):
            fit()
        task.call_on_fit_task_end(estimator=owner, X=X, y=y)
    context.call_on_fit_task_end(estimator=owner, X=X, y=y)


ENDS = {
    "max_iter": "all epochs done",
    "converged": "converged",
    "stopped": "stopped by a callback",
    "interrupted": "interrupted",
    "diverged": "diverged, the best state kept",
}
"""How training ended, in words, by the outcome of its history."""
