"""What all units of a kernel share, and how an entry of an expression is written in it.

Rows of matrices in shared memory lie an odd multiple of four words apart: eight lanes that read four words each, down the
rows, then meet all 32 banks. So places come from the `strides` of a layout, which need not be row-major.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from symgrad.codegen.c.loops import Body, Context, index_c, placed
from symgrad.codegen.c.texts import TYPES, size_c
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.plan.indices import AffineForm, AffineIndex, counters, zero
from symgrad.codegen.python.job import NOTHING
from symgrad.graphs.sizes import Shape, Size

Names = Sequence[str | None]  # of the counters of an array's axes; None for an axis of length 1
Variables = Mapping[Expr, str]  # what is in a register where an expression is written


@dataclass
class Writing:
    """A kernel as it is written: the names of its arrays, where their entries lie, the indices that are checked."""

    context: Context
    strides: Mapping[Expr, Sequence[Size]]
    offsets: Mapping[Expr, tuple[Size, ...]] = field(default_factory=dict)  # sums of multiples of which arrays begin at
    tasks: bool = False  # are there many blocks, each with tasks of its own?
    wraps: bool = False  # is an index out of range taken modulo the length, and not marked?
    checked: list[str] = field(default_factory=list)  # what is to be said of indices out of range
    count: int = 0
    narrow: Collection[Expr] = ()  # arrays that are stored in bfloat16

    def type(self, e: Expr) -> str:
        """The type of the entries of an array in memory."""
        return "bfloat16" if e in self.narrow else TYPES[e.kind]

    def fresh(self) -> str:
        """A name for an index that is worked out."""
        self.count += 1
        return f"at{self.count}"

    def size(self, size: Size) -> str:
        """A size as a constant of the text, in parentheses where it needs them."""
        text = size_c(size, self.context.sizes)
        return text if text.isalnum() or text.isidentifier() else f"({text})"

    def place(self, e: Expr, names: Names) -> str:
        """An entry of an array."""
        rank = len(e.shape)
        form = Placed(self, rank).located(e, counters(rank))
        return f"{self.context.arrays[e]}[{index_c(form, named(names, e.shape), self.context.sizes)}]"

    def operand(self, e: Expr, names: Names, known: Variables = NOTHING) -> str:
        """The entry of an expression at counters of these names; in parentheses where it is more than a call."""
        rank = len(e.shape)
        body = Placed(self, rank, known)
        return body.filled(body.value(e, counters(rank)), named(names, e.shape))


class Placed(Body):
    """Scalar expressions whose arrays lie as a layout says."""

    def __init__(self, on: Writing, rank: int, known: Variables = NOTHING) -> None:
        super().__init__(on.context, rank, known=dict(known))
        self.strides, self.narrow = on.strides, on.narrow

    def load(self, base: Expr, index: AffineIndex | AffineForm) -> str:
        text = super().load(base, index)
        return f"wide({text})" if base in self.narrow and text.endswith("]") else text

    def located(self, base: Expr, index: AffineIndex) -> AffineForm:
        total = zero(self.rank)
        for form, step in zip(index, self.strides[base], strict=True):
            total = total.plus(form.times(step))
        return total

    def own(self, e: Expr) -> AffineForm:
        """The place of the entry of the row, or of the very entry, where the loops are."""
        total = zero(self.rank)
        for k, (size, step) in enumerate(zip(e.shape, self.strides[e], strict=True)):
            if size != 1:
                total = total.plus(counters(self.rank)[k].times(step)) if k < self.rank else AffineForm(-1, total.steps)
        return total

    def filled(self, text: str, names: Mapping[int, str]) -> str:
        """A text with its places put in."""
        return placed(text, [index_c(form, dict(names), self.context.sizes) for form in self.places])


def checked_index(on: Writing, index: Expr, names: Names, size: Size) -> tuple[list[str], str]:
    """Lines that read an index of an axis, and its name; one that is out of range sets its mark, and is 0 then."""
    at, end, text = on.fresh(), on.size(size), on.operand(index, names)
    lines = [f"int64_t {at} = {text};"]
    if on.wraps:
        return [*lines, f"{at} = ({at} % {end} + {end}) % {end};"], at
    mark, said = len(on.checked), on.context.arrays.get(index, "an index")
    on.checked.append(f"{said}: an index is out of range for an axis of length {end}")
    return [*lines, f"if ({at} < 0) {at} += {end};", f"if ({at} < 0 || {at} >= {end}) failed[{mark}] = 1, {at} = 0;"], at


def entries_of(shape: Shape) -> Size:
    """The number of entries."""
    count: Size = 1
    for size in shape:
        count = count * size
    return count


def named(names: Names, shape: Shape) -> dict[int, str]:
    """Counters by axis; those of an axis of length 1 are 0."""
    return {k: name for k, (name, size) in enumerate(zip(names, shape, strict=True)) if name is not None and size != 1}


def split(on: Writing, index: str, names: Names, shape: Shape) -> list[str]:
    """The line that takes a number apart into counters of a shape, the last one fastest."""
    axes = [k for k, size in enumerate(shape) if size != 1]
    below: Size = 1
    parts = []
    for k in reversed(axes):
        text = index if below == 1 else f"{index} / {on.size(below)}"
        parts.append(f"{names[k]} = {text}" + (f" % {on.size(shape[k])}" if k != axes[0] else ""))
        below = below * shape[k]
    return [f"const int {', '.join(reversed(parts))};"] if parts else []
