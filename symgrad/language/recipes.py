"""What was written: a tensor remembers the operation and the operands it was made by.

Nodes are normal forms: a product absorbs the transposes and multiples of its operands, so `2 * x` is not in
the graph of `(2 * x) ** 2`. A derivative by such an intermediate is one of the expression *as written*: it
is replayed with a fresh variable in the place of the intermediate. Two writings of one node, `2 * sg.sum(x)`
and `sg.sum(2 * x)`, are equal tensors but two objects, each with its recipe; recipes hold older tensors only,
so there are no cycles.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from symgrad.graphs import ops
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.errors import DifferentiationError
from symgrad.graphs.node import Node, Symbol, new_owner, topological, transform
from symgrad.graphs.table import rebuild
from symgrad.language.align import as_tensor, describe
from symgrad.language.tensor import Recipe, Tensor, another, births, wrap

_variants: WeakValueDictionary[tuple[Any, ...], Tensor] = WeakValueDictionary()


def operation(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function that makes a tensor; the tensor remembers it, with its arguments."""

    @wraps(function)
    def written(*args: Any, **kwargs: Any) -> Tensor:
        before = next(births)
        return remember(function(*args, **kwargs), before, written, args, kwargs)

    return written


def remember(result: Tensor, before: int, function: Callable[..., Tensor], args: tuple[Any, ...],
             kwargs: dict[str, Any] | None = None, ambient: Node | None = None) -> Tensor:
    """`result` with a note of how it was made; `before` is a number taken from `births` before that."""
    operands = tuple(_tensors((args, kwargs) if kwargs else args))
    for operand in operands:
        if operand.node is result.node and operand.over == result.over:  # x + 0
            return operand
    if not operands or result.node.op in ops.GIVEN:
        return result
    known = result.recipe
    if known is not None and len(known.operands) == len(operands) and all(
            a is b for a, b in zip(known.operands, operands, strict=True)):
        return result
    fresh = result
    if known is not None or result.born < before:
        key = (result.node, result.over, tuple(map(id, operands)))
        variant = _variants.get(key)
        if variant is not None:
            return variant
        fresh = _variants[key] = another(result)
    object.__setattr__(fresh, "recipe", Recipe(function, _kept(args), _kept(kwargs or {}), operands, ambient))
    return fresh


def _kept(value: Any) -> Any:
    """An argument as it is now: containers are copied, arrays become constants."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray):
        return as_tensor(value)
    if isinstance(value, (list, tuple)):
        return type(value)(map(_kept, value)) if type(value) in (list, tuple) else value
    return {key: _kept(each) for key, each in value.items()} if isinstance(value, dict) else value


def _tensors(value: Any) -> list[Tensor]:
    """The tensors in nested arguments, from left to right."""
    found: list[Tensor] = []
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, Tensor):
            found.append(each)
        elif isinstance(each, (list, tuple)):
            stack += each[::-1]
        elif isinstance(each, dict):
            stack += list(each.values())[::-1]
    return found


def _replaced(value: Any, by: dict[int, Tensor]) -> Any:
    if isinstance(value, Tensor):
        return by[id(value)] if id(value) in by else value
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(_replaced(each, by) for each in value)
    return {key: _replaced(each, by) for key, each in value.items()} if isinstance(value, dict) else value


def written_symbols(tensor: Tensor) -> dict[str, Node]:
    """The symbols that `tensor` was written with, by name; of two with one name, one of them."""
    found: dict[str, Node] = {}
    seen: set[int] = set()
    stack = [tensor]
    while stack:
        t = stack.pop()
        if id(t) in seen:
            continue
        seen.add(id(t))
        if t.recipe is not None:
            stack += t.recipe.operands
        else:
            found.update({n.attrs[0].name: n for n in topological([t.node]) if n.op is ops.INPUT})
    return found


def is_absorbed(t: Tensor) -> bool:
    """Is `t` a transpose, broadcast or multiple, which the operations that use it look through?"""
    return t.node.op is ops.VIEW or (t.node.op is ops.ADD and len(t.node.operands) < 2)


def stand_in(t: Tensor) -> Tensor:
    """A fresh variable of the shape of `t`."""
    symbol = Symbol("data", describe(t), t.over, owner=new_owner())
    return wrap(input_node(symbol, t.node.shape, t.dtype), t.over)


def replay(y: Tensor, old: Tensor, new: Tensor) -> Tensor:
    """`y` as it was written, with `new` in the place of `old`.

    Raises DifferentiationError where part of `y` has no recipe and may hold `old`.
    """
    done: dict[int, Tensor] = {}  # by identity: equal tensors may be written differently
    stack = [(y, False)]
    while stack:
        t, expanded = stack.pop()
        if id(t) in done:
            continue
        if t == old:
            done[id(t)] = new
        elif t.recipe is None:
            done[id(t)] = _leaf(t, old)
        elif expanded:
            function, args, kwargs, operands, _ = t.recipe
            moved = any(done[id(each)] is not each for each in operands)
            done[id(t)] = function(*_replaced(args, done), **_replaced(kwargs, done)) if moved else t
        else:
            stack.append((t, True))
            stack.extend((each, False) for each in t.recipe.operands if id(each) not in done)
    return done[id(y)]


def ambient(y: Tensor) -> Tensor:
    """`y` as it was written, with derivatives in it as they are for entries that are independent.

    Declared facts hold for values only: what they made shorter is not what is to be differentiated again.
    """
    if not any(node.op is ops.INPUT and node.attrs[0].facts for node in topological([y.node])):
        return y
    done: dict[int, Tensor] = {}
    stack = [(y, False)]
    while stack:
        t, expanded = stack.pop()
        if id(t) in done:
            continue
        if t.recipe is None:
            done[id(t)] = t
        elif t.recipe.ambient is not None:
            done[id(t)] = wrap(t.recipe.ambient, t.over)
        elif expanded:
            moved = any(done[id(each)] is not each for each in t.recipe.operands)
            done[id(t)] = t.recipe.function(*_replaced(t.recipe.args, done),
                                            **_replaced(t.recipe.kwargs, done)) if moved else t
        else:
            stack.append((t, True))
            stack.extend((each, False) for each in t.recipe.operands if id(each) not in done)
    return done[id(y)]


def _leaf(t: Tensor, old: Tensor) -> Tensor:
    if t.node.op not in ops.GIVEN and any(n in topological([t.node]) for n in old.node.operands):
        raise DifferentiationError(
            f"whether {describe(t)} was written with {describe(old)} is not known any more; give that a name, "
            "h = (...).named('h'), write the expression with h, and differentiate by h")
    return t


def put_back(node: Node, new: Tensor, old: Tensor) -> Node:
    """`node` with `old` in the place of its stand-in `new`."""
    (result,) = transform([node], rebuild, {new.node: old.node})
    return result
