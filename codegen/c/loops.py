"""Loop nests: what runs entry by entry, as C.

`Body` writes scalar expressions and remembers what they load; `nest` puts loops around statements, with
neighbouring axes merged wherever every array walks them as one, so that most loops are flat and vectorise.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import gcd, prod

import sympy as sp

from symgrad.codegen.c.sharing import BYTES, LANES
from symgrad.codegen.c.texts import LIBM, OWN, TYPES, Names, bare, factor_c, is_call, row_c, size_c, small, weight_c
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, is_reciprocal
from symgrad.codegen.plan.indices import AffineForm, AffineIndex, flat, locate, spread, strides, zero
from symgrad.codegen.plan.storage import Storage
from symgrad.graphs.node import BOOLEAN, REAL
from symgrad.graphs.sizes import Shape, Size, canonical
from symgrad.graphs.weights import Weight, to_expr

FEW = 4  # entries of last axes that are statements of their own
CHOICES = ("?", "&&", "||")  # what reads some entries only under a condition
TILE = 16  # rows of a square: a line of the cache of float32
COUNTERS = "ijklpqrs"  # of the first axes; then i8, i9, ...
WORD = re.compile(r"[^\W\d]\w*")
NAMED = re.compile(r"[^\W\d]\w*(?=\[)|[^\W\d]\w*_\b")  # an array that is visited, a local variable


@dataclass
class Context:
    """What all loops of a function share: names of arrays and sizes, what is stored, which functions are used."""

    storage: Storage
    arrays: dict[Expr, str]
    sizes: Names
    single: bool
    by_value: Collection[Expr] = ()  # numbers that are arguments
    used: dict[str, None] = field(default_factory=dict)  # rows with functions of our own, or of libm
    by_itself: bool = False  # for a file that stands alone: no kernel, only loops
    rows: Size | None = None  # loops run over rows `first` .. `last` of these: `rows.py`
    truths: Collection[str] = ()  # names of arrays of truths, where there are rows
    grains: list[int] = field(default_factory=list)  # where a loop along rows is one of vectors, how many they begin after

    def span(self, size: Size, cut: bool) -> tuple[str, str]:
        """Where a loop over an axis of this size begins and ends; `cut`: it is the axis of rows."""
        if not cut or self.rows is None:
            return "0", size_c(size, self.sizes)
        return self.rows_c(size, "first"), self.rows_c(size, "last")

    def lanes(self, statements: Sequence[str]) -> int:
        """So many turns of a loop of these statements may be one of vectors."""
        words = {word for text in statements for word in WORD.findall(text)}
        return BYTES if any(word in self.truths or word.removesuffix("_") in self.truths for word in words) else LANES

    def rows_c(self, size: Size, count: str) -> str:
        """As many of `size` entries as belong to `count` rows."""
        each = factor_c(quotient(size, self.rows), self.sizes) if self.rows is not None else "1"
        return count if each == "1" else f"{count} * {each}"


def truths_of(c: Context) -> frozenset[str]:
    """The names of arrays of truths."""
    return frozenset(name for e, name in c.arrays.items() if e.kind == BOOLEAN)


@dataclass
class Body:
    """Scalar expressions over `rank` counters, and the places they touch. A place is `[#k]` until loops are known."""

    context: Context
    rank: int
    places: list[AffineForm] = field(default_factory=list)
    loads: list[tuple[Expr, AffineForm]] = field(default_factory=list)
    known: dict[Expr, str] = field(default_factory=dict)  # stored at the entry of this very loop: a local variable

    def place(self, form: AffineForm) -> str:
        """The text of an index, filled in when the loops are merged."""
        if form not in self.places:
            self.places.append(form)
        return f"#{self.places.index(form)}#"

    def load(self, base: Expr, index: AffineIndex | AffineForm) -> str:
        """An entry of a stored array."""
        if base in self.context.by_value:
            self.loads.append((base, zero(self.rank)))
            return self.context.arrays[base]
        form = index if isinstance(index, AffineForm) else self.located(base, index)
        self.loads.append((base, form))
        if base in self.known and self.loads[-1][1] == self.own(base):
            return self.known[base]
        return f"{self.context.arrays[base]}[{self.place(form)}]"

    def located(self, base: Expr, index: AffineIndex) -> AffineForm:
        """Where the entry of a stored array at `index` lies."""
        return flat(index, base.shape, self.rank)

    def own(self, e: Expr) -> AffineForm:
        """The place of an entry of `e` where the loops run over its shape."""
        return AffineForm(0, strides(e.shape)) if len(e.shape) == self.rank else zero(self.rank)

    def value(self, e: Expr, index: AffineIndex) -> str:
        """The entry of `e` at `index`; in parentheses where it is more than a call."""
        base, at = locate(e, index, self.rank, self.context.storage.__contains__)
        if base in self.context.storage or isinstance(at, AffineForm):
            return self.load(base, at)
        return self.computed(base, at)

    def computed(self, e: Expr, index: AffineIndex) -> str:
        """The entry of a scalar operation, from those of its operands."""
        c = self.context
        if e.op is acts.NUMBER:
            return weight_c(e.attrs[0], c.sizes)
        if e.op is acts.FULL:
            return weight_c(e.attrs[0], c.sizes) if e.kind == REAL else self._whole(e.attrs[0])
        if e.op is acts.ARANGE:
            return f"(int64_t){self.place(index[0])}"
        if e.op is acts.EYE:
            return f"({self.place(index[0])} == {self.place(index[1])})"
        whole = e.kind != REAL and all(a.kind != REAL for a in e.args)
        args = [self._whole(a.attrs[0]) if whole and a.op is acts.NUMBER and isinstance(a.attrs[0].number, int)
                else self.value(a, spread(index, a.shape, self.rank)) for a in e.args]
        if e.op in (acts.ADD, acts.PRODUCT) and e.kind == REAL and any(a.kind == REAL for a in e.args):
            args = [f"{a.attrs[0].number}" if a.op is acts.NUMBER and small(a.attrs[0]) else arg
                    for a, arg in zip(e.args, args, strict=True)]  # beside a real number 2 is as good as (real)2
        if e.op is acts.CAST:
            return args[0] if e.kind == e.args[0].kind else f"({TYPES[e.kind]}){args[0]}"
        if e.op is acts.PRODUCT:
            return self._product(e, args)
        if e.op is acts.ADD:
            return self._sum(e, args)
        (name,) = e.attrs
        kinds = {a.kind for a in e.args}
        if name in LIBM or (name in OWN and REAL in kinds | {e.kind}):
            c.used[name] = None
        kind = e.kind if e.kind != BOOLEAN else REAL if REAL in kinds else "integer"
        text = row_c(name, args, kind, c.single)
        return text if is_call(text) else f"({text})"

    def _whole(self, by: Weight) -> str:
        """A weight of integers."""
        return f"(int64_t)({size_c(to_expr(by), self.context.sizes)})"

    def _sum(self, e: Expr, args: Sequence[str]) -> str:
        terms = list(zip(e.attrs[0], e.args, args, strict=True))
        if e.attrs[0] == (1, 1) and not any(a.op is acts.NUMBER for a in e.args):  # either order is exactly the same sum
            terms.sort(key=lambda term: term[2][0] != "(")
        text = ""
        for sign, a, arg in terms:
            arg = bare(arg) if a.op is acts.PRODUCT or (a.op is acts.ADD and not text and sign > 0) else arg
            text += f" {'+' if sign > 0 else '-'} {f'({arg})' if arg[0] == '-' else arg}"
        return f"({text[3:] if text[1] == '+' else f'-{text[3:]}'})"

    def _product(self, e: Expr, args: Sequence[str]) -> str:
        by, count = e.attrs
        factors = list(zip(e.args[:count], args, strict=False))
        if not any(map(is_reciprocal, e.args[:count])):  # these stand in turn, so that nothing overflows
            factors.sort(key=lambda factor: self._alike(factor[1], args))
        above = [arg for _, arg in factors]
        if by.factor is None and by.number == -1 and above:
            above[0] = f"-{above[0]}"
        elif by.number != 1 or by.factor is not None:
            above.insert(0, self._whole(by) if e.kind != REAL else f"{by.number}" if small(by) and args
                         else weight_c(by, self.context.sizes))
        elif above and factors[0][0].op is acts.PRODUCT and above[0][1] != "-":
            above[0] = bare(above[0])
        text = " * ".join(above) or "1"
        return f"({' / '.join([text, *args[count:]])})" if args[count:] or len(above) > 1 or text[0] == "-" else text

    def _alike(self, text: str, args: Sequence[str]) -> tuple[bool, str, int]:
        """A key by which operands stand in one order whatever their arrays are called, so that nests are the same:
        their text without names; where that is the same, how often it occurs in the others."""
        places = [str(form) for form in self.places]
        return "(" in text or " " in text, NAMED.sub("@", placed(text, places)), sum(arg.count(text) for arg in args)


def nest(context: Context, extents: Shape, places: Sequence[AffineForm], statements: Sequence[str], depth: int = 1,
         simd: bool = True, reduction: str = "", fixed: int = 0, tiled: bool = False, row: int | None = None) -> list[str]:
    """Loops over `extents` around `statements`; the first `fixed` counters are variables around it already.

    `tiled`: in any order. What is read along another axis than it is written is done in squares that stay in the cache;
    of last axes of few entries each has its statement, and the loop of vectors runs along the axis before. Choices have a
    loop each: GCC 12 gives lanes of a vector to the wrong ones of several that are read side by side under conditions.
    `row`: the axis of the rows, where only some of these are visited.
    """
    row = row if context.rows is not None else None
    axes = [a for a in range(fixed, len(extents)) if extents[a] != 1]
    sizes = {a: extents[a] for a in axes}
    steps = [dict(enumerate(form.steps)) for form in places]
    i = 0
    while i + 1 < len(axes):
        outer, inner = axes[i], axes[i + 1]
        if inner != row and all(equal(s[outer], s[inner] * sizes[inner]) for s in steps):
            sizes[inner] = sizes[outer] * sizes[inner]
            row = inner if row == outer else row
            del axes[i]
            i = max(i - 1, 0)
        else:
            i += 1
    few: list[int] = []
    while tiled and simd and len(statements) == 1 and len(axes) > 1 and axes[-1] != row and _count(sizes[axes[-1]]) * prod(
            _count(sizes[a]) for a in few) <= FEW:
        few.insert(0, axes.pop())
    names = {a: counter(a) for a in (*range(fixed), *axes)}
    body = []
    for at in itertools.product(*(range(_count(sizes[a])) for a in few)):
        shifts = [sum((form[a] * i for a, i in zip(few, at, strict=True)), 0) for form in steps]
        texts = [index_c(form._replace(const=form.const + shift) if few else form, names, context.sizes)
                 for form, shift in zip(places, shifts, strict=True)]
        own = [placed(text, texts) for text in statements]
        body += own
    if axes and axes[-1] == row:
        each, lanes = quotient(sizes[row], context.rows), context.lanes(statements)
        context.grains.append(lanes // gcd(lanes, each) if isinstance(each, int) else lanes)
    across = _across(axes, sizes, steps) if tiled and simd else None
    if across is not None:
        axes = [*(a for a in axes if a not in (across, axes[-1])), across, axes[-1]]
    loop = LoopLines(context, axes, sizes, names, row, across, depth, f"#pragma omp simd{reduction}" if simd else "")
    bodies = [[text] for text in body] if few and any(word in body[0] for word in CHOICES) else [body]
    return [line for each in bodies for line in loop.around(each)]


@dataclass(frozen=True)
class LoopLines:
    """Loops over axes, the last one of vectors: sizes, counters, the axis of rows, the one that is cut in squares."""

    context: Context
    axes: Sequence[int]
    sizes: Mapping[int, Size]
    names: Mapping[int, str]
    row: int | None
    across: int | None
    depth: int
    pragma: str

    def around(self, body: Sequence[str]) -> list[str]:
        """The lines of these loops around `body`."""
        axes, sizes, names, depth = self.axes, self.sizes, self.names, self.depth
        lines: list[str] = []
        for k, axis in enumerate(axes):
            pad = "  " * (depth + k)
            if self.pragma and k == len(axes) - 1:
                lines.append(f"{pad}{self.pragma}")
            name, (start, end) = names[axis], self.context.span(sizes[axis], axis == self.row)
            if self.across is not None and k == len(axes) - 2:
                for each in axes[-2:]:
                    square, (begin, whole) = f"{names[each]}_", self.context.span(sizes[each], each == self.row)
                    lines.append(f"{pad}for (int64_t {square} = {begin}; {square} < {whole}; {square} += {TILE})")
            if self.across is not None and k >= len(axes) - 2:
                start, end = f"{name}_", f"LESSER({name}_ + {TILE}, {end})"
            lines.append(f"{pad}for (int64_t {name} = {start}; {name} < {end}; {name}++)"
                         + (" {" if k < len(axes) - 1 or len(body) > 1 else ""))
        pad = "  " * (depth + len(axes))
        braces = 0 if not axes else len(axes) if len(body) > 1 else len(axes) - 1
        if not axes and len(body) > 1:
            return ["  " * depth + "{", *(f"{pad}  {text}" for text in body), "  " * depth + "}"]
        lines += [f"{pad}{text}" for text in body]
        return lines + ["  " * (depth + k) + "}" for k in reversed(range(braces))]


def _count(size: Size) -> int:
    """A size that is known and is not 0, else more than a few."""
    return size if isinstance(size, int) and size else FEW + 1


def _across(axes: Sequence[int], sizes: dict[int, Size], steps: Sequence[dict[int, Size]]) -> int | None:
    """The axis along which something lies side by side that the innermost loop visits with wide steps, if any."""
    for form in steps:
        wide = form[axes[-1]] if len(axes) > 1 else 0
        if wide == 0 or (isinstance(wide, int) and abs(wide) < TILE):
            continue
        for axis in axes[:-1]:
            if form[axis] in (1, -1) and all(not isinstance(sizes[a], int) or sizes[a] >= TILE for a in (axis, axes[-1])):
                return axis
    return None


@lru_cache(4096)  # the same few sizes are asked for at every step
def quotient(a: Size, b: Size) -> Size | None:
    """a / b, where that is a size."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b if b > 0 and a % b == 0 else None
    ratio = sp.sympify(a) / b
    ratio = sp.cancel(ratio) if ratio.has(sp.Add) else ratio
    return canonical(ratio) if ratio.is_integer and sp.denom(ratio) == 1 else None


