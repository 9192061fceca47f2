"""How each class of SymPy is read: one rule, by the name of the class.

A rule takes an expression and its scope. It gives a value, or is a generator that asks for the values of parts
(each with its scope) and then gives one. Classes without a rule that are scalar expressions are functions of
scalars: SymPy's own formula of that function, at their operands. Everything is real.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import sympy as sp

from symgrad.calculus import derivatives
from symgrad.exchange.labelled import Value, together, union
from symgrad.exchange.sympy_entries import ENTRIES
from symgrad.exchange.sympy_matrices import MATRICES
from symgrad.exchange.sympy_scope import Reading, Running, Scope, check_range, entry, literal, refuse
from symgrad.language import contraction, linear_algebra, pointwise
from symgrad.language.align import as_tensor
from symgrad.language.tensor import Tensor

NUMBERS = (sp.Number, sp.NumberSymbol, sp.logic.boolalg.BooleanAtom)
MOST = 1000  # operands of one formula


@cache
def _dummy(i: int) -> sp.Dummy:
    """The i-th operand, kept: what SymPy knows of a formula is cached."""
    return sp.Dummy(f"x{i}", real=True)


def rule_of(e: Any) -> Callable[[Any, Scope], Any]:
    """The rule of an expression; raises for a class that has none."""
    for kind in type(e).__mro__:
        if kind.__name__ in RULES:
            return RULES[kind.__name__]
    undone = isinstance(e, (sp.Limit, sp.Integral, sp.Subs))
    if isinstance(e, (sp.Expr, sp.logic.boolalg.Boolean)) and e.args and not e.is_Matrix and not undone:
        return _scalar
    refuse(e, "this class is not read" + "; where SymPy can, .doit() gives what it stands for" * undone)


# leaves -----------------------------------------------------------------------------------------------------


def _number(e: Any, scope: Scope) -> Value:
    return literal(e, scope)


def _truth(e: Any, scope: Scope) -> Value:
    return Value(as_tensor(bool(e)), (), e)


def _symbol(e: Any, scope: Scope) -> Value:
    known = scope.bound.get(e)
    if isinstance(known, Value):
        return known
    if known is not None:
        return Value(contraction.arange(known.start, known.start + known.length), (known.label,))
    if e in scope.sizes:
        return literal(e, scope)
    if type(e).__name__ == "Idx":
        refuse(e, "an index that does not run; sum over it")
    if e.is_extended_real is False or e.is_extended_real is None and e.is_complex:
        refuse(e, "a symbol that is not real" if e.is_extended_real is False else
               "a symbol that is declared complex, and tensors are real; declare it real=True")
    return Value(scope.leaf(e, e.name, ()))


def _matrix_symbol(e: Any, scope: Scope) -> Value:
    return Value(scope.leaf(e, str(e.name), scope.shape(e.shape)))


def _indexed_base(e: Any, scope: Scope) -> Value:
    if e.shape is None:
        refuse(e, f"its shape is not known; write IndexedBase({str(e.label)!r}, shape=(n,))")
    return Value(scope.leaf(e, str(e.label), scope.shape(e.shape)))


def _identity(e: Any, scope: Scope) -> Value:
    return Value(contraction.eye(scope.shape(e.shape)[0]))


def _filled(make: Callable[[Any], Tensor]) -> Callable[[Any, Scope], Value]:
    return lambda e, scope: Value(make(scope.shape(e.shape)))


def _no_function(e: Any, scope: Scope) -> Value:
    refuse(e, "this is no function: it has no values at points")


# scalars ----------------------------------------------------------------------------------------------------


def _scalar(e: Any, scope: Scope) -> Reading:
    """A function of scalars. Of a 1 x 1 matrix too; of a larger one SymPy means the function of the matrix."""
    inner = _logdet(e)
    if inner is not None:
        (value,) = yield [(inner, scope)]
        return Value(linear_algebra.logdet(value.tensor), value.labels)
    operands = [part for part in dict.fromkeys(_operands(e)) if not isinstance(part, NUMBERS)]
    for number in _operands(e):
        if isinstance(number, sp.Number):
            check_range(number)
    if len(operands) > MOST:
        refuse(e, f"more than {MOST} operands")
    values = dict(zip(operands, (yield [(part, scope) for part in operands]), strict=True))
    if all(value.number is not None for value in values.values()):
        return literal(_replaced(e, {part: value.number for part, value in values.items()}), scope)
    put: dict[Any, Any] = {part: value.number for part, value in values.items() if _is_number(value)}
    others = {part: entry(e, value) for part, value in values.items() if part not in put}
    dummies = tuple(map(_dummy, range(len(others))))
    formula = _replaced(e, {**put, **dict(zip(others, dummies, strict=True))})
    tensors, labels = together(list(others.values()))
    return Value(pointwise.elementwise(sp.Lambda(dummies, formula), *tensors), labels)


def _is_number(value: Value) -> bool:
    """A number that goes into the formula as it is, such as an exponent; an expression in sizes does not."""
    return value.number is not None and not value.number.free_symbols


def _operands(e: Any) -> list[Any]:
    """The arguments of a function; those of the branches of a Piecewise."""
    return [part for branch in e.args for part in branch.args] if isinstance(e, sp.Piecewise) else list(e.args)


def _replaced(e: Any, by: Mapping[Any, Any]) -> Any:
    """The function `e` of other arguments."""
    if isinstance(e, sp.Piecewise):
        return sp.Piecewise(*((by.get(b.expr, b.expr), by.get(b.cond, b.cond)) for b in e.args))
    return e.func(*(by.get(part, part) for part in e.args))


def _logdet(e: Any) -> Any:
    """M where `e` is log(det(M)) or log(Abs(det(M)))."""
    if not isinstance(e, sp.log):
        return None
    (part,) = e.args
    part = part.args[0] if isinstance(part, sp.Abs) else part
    return part.arg if type(part).__name__ == "Determinant" else None


def _delta(e: Any, scope: Scope) -> Reading:
    """KroneckerDelta: of two indices that run alike an identity, else a comparison."""
    i, j = (scope.bound.get(part) for part in e.args)
    if isinstance(i, Running) and isinstance(j, Running) and (i.start, i.length) == (j.start, j.length):
        return Value(contraction.eye(i.length), (i.label, j.label))
    values = yield [(part, scope) for part in e.args]
    (a, b), labels = together(values)
    return Value(pointwise.where(pointwise.equal(a, b), 1.0, 0.0), labels)


def _derivative(e: Any, scope: Scope) -> Reading:
    """What SymPy leaves undone: the gradient of a scalar, which has the shape of the matrix here and there."""
    value, *by = yield [(e.expr, scope), *((variable, scope) for variable, _ in e.variable_count)]
    result = entry(e, value).tensor
    if union([value, *by]):
        refuse(e, "a derivative at an index that runs is not read")
    for variable, (_, count) in zip(by, e.variable_count, strict=True):
        for _ in range(int(scope.size(count))):
            if result.ndim:
                refuse(e, "only a scalar is differentiated here; of a gradient take sg.jacobian")
            result = derivatives.gradient(result, variable.tensor)
    return Value(result)


RULES: Mapping[str, Callable[[Any, Scope], Any]] = MappingProxyType({
    "Number": _number, "NumberSymbol": _number, "Infinity": _number, "BooleanAtom": _truth,
    "ImaginaryUnit": _number, "ComplexInfinity": _number,
    "Symbol": _symbol, "Idx": _symbol, "MatrixSymbol": _matrix_symbol, "ArraySymbol": _matrix_symbol,
    "IndexedBase": _indexed_base, "Identity": _identity,
    "ZeroMatrix": _filled(contraction.zeros), "OneMatrix": _filled(contraction.ones),
    "ZeroArray": _filled(contraction.zeros), "OneArray": _filled(contraction.ones),
    "Derivative": _derivative, "KroneckerDelta": _delta, "DiracDelta": _no_function,
    "SingularityFunction": _no_function, **MATRICES, **ENTRIES,
})
