"""Entry-by-entry operations: arithmetic, and every row of the table of elementwise functions.

Arithmetic is not elementwise in the algebra: a product is a contraction, a sum an `add`, so that both
stay linear for derivatives. Everything else is a row.
"""

from __future__ import annotations

import builtins
import inspect
import math
from collections.abc import Callable
from numbers import Number
from typing import Any

import sympy as sp

from symgrad.graphs.algebra.einsum import contract, literal, literal_value, scale, zeros
from symgrad.graphs.algebra.formulas import lower
from symgrad.graphs.algebra.formulas import power as power_node
from symgrad.graphs.algebra.primitives import add as add_node
from symgrad.graphs.algebra.primitives import as_real as real_node
from symgrad.graphs.algebra.primitives import elementwise as elementwise_node
from symgrad.graphs.algebra.rows import ROWS, Row
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import BOOLEAN, REAL, Node
from symgrad.graphs.weights import MINUS, ONE, Weight, inverse, to_expr
from symgrad.language.align import Aligned, align, as_tensor, broadcast_all, describe
from symgrad.language.finite import is_zero, may_be_infinite
from symgrad.language.numpy_values import is_floating
from symgrad.language.recipes import operation
from symgrad.language.tensor import Tensor, wrap


def as_real(t: Tensor) -> Tensor:
    """The same numbers, as real ones."""
    return t if t.dtype == REAL else wrap(real_node(t.node), t.over)


def _operands(operation: str, *values: Any) -> builtins.list[Tensor]:
    """Operands as tensors; beside a float of Python or NumPy, integers and truth values are real numbers."""
    tensors = [as_tensor(value, operation) for value in values]
    keeps = operation == "power" or ROWS.get(operation, SAME).dtype == "same"
    if keeps and any(is_floating(value) for value in values):
        start = TRUTH_VALUES.get(operation, 0)
        tensors[start:] = map(as_real, tensors[start:])
    return tensors


SAME = Row("", sp.S.Zero, dtype="same")  # sums and products, which are no rows


@operation
def _sum(operation: str, a: Any, b: Any, sign: Weight) -> Tensor:
    both = align(operation, _operands(operation, a, b))
    return wrap(add_node(broadcast_all(both), [ONE, sign]), both.over)


def add(a: Any, b: Any) -> Tensor:
    """a + b."""
    return _sum("add", a, b, ONE)


def subtract(a: Any, b: Any) -> Tensor:
    """a - b."""
    return _sum("subtract", a, b, MINUS)


@operation
def negative(a: Any) -> Tensor:
    """-a."""
    t = as_tensor(a, "negative")
    return wrap(scale(t.node, MINUS), t.over)


@operation
def multiply(a: Any, b: Any) -> Tensor:
    """a * b, entry by entry."""
    factors = _operands("multiply", a, b)
    both = align("multiply", factors)
    for place, t in enumerate(factors):
        if is_zero(t) and may_be_infinite(factors[1 - place]):
            return wrap(elementwise_node("zeroed", [broadcast_all(both)[1 - place]]), both.over)
    return _product(both)


def _product(both: Aligned) -> Tensor:
    return wrap(contract(both.nodes, both.inputs, both.labels,
                         dict(zip(both.labels, both.shape, strict=True))), both.over)


@operation
def divide(a: Any, b: Any) -> Tensor:
    """a / b, entry by entry: true division, also of integers."""
    divisor = as_tensor(b, "divide")
    value = literal_value(divisor.node)
    if value is not None and divisor.ndim == 0:
        dividend = as_real(as_tensor(a, "divide"))
        by = inverse(value) if value.number else Weight(float("inf"))  # NumPy's x / 0
        if by.number == 0 and may_be_infinite(dividend):
            return wrap(elementwise_node("zeroed", [dividend.node]), dividend.over)
        return wrap(scale(dividend.node, by), dividend.over)
    if is_zero(above := as_tensor(a, "divide")) and may_be_infinite(divisor):  # 0/0 is no number
        return multiply(above, divide(1, divisor))
    both = align("divide", [as_tensor(a, "divide"), divisor])
    return _product(both._replace(nodes=[both.nodes[0], elementwise_node("reciprocal", [divisor.node])]))