def equal(a: Size, b: Size) -> bool:
    """Are two sizes always the same?"""
    return bool(a == b) or (not (isinstance(a, int) and isinstance(b, int)) and sp.expand(a - b) == 0)


def placed(text: str, places: Sequence[str]) -> str:
    """A text with its places put in."""
    parts = text.split("#")
    return "".join(places[int(part)] if k % 2 else part for k, part in enumerate(parts))


def index_c(form: AffineForm, names: dict[int, str], sizes: Names) -> str:
    """A place as C: `i * 128 + j`."""
    terms = []
    for axis, step in enumerate(form.steps):
        if axis in names and step != 0:
            text = factor_c(step, sizes)
            text = text if isinstance(step, int) or step.is_Symbol or not step.is_Add else f"({text})"
            terms.append(names[axis] if text == "1" else f"-{names[axis]}" if text == "-1" else f"{names[axis]} * {text}")
    if form.const != 0 or not terms:
        terms.append(size_c(form.const, sizes))
    return " + ".join(terms).replace("+ -", "- ")


def counter(axis: int) -> str:
    """The variable that counts along an axis of a nest.

    >>> counter(0), counter(7), counter(8)
    ('i', 's', 'i8')
    """
    return COUNTERS[axis] if axis < len(COUNTERS) else f"i{axis}"


StepWriter = Callable[[Context, Expr], list[str]]
