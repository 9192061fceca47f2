"""What a formula in a text may say: functions it may call, how names are declared, what is told instead.

The tables are the whole grammar beyond numbers and names; `parser.py` walks a text by them. A function that
takes a Python function (scan) or a formula (elementwise: SymPy evaluates strings) has no place here.
"""

from __future__ import annotations

import ast
import keyword
import operator
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import sympy as sp

from symgrad import losses
from symgrad.graphs.errors import ParseError
from symgrad.graphs.facts import FACTS, POSITIVE_DEFINITE
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL
from symgrad.graphs.sizes import canonical, dim
from symgrad.language import (
    activating,
    align,
    arranging,
    attending,
    composed,
    contraction,
    convolving,
    dropping,
    enlarging,
    factoring,
    further,
    linear_algebra,
    normalising,
    padding,
    picking,
    pointwise,
    pooling,
    rearrange,
    reduction,
    symbols,
)
from symgrad.reading.folding import WHOLE

Functions = Mapping[str, Callable[..., Any]]

SIZE = 10**6  # a whole number given to a function that makes or lays out axes
PIECES = 1000  # the same for split, which makes a tensor of every piece
ENTRIES = 10**7  # of a constant made from a shape

ELEMENTWISE = """exp log log2 log10 exp2 log1p expm1 sqrt abs sign floor ceil trunc round sin cos tan tanh sinh cosh
arctan arcsin arccos arctan2 arcsinh arccosh arctanh erf erfc erfinv sinc isnan isfinite isinf logaddexp reciprocal
log_ndtr wright_omega lgamma digamma sigmoid softplus relu leaky_relu elu gelu silu
relu6 hardtanh hardsigmoid hardswish selu celu mish softsign logsigmoid tanhshrink softshrink hardshrink square
maximum minimum clip where equal
logical_and logical_or logical_not""".split()
CREATORS = "eye zeros ones arange full".split()
OTHERS = """einsum dot matmul outer tensordot trace diag diagonal tril triu kron
sum mean max min argmax argmin prod var std norm logsumexp softmax log_softmax cumsum windows empirical_risk
reshape transpose expand_dims squeeze broadcast_to concatenate stack take pad flip roll one_hot split
sort argsort median quantile gather scatter_add take_along_axis cumprod eigvalsh svdvals pinv lstsq
inv solve solve_triangular det logdet cholesky
conv1d conv2d conv3d conv_transpose1d conv_transpose2d interpolate
max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool3d adaptive_avg_pool1d avg_pool2d adaptive_avg_pool2d upsample
linspace meshgrid pixel_shuffle pixel_unshuffle cosine_similarity normalize softmin glu
embedding dropout dropout2d layer_norm rms_norm instance_norm group_norm batch_norm attention stop_gradient""".split()
LOSSES = """squared_error mse mae huber smooth_l1 cross_entropy binary_cross_entropy binary_cross_entropy_with_logits nll
kl_divergence hinge poisson_nll gaussian_nll ctc""".split()
FACTORIES = "data constant".split()  # of symbols and numbers: for the parser, a text cannot call them
METHODS = """sum mean max min argmax argmin prod var std cumsum reshape ravel flatten transpose swapaxes
squeeze dot trace diagonal take clip""".split()
MODULES = frozenset("np numpy math sg symgrad jnp torch".split())  # in front of a function: np.dot
SUBMODULES = frozenset(("linalg", "special", "nn", "functional"))
SYNONYMS = {"ln": "log", "tr": "trace", "inverse": "inv", "length": "norm"}

BINARY: Mapping[type[ast.AST], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add), ast.Sub: ("-", operator.sub), ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv), ast.Pow: ("**", operator.pow), ast.MatMult: ("@", operator.matmul),
}
COMPARISONS: Mapping[type[ast.AST], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Lt: ("<", operator.lt), ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt), ast.GtE: (">=", operator.ge),
}
# Constructs of Python by the name of their class in `ast` (a few are of newer Pythons only).


@cache
def public_functions() -> Functions:
    """The functions of section 2 by name. Collected at the first parse, when they are asked for."""
    homes = (activating, align, arranging, attending, composed, contraction, convolving, dropping, enlarging, factoring,
             further, linear_algebra, normalising, padding, picking, pointwise, pooling, rearrange, reduction, symbols)
    table = {name: getattr(losses, name) for name in LOSSES if hasattr(losses, name)}
    names = (*ELEMENTWISE, *CREATORS, *OTHERS, *FACTORIES)
    return table | {name: vars(home)[name] for name in names for home in homes
                    if getattr(vars(home).get(name), "__module__", "") == home.__name__}


OPERATORS: Functions = {"multiply": operator.mul, "add": operator.add, "subtract": operator.sub, "divide": operator.truediv,
                        "true_divide": operator.truediv, "power": operator.pow, "negative": operator.neg}
