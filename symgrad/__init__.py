"""symgrad: write a network and a loss as formulas; get the gradient as formulas, pictures and code.

>>> import symgrad as sg
>>> n, d = sg.dims("n d")
>>> X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
>>> print(sg.gradient(sg.sum((X @ w - y) ** 2), w))
2 Xᵀ (X w - y)
"""

from typing import TYPE_CHECKING, Any

import symgrad.language.methods  # noqa: F401 - gives tensors their operators
from symgrad import losses, nn
from symgrad.calculus.derivatives import gradient, hessian, hvp, jacobian, jvp, vjp
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
from symgrad.language.activating import (
    celu,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    logsigmoid,
    mish,
    relu6,
    selu,
    softmin,
    softshrink,
    softsign,
    tanhshrink,
)
from symgrad.language.align import constant
from symgrad.language.arranging import cosine_similarity, linspace, meshgrid, normalize, pixel_shuffle, pixel_unshuffle
from symgrad.language.arrays import repeat
from symgrad.language.attending import attention, embedding
from symgrad.language.composed import flip, kron, norm, one_hot, roll, split, std, take, tril, triu, var
from symgrad.language.contraction import (
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
from symgrad.language.convolving import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d
from symgrad.language.dropping import dropout, dropout2d
from symgrad.language.enlarging import interpolate, upsample
from symgrad.language.factoring import eigh, eigvalsh, lstsq, pinv, qr, svd, svdvals
from symgrad.language.further import (
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan2,
    arctanh,
    ceil,
    erfinv,
    exp2,
    isfinite,
    isinf,
    isnan,
    log2,
    log10,
    logaddexp,
    reciprocal,
    round,
    sinc,
    trunc,
)
from symgrad.language.habits import PACKAGE, missing
from symgrad.language.indexing import index_add
from symgrad.language.linear_algebra import cholesky, cumsum, det, inv, logdet, prod, solve, solve_triangular, windows
from symgrad.language.normalising import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from symgrad.language.padding import pad
from symgrad.language.picking import argsort, cumprod, gather, median, quantile, scatter_add, sort, take_along_axis, topk
from symgrad.language.pointwise import (
    abs,
    arctan,
    clip,
    cos,
    cosh,
    digamma,
    elementwise,
    elu,
    equal,
    erf,
    erfc,
    exp,
    expm1,
    floor,
    leaky_relu,
    lgamma,
    log,
    log1p,
    log_ndtr,
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
    wright_omega,
)
from symgrad.language.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from symgrad.language.rearrange import (
    broadcast_to,
    concatenate,
    expand_dims,
    reshape,
    squeeze,
    stack,
    stop_gradient,
    transpose,
)
from symgrad.language.reduction import (
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
from symgrad.language.scanning import scan
from symgrad.language.symbols import data, dim, dims, labels, parameter
from symgrad.language.tensor import Tensor
from symgrad.version import __version__ as __version__

# What writes code, draws, fits, reads or judges is imported when it is first asked for: formulas alone stay light.
MODULES = ("estimators", "optim")
LATER = {
    "StationaryPoint": "minimising.curvature",
    "classify": "minimising.curvature",
    "Minimum": "minimisers.result",
    "minimize": "minimisers.minimize",
    "Convexity": "minimising.convexity",
    "convexity": "minimising.convexity",
    "Derivation": "derivations.derivation",
    "derive": "derivations.derivation",
    "draw": "drawing.drawing",
    "Explanation": "derivations.explaining",
    "explain": "derivations.explaining",
    "function": "computing.functions",
    "graph": "drawing.graphing",
    "History": "training.history",
    "Model": "training.model",
    "heatmap": "landscapes.maps",
    "Landscape": "landscapes.landscape",
    "landscape": "landscapes.landscape",
    "plot": "landscapes.plotting",
    "parse": "reading.parser",
    "search": "searching.search",
    "simplify": "calculus.simplifying",
    "Source": "training.source",
    "generate": "training.source",
    "prox": "minimising.prox",
    "solve_stationary": "minimising.stationary",
    "Structure": "calculus.structures",
    "structure": "calculus.structures",
    "from_sympy": "exchange.from_sympy",
    "audit": "networks.auditing",
    "from_onnx": "networks.reading",
    "from_torch": "networks.torch_reading",
    "to_onnx": "networks.writing",
    "Verdict": "verifying.verdict",
    "verify": "verifying.verification",
}

if TYPE_CHECKING:
    from symgrad import estimators as estimators
    from symgrad import optim
    from symgrad.calculus.simplifying import simplify
    from symgrad.calculus.structures import Structure, structure
    from symgrad.computing.functions import function
    from symgrad.derivations.derivation import Derivation, derive
    from symgrad.derivations.explaining import Explanation, explain
    from symgrad.drawing.drawing import draw
    from symgrad.drawing.graphing import graph
    from symgrad.exchange.from_sympy import from_sympy
    from symgrad.landscapes.landscape import Landscape, landscape
    from symgrad.landscapes.maps import heatmap
    from symgrad.landscapes.plotting import plot
    from symgrad.minimisers.minimize import minimize
    from symgrad.minimisers.result import Minimum
    from symgrad.minimising.convexity import Convexity, convexity
    from symgrad.minimising.curvature import StationaryPoint, classify
    from symgrad.minimising.prox import prox
    from symgrad.minimising.stationary import solve_stationary
    from symgrad.networks.auditing import audit
    from symgrad.networks.reading import from_onnx
    from symgrad.networks.torch_reading import from_torch
    from symgrad.networks.writing import to_onnx
    from symgrad.reading.parser import parse
    from symgrad.searching.search import search
    from symgrad.training.history import History
    from symgrad.training.model import Model
    from symgrad.training.source import Source, generate
    from symgrad.verifying.verdict import Verdict
    from symgrad.verifying.verification import verify


def __getattr__(name: str) -> Any:
    """A public name of a module that is imported now, or such a module itself."""
    from importlib import import_module

    if name in MODULES:
        return import_module(f"symgrad.{name}")
    if name not in LATER:
        missing("module 'symgrad'", name, PACKAGE, __all__)
    return getattr(import_module(f"symgrad.{LATER[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*__all__, *MODULES, "__version__"})


__all__ = [
    "BackendError", "Convexity", "DataError", "Derivation", "DifferentiationError", "DivergenceError", "Explanation",
    "History", "Landscape", "Minimum", "Model", "NoClosedForm", "ParseError", "ShapeError", "Source",
    "StationaryPoint", "Structure", "SymgradError", "Tensor", "Verdict", "abs", "adaptive_avg_pool1d",
    "adaptive_avg_pool2d", "arange", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "argmax", "argmin", "argsort", "attention", "audit", "avg_pool1d", "avg_pool2d", "avg_pool3d", "batch_norm",
    "broadcast_to", "ceil", "celu", "cholesky", "classify", "clip", "concatenate", "constant", "conv1d", "conv2d",
    "conv3d", "conv_transpose1d", "conv_transpose2d", "convexity", "cos", "cosh", "cosine_similarity", "cumprod",
    "cumsum", "data", "derive", "det", "diag", "diagonal", "digamma", "dim", "dims", "dot", "draw", "dropout",
    "dropout2d", "eigh", "eigvalsh", "einsum", "elementwise", "elu", "embedding", "empirical_risk", "equal", "erf",
    "erfc", "erfinv", "exp", "exp2", "expand_dims", "explain", "expm1", "eye", "flip", "floor", "from_onnx",
    "from_sympy", "from_torch", "full", "function", "gather", "gelu", "generate", "glu", "gradient", "graph",
    "group_norm", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "heatmap", "hessian", "hvp", "index_add",
    "instance_norm", "interpolate", "inv", "isfinite", "isinf", "isnan", "jacobian", "jvp", "kron", "labels",
    "landscape", "layer_norm", "leaky_relu", "lgamma", "linspace", "log", "log10", "log1p", "log2", "log_ndtr",
    "log_softmax", "logaddexp", "logdet", "logical_and", "logical_not", "logical_or", "logsigmoid", "logsumexp",
    "losses", "lstsq", "matmul", "max", "max_pool1d", "max_pool2d", "max_pool3d", "maximum", "mean", "median",
    "meshgrid", "min", "minimize", "minimum", "mish", "nn", "norm", "normalize", "one_hot", "ones", "optim", "outer",
    "pad", "parameter", "parse", "pinv", "pixel_shuffle", "pixel_unshuffle", "plot", "prod", "prox", "qr", "quantile",
    "reciprocal", "relu", "relu6", "repeat", "reshape", "rms_norm", "roll", "round", "scan", "scatter_add", "search",
    "selu", "sigmoid", "sign", "silu", "simplify", "sin", "sinc", "sinh", "softmax", "softmin", "softplus",
    "softshrink", "softsign", "solve", "solve_stationary", "solve_triangular", "sort", "split", "sqrt", "square",
    "squeeze", "stack", "std", "stop_gradient", "structure", "sum", "svd", "svdvals", "take", "take_along_axis",
    "tan", "tanh", "tanhshrink", "tensordot", "to_onnx", "topk", "trace", "transpose", "tril", "triu", "trunc",
    "upsample", "var", "verify", "vjp", "where", "windows", "wright_omega", "zeros",
]
