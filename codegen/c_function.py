"""A function as C and the Python around it: arrays checked and made, pointers handed over.

Steps that C computes are gathered into C functions; between them stand NumPy's (an inverse, say) on the same
arrays. Results are new arrays; what is needed in between lies in slots of one workspace for each thread.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from symgrad.codegen.affine import Form, counters, strides
from symgrad.codegen.arrays import Expr
from symgrad.codegen.c_loops import Body, Context
from symgrad.codegen.c_products import fits_blas
from symgrad.codegen.c_steps import write_scalar, writer
from symgrad.codegen.c_texts import TYPES, size_c
from symgrad.codegen.storage import SCALAR, Slot, Storage, entries, last_reads, reads, same_place, slots, storage
from symgrad.codegen.texts import size_text
from symgrad.graphs.node import BOOLEAN, INTEGER
from symgrad.graphs.sizes import Shape

VIEWS = ("transpose", "index", "broadcast", "diagonal", "windows", "reshape")


@dataclass
class Segment:
    """Steps in a row that are all C (`lines`), or one of NumPy (`outside`)."""

    lines: list[str] = field(default_factory=list)
    touched: dict[Expr, None] = field(default_factory=dict)
    outside: Expr | None = None


@dataclass(frozen=True)
class Layout:
    """Everything about the memory of a function that its text needs."""

    storage: Storage
    slots: list[Slot]
    home: Mapping[Expr, int]
    segments: list[Segment]
    context: Context
    over: Mapping[Expr, Expr] = field(default_factory=dict)  # results that overwrite an input

    def given(self, number: int) -> list[Expr]:
        """The arrays that a segment is handed by pointers: each once; what overwrites an input stands for it."""
        outside = [e for e in self.segments[number].touched if e not in self.home]
        by_name = {self.context.arrays[e]: e for e in sorted(outside, key=lambda e: e in self.storage.keep)}
        return list(by_name.values())


def layout(roots: Sequence[Expr], names: Mapping[Expr, str], sizes: Mapping[Any, str], single: bool,
           invent: Callable[[Expr], str], comments: Mapping[Expr, str],
           over: Mapping[Expr, Expr] | None = None) -> Layout:
    """The steps below `roots` as C, with names for all arrays. `over`: results that may overwrite an input."""
    kept = storage(roots)
    context = Context(kept, dict(names), sizes, single)
    again = True
    while again:  # operands that BLAS cannot read where they lie are copied first
        again = False
        for e in list(kept.stored):
            for arg in e.args if e.op == "matmul" else ():
                if arg not in kept and e.kind == "real" and not fits_blas(context, arg):
                    kept.keep.add(arg)  # from now on other steps read the copy too: it stands before the first
                    first = next(k for k, step in enumerate(kept.stored) if arg in reads(step, kept))
                    kept.stored.insert(first, arg)
                    again = True
    taken = {root: old for root, old in (over or {}).items() if may_overwrite(kept, root, old)}
    context.arrays.update({root: names[old] for root, old in taken.items()})
    for e in kept.stored:
        if e not in context.arrays:
            context.arrays[e] = invent(e)
    readers: dict[Expr, list[Expr]] = {}
    for e in kept.stored:
        for b in reads(e, kept):
            readers.setdefault(b, []).append(e)
    apart = [e for e in kept.stored if not _in_c(e)]
    shared = {*roots, *apart, *(b for e in apart for b in reads(e, kept))}  # arrays that NumPy sees too
    found, home = slots(kept, shared, same_place)
    segments: list[Segment] = []
    group: list[Expr] = []

    def current() -> Segment:
        if not segments or segments[-1].outside is not None:
            segments.append(Segment())
        return segments[-1]

    def flush() -> None:
        if group:
            segment = current()
            segment.lines += [f"  /* {comments[e]} */" for e in group if e in comments]
            passing = {e for e in group if e in home and all(x in group for x in readers[e])}
            segment.lines += write_scalar(context, group, passing)
            for e in group:
                segment.touched.update(dict.fromkeys(x for x in (*reads(e, kept), e) if x not in passing))
            group.clear()

    for e in kept.stored:
        if _in_loops(e):
            if group and not _joins(context, group, e, home, taken):
                flush()
            group.append(e)
            continue
        flush()
        write = writer(e)
        if write is None:
            segments.append(Segment(outside=e, touched=dict.fromkeys([*reads(e, kept), e])))
            continue
        segment = current()
        segment.lines += [f"  /* {comments[e]} */"] if e in comments else []
        segment.lines += write(context, e)
        segment.touched.update(dict.fromkeys([*reads(e, kept), e]))
    flush()
    return Layout(kept, found, home, segments, context, taken)


def may_overwrite(kept: Storage, root: Expr, old: Expr) -> bool:
    """Is `old` read by no later step than that of `root`, and there only at the entry that is written?"""
    if root not in kept.stored:
        return False
    last, place = last_reads(kept).get(old, -1), kept.stored.index(root)
    return last < place or (last == place and same_place(root, old, kept))


def _in_loops(e: Expr) -> bool:
    return e.op in SCALAR or (e.op in VIEWS and e.op != "reshape")


def _in_c(e: Expr) -> bool:
    return _in_loops(e) or writer(e) is not None


def _joins(c: Context, group: Sequence[Expr], e: Expr, home: Mapping[Expr, int], over: Mapping[Expr, Expr]) -> bool:
    """May `e` be computed in the loop of `group`? It reads what the loop writes only at the entry of its turn."""
    if e.shape != group[0].shape or e.op in VIEWS or group[0].op in VIEWS or len(group) > 8:
        return False

    def memory(x: Expr) -> Any:
        return ("slot", home[x]) if x in home else over.get(x, x)

    written = {memory(x) for x in group}
    if memory(e) in written:
        return False
    rank = len(e.shape)
    for x in (*group, e):
        for base, form in _loads(c, x):
            shared = memory(base) in written or memory(base) == memory(e)
            if shared and (base.shape != e.shape or form != _own(e, rank)):
                return False
    return True


def _own(e: Expr, rank: int) -> Form:
    return Form(0, strides(e.shape))


def _loads(c: Context, e: Expr) -> list[tuple[Expr, Form]]:

    probe = Context(c.storage, _Anything(), c.sizes, c.single)
    body = Body(probe, len(e.shape))
    body.computed(e, counters(len(e.shape)))
    return body.loads


class _Anything(dict[Expr, str]):
    def __missing__(self, e: Expr) -> str:
        return "x"


def c_text(name: str, plan: Layout, number: int, sizes: Mapping[Any, str], comments: Mapping[Expr, str]) -> str:
    """The C function of a segment: arrays and the workspace by pointers, sizes by value."""
    segment, c = plan.segments[number], plan.context
    given = plan.given(number)
    written = {c.arrays[e] for e in plan.storage.stored}
    arrays = [e for e in given if e.shape or e.op != "input"]
    numbers = [e for e in given if e not in arrays]
    head = [f"{'' if c.arrays[e] in written else 'const '}{TYPES[e.kind]} *{c.arrays[e]}" for e in arrays]
    head += [f"{'int64_t' if e.kind == INTEGER else 'double'} {c.arrays[e]}_" for e in numbers]
    head += ["char *work", *(f"int64_t {size}" for size in sizes.values())]
    lines = textwrap.wrap(f"int {name}_{number}({', '.join(head)}) {{", 110, subsequent_indent="    ")
    lines += [f"  const {TYPES[e.kind]} {c.arrays[e]}[1] = {{({TYPES[e.kind]}){c.arrays[e]}_}};" for e in numbers]
    where = {}
    for slot in plan.slots:
        where[slot.number] = f"slot{slot.number}"
    inside = [e for e in segment.touched if e in plan.home]
    used = {plan.home[e] for e in inside}
    place = "work"  # a slot begins after the last one that has a name: the text is linear in the slots
    for slot in plan.slots:
        if slot.number in used:
            lines.append(f"  char *const {where[slot.number]} = {place};")
            place = where[slot.number]
        place += f" + {room(slot, sizes)}"
    for e in inside:
        lines.append(f"  {TYPES[e.kind]} *const {c.arrays[e]} = ({TYPES[e.kind]} *){where[plan.home[e]]};")
    return "\n".join([*lines, *segment.lines, "  return 0;", "}"])


def room(slot: Slot, sizes: Mapping[Any, str]) -> str:
    """The bytes of a slot, as C."""
    counts = list(dict.fromkeys(size_c(entries(e.shape), sizes) for e in slot.tenants))
    text = counts[0]
    for other in counts[1:]:
        text = f"LARGER({text}, {other})"
    return f"ROOM({text}, {TYPES[slot.tenants[0].kind]})"


def room_text(name: str, plan: Layout, sizes: Mapping[Any, str]) -> str:
    """The C function that tells how large the workspace must be."""
    head = ", ".join(f"int64_t {size}" for size in sizes.values()) or "void"
    total = " + ".join(room(slot, sizes) for slot in plan.slots) or "0"
    lines = textwrap.wrap(f"return {total};", 100, subsequent_indent="    ")
    return "\n".join([f"int64_t {name}_room({head}) {{", *(f"  {line}" for line in lines), "}"])


def dtype_text(kind: str, single: bool) -> str:
    """The dtype of a kind of numbers."""
    return {INTEGER: "np.int64", BOOLEAN: "np.bool_"}.get(kind, "np.float32" if single else "np.float64")


def shape_py(shape: Shape, names: Mapping[Any, str]) -> str:
    """A shape as Python."""
    inner = ", ".join(size_text(s, names).text for s in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"
