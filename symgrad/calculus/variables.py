"""Variables that are no symbols: where an expression was written with them, and what is said where it was not.

An intermediate counts as an independent variable of the expression as it was written. Entries of a symbol vary with it
(`parts.py`). A derivative by anything else would be a zero that is none: it raises, and says what to ask for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from symgrad.calculus.parts import part_of
from symgrad.formulas.names import describe_symbol, display_names
from symgrad.graphs import ops
from symgrad.graphs.errors import DifferentiationError
from symgrad.graphs.node import Node, topological
from symgrad.language.align import describe
from symgrad.language.recipes import ambient, put_in, replay, stand_in
from symgrad.language.replaying import history
from symgrad.language.tensor import Tensor, wrap


def varied(y: Tensor, x: Tensor, new: Tensor, operation: str) -> Tensor:
    """`y` with the symbol `new` for `x`; `y` itself where it does not depend on that.

    Raises DifferentiationError where `y` depends on the symbols of `x`, and not through `x` alone.
    """
    part = part_of(x.node)
    if part is None:
        again = with_symbol(y, x, new)
        if again is None:
            check_absent(y, x, operation)
        return y if again is None else again
    node = put_in(y.node, x, new)
    if part.symbol in topological([node]):
        name = display_names([part.symbol])[part.symbol]
        raise DifferentiationError(f"{operation}: {describe(x)} is a part of {name}, on which {describe(y)} depends as a "
                                   f"whole; ask for {name}, whose gradient holds that of its parts")
    return y if node is y.node else wrap(node, y.over)


def steps_of(y: Tensor, variables: Sequence[Tensor], operation: str) -> list[Tensor]:
    """Variables as steps of `y`. Raises DifferentiationError for one that is none, and on which `y` depends."""
    below = set(topological([y.node]))
    return [_step_of(y, as_used(x, below), below, operation) for x in variables]


def _step_of(y: Tensor, x: Tensor, below: Collection[Node], operation: str) -> Tensor:
    check_twin(y, x, below, operation)
    if x.node.op not in ops.GIVEN:
        new = stand_in(x)
        again = varied(y, x, new, operation)
        if again is not y and again.node is not put_in(y.node, x, new):
            raise DifferentiationError(
                f"{operation}: {describe(x)} is no step of {describe(y)}, since what uses it looks through it; give it a "
                "name, h = (...).named('h'), and write the expression with h")
    return x


def as_used(x: Tensor, below: Collection[Node]) -> Tensor:
    """The variable without a name that the expression was not written with."""
    return wrap(x.node.operands[0], x.over) if x.node.op is ops.NAMED and x.node not in below else x


def with_symbol(y: Tensor, x: Tensor, new: Tensor) -> Tensor | None:
    """`y` as it was written, with the symbol `new` for each use of `x`; None where there is no use."""
    again = ambient(replay(y, x, new))
    node = put_in(again.node, x, new)
    if new.node not in topological([node]):
        return None
    return again if node is again.node else wrap(node, y.over)


def check_twin(y: Tensor, x: Tensor, below: Collection[Node], operation: str) -> None:
    """Raises DifferentiationError where `y` does not depend on the symbol `x`, but on another one of its name."""
    if x.node.op is not ops.INPUT or x.node.owned or x.node in below:
        return
    for node in below:
        if node.op is ops.INPUT and not node.owned and node.attrs[0].name == x.name:
            raise DifferentiationError(
                f"{operation}: {describe(y)} does not depend on {x.name}, a {describe_symbol(x.node)}, but on another "
                f"symbol of that name, a {describe_symbol(node)}; use one of them in the expression and as the variable")


def check_absent(y: Tensor, x: Tensor, operation: str) -> None:
    if any(t == x for t in history(y)):  # it was written with `x`, and does not depend on it: its gradient by a factor
        return
    below = set(topological([y.node], enter=lambda n: n.op is not ops.STOP))
    shared = [n for n in topological([x.node]) if n.op is ops.INPUT and n in below]
    if shared:
        names = display_names([x.node])
        raise DifferentiationError(
            f"{operation}: {describe(y)} was not written with {describe(x)}, but depends on "
            f"{', '.join(names[n] for n in shared)}; ask for the derivative by {' or '.join(names[n] for n in shared)}, "
            "or give the variable a name, h = (...).named('h'), and write the expression with h")
