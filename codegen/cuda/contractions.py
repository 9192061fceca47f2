"""What is summed up for an entry: reductions and products as loops over what is summed, for one lane or for a warp."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from symgrad.codegen.c.reduce import LEAST, joined
from symgrad.codegen.c.texts import TYPES, bare
from symgrad.codegen.cuda.body import Names, Variables, Writing, entries_of, split
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.lowering.order import typical
from symgrad.codegen.python.job import NOTHING
from symgrad.graphs.node import REAL
from symgrad.graphs.sizes import Shape

LETTERS = "ijklprs"
FEW, MANY, LONG = 16, 1024, 32  # so few entries (many, where there are many blocks) with so long sums have a warp each


@dataclass(frozen=True)
class Summed:
    """A sum (or product, or extremum) for each entry: its lengths, and the term at counters of entry and sum."""

    lengths: Shape
    term: Callable[[Names, Names], str]
    op: acts.Act = acts.SUM


def letters(count: int, first: int = 0) -> list[str]:
    """Names of counters."""
    return [LETTERS[k] if k < len(LETTERS) else f"i{k + 8}" for k in range(first, first + count)]


def summed(on: Writing, e: Expr, known: Variables = NOTHING) -> Summed:
    """How the entries of a reduction or a product come about."""
    if e.op in acts.REDUCTIONS:
        return _reduction(on, e, known)
    one, two, *_ = [*e.args, e.args[0]]
    if e.op is acts.MATMUL:
        left, right, out = _matrices(len(one.shape), len(two.shape))
    elif e.attrs[0] == "einsum":
        words, _, end = e.attrs[1].partition("->")
        left, right = map(tuple, words.split(","))
        out = tuple(end)
    elif e.attrs[0] == "distances":
        front = tuple(map(str, range(len(one.shape) - 2)))
        left, right, out = (*front, "m", "x"), (*front, "x", "n"), (*front, "m", "n")
    else:
        left = right = tuple(map(str, range(len(one.shape))))
        out = () if e.attrs[0] in ("vdot", "dot") else left[:-1]
    size = {**dict(zip(left, one.shape, strict=True)), **dict(zip(right, two.shape, strict=True))}
    size = {x: max(size[x], s, key=lambda v: v != 1) for x, s in size.items()}
    inner = [x for x in dict.fromkeys((*left, *right)) if x not in out]

    def term(names: Names, sums: Names) -> str:
        at = {**dict(zip(out, names, strict=True)), **dict(zip(inner, sums, strict=True))}
        a, b = on.operand(one, [at[x] for x in left]), on.operand(two, [at[x] for x in right])
        if e.op is acts.CALL and e.attrs[0] == "distances":
            on.context.used["square"] = None
            return f"square({a} - {b})"
        return f"{a} * {b}"

    return Summed(tuple(size[x] for x in inner), term)


def _matrices(a: int, b: int) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The letters of a product of stacks of matrices, or of vectors."""
    front = tuple(map(str, range(max(a, b) - 2)))
    left = (*front[len(front) - a + 2:], "m", "x") if a > 1 else ("x",)
    right = (*front[len(front) - b + 2:], "x", "n") if b > 1 else ("x",)
    return left, right, (*front, *(["m"] if a > 1 else []), *(["n"] if b > 1 else []))


def _reduction(on: Writing, e: Expr, known: Variables) -> Summed:
    axes, keepdims = e.attrs
    (arg,) = e.args
    kept = [a for a in range(len(arg.shape)) if a not in axes]

    def term(names: Names, sums: Names) -> str:
        at: list[str | None] = [None] * len(arg.shape)
        for k, a in enumerate(kept):
            at[a] = names[a] if keepdims else names[k]
        for a, name in zip(sorted(axes), sums, strict=True):
            at[a] = name
        return on.operand(arg, at, known)

    return Summed(tuple(arg.shape[a] for a in sorted(axes)), term, e.op)


def start_of(e: Expr, op: acts.Act) -> str:
    """What a sum begins with."""
    table = LEAST[op]
    return table[e.kind if e.kind in table else "integer"]


