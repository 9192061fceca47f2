"""What was written: a tensor remembers the operation and the operands it was made by.

Nodes are normal forms: a product absorbs the transposes and multiples of its operands, so `2 * x` is not in
the graph of `(2 * x) ** 2`. A derivative by such an intermediate is one of the expression *as written*: it
is replayed with a fresh variable in the place of the intermediate. Two writings of one node, `2 * sg.sum(x)`
and `sg.sum(2 * x)`, are equal tensors but two objects, each with its recipe; recipes hold older tensors only,
so there are no cycles.

What else is known of a tensor follows from its recipe, never from what the session did before: that it is the
gradient of something, what it was before declared facts made it shorter (`ambient`), and what in it is in stable
form already (`stable`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from functools import wraps
from typing import Any
from weakref import WeakValueDictionary

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.errors import DifferentiationError
from symgrad.graphs.node import Node, Symbol, new_owner, topological, transform
from symgrad.graphs.rewrites.stable import stabilise
from symgrad.graphs.table import rebuild
from symgrad.language.align import as_tensor, describe
from symgrad.language.numpy_values import is_array
from symgrad.language.replaying import history, written_again
from symgrad.language.tensor import Recipe, Tensor, new_tensor, wrap

_written: WeakValueDictionary[tuple[Any, ...], Tensor] = WeakValueDictionary()  # one object for one way of writing


def operation(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function that makes a tensor; the tensor remembers it, with its arguments."""

    @wraps(function)
    def written(*args: Any, **kwargs: Any) -> Tensor:
        return _remembered(function(*args, **kwargs), written, args, kwargs)

    return written


def _remembered(result: Tensor, function: Callable[..., Tensor], args: tuple[Any, ...],
                kwargs: dict[str, Any]) -> Tensor:
    operands = tuple(_tensors((args, kwargs) if kwargs else args))
    for operand in operands:
        if operand.node is result.node and operand.over == result.over:  # x + 0
            return operand
    if not operands or result.node.op in ops.GIVEN:
        return result
    known = result.recipe
    if known is not None and len(known.operands) == len(operands) and all(
            a is b for a, b in zip(known.operands, operands, strict=True)):
        return result  # written by an operation within this one, with the same operands
    return as_written(result.node, result.over, recipe_of(function, args, kwargs))


def recipe_of(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Recipe:
    """How a tensor was written: `function` of these arguments."""
    kwargs = kwargs or {}
    return Recipe(function, _kept(args), _kept(kwargs), tuple(_tensors((args, kwargs))))


def as_written(node: Node, over: Any, recipe: Recipe) -> Tensor:
    """The one tensor of `node` that was written by `recipe`."""
    try:
        key = (node, over, recipe.function, _key(recipe.args), _key(recipe.kwargs), id(recipe.ambient), recipe.settled)
        known = _written.get(key)
    except TypeError:  # an argument without a hash
        return new_tensor(node, over, recipe)
    if known is None:
        known = _written[key] = new_tensor(node, over, recipe)
    return known


def _key(value: Any) -> Hashable:
    """An argument as a key: tensors by identity, for equal ones may be written differently."""
    if isinstance(value, Tensor):
        return Tensor, id(value)
    if isinstance(value, (list, tuple)):
        return type(value), tuple(map(_key, value))
    if isinstance(value, dict):
        return tuple((key, _key(each)) for key, each in value.items())
    if isinstance(value, slice):
        return slice, value.start, value.stop, value.step
    return type(value), "nan" if isinstance(value, float) and value != value else value


def _kept(value: Any) -> Any:
    """An argument as it is now: containers are copied, arrays become constants."""
    if isinstance(value, Tensor):
        return value
    if is_array(value):
        return as_tensor(value)
    if isinstance(value, list):
        return [_kept(each) for each in value]
    if isinstance(value, tuple):
        return tuple(map(_kept, value)) if type(value) is tuple else value
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


def written_symbols(tensor: Tensor) -> dict[str, Node]:
    """The symbols that `tensor` was written with, by name; of two with one name, one of them."""
    found: dict[str, Node] = {}
    for t in history(tensor):
        if t.recipe is None:
            found.update({n.attrs[0].name: n for n in topological([t.node]) if n.op is ops.INPUT})
    return found


def settled(tensor: Tensor) -> set[Node]:
    """Derivatives of stable forms that `tensor` was written with: they are left as they are."""
    def is_settled(t: Tensor) -> bool:
        return t.recipe is not None and t.recipe.settled

    return {t.node for t in history(tensor, lambda t: not is_settled(t)) if is_settled(t) and t.node.operands}


def stable(tensors: Sequence[Tensor], keep: Collection[Node] = ()) -> list[Node]:
    """The stable form of each tensor, which follows from that tensor alone; nodes in `keep` stay, and opaque."""
    groups: dict[frozenset[Node], list[int]] = {}
    for i, tensor in enumerate(tensors):
        groups.setdefault(frozenset(settled(tensor)), []).append(i)
    found: dict[int, Node] = {}
    for done, places in groups.items():
        found.update(zip(places, stabilise([tensors[i].node for i in places], keep, done), strict=True))
    return [found[i] for i in range(len(tensors))]


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
    def given(t: Tensor) -> Tensor | None:
        if t == old:
            return new
        return _leaf(t, old) if t.recipe is None else None

    return written_again([y], given)[0]


def ambient(y: Tensor) -> Tensor:
    """`y` as it was written, with derivatives in it as they are for entries that are independent.

    Declared facts hold for values only: what they made shorter is not what is to be differentiated again.
    """
    if not any(t.recipe is not None and t.recipe.ambient is not None for t in history(y)):
        return y
    return written_again([y], lambda t: t if t.recipe is None else t.recipe.ambient)[0]


def _leaf(t: Tensor, old: Tensor) -> Tensor:
    """A tensor of which it is not known how it was written: its graph says it, but for what operations look through."""
    if t.node.op in ops.GIVEN or literal_value(t.node) is not None:
        return t
    below = topological([t.node])
    if (old.node not in below or is_absorbed(old)) and any(n in below for n in old.node.operands):
        raise DifferentiationError(
            f"whether {describe(t)} was written with {describe(old)} is not known any more; give that a name, "
            "h = (...).named('h'), write the expression with h, and differentiate by h")
    return t


def put_in(node: Node, old: Tensor, new: Tensor) -> Node:
    """`node` with the symbol `new` in the place of the node of `old`."""
    (result,) = transform([node], rebuild, {old.node: new.node})
    return result


def put_back(node: Node, new: Tensor, old: Tensor) -> Node:
    """`node` with `old` in the place of its stand-in `new`."""
    (result,) = transform([node], rebuild, {new.node: old.node})
    return result
