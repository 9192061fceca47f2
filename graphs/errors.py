"""Everything symgrad can refuse, in one tree: a user catches `SymgradError`, a test its exact kind."""


class SymgradError(Exception):
    """The root of all errors that symgrad raises on purpose."""


class ShapeError(SymgradError):
    """Two sizes, axes or sample axes that do not fit; names the operation, its operands and both sizes."""


class ParseError(SymgradError):
    """A text that is not an expression symgrad knows; names the column."""


class DifferentiationError(SymgradError):
    """A derivative that does not exist as asked: an integer variable, coupled samples, no rule."""


class NoClosedForm(SymgradError):
    """A stationary point without a closed form; names the term that stands in the way."""


class BackendError(SymgradError):
    """A backend that cannot run here; says what is missing and how to install it."""


class DataError(SymgradError):
    """Run-time values that do not fit their symbols: key, shape, dtype, range, NaN, a fact that fails."""


class DivergenceError(SymgradError):
    """Training left the finite numbers, in `epoch` and `step`; the model keeps the last good parameters."""

    def __init__(self, message: str, epoch: int = 0, step: int = 0) -> None:
        super().__init__(message)
        self.epoch, self.step = epoch, step