@operation
def power(a: Any, b: Any) -> Tensor:
    """a ** b, entry by entry; 0 ** 0 is 1."""
    base, exponent = _operands("power", a, b)
    value = literal_value(exponent.node)
    if value is not None and exponent.ndim == 0 and not isinstance(value.number, float):
        return wrap(power_node(base.node, to_expr(value), {}, base.node.shape), base.over)
    return _entrywise("power", [base, exponent])


@operation
def apply_row(name: str, *operands: Any) -> Tensor:
    """A row of the table of elementwise functions."""
    return _entrywise(name, _operands(name, *operands))


def _entrywise(name: str, tensors: list[Tensor]) -> Tensor:
    both = align(name, tensors)
    nodes = broadcast_all(both)
    for i in range(TRUTH_VALUES.get(name, 0)):
        nodes[i] = _truth(nodes[i])
    return wrap(elementwise_node(name, nodes), both.over)


TRUTH_VALUES = {"where": 1, "logical_and": 2, "logical_or": 2, "logical_not": 1}  # operands that are conditions


def _truth(node: Node) -> Node:
    """Numbers count as true where not zero."""
    return node if node.dtype == BOOLEAN else elementwise_node("not_equal", [node, literal(0, node.shape)])


EXAMPLE = """

>>> x = sg.data("x", 3)
>>> print(sg.{call}, "|", sg.gradient(sg.sum(sg.{call}), x))
{shown}"""  # for a docstring: how the function prints, and its derivative


def _unary(name: str, doc: str, shown: str = "") -> Callable[[Any], Tensor]:
    def function(x: Any) -> Tensor:
        return apply_row(name, x)

    return _label(function, name, doc, EXAMPLE.format(call=f"{name}(x)", shown=shown) if shown else "")


def _binary(name: str, doc: str, shown: str = "") -> Callable[[Any, Any], Tensor]:
    def function(a: Any, b: Any) -> Tensor:
        return apply_row(name, a, b)

    return _label(function, name, doc, EXAMPLE.format(call=f"{name}(x, 2)", shown=shown) if shown else "")


def _label(function: Callable[..., Tensor], name: str, doc: str, example: str) -> Callable[..., Tensor]:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc}, entry by entry.{example}"
    return function


exp = _unary("exp", "The exponential", "exp(x) | exp(x)")
log = _unary("log", "The natural logarithm", "log(x) | 1/x")
log1p = _unary("log1p", "log(1 + x), accurate for small x", "log(1 + x) | 1/(1 + x)")
expm1 = _unary("expm1", "exp(x) - 1, accurate for small x", "exp(x) - 1 | exp(x)")
sqrt = _unary("sqrt", "The square root", "√x | 1/(2 √x)")
abs = _unary("abs", "The absolute value; derivative 0 at 0", "|x| | sign(x)")
sign = _unary("sign", "The sign; derivative 0", "sign(x) | 0")
floor = _unary("floor", "The largest integer below; derivative 0", "⌊x⌋ | 0")
sin = _unary("sin", "The sine", "sin(x) | cos(x)")
cos = _unary("cos", "The cosine", "cos(x) | -sin(x)")
tan = _unary("tan", "The tangent", "tan(x) | 1 + tan(x)^⊙2")
arctan = _unary("arctan", "The inverse tangent", "arctan(x) | 1/(1 + x^⊙2)")
sinh = _unary("sinh", "The hyperbolic sine", "sinh(x) | cosh(x)")
cosh = _unary("cosh", "The hyperbolic cosine", "cosh(x) | sinh(x)")
tanh = _unary("tanh", "The hyperbolic tangent", "tanh(x) | 1 - tanh(x)^⊙2")
erf = _unary("erf", "The error function", "erf(x) | 2/√π exp(-x^⊙2)")
erfc = _unary("erfc", "The complementary error function 1 - erf(x), accurate in its tail", "erfc(x) | -2/√π exp(-x^⊙2)")
log_ndtr = _unary("log_ndtr", "The logarithm of the normal distribution function, accurate in both tails",
                  "log_ndtr(x) | hazard(x)")
