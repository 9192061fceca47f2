"""Nodes: hash-consed expressions, the one data structure of symgrad.

A node is an operation, its operands, its attributes, a shape and a dtype. Equal nodes are one object
(interned in a weak table), so equality is identity and common subexpressions are common for free.
All axes are real axes: the sample axis of a tensor is its node's axis 0 (`samples.py` finds it again).

Nothing here recurses: an unrolled recurrence has thousands of levels. Canonical order is a digest of
the content, never `id` or a serial number, so texts do not depend on the history of the session.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from weakref import WeakValueDictionary

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.sizes import Shape, size_key

REAL, INTEGER, BOOLEAN = "real", "integer", "boolean"


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True, repr=False)
class Node:
    """One operation of the graph. Made by `make`, never directly.

    `key` digests the whole content; `rank` the same without owners, whose numbers differ from session to
    session (two layers of one shape tie, and `order` looks further). `owned`: a symbol below has an owner.
    """

    op: ops.Op
    operands: tuple[Node, ...]
    attrs: tuple[Any, ...]
    shape: Shape
    dtype: str
    key: bytes
    rank: bytes
    owned: bool

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.shape)) or "scalar"
        return f"<{self.op} {shape} {self.rank.hex()[:8]}>"

    def __copy__(self) -> Node:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Node:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (rows_of([self])[1],)


@dataclass(frozen=True, slots=True)
class Symbol:
    """What makes an input itself: two symbols are one if and only if all of this is equal."""

    kind: str  # data | parameter | labels; mask | mode | state: see phases.py
    name: str
    over: Any = None  # the size of the sample axis, which is then axis 0 of the node
    init: Any = None  # None, a text, a number, or a digest of an array
    facts: tuple[str, ...] = ()
    classes: Any = None
    owner: int | None = None  # layers and random operations are owners (`new_owner`): their symbols never tie
    latex: str | None = None  # how LaTeX writes it, where its name does not say; no part of the canonical order
    layer: str | None = None  # the layer that owns it, as it is written: for errors, and no part of the order either


@dataclass(frozen=True, slots=True)
class Array:
    """An opaque handle on a constant array: the algebra sees a digest, a shape and a dtype."""

    digest: str
    name: str | None
    value: Any = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Array) and (self.digest, self.name) == (other.digest, other.name)

    def __hash__(self) -> int:
        return hash((self.digest, self.name))


_table: WeakValueDictionary[tuple[Any, ...], Node] = WeakValueDictionary()


def make(op: ops.Op, operands: Sequence[Node], attrs: tuple[Any, ...], shape: Shape, dtype: str) -> Node:
    """The one node with this content. Raises ValueError for an operation that is no primitive."""
    raw = (op, tuple(operands), attrs, tuple(shape), dtype)
    known = _table.get(raw)
    if known is not None:
        return known
    op = ops.named(op)
    shown = _labels_text(attrs) if op in ops.PRODUCTS else _text(attrs)
    text = f"{op}|{shown}|{_shape_text(raw[3])}|{dtype}"
    owner = attrs[0].owner if op is ops.INPUT else None
    key = _digest(text if owner is None else f"{text}|{owner}", [o.key for o in operands])
    owned = owner is not None or any(o.owned for o in operands)
    rank = _digest(text, [o.rank for o in operands]) if owned else key
    node = Node(op, raw[1], attrs, raw[3], dtype, key, rank, owned)
    _table[raw] = node
    return node


_session = int.from_bytes(os.urandom(8))
_owners = itertools.count(1)


def new_owner() -> int:
    """A number for a layer or a random operation: increasing in a session, never met again in another.

    Only the order of two owners of one session may show: the number itself is different every time.
    """
    return next(_owners) << 64 | _session


def order(node: Node) -> tuple[bytes, _Owners]:
    """The canonical sorting key of a node: its content without owners, then the order of its owners."""
    return node.rank, _Owners(node)


class _Owners:
    """Nodes of one rank, compared by the owners of their symbols: the first that differ decide."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Owners) and self.node is other.node

    def __lt__(self, other: _Owners) -> bool:
        stack, seen = [(self.node, other.node)], set()
        while stack:
            pair = a, b = stack.pop()
            if a is b or pair in seen:
                continue
            seen.add(pair)
            if not a.operands:
                return _place(a.attrs[0]) < _place(b.attrs[0])
            stack.extend(reversed(list(zip(a.operands, b.operands, strict=True))))
        return False


