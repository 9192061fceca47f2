"""A recurrence as a textbook writes it: `h_t = tanh(W h_{t-1} + U x_t + b)`, one line for a step, whatever its length.

A formula names what it takes from a loop, `h_n` the last carry, `h` all of them; the lines that say what these are stand
behind it with the other definitions, as they are asked for. The letter of the steps is the same for all loops of a
formula. Loops that run from the end have their carries at t + 1. How the way back is written: `ways_back.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from symgrad.formulas.notation.loop_names import BEFORE, SLOPES, VALUES, WORTH, Letter, Told
from symgrad.formulas.notation.steps import Lines, OneStep, at_step, in_order, letter_of, size_tree, step_letter
from symgrad.formulas.notation.ways_back import back_lines
from symgrad.formulas.spelling.glyphs import Name
from symgrad.formulas.spelling.tree import DOTS, HIDDEN, UNIT, Tree, name, num, sum_of
from symgrad.graphs.algebra.recurrence import Loop, loop_of
from symgrad.graphs.node import Node, topological

if TYPE_CHECKING:
    from symgrad.formulas.notation.writer import Index, Writer


def write_scan(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree:
    """What is read from a loop, by its name."""
    met = w.recurrences
    loop, what = loop_of(node), node.attrs[1]
    told = met.told(w.bases, loop)
    read = w.met.setdefault(loop, {})
    w.homes.setdefault(loop, w)
    sampled = node in w.axes
    if isinstance(what, int):
        last = UNIT if loop.reverse else size_tree(loop.length)
        if told.back and isinstance(told.carries[what], Name):  # of what the other loop began with
            last = sum_of([(1, last), (1, UNIT)]) if not loop.reverse else num(0)
            read[loop.body.carries[what]] = None
        return _indexed(w, letter_of(w, told.carries[what], sampled), last, index)
    at, carries = index[0], loop.body.carries
    place = at if at is None or at.head == "name" or at in w.stacked else sum_of([(1, at), (1, UNIT)])  # step 1 is entry 0
    if what in carries and place is not None and what not in told.totals:
        ahead = told.back and isinstance(told.carries[carries.index(what)], Name)
        before = place if ahead else sum_of([(1, place), (1 if loop.reverse else -1, UNIT)])
        return _indexed(w, letter_of(w, told.carries[carries.index(what)], sampled), before, index[1:])
    if what in loop.body.after and not told.back:
        letter = told.carries[loop.body.after.index(what)]
    elif (known := told.letter(what)) is not None:
        letter = known
    else:
        if place is not None and not told.back and all(w.is_fixed(i) or i is None for i in index) and (
                tree := _short(w, loop, told, what)) is not None:
            return at_step(tree, step_letter(w, loop.length), place)
        letters = BEFORE if what in carries else SLOPES if told.back else VALUES
        letter = told.others.get(what) or told.cotangent(what) or met.fresh(w.bases, letters)
        if letter not in (*told.repeated.values(), *told.carries):
            told.others[what] = letter
            read[what] = None
    named = letter_of(w, letter, sampled)
    return w.indexed(name(named), index) if place is None else _indexed(w, named, place, index[1:])


def _indexed(w: Writer, letter: Letter, place: Tree, index: Index) -> Tree:
    """A letter at a step, and at what else is fixed; the sample comes first, as in x_{s,t}."""
    sample = index[:1] if index and index[0] in w.sample_letters else ()
    return w.indexed(name(letter, [*(i for i in sample if i is not None), place]), index[len(sample):])


def _short(w: Writer, loop: Loop, told: Told, what: Node) -> Tree | None:
    """What a step computes, where that is no longer than a name: tanh(c_t); None for others."""
    known = {*loop.body.symbols, *loop.body.after, *told.repeated}
    pieces: dict[Node, int] = {}
    for node in topological([what], enter=lambda n: n not in known):
        pieces[node] = 1 if node in known else 1 + sum(pieces[o] for o in node.operands)
    return OneStep(w, loop, told).formula(what) if pieces[what] < WORTH else None


def recurrence_lines(w: Writer, read: Mapping[Loop, AbstractSet[Node]]) -> Lines:
    """What the names of all loops that have been met stand for; writing that may meet others.

    Of loops of which nothing is met that was not `read` before, it was told there.
    """
    found, done = w.lines, w.told
    here, w.here = w.here, HIDDEN  # lines are those of one sample
    while True:
        loop = next((x for x, met in w.met.items()
                     if done.get(x) != len(met) and not (x in read and met.keys() <= read[x])), None)
        if loop is None:
            break
        done[loop] = len(w.met[loop])
        told = w.recurrences.loops[loop]
        found[loop] = (back_lines if told.back else _lines)(w.homes[loop], loop, told)
    w.here = here
    rows = [row for each in found.values() for row in each]
    return [row for i, row in enumerate(rows) if row not in rows[i + 1:]]  # t = 1, ..., n once for all


def _lines(w: Writer, loop: Loop, told: Told) -> Lines:
    step = OneStep(w, loop, told)
    others = {**told.repeated, **{node: told.others[node] for node in w.met[loop]}}
    rows = [(step.named(letter, node), step.formula(node)) for node, letter in others.items()]
    rows += [(step.named(letter, node), step.formula(node))
             for letter, node in zip(told.carries, loop.body.after, strict=True)]
    rows = in_order(rows)
    first = sum_of([(1, size_tree(loop.length)), (1, UNIT)]) if loop.reverse else num(0)
    for letter, (carry, begin) in zip(told.carries, loop.begins.items(), strict=True):
        rows.append((step.named(letter, carry, first), step.whole(begin)))
    rows.append((step.letter, Tree("tuple", (UNIT, DOTS, size_tree(loop.length)))))
    return rows
