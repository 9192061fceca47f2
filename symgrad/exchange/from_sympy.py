"""From SymPy: matrix expressions, array expressions and scalar formulas of their entries as tensors.

A formula is read from its leaves up, one rule for each class (`sympy_rules.py`). A rule is a generator: it asks for
the values of its parts and gives the value of the whole, so that the walk is a loop and no formula is too deep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Number
from typing import Any

import sympy as sp

from symgrad.exchange.labelled import Value
from symgrad.exchange.sympy_rules import rule_of
from symgrad.exchange.sympy_scope import Asked, NotRead, Reading, Scope, scope_of, shown
from symgrad.graphs.errors import SymgradError
from symgrad.language.rearrange import squeeze
from symgrad.language.tensor import Tensor


def from_sympy(expr: Any, symbols: Mapping[Any, Any] | None = None) -> Tensor:
    """A SymPy expression as a tensor: of matrices, of arrays, or a scalar formula of their entries.

    `MatrixSymbol("X", n, m)` is `sg.data("X", (n, m))`, a scalar symbol `sg.data` of its name, all real (`conjugate` and
    `re` leave them as they are; one that is declared complex is refused); a symbol
    that occurs in a shape or in the bounds of a sum is a size. Shapes are SymPy's: a column vector is n x 1. Only a
    formula that is 1 x 1, such as `x.T*A*x`, is a scalar. `from_sympy(x)` is the symbol itself:

    >>> import sympy as sp, symgrad as sg
    >>> n = sp.Symbol("n")
    >>> A, x = sp.MatrixSymbol("A", n, n), sp.MatrixSymbol("x", n, 1)
    >>> print(sg.gradient(sg.from_sympy(x.T * A * x), sg.from_sympy(x)))
    (A + Aᵀ) x

    `symbols` puts your own in the place of SymPy's (by symbol, or by name): a tensor for a symbol, where a vector
    of shape n serves for n x 1; an int or a size for a size. `log(det(A))` is `sg.logdet`: log |det A|.

    Raises SymgradError that names the class and the sub-expression which it cannot read, and ShapeError for a
    tensor in `symbols` of another shape.
    """
    if not isinstance(expr, (sp.Basic, sp.MatrixBase, sp.NDimArray, Number)):  # SymPy would run what is a text in it
        raise SymgradError(f"from_sympy: this is no expression of SymPy, but {type(expr).__name__}")
    e = sp.sympify(expr)
    if isinstance(e, (sp.MatrixBase, sp.NDimArray)):
        e = e.as_immutable()
    if not isinstance(e, sp.Basic):
        raise SymgradError(f"from_sympy: this is no expression of SymPy, but {type(expr).__name__}")
    scope = scope_of(e, symbols or {})
    tensor = evaluate(e, scope).tensor
    return tensor if type(e).__name__ in ("MatrixSymbol", "ArraySymbol") or tensor.shape != (1, 1) else squeeze(tensor)


@dataclass(eq=False)
class _Task:
    """A sub-expression whose rule waits for the values of its parts."""

    e: Any
    scope: Scope
    rule: Reading
    wanted: Asked = field(default_factory=list)
    got: list[Value] | None = None  # None: not started


def evaluate(root: Any, scope: Scope) -> Value:
    """The value of `root`. The last task runs until it asks for parts; those become tasks of their own."""
    memo: dict[tuple[int, Scope], tuple[Any, Value]] = {}  # with the expression, so that its id stays its own
    tasks: list[_Task] = []

    def begin(e: Any, where: Scope) -> None:
        try:
            started = rule_of(e)(e, where)
        except SymgradError as error:
            raise _placed(error, e) from None
        if isinstance(started, Value):
            memo[id(e), where] = e, started
        else:
            tasks.append(_Task(e, where, started))

    begin(root, scope)
    while tasks:
        task = tasks[-1]
        if task.got is not None and len(task.got) < len(task.wanted):
            part, where = task.wanted[len(task.got)]
            known = memo.get((id(part), where))
            if known is None:
                begin(part, where)
            else:
                task.got.append(known[1])
            continue
        try:
            task.wanted, task.got = task.rule.send(task.got), []
        except StopIteration as stop:
            memo[id(task.e), task.scope] = task.e, stop.value
            tasks.pop()
        except SymgradError as error:
            raise _placed(error, task.e) from None
    return memo[id(root), scope][1]


def _placed(error: SymgradError, e: Any) -> SymgradError:
    """The error of an operation, with the sub-expression in front."""
    if isinstance(error, NotRead) or str(error).startswith("from_sympy: "):
        return error
    return type(error)(f"from_sympy: {shown(e)} ({type(e).__name__}): {error}")
