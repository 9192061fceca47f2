"""Steps that compute each entry by itself: scalar functions, and what moves entries, read from where they come.

What C adds in several loops is here one sum for each entry, over whatever arrives there: nobody waits, nobody adds to
what another writes. Every index is checked; one that is out of range sets its mark and reads the first entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from symgrad.codegen.c.texts import TYPES, bare
from symgrad.codegen.c.writers import index_below
from symgrad.codegen.cuda.body import Names, Placed, Variables, Writing, checked_index, named
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, broadcast_shape
from symgrad.codegen.phases.accesses import counting, scattered
from symgrad.codegen.plan.indices import counters
from symgrad.codegen.python.job import NOTHING

EntryLines = tuple[list[str], str]  # lines before, and the value


def entry(on: Writing, e: Expr, names: Names, known: Variables = NOTHING) -> EntryLines:
    """The entry of a step at counters of these names: lines that prepare it, and its text."""
    if e.op in MOVERS:
        return MOVERS[e.op](on, e, names)
    if e.op is acts.CALL:
        return CALLED[e.attrs[0]](on, e, names)
    rank = len(e.shape)
    body = Placed(on, rank, known)
    index = counters(rank)
    text = body.value(e.args[0], index_below(e, index, rank)) if e.op in acts.VIEWS else body.computed(e, index)
    return [], bare(body.filled(text, named(names, e.shape)))


def _trailing(names: Names, e: Expr) -> list[str | None]:
    """The names of the axes of an operand that broadcasts."""
    return list(names[len(names) - len(e.shape):])


def _gather(on: Writing, e: Expr, names: Names) -> EntryLines:
    picked, *indices = e.args
    shape = broadcast_shape(i.shape for i in indices)
    mine, lines, at = names[:len(shape)], list[str](), list[str | None]()
    for k, index in enumerate(indices):
        axis = counting(index, shape, on.context.storage)
        if axis is not None and shape[axis] == picked.shape[k]:
            at.append(mine[axis])
            continue
        more, name = checked_index(on, index, _trailing(mine, index), picked.shape[k])
        lines += more
        at.append(name)
    return lines, bare(on.operand(picked, [*at, *names[len(shape):]]))


def _concat(on: Writing, e: Expr, names: Names) -> EntryLines:
    ((axis,), name) = e.attrs, f"{on.context.arrays[e]}_"
    lines, start = [f"{TYPES[e.kind]} {name} = 0;"], e.shape[axis] * 0
    for arg in e.args:
        at = on.fresh()
        lines.append(f"const int {at} = {names[axis] or 0} - {on.size(start)};")
        value = bare(on.operand(arg, [at if k == axis else n for k, n in enumerate(names)]))
        lines.append(f"if ({at} >= 0 && {at} < {on.size(arg.shape[axis])}) {name} = {value};")
        start = start + arg.shape[axis]
    return lines, name


def _diagonal(on: Writing, e: Expr, names: Names) -> EntryLines:
    (arg,) = e.args
    value = on.operand(arg, [names[0]] if arg.shape else [])
    return [], f"{names[0] or 0} == {names[1] or 0} ? {value} : 0"


def _place(on: Writing, e: Expr, names: Names) -> EntryLines:
    """Zeros or a first sum, and the parts that arrive at this entry."""
    has_base, parts = e.attrs
    rest, name = list(e.args), f"{on.context.arrays[e]}_"
    base = on.operand(rest.pop(0), names) if has_base else "0"
    lines = [f"{TYPES[e.kind]} {name} = {bare(base)};"]
    for how, where, direction, count in parts:
        value, *indices = rest[:count]
        del rest[:count]
        at: list[str | None]
        if how == "scatter":
            more, conditions, at = _arriving(on, e, where[0], indices, names)
        elif how == "slice":
            more, conditions, at = _sliced(on, where, names)
        else:
            first = {k: where.index(k) for k in range(max(where, default=-1) + 1)}
            more, at = [], [names[a] for a in first.values()]
            conditions = [f"{names[a] or 0} == {names[first[k]] or 0}" for a, k in enumerate(where) if first[k] != a]
        lines += more
        add = f"{name} {'+' if direction > 0 else '-'}= {bare(on.operand(value, _trailing(at, value)))};"
        lines.append(f"if ({' && '.join(conditions)}) {add}" if conditions else add)
    return lines, name


def _arriving(on: Writing, e: Expr, order: Sequence[int], indices: Sequence[Expr],
              names: Names) -> tuple[list[str], list[str], list[str | None]]:
    """Lines that read the indices which a scatter has for this row, when it arrives here, and the counters of the value."""
    along = scattered(e, order, indices, on.context.storage)
    assert along is not None
    shape = broadcast_shape(i.shape for i in indices)
    at = [names[along[a]] if a in along else None for a in range(len(shape))]
    lines, conditions = [], []
    for k, index in enumerate(indices):
        axis = counting(index, shape, on.context.storage)
        if axis is not None and along.get(axis) == order[k]:
            continue
        if axis is not None and axis in along and shape[axis] == e.shape[order[k]]:
            conditions.append(f"{names[order[k]] or 0} == {at[axis] or 0}")
            continue
        more, name = checked_index(on, index, _trailing(at, index), e.shape[order[k]])
        lines += more
        conditions.append(f"{name} == {names[order[k]] or 0}")
    return lines, conditions, [*at, *(names[a] for a in order[len(indices):])]


def _sliced(on: Writing, where: Sequence[tuple[Any, ...]], names: Names) -> tuple[list[str], list[str], list[str | None]]:
    lines, conditions, at = [], [], list[str | None]()
    for item, name in zip(where, names, strict=True):
        if item[0] != "slice":
            at.append(name)
            continue
        _, start, _, step, count = item
        place = on.fresh()
        lines.append(f"const int {place} = {name or 0} - {on.size(start or 0)};")
        if step != 1:
            conditions.append(f"{place} % {on.size(step)} == 0")
            place = f"{place} / {on.size(step)}"
        conditions += [f"{place} >= 0", f"{place} < {on.size(count)}"]
        at.append(place)
    return lines, conditions, at


def _overlaps(on: Writing, e: Expr, names: Names) -> EntryLines:
    """All entries of the operand that arrive here: loops over the windows, the place in the operand solved for."""
    (operand,), where, name = e.args, e.attrs[1], f"{on.context.arrays[e]}_"
    at: dict[int, str] = {}
    loops, inside, conditions = [], list[str](), list[str]()
    for target, pairs in zip(names, where, strict=True):
        (solved, step), *others = pairs
        rest = target or "0"
        for axis, by in others:
            at[axis] = on.fresh()
            end = on.size(operand.shape[axis])
            loops.append(f"for (int {at[axis]} = 0; {at[axis]} < {end}; {at[axis]}++)")
            rest += f" - {at[axis]}" + ("" if by == 1 else f" * {on.size(by)}")
        if rest == target and step == 1:
            at[solved] = rest
            continue
        at[solved] = on.fresh()
        inside.append(f"const int {at[solved]} = {rest};")
        if step != 1:
            conditions.append(f"{at[solved]} % {on.size(step)} == 0")
            at[solved] = f"{at[solved]} / {on.size(step)}"
        conditions += [f"{at[solved]} >= 0", f"{at[solved]} < {on.size(operand.shape[solved])}"]
    value = bare(on.operand(operand, [at[k] for k in range(len(operand.shape))]))
    add = f"{name} += {value};"
    lines = [f"{TYPES[e.kind]} {name} = 0;", *("  " * k + line for k, line in enumerate(loops))]
    body = [*inside, f"if ({' && '.join(conditions)}) {add}" if conditions else add]
    pad = "  " * len(loops)
    return [*lines, f"{pad}{{", *(f"{pad}  {line}" for line in body), f"{pad}}}"], name


MOVERS: Mapping[acts.Act, Callable[[Writing, Expr, Names], EntryLines]] = MappingProxyType({
    acts.GATHER: _gather, acts.CONCAT: _concat, acts.PLACE: _place})
CALLED: Mapping[str, Callable[[Writing, Expr, Names], EntryLines]] = MappingProxyType({
    "diag": _diagonal, "overlaps": _overlaps})