def in_turn(on: Writing, e: Expr, names: Names, known: Variables = NOTHING) -> list[str]:
    """The sum of an entry by one lane, in `total`."""
    what = summed(on, e, known)
    sums = letters(len(what.lengths), len(names))
    pads = [name if size != 1 else None for name, size in zip(sums, what.lengths, strict=True)]
    lines = [f"{TYPES[e.kind]} total = {start_of(e, what.op)};"]
    loops = [f"for (int {name} = 0; {name} < {on.size(size)}; {name}++) "
             for name, size in zip(sums, what.lengths, strict=True) if size != 1]
    add = joined(what.op, e.kind, "total", what.term(names, pads), on.context)
    return [*lines, "".join(loops) + add]


def together(on: Writing, e: Expr, names: Names, lanes: str, part: str, live: str = "",
             known: Variables = NOTHING) -> list[str]:
    """The sum of an entry by so many lanes of a warp, a power of two, in `total` of each of them."""
    what = summed(on, e, known)
    sums = letters(len(what.lengths), len(names))
    pads = [name if size != 1 else None for name, size in zip(sums, what.lengths, strict=True)]
    count = entries_of(what.lengths)
    add = joined(what.op, e.kind, "total", what.term(names, pads), on.context)
    single = [k for k, size in enumerate(what.lengths) if size != 1]
    name = sums[single[0]] if len(single) == 1 else "place"
    head = f"{live}for (int {name} = {part}; {name} < {on.size(count)}; {name} += {lanes})"
    lines = [f"{TYPES[e.kind]} total = {start_of(e, what.op)};"]
    if len(single) == 1:
        lines.append(f"{head} {add}")
    else:
        lines += [f"{head} {{", *(f"  {line}" for line in split(on, name, pads, what.lengths)), f"  {add}", "}"]
    return [*lines, f"total = warp_{what.op}<{lanes}>(total);"]


def by_warps(e: Expr, on: Writing) -> bool:
    """Is a sum long, and are there few of them?"""
    if e.kind != REAL or (e.op in acts.REDUCTIONS and e.op is acts.PROD):
        return False
    return prod(map(typical, e.shape)) <= (MANY if on.tasks else FEW) and prod(map(typical, summed(on, e).lengths)) >= LONG


def norm(on: Writing, e: Expr, names: Names) -> list[str]:
    """The root of a sum of squares, in `total`; the largest entry is taken out, so that no square leaves the range."""
    (arg,) = e.args
    (name,) = letters(1, len(names))
    value = on.operand(arg, [*names, name])
    loop = f"for (int {name} = 0; {name} < {on.size(arg.shape[-1])}; {name}++)"
    on.context.used["abs"] = None
    f = "f" if on.context.single else ""
    return ["real best = 0, total = 0;", f"{loop} if (!(fabs{f}({value}) <= best)) best = fabs{f}({value});",
            "if (best > 0 && best < INFINITY) {", f"  {loop} total += ({value} / best) * ({value} / best);",
            f"  total = best * sqrt{f}(total);", "} else total = best;"]


def without(on: Writing, e: Expr, names: Names) -> list[str]:
    """The product along the last axis without the entries at the last counters, in `total`."""
    (arg,), (_, count) = e.args, e.attrs
    (name,) = letters(1, len(names))
    out = [n or "0" for n in names[len(names) - count:]]
    value = bare(on.operand(arg, [*names[:len(arg.shape) - 1], name]))
    same = " || ".join(f"{a} == {b}" for k, a in enumerate(out) for b in out[:k])
    apart = " && ".join(f"{name} != {a}" for a in out)
    return [f"real total = {f'{same} ? 0 : 1' if same else '1'};",
            f"for (int {name} = 0; {name} < {on.size(arg.shape[-1])}; {name}++) if ({apart}) total *= {value};"]


def term_lines(on: Writing, e: Expr, names: Names) -> list[str]:
    """The lines that leave the entry of a contraction in `total`."""
    if e.op is acts.CALL and e.attrs[0] == "norm":
        return norm(on, e, names)
    if e.op is acts.CALL and e.attrs[0] == "leave_out":
        return without(on, e, names)
    return in_turn(on, e, names)

