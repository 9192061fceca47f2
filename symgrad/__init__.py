"""symgrad: write a network and a loss as formulas; get the gradient as formulas, pictures and code.

>>> import symgrad as sg
>>> n, d = sg.dims("n d")
>>> X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
>>> print(sg.gradient(sg.sum((X @ w - y) ** 2), w))
2 Xᵀ (X w - y)
"""

from symgrad.tensor import Tensor  # isort: skip - the first import: its methods need the modules below

from typing import TYPE_CHECKING, Any

from symgrad import losses, nn
from symgrad.align import constant
from symgrad.composed import (
    flip,
    kron,
    norm,
    one_hot,
    pad,
    roll,
    split,
    std,
    take,
    tril,
    triu,
    var,
)
from symgrad.contraction import (
    arange,
    diag,
    diagonal,
    dot,
    einsum,
    eye,
    full,
    matmul,
    ones,
    outer,
    tensordot,
    trace,
    zeros,
)
from symgrad.derivatives import gradient, hessian, hvp, jacobian, jvp, vjp
from symgrad.graphs.errors import (
    BackendError,
    DataError,
    DifferentiationError,
    DivergenceError,
    NoClosedForm,
    ParseError,
    ShapeError,
    SymgradError,
)
from symgrad.linear_algebra import (
    cholesky,
    cumsum,
    det,
    inv,
    logdet,
    prod,
    solve,
    solve_triangular,
    windows,
)
from symgrad.pointwise import (
    abs,
    arctan,
    clip,
    cos,
    cosh,
    elementwise,
    elu,
    equal,
    erf,
    exp,
    expm1,
    floor,
    gelu,
    leaky_relu,
    log,
    log1p,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    relu,
    sigmoid,
    sign,
    silu,
    sin,
    sinh,
    softplus,
    sqrt,
    square,
    tan,
    tanh,
    where,
)
from symgrad.rearrange import (
    broadcast_to,
    concatenate,
    expand_dims,
    reshape,
    squeeze,
    stack,
    stop_gradient,
    transpose,
)
from symgrad.reduction import (
    argmax,
    argmin,
    empirical_risk,
    log_softmax,
    logsumexp,
    max,
    mean,
    min,
    softmax,
    sum,
)
from symgrad.symbols import data, dim, dims, labels, parameter

# What writes code, draws, fits, reads or judges is imported when it is first asked for: formulas alone stay light.
LATER = {
    "StationaryPoint": "curvature",
    "classify": "curvature",
    "Derivation": "derivation",
    "derive": "derivation",
    "draw": "drawing",
    "Explanation": "explaining",
    "explain": "explaining",
    "function": "functions",
    "graph": "graphing",
    "History": "history",
    "Model": "model",
    "parse": "parser",
    "simplify": "simplifying",
    "Source": "source",
    "generate": "source",
    "solve_stationary": "stationary",
    "Structure": "structures",
    "structure": "structures",
    "from_sympy": "sympy_reading",
    "Verdict": "verdict",
    "verify": "verification",
}

if TYPE_CHECKING:
    from symgrad import optim
    from symgrad.curvature import StationaryPoint, classify
    from symgrad.derivation import Derivation, derive
    from symgrad.drawing import draw
    from symgrad.explaining import Explanation, explain
    from symgrad.functions import function
    from symgrad.graphing import graph
    from symgrad.history import History
    from symgrad.model import Model
    from symgrad.parser import parse
    from symgrad.simplifying import simplify
    from symgrad.source import Source, generate
    from symgrad.stationary import solve_stationary
    from symgrad.structures import Structure, structure
    from symgrad.sympy_reading import from_sympy
    from symgrad.verdict import Verdict
    from symgrad.verification import verify


def __getattr__(name: str) -> Any:
    """A public name of a module that is imported now, or the module `optim` itself."""
    from importlib import import_module

    if name == "optim":
        return import_module("symgrad.optim")
    if name not in LATER:
        raise AttributeError(f"module 'symgrad' has no attribute {name!r}")
    return getattr(import_module(f"symgrad.{LATER[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


__version__ = "0.1.0"
__all__ = [
    "BackendError", "DataError", "Derivation", "DifferentiationError", "DivergenceError", "Explanation", "History",
    "Model", "NoClosedForm", "ParseError", "ShapeError", "Source", "StationaryPoint", "Structure", "SymgradError",
    "Tensor", "Verdict", "abs", "arange", "arctan", "argmax", "argmin", "broadcast_to", "cholesky", "classify", "clip",
    "concatenate", "constant", "cos", "cosh", "cumsum", "data", "derive", "det", "diag", "diagonal", "dim", "dims",
    "dot", "draw", "einsum", "elementwise", "elu", "empirical_risk", "equal", "erf", "exp", "expand_dims", "explain",
    "expm1", "eye", "flip", "floor", "from_sympy", "full", "function", "gelu", "generate", "gradient", "graph",
    "hessian", "hvp", "inv", "jacobian", "jvp", "kron", "labels", "leaky_relu", "log", "log1p", "log_softmax", "logdet",
    "logical_and", "logical_not", "logical_or", "logsumexp", "losses", "matmul", "max", "maximum", "mean", "min",
    "minimum", "nn", "norm", "one_hot", "ones", "optim", "outer", "pad", "parameter", "parse", "prod", "relu",
    "reshape", "roll", "sigmoid", "sign", "silu", "simplify", "sin", "sinh", "softmax", "softplus", "solve",
    "solve_stationary", "solve_triangular", "split", "sqrt", "square", "squeeze", "stack", "std", "stop_gradient",
    "structure", "sum", "take", "tan", "tanh", "tensordot", "trace", "transpose", "tril", "triu", "var", "verify",
    "vjp", "where", "windows", "zeros",
]
