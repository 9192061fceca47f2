"""Who writes which unit: the lines of one lane, and how many lanes there are.

A unit is a function of the text that is called for each `lane`; its name says what it finds, its comments the formulas.
Units are called for whole warps, so a warp may wait and shuffle inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from symgrad.codegen.c.texts import TYPES, bare
from symgrad.codegen.cuda.body import Names, Writing, checked_index, entries_of, split
from symgrad.codegen.cuda.contractions import by_warps, letters, term_lines, together
from symgrad.codegen.cuda.entries import entry
from symgrad.codegen.cuda.linear import write_linear_unit
from symgrad.codegen.cuda.matrices import by_blocks, by_lanes, matrix_of
from symgrad.codegen.cuda.rows import write_rows
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, broadcast_shape
from symgrad.codegen.phases.units import Phases, Unit
from symgrad.codegen.plan.indices import strides
from symgrad.graphs.errors import BackendError
from symgrad.graphs.sizes import Shape


@dataclass(frozen=True)
class Lanes:
    """How many lanes a unit has, as a constant of the text that is a multiple of 32, and the lines of one `lane`."""

    count: str
    lines: Sequence[str]
    tasks: bool = False  # these are no lanes but tasks, each for all threads of a block


def write_unit(on: Writing, phases: Phases, unit: Unit, threads: int) -> Lanes:
    """The text of a unit; `threads` are about so many as there are for it."""
    return WRITERS[unit.kind](on, phases, unit, threads)


def guarded(on: Writing, shape: Shape, names: Names, lines: Sequence[str]) -> Lanes:
    """A lane for each entry of a shape."""
    count = entries_of(shape)
    if count == 1:
        return Lanes("32", ["if (lane == 0) {", *(f"  {line}" for line in lines), "}"])
    text = on.size(count)
    return Lanes(f"warps({text})", [f"if (lane < {text}) {{", *(f"  {line}" for line in split(on, "lane", names, shape)),
                                    *(f"  {line}" for line in lines), "}"])


def names_of(shape: Shape) -> list[str | None]:
    """A counter for each axis that is longer than 1."""
    return [name if size != 1 else None for name, size in zip(letters(len(shape)), shape, strict=True)]


def stored(on: Writing, phases: Phases, steps: Sequence[Expr], names: Names, known: dict[Expr, str]) -> list[str]:
    """Steps at one entry, one after the other: each a variable, in memory too where others read it."""
    lines = []
    for e in steps:
        more, value = entry(on, e, names, known)
        local = f"{on.context.arrays[e]}_"
        lines += [*more, *([] if value == local else [f"const {TYPES[e.kind]} {local} = {value};"])]
        if e in phases.kept:
            lines.append(f"{on.place(e, names)} = {local};")
        known[e] = local
    return lines


def _entries(on: Writing, phases: Phases, unit: Unit, threads: int) -> Lanes:
    shape = unit.head.shape
    names = names_of(shape)
    if len(unit.steps) == 1:
        lines, value = entry(on, unit.head, names)
        return guarded(on, shape, names, [*lines, f"{on.place(unit.head, names)} = {value};"])
    return guarded(on, shape, names, stored(on, phases, unit.steps, names, {}))


def _finished(on: Writing, phases: Phases, unit: Unit, names: Names) -> list[str]:
    """What follows the sum of an entry, which is `total`."""
    head, *after = unit.steps
    lines = [f"{on.place(head, names)} = total;"] if head in phases.kept else []
    return lines + stored(on, phases, after, names, {head: "total"})


def _sums(on: Writing, phases: Phases, unit: Unit, threads: int) -> Lanes:
    """Reductions and contractions: a lane for each entry, or a warp where entries are few and sums are long."""
    e = unit.head
    names = names_of(e.shape)
    simple = not (e.op is acts.CALL and e.attrs[0] in ("norm", "leave_out"))
    if simple and by_warps(e, on):
        count = on.size(entries_of(e.shape))
        lines = [*split(on, "lane / 32", names, e.shape), *together(on, e, names, "32", "lane % 32"),
                 "if (lane % 32 == 0) {", *(f"  {line}" for line in _finished(on, phases, unit, names)), "}"]
        return Lanes("32" if count == "1" else f"{count} * 32", lines)
    return guarded(on, e.shape, names, [*term_lines(on, e, names), *_finished(on, phases, unit, names)])


def _product(on: Writing, phases: Phases, unit: Unit, threads: int) -> Lanes:
    """A product of matrices, or of stacks of them; and what follows at each entry."""
    operands = [matrix_of(on, unit.head, arg) for arg in unit.head.args]
    if any(found is None for found in operands):
        return _sums(on, phases, unit, threads)
    one, two = (found for found in operands if found is not None)
    e, rank = unit.head, len(unit.head.shape)
    stack = [name if size != 1 else None for name, size in zip(letters(rank - 2), e.shape, strict=False)]
    lines = _finished(on, phases, unit, [*stack, "row", "column"])
    if on.tasks:
        return Lanes(*by_blocks(on, e, one, two, lines), True)
    return Lanes(*by_lanes(on, e, one, two, lines, threads))


def _lines(on: Writing, phases: Phases, unit: Unit, threads: int) -> Lanes:
    """Positions of extrema, running sums and powers: a lane for each line of entries. A copy in another shape."""
    e = unit.head
    (arg,) = e.args
    if e.op is acts.RESHAPE:
        names = names_of(arg.shape)
        steps = zip(names, strides(arg.shape), strict=True)
        place = " + ".join(f"{name} * {on.size(step)}" for name, step in steps if name) or "0"
        return guarded(on, arg.shape, names, [f"{on.context.arrays[e]}[{place}] = {bare(on.operand(arg, names))};"])
    if e.op is acts.CALL:
        outer, whole = e.shape[:-1], names_of(e.shape)
        lines = ["real power = 1;", f"for (int {letters(1, len(outer))[0]} = 0; {letters(1, len(outer))[0]} < "
                 f"{on.size(e.shape[-1])}; {letters(1, len(outer))[0]}++) {{",
                 f"  {on.place(e, whole)} = power;", f"  power *= {on.operand(arg, whole[:-1])};", "}"]
        return guarded(on, outer, whole[:-1], lines)
    ((axis,), keepdims) = e.attrs
    kept = [a for a in range(len(arg.shape)) if a != axis]
    names = names_of(arg.shape)
    (last,) = letters(1, axis)
    at: list[str | None] = [last if a == axis else name for a, name in enumerate(names)]
    value = bare(on.operand(arg, at))
    loop = f"for (int {last} = 0; {last} < {on.size(arg.shape[axis])}; {last}++)"
    outer_shape, outer_names = tuple(arg.shape[a] for a in kept), [names[a] for a in kept]
    if e.op is acts.CUMSUM:
        return guarded(on, outer_shape, outer_names, [
            f"{TYPES[e.kind]} total = 0;", f"{loop} {on.place(e, at)} = total += {value};"])
    sign = ">" if e.op is acts.ARGMAX else "<"
    out = [None if a == axis else names[a] for a in range(len(names))] if keepdims else outer_names
    return guarded(on, outer_shape, outer_names, [
        f"{TYPES[arg.kind]} best = 0;", "int64_t place = 0;", f"{loop} {{", f"  const {TYPES[arg.kind]} next = {value};",
        f"  if ({last} == 0 || next {sign} best || (next != next && best == best)) best = next, place = {last};", "}",
        f"{on.place(e, out)} = place;"])


def _places(on: Writing, phases: Phases, unit: Unit, threads: int) -> Lanes:
    """Sums at indices that may say one place several times: a lane has all places that differ in the indices alone, and
    adds in the order of the indices."""
    e = unit.head
    has_base, parts = e.attrs
    if len(parts) != 1:
        raise BackendError("several sums at places at once have no kernel")
    ((_, where, direction, _),) = parts
    rest = list(e.args)
    base = rest.pop(0) if has_base else None
    value, *indices = rest
    order, shape = where[0], broadcast_shape(i.shape for i in indices)
    free = list(order[len(indices):])
    names = names_of(e.shape)
    sums = letters(len(shape), len(e.shape))
    pads = [name if size != 1 else None for name, size in zip(sums, shape, strict=True)]
    fibre = "".join(f"for (int {names[a]} = 0; {names[a]} < {on.size(e.shape[a])}; {names[a]}++) "
                    for a in order[:len(indices)] if names[a])
    lines = [f"{fibre}{on.place(e, names)} = {bare(on.operand(base, names)) if base is not None else 0};"]
    inside: list[str] = []
    at = list(names)
    for k, index in enumerate(indices):
        more, name = checked_index(on, index, pads[len(pads) - len(index.shape):], e.shape[order[k]])
        inside += more
        at[order[k]] = name
    source = [*pads, *(names[a] for a in free)]
    add = bare(on.operand(value, source[len(source) - len(value.shape):]))
    inside.append(f"{on.place(e, at)} {'+' if direction > 0 else '-'}= {add};")
    loops = "".join(f"for (int {name} = 0; {name} < {on.size(size)}; {name}++) "
                    for name, size in zip(sums, shape, strict=True) if size != 1)
    lines += [f"{loops}{{", *(f"  {line}" for line in inside), "}"]
    return guarded(on, tuple(e.shape[a] for a in free), [names[a] for a in free], lines)


WRITERS: Mapping[str, Callable[[Writing, Phases, Unit, int], Lanes]] = MappingProxyType({
    "entries": _entries, "product": _product, "contraction": _sums, "reduction": _sums, "lines": _lines, "sums": _places,
    "matrices": lambda on, phases, unit, threads: Lanes(*write_linear_unit(on, unit)),
    "rows": lambda on, phases, unit, threads: Lanes(*write_rows(on, phases, unit)),
})