def _place(symbol: Symbol) -> tuple[bool, int, str]:
    """The order of two symbols of one rank."""
    return symbol.owner is not None, symbol.owner or 0, symbol.latex or ""


def _digest(text: str, parts: Iterable[bytes]) -> bytes:
    h = blake2b(text.encode(), digest_size=16)
    for part in parts:
        h.update(part)
    return h.digest()


@lru_cache(maxsize=4096)
def _shape_text(shape: Shape) -> str:
    return ",".join(map(size_key, shape))


@lru_cache(maxsize=4096)
def _labels_text(attrs: tuple[Any, ...]) -> str:
    """The text of labels: cached, since a graph has few patterns of them (ints only, so equal is the same text)."""
    return _text(attrs)


def _text(attr: Any) -> str:
    if attr is None or isinstance(attr, (int, str, float, Fraction)):
        return repr(attr)
    if isinstance(attr, tuple):
        return "(" + ",".join(map(_text, attr)) + ")"
    if isinstance(attr, sp.Basic):
        return size_key(attr)
    if isinstance(attr, Array):
        return f"array {attr.digest} {attr.name!r}"
    if isinstance(attr, Symbol):
        s = attr
        return _text((s.kind, s.name, s.over, s.init, s.facts, s.classes))
    if isinstance(attr, Node):  # of the body of a recurrence, which is closed: no owner is below
        return attr.key.hex()
    raise TypeError(f"an attribute of a node must be plain data, not {type(attr).__name__}")


def rows_of(roots: Sequence[Node]) -> tuple[dict[Node, int], list[tuple[Any, ...]]]:
    """The graph of `roots` as flat rows, operands before consumers, and the place of each node in them."""
    place = {node: i for i, node in enumerate(topological(roots))}
    return place, [(str(n.op), tuple(place[o] for o in n.operands), n.attrs, n.shape, n.dtype) for n in place]


def revived(rows: list[tuple[Any, ...]]) -> list[Node]:
    """The nodes that `rows_of` gave rows of."""
    nodes: list[Node] = []
    for op, places, attrs, shape, dtype in rows:
        nodes.append(make(op, [nodes[p] for p in places], attrs, shape, dtype))
    return nodes


def _revive(rows: list[tuple[Any, ...]]) -> Node:
    return revived(rows)[-1]


def topological(roots: Iterable[Node], enter: Callable[[Node], bool] | None = None) -> list[Node]:
    """All nodes below `roots`, operands before consumers, in the order of the operands.

    `enter(node)` false keeps the node but not what lies below it.
    """
    done: dict[Node, None] = {}
    stack: list[Any] = [*roots][::-1]
    while stack:
        node = stack.pop()
        if node is None:  # what lies below the node under this mark is done
            done[stack.pop()] = None
        elif node not in done:
            if node.operands and (enter is None or enter(node)):
                stack += (node, None, *node.operands[::-1])
            else:
                done[node] = None
    return list(done)


def transform(roots: Sequence[Node], rule: Callable[[Node, tuple[Node, ...]], Node],
              memo: dict[Node, Node]) -> list[Node]:
    """Rebuild the graph bottom-up: `rule(node, new operands)` gives the new node. `memo` may fix nodes."""
    for node in topological(roots, enter=lambda n: n not in memo):
        if node not in memo:
            memo[node] = rule(node, tuple(memo[o] for o in node.operands))
    return [memo[root] for root in roots]


def consumers(roots: Sequence[Node]) -> dict[Node, list[Node]]:
    """For every node below `roots`, the distinct nodes that use it."""
    uses: dict[Node, list[Node]] = {}
    for node in topological(roots):
        uses.setdefault(node, [])
        for operand in dict.fromkeys(node.operands):
            uses[operand].append(node)
    return uses


def depends(roots: Sequence[Node], on: Iterable[Node]) -> set[Node]:
    """The nodes below `roots` that are reached from `on` (the members of `on` included)."""
    hit = set(on)
    for node in topological(roots):
        if node not in hit and any(o in hit for o in node.operands):
            hit.add(node)
    return hit


def in_order_of_use(order: Iterable[Node], leaves: Iterable[Node]) -> list[Node]:
    """`leaves` in the order in which a topological `order` first needs them; of one need, matrices first."""
    first: dict[Node, int] = {}
    for place, node in enumerate(order):
        for operand in node.operands:
            first.setdefault(operand, place)
    return sorted(leaves, key=lambda n: (first.get(n, -1), -len(n.shape), n.rank))
