"""`sg.scan`: a recurrence over a long axis, as one operation that is never unrolled.

The step is written once, on symbols that stand for the carries and the slices of any one step. What it refers to beside
them becomes an operand. Every result is an operation on tensors, the body's among them, so that it is written again
like any other expression when an operand is replaced.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, NamedTuple

import sympy as sp

from symgrad.formulas.names import shape_text
from symgrad.graphs.algebra.einsum import broadcast, literal_value, transpose
from symgrad.graphs.algebra.primitives import as_real, input_node
from symgrad.graphs.algebra.recurrence import closed, invariant
from symgrad.graphs.errors import ShapeError, SymgradError
from symgrad.graphs.node import INTEGER, REAL, Node, Symbol, new_owner
from symgrad.graphs.phases import check_still
from symgrad.graphs.sizes import Shape, Size
from symgrad.graphs.table import PRIMITIVES
from symgrad.language.align import as_size, as_tensor, common_over, describe
from symgrad.language.checkpoints import in_segments
from symgrad.language.contraction import arange
from symgrad.language.pointwise import equal, floor, where
from symgrad.language.rearrange import concatenate, reshape, stop_gradient
from symgrad.language.recipes import operation
from symgrad.language.tensor import Tensor, wrap


def scan(f: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any = None, length: Size | None = None,
         reverse: bool = False, checkpoint: bool | int = False, truncate: int | None = None) -> tuple[Any, Any]:
    """The recurrence `carry, y = f(carry, x)` over the steps of `xs`: gives `(last carry, ys)`.

    `init` is the first carry, `xs` has the steps as axis 0 of one sample, and so have `ys`, which stack what `f` gives.
    Carries, slices and results are tensors, or lists, tuples and dicts of them (None for nothing). `length` is the number
    of steps; without `xs` it must be given. With `reverse` the last step comes first; `ys` stay in the order of `xs`.
    The derivative is a recurrence that runs the other way (`graphs/derivative/scan_rules.py`).

    `checkpoint=k` saves memory in derivatives: of what the steps compute only the carries of every k-th step are kept, the
    rest is computed again, segment by segment; `True` means k = √n, and memory of that order. `truncate=k` is truncated
    backpropagation through time: for derivatives the carry is a constant at every k-th step.

    Raises ShapeError where a carry changes its shape, dtype or sample axis or `xs` differ in length, SymgradError where
    neither `xs` nor `length` says how many steps there are, k is no positive number, or `f` moves running statistics,
    TypeError where `f` gives something else than a pair.

    >>> import symgrad as sg
    >>> n, d = sg.dims("n d")
    >>> x, W = sg.data("x", (n, d)), sg.parameter("W", (d, d))
    >>> last, all = sg.scan(lambda h, x_t: (sg.tanh(W @ h + x_t),) * 2, sg.zeros(d), x)
    >>> last.shape, all.shape
    ((d,), (n, d))
    """
    if not callable(f):
        raise TypeError(f"scan: f is called as f(carry, x) and gives (carry, y); it is {type(f).__name__}")
    steps = _steps(_leaves(xs, "xs"), length)
    if truncate is not None:
        f, cut = _truncated(f, steps, bool(reverse), _every("truncate", truncate))
        xs = (xs, cut)
    if checkpoint is not False:
        if checkpoint is True and not isinstance(steps, int):
            raise SymgradError("scan: checkpoint=True keeps the carries of every √n-th step, but the number of steps, "
                               f"{steps}, is not known; give a number, such as checkpoint=32")
        k = math.isqrt(max(steps - 1, 0)) + 1 if checkpoint is True else _every("checkpoint", checkpoint)
        kept, read = _in_segments(f, init, xs, steps, bool(reverse), k), _scanned(f, init, xs, steps, bool(reverse), False)
        last, whole = ([in_segments(a, b) for (_, a), (_, b) in zip(_leaves(x, "y"), _leaves(y, "y"), strict=True)]
                       for x, y in zip(kept, read, strict=True))
        return _filled(kept[0], last), _filled(kept[1], whole)
    return _scanned(f, init, xs, steps, bool(reverse), False)


def _truncated(f: Callable[[Any, Any], tuple[Any, Any]], steps: Size, reverse: bool,
               k: int) -> tuple[Callable[[Any, Any], tuple[Any, Any]], Tensor]:
    """The step with a carry that is a constant for derivatives where a further slice holds, and that slice in all steps."""
    place = arange(steps)[::-1] if reverse else arange(steps)

    def step(carry: Any, now: tuple[Any, Tensor]) -> tuple[Any, Any]:
        held = [where(now[1], stop_gradient(t), t) if t.dtype == REAL else t for _, t in _leaves(carry, "init")]
        return f(_filled(carry, held), now[0])

    return step, equal(place / k, floor(place / k))


def _every(name: str, k: Any) -> int:
    """A number of steps."""
    if isinstance(k, bool) or not isinstance(k, Integral) or k < 1:
        raise SymgradError(f"scan: {name} must be a positive whole number of steps, not {k!r}")
    return int(k)


def _in_segments(f: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, steps: Size, reverse: bool,
                 k: int) -> tuple[Any, Any]:
    """The same in segments of k steps; derivatives keep the carries between them. What is left is one by itself."""
    count = steps // k if isinstance(steps, int) else sp.floor(steps / k)
    whole, left = count * k, steps - count * k

    def part(which: slice) -> Any:
        return _filled(xs, [t[which] for _, t in _leaves(xs, "xs")])

    def joined(nest: Any, *shape: Size) -> Any:
        return _filled(nest, [reshape(t, (*shape, *t.shape[2 if len(shape) == 1 else 1:])) for _, t in _leaves(nest, "xs")])

    def segment(carry: Any, part: Any) -> tuple[Any, Any]:
        return _scanned(f, carry, part, k, reverse, False)

    parts = []
    for rest in (True, False) if reverse else (False, True):
        if rest and left != 0:
            init, ys = _scanned(f, init, part(slice(whole, None)), left, reverse, False)
            parts.append(ys)
        elif not rest and count != 0:
            init, ys = _scanned(segment, init, joined(part(slice(None, whole)), count, k), count, reverse, True)
            parts.append(joined(ys, whole))
    if not parts:
        return _scanned(f, init, xs, steps, reverse, False)
    leaves = [[t for _, t in _leaves(ys, "ys")] for ys in (parts[::-1] if reverse else parts)]
    whole_ys = leaves[0] if len(leaves) == 1 else [concatenate(pair) for pair in zip(*leaves, strict=True)]
    return init, _filled(parts[0], whole_ys)


def _scanned(f: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, steps: Size, reverse: bool,
             anew: bool) -> tuple[Any, Any]:
    """The results of a recurrence as tensors; `anew`: derivatives compute its steps again."""
    begins, stacks = _leaves(init, "init"), _leaves(xs, "xs")
    if not begins and not stacks:
        raise SymgradError("scan: there is no carry and no slice, so nothing to compute")
    over = common_over("scan", [t for _, t in (*begins, *stacks)])
    slices = [_symbol(f"slice{i or ''}", t, t.shape[1:], t.over) for i, (_, t) in enumerate(stacks)]
    while True:
        carries = [_symbol(f"carry{i or ''}", t, t.shape, t.over) for i, (_, t) in enumerate(begins)]
        result = f(_filled(init, carries), _filled(xs, slices))
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(f"scan: f must give a pair (carry, y), not {_kind(result)}")
        after = _matched(init, result[0], begins)
        raised = [_raised(begin, new, over) for begin, new in zip(begins, after, strict=True)]
        if all(a is b for (_, a), (_, b) in zip(raised, begins, strict=True)):
            break
        begins = raised
    ys = [t for _, t in _leaves(result[1], "y")]
    common_over("scan", [*(t for _, t in begins), *after, *ys])
    check_still([t.node for t in (*after, *ys)])
    parts = _Parts(steps, reverse, anew)
    traced = (tuple(carries), tuple(slices), tuple(after), tuple(t for _, t in begins), tuple(t for _, t in stacks))
    last = [_result(parts, i, None, *traced) for i in range(len(begins))]
    whole = [_result(parts, None, y, *traced) for y in ys]
    return _filled(init, last), _filled(result[1], whole)


class _Parts(NamedTuple):
    """How often, in which direction, and whether derivatives compute the steps again."""

    length: Size
    reverse: bool
    anew: bool


@operation
def _result(parts: _Parts, place: int | None, y: Tensor | None, carries: Sequence[Tensor], slices: Sequence[Tensor],
            after: Sequence[Tensor], begins: Sequence[Tensor], stacks: Sequence[Tensor]) -> Tensor:
    """One result of a scan: the last value of carry `place`, or all values of `y`."""
    over = common_over("scan", [*begins, *stacks, *after, *([y] if y is not None else [])])
    results = [] if y is None else [y.node]
    roots = [_like(t, c) for t, c in zip(after, carries, strict=True)]
    taken = invariant([*roots, *results], [c.node for c in (*carries, *slices)])
    loop, read = closed(PRIMITIVES, {c.node: _like(b, c) for c, b in zip(carries, begins, strict=True)},
                        {s.node: _steps_first(t) for s, t in zip(slices, stacks, strict=True)},
                        dict(zip(taken, taken, strict=True)), roots, results, *parts)
    if y is None:
        assert place is not None
        return wrap(loop.last(place), carries[place].over)
    stacked = loop.stack(read[0])
    if y.over is None:
        return wrap(stacked)
    return wrap(transpose(stacked, (1, 0, *range(2, len(stacked.shape)))), over)


def _like(t: Tensor, carry: Tensor) -> Node:
    """The node of a carry, the same for all samples where it is none of one."""
    node = as_real(t.node) if carry.dtype == REAL else t.node
    if t.over is None and carry.over is not None:
        return broadcast(node, range(1, len(node.shape) + 1), (carry.over, *node.shape))
    return node


def _steps_first(t: Tensor) -> Node:
    """The axis of the steps in front of the sample axis."""
    return t.node if t.over is None else transpose(t.node, (1, 0, *range(2, len(t.node.shape))))


def _symbol(name: str, t: Tensor, shape: Shape, over: Size | None) -> Tensor:
    """A free symbol for a carry or a slice of any one step."""
    lead = () if over is None else (over,)
    return wrap(input_node(Symbol("data", name, over, owner=new_owner()), (*lead, *shape), t.dtype), over)


# nests of tensors ----------------------------------------------------------------------------------------------

Leaf = tuple[str, Tensor]  # where it stands, such as carry['h'], and what it is


def _leaves(nest: Any, name: str) -> list[Leaf]:
    """The tensors of a nest of lists, tuples and dicts, each with its place in it."""
    if nest is None:
        return []
    if isinstance(nest, dict):
        return [leaf for key, part in nest.items() for leaf in _leaves(part, f"{name}[{key!r}]")]
    if isinstance(nest, (list, tuple)):
        return [leaf for i, part in enumerate(nest) for leaf in _leaves(part, f"{name}[{i}]")]
    return [(name, as_tensor(nest, f"scan, {name}"))]


def _filled(nest: Any, tensors: Sequence[Tensor]) -> Any:
    """The same nest with other tensors."""
    return _taken(nest, iter(tensors))


def _taken(nest: Any, tensors: Any) -> Any:
    if nest is None:
        return None
    if isinstance(nest, dict):
        return {key: _taken(part, tensors) for key, part in nest.items()}
    if isinstance(nest, (list, tuple)):
        parts = [_taken(part, tensors) for part in nest]
        return type(nest)(*parts) if hasattr(nest, "_fields") else type(nest)(parts)
    return next(tensors)


def _kind(value: Any) -> str:
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    return describe(value) if isinstance(value, Tensor) else type(value).__name__


def _shape_of(nest: Any) -> str:
    """The structure of a nest, for messages."""
    if isinstance(nest, dict):
        return "{" + ", ".join(f"{key!r}: {_shape_of(part)}" for key, part in nest.items()) + "}"
    if isinstance(nest, (list, tuple)):
        inner = ", ".join(map(_shape_of, nest))
        return f"[{inner}]" if isinstance(nest, list) else f"({inner}{',' if len(nest) == 1 else ''})"
    return "None" if nest is None else "*"


def _matched(init: Any, new: Any, begins: Sequence[Leaf]) -> list[Tensor]:
    """The carries that a step gave, in the order of `init`: of the same structure."""
    def walk(old: Any, given: Any) -> bool:
        if isinstance(old, dict):
            return isinstance(given, dict) and list(given) != [] and set(old) == set(given) and all(
                walk(old[key], given[key]) for key in old) or old == given == {}
        if isinstance(old, (list, tuple)):
            return isinstance(given, (list, tuple)) and len(old) == len(given) and all(map(walk, old, given))
        return (old is None) == (given is None) and not isinstance(given, (dict, list, tuple))

    if not walk(init, new):
        raise ShapeError(f"scan: the carry begins as {_shape_of(init)}, f gives it back as {_shape_of(new)}; both must "
                         "have the same structure")

    def ordered(old: Any, given: Any) -> Any:
        if isinstance(old, dict):
            return {key: ordered(old[key], given[key]) for key in old}
        return list(map(ordered, old, given)) if isinstance(old, (list, tuple)) else given

    return [t for _, t in _leaves(ordered(init, new), "carry")]


def _raised(begin: Leaf, new: Tensor, over: Size | None) -> Leaf:
    """The first carry as one that holds what a step gives: over its samples, real where it was a whole number.

    Raises ShapeError where they differ otherwise.
    """
    name, old = begin
    where = "carry" + name.removeprefix("init")
    if old.shape != new.shape:
        raise ShapeError(f"scan: {where} begins with shape {shape_text(old.shape)}, f gives it back with shape "
                         f"{shape_text(new.shape)}; a carry keeps its shape in every step")
    if old.dtype != new.dtype and not (old.dtype == REAL and new.dtype == INTEGER and literal_value(new.node) is not None):
        if new.dtype == REAL and literal_value(old.node) is not None:
            return name, wrap(as_real(old.node), old.over)
        raise ShapeError(f"scan: {where} begins {old.dtype}, f gives it back {new.dtype}; a carry keeps its dtype in every "
                         "step")
    if old.over != new.over:
        if old.over is None:
            return name, wrap(broadcast(old.node, range(1, len(old.node.shape) + 1), (new.over, *old.node.shape)), new.over)
        told = "without one" if new.over is None else f"over {new.over}"
        raise ShapeError(f"scan: {where} begins as one sample of {old.over}, f gives it back {told}; a carry keeps its "
                         "sample axis in every step")
    return begin


def _steps(stacks: Sequence[Leaf], length: Any) -> Size:
    """The number of steps, on which all agree."""
    given = None if length is None else as_size(length, "scan, length")
    if not stacks:
        if given is None:
            raise SymgradError("scan: neither xs nor length says how many steps there are; give one of them")
        return given
    for name, t in stacks:
        if not t.shape:
            raise ShapeError(f"scan: {name}, {describe(t)}, has no axis; xs have the steps as axis 0")
    first, steps = stacks[0][0], stacks[0][1].shape[0]
    for name, t in stacks:
        if t.shape[0] != steps:
            raise ShapeError(f"scan: {first} has {steps} steps, {name} has {t.shape[0]}; all xs have equally many")
    if given is not None and given != steps:
        raise ShapeError(f"scan: {first} has {steps} steps, but length is {given}")
    return steps
