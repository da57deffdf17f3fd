"""What a running fit tells the outside: scikit-learn's callbacks, and the lines that ``verbose`` prints."""

import time


class FitReport:
    """Passes each epoch on to the estimator's callbacks and to the screen.

    ``attributes()`` makes the fitted attributes of that moment; it is called only for callbacks that want a fitted
    estimator. ``y`` falls back to X, because ScoringMonitor records no score without one.
    """

    def __init__(self, estimator, X, y, max_iter, attributes):
        self.estimator, self.attributes, self.begun = estimator, attributes, time.perf_counter()
        self.data = {"X": X, "y": X if y is None else y}
        self.context = None
        if hasattr(estimator, "_init_callback_context"):
            self.context = estimator._init_callback_context(max_subtasks=max_iter)
            self.context.call_on_fit_task_begin(estimator=estimator, **self.data)

    def epoch(self, history):
        """One epoch has ended; True when a callback asks to stop."""
        if self.estimator.verbose:
            print(self._line(history))
        if self.context is None:
            return False
        task = self.context.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        return self._end(task)

    def close(self):
        """Training has ended."""
        if self.context is not None:
            self._end(self.context)

    def _end(self, task):
        return task.call_on_fit_task_end(
            estimator=self.estimator, **self.data, reconstruction_attributes=self.attributes
        )

    def _line(self, history):
        watched = f", validation loss = {history.validation[-1]:.6f}" if history.validation else ""
        seconds = time.perf_counter() - self.begun
        return f"Epoch {len(history.loss)}, loss = {history.loss[-1]:.6f}{watched}, {seconds:.1f} s"


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