wright_omega = _unary("wright_omega", "Wright's omega function: the w with w + log(w) = x, Lambert's W of exp(x)",
                      "wright_omega(x) | wright_omega(x)/(1 + wright_omega(x))")
lgamma = _unary("lgamma", "The logarithm of |gamma(x)|", "lgamma(x) | digamma(x)")
digamma = _unary("digamma", "The derivative of lgamma", "digamma(x) | polygamma(1, x)")
sigmoid = _unary("sigmoid", "The logistic function 1 / (1 + exp(-x))", "σ(x) | σ(x) ⊙ (1 - σ(x))")
softplus = _unary("softplus", "log(1 + exp(x)), without overflow", "softplus(x) | σ(x)")
relu = _unary("relu", "max(x, 0); derivative 0 at 0", "relu(x) | [x > 0]")
silu = _unary("silu", "x sigmoid(x)", "silu(x) | σ(x) ⊙ (1 + x ⊙ (1 - σ(x)))")
maximum = _binary("maximum", "The larger of two; ties share the derivative equally",
                  "max(x, 2) | [x > 2]")
minimum = _binary("minimum", "The smaller of two; ties share the derivative equally",
                  "min(x, 2) | [x < 2]")
equal = _binary("equal", "Whether a and b are equal", "[x = 2] | 0")
not_equal = _binary("not_equal", "Whether a and b differ")
less = _binary("less", "Whether a < b")
less_equal = _binary("less_equal", "Whether a <= b")
greater = _binary("greater", "Whether a > b")
greater_equal = _binary("greater_equal", "Whether a >= b")


def square(x: Any) -> Tensor:
    """x * x, entry by entry.

    >>> print(sg.square(sg.data("x", 3)))
    x^⊙2
    """
    return power(as_tensor(x, "square"), 2)


def leaky_relu(x: Any, negative_slope: Any = 0.01) -> Tensor:
    """x where positive, else `negative_slope * x`; PyTorch's default slope.

    >>> print(sg.leaky_relu(sg.data("x", 3), 0.1).eval(x=[-1.0, 0.0, 2.0]))
    [-0.1  0.   2. ]
    """
    return apply_row("leaky_relu", x, negative_slope)


def elu(x: Any, alpha: Any = 1.0) -> Tensor:
    """x where positive, else `alpha * (exp(x) - 1)` (Clevert et al. 2015).

    >>> print(sg.elu(sg.data("x", 2)).eval(x=[-1.0, 2.0]).round(3))
    [-0.632  2.   ]
    """
    return apply_row("elu", x, alpha)


def clip(x: Any, low: Any = None, high: Any = None) -> Tensor:
    """x between `low` and `high`; the derivative is 1 in the closed interval, as in PyTorch. Bounds that cross give `high`.

    >>> print(sg.clip(sg.data("x", 3), -1, 1).eval(x=[-3.0, 0.5, 2.0]))
    [-1.   0.5  1. ]
    """
    if low is None and high is None:
        raise TypeError("clip: give a lower bound, an upper bound or both")
    t = as_tensor(x, "clip")
    if t.dtype != REAL and (low is None or high is None):
        return minimum(t, high) if low is None else maximum(t, low)
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    return apply_row("clip", x, low, high)


def where(condition: Any, a: Any, b: Any) -> Tensor:
    """`a` where `condition` holds, else `b`, entry by entry.

    >>> x = sg.data("x", 3)
    >>> print(sg.gradient(sg.sum(sg.where(x > 0, sg.sqrt(x), 0)), x).eval(x=[-1.0, 0.0, 4.0]))
    [0.   0.   0.25]
    """
    return apply_row("where", condition, a, b)


def logical_and(a: Any, b: Any) -> Tensor:
    """Whether both hold; numbers count as true where not zero.

    >>> x = sg.data("x", 3)
    >>> print(sg.logical_and(x > 0, x < 1).eval(x=[-1.0, 0.5, 2.0]))
    [False  True False]
    """
    return apply_row("logical_and", a, b)


