"""How cells are read: what the data must say first, what networks see, and which values there may be."""


class Reading:
    """What a likelihood makes of cells before any code is known.

    A member says which values it can explain (``support``, ``outside``, ``remedy``), in which ``units`` its cells are,
    a key of ``skvae._tables.units.UNITS``, and what a network sees of them (``inputs``, n_inputs wide).
    """

    units = "standard"
    distances = None
    """On which scale cells are far from others, a key of ``skvae._tables.fences.SCALES``; None where none is."""
    has_atoms = False
    """Whether values that a column repeats have probabilities of their own."""
    follows = ()
    """Further arguments of the constructor that new rows may widen."""
    ordered = True
    separable = True
    """Whether cells are independent given the code, so that a missing one is as if its column were not there.
    Of others, a row has all or none."""
    in_part = "Use 'poisson' for these columns, or put 0 where a missing count means none."
    """What to do with rows that have some of these cells and lack others."""
    support = "real numbers"
    remedy = ""
    share_hidden = 0.0
    """Share of the cells that training hides from the encoder under ``corruption="auto"``."""

    @classmethod
    def describe(cls, known):
        """Further arguments of the constructor that the data decide, from what is known of the columns.

        ``known.cells`` (n, n_features) are those of a sample of rows, which count ``known.counts`` (n,); missing ones
        are NaN. ``known.ends`` (2, n_features) are the smallest and the largest cell of all rows, NaN where all are
        missing. ``known.levels`` holds, for each column of levels, what the rows of each level count.
        """
        return {}

    @classmethod
    def widened(cls, further, known):
        """These arguments, of a likelihood that has seen more rows, of which this is known."""
        return further

    def outside(self, values):
        """Mask of the values (n, n_features), on the CPU, that have no density here; None where there are none such."""
        return None

    def member(self, column):
        """The likelihood of one column: this one."""
        return self

    def place(self, shift, scale):
        """Learn the units of the columns: a cell in the data is shift + scale times one here."""

    def exact(self, values):
        """Put draws (n, n_features) in the units of the data, on the CPU, where exact values lie, in place."""

    def observe(self, x, weight):
        """Take note of where training cells lie, before training; x (n, n_features) and what each cell counts."""

    def realize(self, x, generator):
        """What a training step takes cells for: themselves, unless they stand for something that is drawn anew."""
        return x

    def inputs(self, x):
        """What a network sees of cells (..., n_inputs): about as wide as a standard normal."""
        return x

    def hidden_inputs(self, mean):
        """What a network sees of cells that are hidden from it (n_inputs,): the mean of the training rows."""
        return mean

    def rescaled(self, inputs):
        """What a network sees where some inputs (..., n_inputs) of rows were changed: them, unless others follow."""
        return inputs

    def missing_inputs(self, x):
        """Mask of the inputs whose cell is missing (..., inputs that are about cells); None where none can be."""
        return None