RENAMED = {"absolute": "abs", "inner": "dot", "concat": "concatenate", "amax": "max", "amin": "min", "expit": "sigmoid",
           "mm": "matmul", "mv": "matmul", "identity": "eye"}


@cache
def numpy_functions() -> Functions:
    """What stands behind np.: the public functions, those for operators, and NumPy's own names for some."""
    table = public_functions()
    return {**table, **OPERATORS, **{name: table[known] for name, known in RENAMED.items()}}


def is_tensor(value: Any) -> bool:
    """Told by its sample axis: arrays and SymPy's expressions have none."""
    return hasattr(value, "over") and hasattr(value, "shape")


def parse_shapes(shapes: Mapping[str, Any], *, functions: Functions | None = None) -> dict[str, Any]:
    """The data symbols that `shapes` declares, by name; tensors stay what they are.

    A shape is a text as `sg.parse` takes it, an int, a size, a tuple of those, or a tensor. One size name is
    one size in all of them. Raises ParseError that names the symbol and the part that is no shape.

    >>> from symgrad.reading.vocabulary import parse_shapes
    >>> {name: symbol.shape for name, symbol in parse_shapes({"X": "n,3", "b": "", "S": "d,d: symmetric"}).items()}
    {'X': (n, 3), 'b': (), 'S': (d, d)}
    """
    data = (functions or public_functions())["data"]
    sizes = sizes_of(spec for spec in shapes.values() if is_tensor(spec))
    symbols: dict[str, Any] = {}
    for given, spec in shapes.items():
        name = _name(given, "a symbol")
        if name in symbols:
            raise ParseError(f"{name!r} is declared twice")
        symbols[name] = spec if is_tensor(spec) else data(name, **_read(name, spec, sizes))
    return symbols


def sizes_of(tensors: Iterable[Any]) -> dict[str, Any]:
    """The size symbols in the shapes of tensors, by name."""
    sizes: dict[str, Any] = {}
    for tensor in tensors:
        for size in (*tensor.shape, tensor.over):
            if isinstance(size, sp.Expr):
                sizes.update((symbol.name, symbol) for symbol in sorted(size.free_symbols, key=str))
    return sizes


def _read(name: str, spec: Any, sizes: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `data` for one shape; new size names are added to `sizes`."""
    if not isinstance(spec, str):
        parts = spec if isinstance(spec, (tuple, list)) else (spec,)
        return {"shape": tuple(_size(part, name, sizes) for part in parts)}
    pattern = r"(\((?P<a>[^:()]*)\)|(?P<b>[^:()]*?))\s*(\bover\s+(?P<over>\w+))?\s*(:(?P<said>[\w\s,-]*))?"
    found = re.fullmatch(pattern, spec.strip()) if len(spec) <= 1000 else None
    axes = "" if found is None else (found["a"] or found["b"] or "").strip()
    if found is None or re.search(r"^,|,\s*,", axes):
        raise ParseError(f"the shape of {name!r} cannot be {spec[:60]!r}; write 'n d' or 'n,3', '' for a "
                         "scalar, 'd over T' for one sample of T, 'n: integer' for whole numbers")
    said = re.sub(r"positive[\s-]definite", POSITIVE_DEFINITE, found["said"] or "").replace("-", "_")
    words = re.split(r"[\s,]+", said.strip()) if found["said"] is not None else ["real"]
    for word in words:
        if word not in (REAL, INTEGER, BOOLEAN, *FACTS):
            raise ParseError(f"in the shape of {name!r}: a dtype is real, integer or boolean, not {word!r}; facts are "
                             f"{', '.join(FACTS)}")
    dtype = next((word for word in words if word not in FACTS), REAL)
    shape = tuple(_size(part, name, sizes) for part in re.split(r"[\s,]+", axes) if part)
    over = None if found["over"] is None else _size(found["over"], name, sizes)
    return {"shape": shape, "over": over, "dtype": dtype, **{word: True for word in words if word in FACTS}}


def _size(part: Any, symbol: str, sizes: dict[str, Any]) -> Any:
    where = f"in the shape of {symbol!r}: "
    if isinstance(part, str) and re.fullmatch("[0-9]+", part):
        part = int(part) if len(part) < 19 else WHOLE
    if isinstance(part, str):
        if re.match("-?[0-9]", part):
            raise ParseError(f"{where}a size is a name or a whole number, not {part[:60]!r}")
        part = _name(part, f"{where}a size")
        return sizes.setdefault(part, dim(part))
    try:
        size = canonical(part)
    except (TypeError, ValueError) as error:
        raise ParseError(f"{where}{error}") from None
    if isinstance(size, int) and size >= WHOLE:
        raise ParseError(f"{where}a size of 2**63 or more is too large")
    return size


def _name(text: Any, what: str) -> str:
    """A name, as Python's grammar reads it."""
    name = unicodedata.normalize("NFKC", text) if isinstance(text, str) else ""
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("__") or len(name) > 100:
        raise ParseError(f"{what} cannot be called {str(text)[:60]!r}")
    return name
