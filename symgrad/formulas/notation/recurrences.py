"""A recurrence as a textbook writes it: `h_t = tanh(W h_{t-1} + U x_t + b)`, one line for a step, whatever its length.

A formula names what it takes from a loop, `h_n` the last carry, `h` all of them; the lines that say what these are stand
behind it with the other definitions, as they are asked for. The letter of the steps is the same for all loops of a
formula. Loops that run from the end have their carries at t + 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from symgrad.formulas.notation.coefficients import expression
from symgrad.formulas.notation.loop_names import BEFORE, SLOPES, VALUES, Told, is_adjoint
from symgrad.formulas.spelling.tree import DOTS, UNIT, Tree, name, num, sum_of, walk
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.algebra.recurrence import Loop, loop_of
from symgrad.graphs.algebra.scanning import body_axes, walk_axes
from symgrad.graphs.node import Node, Symbol, topological, transform
from symgrad.graphs.sizes import Size
from symgrad.graphs.table import PRIMITIVES, rebuild
from symgrad.graphs.textbook.normal import textbook

if TYPE_CHECKING:
    from symgrad.formulas.notation.writer import Index, Writer

Lines = list[tuple[Tree, Tree]]


def write_scan(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """What is read from a loop, by its name."""
    met = w.recurrences
    loop, what = loop_of(node), node.attrs[1]
    told = met.told(w.bases, loop)
    read = w.met.setdefault(loop, {})
    if isinstance(what, int):
        last = UNIT if loop.reverse else _size(loop.length)
        return w.indexed(name(told.carries[what], [last]), index)
    at, carries = index[0], loop.body.carries
    place = at if at is None or at.head == "name" else sum_of([(1, at), (1, UNIT)])  # step 1 is entry 0
    if what in carries and place is not None:
        before = sum_of([(1, place), (1 if loop.reverse else -1, UNIT)])
        return w.indexed(name(told.carries[carries.index(what)], [before]), index[1:])
    if what in loop.body.after:
        letter = told.carries[loop.body.after.index(what)]
    elif (known := told.letter(what)) is not None:
        letter = known
    else:
        read[what] = None
        if what not in told.others:
            told.others[what] = met.fresh(w.bases, BEFORE if what in carries else SLOPES if is_adjoint(loop) else VALUES)
        letter = told.others[what]
    return w.indexed(name(letter), index) if place is None else w.indexed(name(letter, [place]), index[1:])


def recurrence_lines(w: Writer, read: Mapping[Loop, AbstractSet[Node]]) -> Lines:
    """What the names of all loops that have been met stand for; writing that may meet others.

    Of loops of which nothing is met that was not `read` before, it was told there.
    """
    found: dict[Loop, Lines] = {}
    done: dict[Loop, int] = {}
    while True:
        loop = next((x for x, met in w.met.items()
                     if done.get(x) != len(met) and not (x in read and met.keys() <= read[x])), None)
        if loop is None:
            break
        done[loop] = len(w.met[loop])
        found[loop] = _lines(w, loop, w.recurrences.loops[loop])
    rows = [row for each in found.values() for row in each]
    return [row for i, row in enumerate(rows) if row not in rows[i + 1:]]  # t = 1, ..., n once for all


def _lines(w: Writer, loop: Loop, told: Told) -> Lines:
    body, step = loop.body, name(w.recurrences.step)
    at_before = sum_of([(1, step), (1 if loop.reverse else -1, UNIT)])
    bound: dict[Node, Tree] = {c: name(letter, [at_before]) for c, letter in zip(body.carries, told.carries, strict=True)}
    for symbol, stack in loop.stacks.items():
        bound[symbol] = _at_step(w, stack, step)
    for symbol, operand in loop.given.items():
        bound[symbol] = _whole(w, operand)
    others = {**told.repeated, **{node: told.others[node] for node in w.met[loop]}}
    results = [(name(letter, [step]), node) for node, letter in others.items()]
    results += [(name(letter, [step]), node) for letter, node in zip(told.carries, body.after, strict=True)]
    rows: Lines = []
    known = {**bound, **{node: left for left, node in results if node not in bound}}
    axes = body_axes(PRIMITIVES, loop, w.axes) or {}
    leaves = {node: input_node(Symbol("bound", f"known{i}"), node.shape, node.dtype) for i, node in enumerate(known)}
    by_leaf = {leaf: known[node] for node, leaf in leaves.items()}
    start = {leaf: axes[node] for node, leaf in leaves.items() if node in axes}
    for left, node in results:
        written, found, names = node, axes, known
        if is_adjoint(loop) and node not in bound:
            written, names = _as_read(node, leaves), by_leaf
            found = walk_axes(PRIMITIVES, [written], start)
        inner = w.within(found)
        inner.bound = names
        rows.append((left, known[node] if node in bound else inner.formula(written)))
    rows = _in_order(rows)
    first = sum_of([(1, _size(loop.length)), (1, UNIT)]) if loop.reverse else num(0)
    for letter, begin in zip(told.carries, loop.begins.values(), strict=True):
        rows.append((name(letter, [first]), num(0) if _is_zero(begin) else _whole(w, begin)))
    rows.append((step, Tree("tuple", (UNIT, DOTS, _size(loop.length)))))
    return rows


def _in_order(rows: Lines) -> Lines:
    """Each line behind those that it reads, c_t before the h_t that is made of it."""
    left = {tree for tree, _ in rows}
    needs = {tree: left.intersection(walk(right)) - {tree} for tree, right in rows}
    found: Lines = []
    while rows:
        done = {tree for tree, _ in found}
        ready = next((row for row in rows if needs[row[0]] <= done), rows[0])
        found.append(ready)
        rows = [row for row in rows if row is not ready]
    return found


def _as_read(node: Node, leaves: Mapping[Node, Node]) -> Node:
    """What a step computes in a derivative, as a textbook prints it over leaves for all that has a name."""
    inside = node.operands[0] if node.op is ops.NAMED else node
    others = {each: leaf for each, leaf in leaves.items() if each is not node and each is not inside}
    return textbook(transform([inside], rebuild, others)[0])


def _is_zero(node: Node) -> bool:
    value = literal_value(node)
    return value is not None and value.number == 0


def _at_step(w: Writer, stack: Node, step: Tree) -> Tree:
    """One step of a stack: x_t, of which the first is x_1; of what counts entries, from 0, the one before."""
    w.stacked.add(step)
    axes = [None] * (len(stack.shape) - 1)
    counts = any(node.op is ops.IOTA for node in topological([stack], enter=lambda n: n.op is not ops.SCAN))
    place = sum_of([(1, step), (-1, UNIT)]) if counts else step
    return w.at(stack, (place, *w.hidden(stack, axes, 1)), frozenset([step]))


def _whole(w: Writer, node: Node) -> Tree:
    return w.at(node, tuple(w.hidden(node, [None] * len(node.shape), 0)), frozenset())


def _size(size: Size) -> Tree:
    return num(size) if isinstance(size, int) else expression(size)