def logical_or(a: Any, b: Any) -> Tensor:
    """Whether one holds; numbers count as true where not zero.

    >>> x = sg.data("x", 3)
    >>> print(sg.logical_or(x < 0, x > 1).eval(x=[-1.0, 0.5, 2.0]))
    [ True False  True]
    """
    return apply_row("logical_or", a, b)


def logical_not(a: Any) -> Tensor:
    """Whether it does not hold; numbers count as true where not zero.

    >>> x = sg.data("x", 3)
    >>> print(sg.logical_not(x < 0).eval(x=[-1.0, 0.5, 2.0]))
    [False  True  True]
    """
    return apply_row("logical_not", a)


@operation
def elementwise(f: Any, *tensors: Any) -> Tensor:
    """Your own scalar formula, entry by entry; derivative, print and code follow from it.

    `f` is a SymPy expression in its free symbols (operands in alphabetical order of their names), a
    `sympy.Lambda`, or a callable on SymPy scalars. Raises SymgradError for a function without a row.

    >>> import sympy as sp, symgrad as sg
    >>> s = sp.Symbol("s")
    >>> sg.elementwise(s * sp.exp(-s**2), sg.data("x", 3)).shape
    (3,)
    """
    given = [as_tensor(t, "elementwise") for t in tensors]
    if not given:
        raise TypeError("elementwise: give at least one tensor after the formula")
    dummies = [sp.Dummy(f"x{i}", real=True) for i in range(len(given))]
    if isinstance(f, sp.Lambda):
        _count(len(f.variables), given, "the Lambda takes")
        formula = f(*dummies)
    elif isinstance(f, sp.Basic):
        free = sorted(f.free_symbols, key=lambda symbol: symbol.name)
        _count(len(free), given, f"the formula {f} has the free symbols {', '.join(map(str, free)) or 'none'}:")
        formula = f.xreplace(dict(zip(free, dummies, strict=True)))
    elif callable(f):
        wanted = [p for p in inspect.signature(f).parameters.values() if p.default is p.empty] if not isinstance(
            f, type) and not isinstance(f, sp.FunctionClass) else dummies
        _count(len(wanted), given, "the callable takes")
        formula = _called(f, dummies)
    else:
        raise TypeError(f"elementwise: the formula must be SymPy's or a callable, not {type(f).__name__}")
    both = align("elementwise", given)
    if not formula.free_symbols:
        unit = [zeros(both.shape)]
        return wrap(add_node([*unit, lower(formula, {}, both.shape)]), both.over)
    nodes = broadcast_all(both)
    return wrap(lower(formula, dict(zip(dummies, nodes, strict=True)), both.shape), both.over)


def _called(f: Callable[..., Any], dummies: builtins.list[sp.Dummy]) -> sp.Basic:
    """The formula that a callable makes of SymPy scalars."""
    try:
        formula = f(*dummies)
        if isinstance(formula, Tensor):
            raise SymgradError("elementwise: the callable is written with symgrad's own functions: "
                               "call it with the tensors themselves, f(x), without elementwise")
        if isinstance(formula, (sp.Basic, Number)):  # SymPy would read a text, and run it
            formula = sp.sympify(formula)
    except (TypeError, ValueError, AttributeError, sp.SympifyError) as error:
        raise SymgradError(f"elementwise: the callable is called with SymPy scalars and must return a SymPy formula "
                           f"(sympy.tanh, sympy.Piecewise), but it raised {type(error).__name__}: {error}") from error
    if not isinstance(formula, (sp.Expr, sp.logic.boolalg.Boolean)):
        raise SymgradError(f"elementwise: the callable must return a SymPy formula, not {type(formula).__name__}")
    return formula


def _count(wanted: int, given: builtins.list[Tensor], subject: str) -> None:
    if wanted != len(given):
        raise SymgradError(f"elementwise: {subject} {wanted} operands, but {len(given)} tensors are given: "
                           + "; ".join(describe(t) for t in given))
