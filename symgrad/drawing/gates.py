"""The letters of gates: i, f, g, o of a long short-term memory, r, z, n of a gated recurrent unit, found by their algebra.

What multiplies a carry entry by entry, between 0 and 1, says how much of it is kept: f, or z where 1 - z multiplies
what is new. However the gates are computed, in one product or in many, these are their names in the literature
(Hochreiter and Schmidhuber 1997, Gers et al. 2000; Cho et al. 2014).
"""

from __future__ import annotations

from symgrad.graphs import ops
from symgrad.graphs.algebra.recurrence import Recurrence
from symgrad.graphs.node import Node, depends, topological

MEMORY, UNIT = frozenset("ifgo"), frozenset("rzn")


def gate_letters(body: Recurrence) -> dict[Node, str]:
    """The gates of a step with their letters; empty where a step is neither of the two."""
    for carry, after in zip(body.carries, map(_bare, body.after), strict=True):
        terms = [_factors(term) for term in after.operands] if after.op is ops.ADD and len(after.operands) == 2 else []
        kept = [term for term in terms if carry in term and len(term) == 2]
        new = [term for term in terms if carry not in term and len(term) == 2]
        if len(kept) != 1 or len(new) != 1:
            continue
        keep = next(factor for factor in kept[0] if factor is not carry)
        if not _is_gate(keep):
            continue
        found = _unit(body, keep, new[0]) or _memory(body, after, keep, new[0])
        if found:
            return found
    return {}


def _memory(body: Recurrence, after: Node, keep: Node, new: list[Node]) -> dict[Node, str]:
    """c = f c + i g, and h = o times a function of c."""
    gates = [factor for factor in new if _is_gate(factor)]
    for other in map(_bare, body.after):
        opened = [factor for factor in _factors(other) if _is_gate(factor)]
        if other is not after and len(opened) == 1 and len(gates) == 1 and after in topological([other]):
            (taken,) = (factor for factor in new if factor is not gates[0])
            return {gates[0]: "i", keep: "f", taken: "g", opened[0]: "o"}
    return {}


def _unit(body: Recurrence, keep: Node, new: list[Node]) -> dict[Node, str]:
    """h = (1 - z) n + z h, where r multiplies what is read of h for n."""
    rest = [factor for factor in new if _bare(factor).op is ops.ADD and keep in _bare(factor).operands]
    if len(rest) != 1:
        return {}
    (taken,) = (factor for factor in new if factor is not rest[0])
    read = depends([taken], body.carries)
    resets = [factor for node in topological([taken]) if node in read for factor in _factors(node)
              if _is_gate(factor) and factor is not keep]
    return {resets[0]: "r", keep: "z", taken: "n"} if len(set(resets)) == 1 else {}


def _factors(node: Node) -> list[Node]:
    """The factors of a product entry by entry."""
    node = _bare(node)
    if node.op is not ops.EINSUM:
        return []
    inputs, out = node.attrs
    return list(node.operands) if all(tuple(names) == tuple(out) for names in inputs) else []


def _is_gate(node: Node) -> bool:
    inner = _bare(node)
    inner = _bare(inner.operands[0]) if inner.op is ops.SLICE else inner
    return inner.op is ops.ELEMENTWISE and inner.attrs[0] == "sigmoid"


def _bare(node: Node) -> Node:
    """A value without the names that it bears."""
    while node.op is ops.NAMED:
        (node,) = node.operands
    return node
