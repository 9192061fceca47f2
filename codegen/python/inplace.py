"""NumPy and CuPy in place: every operation of a plan as a ufunc with `out=`, on arrays that are made once.

For training steps, where the same shapes come again and again: nothing is allocated, and gradients and
parameters are views of flat vectors. A sum or product of many is written as pairs into one array; the array
whose place is taken comes first, so that it is read before it is overwritten. On a GPU the same lines are what a
graph of kernels can be captured from: nothing is allocated but what CuPy's gathers and `where` give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, base_of
from symgrad.codegen.plan.storage import Storage, same_place
from symgrad.codegen.python.helpers import PARTS
from symgrad.codegen.python.identifiers import identifier
from symgrad.codegen.python.placing_lines import place_lines
from symgrad.codegen.python.spell import Spelling, helpers_of, joined, loop_text
from symgrad.codegen.python.texts import ATOM, Code, quotient, size_text
from symgrad.graphs.node import REAL

SIGNS = MappingProxyType({"**": "to", "*": "times", "+": "plus", "-": "less", "//": "by"})  # in the name of a size
REDUCE = MappingProxyType({acts.SUM: acts.ADD, acts.MAX: "maximum", acts.MIN: "minimum", acts.PROD: "multiply"})


def first_only(e: Expr, b: Expr, of: Storage) -> bool:
    """May `e` take the place of `b`? Only if the first pair is all that reads `b`."""
    if e.op not in (acts.ROW, acts.PRODUCT, acts.ADD, acts.PLACE):
        return False
    if e.op is acts.PLACE:
        return same_place(e, b, of)
    if len(e.args) == 2 and e.args[0] is e.args[1] is b:  # one ufunc of both reads an entry before it writes it
        pair = e.op is acts.ROW or (e.attrs[1] > 0 if e.op is acts.PRODUCT else e.op is acts.ADD and max(e.attrs[0]) > 0)
        return pair and same_place(e, b, of)
    if sum(base_of(arg) is b or arg is b for arg in e.args) != 1 or not same_place(e, b, of):
        return False
    place = next((i for i, arg in enumerate(e.args) if as_it_lies(arg) is b), None)
    if place is None:
        return False
    if e.op is acts.ROW and e.attrs[0] == "where":
        return place == 2  # and over it what is taken elsewhere
    if e.op is acts.PRODUCT:
        return place < e.attrs[1] or len(e.args) == 1 or (len(e.args) == 2 and e.attrs[1] == 1)
    if e.op is acts.ADD:
        return e.attrs[0][place] > 0 or len(e.args) == 2
    return True


def as_it_lies(e: Expr) -> Expr:
    """The array of which `e` has all entries, in the order in which they lie."""
    while e.op is acts.RESHAPE:
        (e,) = e.args
    return e


@dataclass
class InPlace:
    """Writes the lines of one function; `home` tells which arrays share memory."""

    storage: Storage
    spelling: Spelling
    names: Mapping[Expr, str]
    shares: Callable[[Expr, Expr], bool]
    helpers: dict[str, None] = field(default_factory=dict)
    ones: dict[object, None] = field(default_factory=dict)

    @property
    def np(self) -> str:
        """What the array module is called."""
        return self.spelling.np

    def text(self, e: Expr, own: bool = False) -> Code:
        """A stored array by its name, a view of one as NumPy writes it."""
        if e in self.names and not own:
            return Code(self.names[e])
        return self.spelling.text(e, [self.text(a) for a in e.args])

    def lines(self, e: Expr) -> list[str]:
        """The statements that fill the array of `e`."""
        out = self.names[e]
        if e.op is acts.ROW:
            return self._row(e, out)
        if e.op is acts.PRODUCT:
            return self._product(e, out)
        if e.op is acts.ADD:
            return self._add(e, out)
        args = [self.text(a) for a in e.args]
        self.helpers.update(dict.fromkeys(helpers_of(e, self.spelling.library)))
        if e.op in REDUCE:
            return [self._reduced(e, args[0], out)]
        if e.op in acts.ARGUMENTS:
            return [f"{self.np}.{e.op}({args[0].text}, {e.attrs[0][0]}, out={out})"]
        if e.op is acts.MATMUL:
            name = "dot" if max(len(a.shape) for a in e.args) <= 2 else "matmul"
            return [f"{self.np}.{name}({joined(args)}, out={out})"]
        if e.op is acts.ROOM:
            return []
        if e.op is acts.LOOP:
            return [loop_text(self.spelling, e, args, out).text]
        if e.op is acts.CONCAT:
            return [f"{self.np}.concatenate([{joined(args)}], {e.attrs[0]}, out={out})"]
        if e.op is acts.PLACE:
            kept = bool(e.attrs[0]) and self.shares(e, e.args[0])
            lines = place_lines(self.spelling, e, out, args, fresh=True)
            if kept:
                return lines[1:]
            if e.attrs[0]:
                return [f"{self.np}.copyto({out}, {args[0].text})", *lines[1:]]
            return [f"{out}.fill(0)", *lines[1:]]
        if e.op is acts.CALL and e.attrs[0] in self.spelling.library.out:
            return [f"{self.text(e, True).text[:-1]}, out={out})"]
        if e.op in (acts.CAST, *acts.VIEWS):
            cast = e.op is acts.CAST
            return [f"{self.np}.copyto({out}, {self.text(e.args[0] if cast else e, not cast).text}"
                    + (', casting="unsafe")' if cast else ")")]
        return [f"{out}[...] = {self.text(e, True).text}"]

    def _row(self, e: Expr, out: str) -> list[str]:
        (name,) = e.attrs
        args = joined([self.text(a) for a in e.args])
        library = self.spelling.library
        if name == "where":
            return self._where(e, out) if library.masked else [f"{out}[...] = {self.np}.where({args})"]
        if name in library.helpers:
            self.helpers.update(dict.fromkeys(helpers_of(e, library)))
            if PARTS in library.helpers and e.shape and all(a.shape == e.shape for a in e.args):
                self.helpers[PARTS] = None
                return [f"_{PARTS}(_{name}, {out}, {args})"]
            return [f"{out}[...] = _{name}({args})"]
        return [f"{self.spelling.function(name)}({args}, out={out})"]

    def _where(self, e: Expr, out: str) -> list[str]:
        """What is taken elsewhere, and over it what is taken where the condition holds."""
        condition, yes, no = (self.text(a).text for a in e.args)
        lines = [] if self.shares(e, e.args[2]) else [f"{self.np}.copyto({out}, {no})"]
        return [*lines, f"{self.np}.copyto({out}, {yes}, where={condition})"]

    def _reduced(self, e: Expr, arg: Code, out: str) -> str:
        axes, keepdims = e.attrs
        place = "None" if len(axes) == len(e.args[0].shape) else str(axes[0] if len(axes) == 1 else axes)
        more = ", keepdims=True" if keepdims else ""
        library = self.spelling.library
        columns = e.op is acts.SUM and axes == (0,) and len(e.args[0].shape) == 2 and not keepdims
        if library.columns and columns and e.kind == e.args[0].kind == REAL:
            self.ones[e.args[0].shape[0]] = None  # a product with ones is twice as fast as a sum down the columns
            return library.columns.format(np=self.np, ones=self.one_name(e.args[0].shape[0]), arg=arg.text, out=out)
        return library.reduction.format(np=self.np, ufunc=REDUCE[e.op], op=e.op, arg=arg.text, axis=place, out=out,
                                        more=more)

    def one_name(self, size: object) -> str:
        """The vector of ones of a length."""
        text = size_text(size, self.spelling.sizes).text
        for sign, word in SIGNS.items():
            text = text.replace(sign, f"_{word}_")
        return f"ones_{text if isinstance(size, int) else identifier(text)}"

    def _pairs(self, out: str, first: Code, steps: Sequence[tuple[str, Code]]) -> list[str]:
        lines, left = [], first.text
        for name, right in steps:
            lines.append(f"{self.np}.{name}({left}, {right.text}, out={out})")
            left = out
        return lines

    def _order(self, e: Expr, count: int) -> list[int]:
        """Positions of the first `count` operands, one that shares memory with the result in front."""
        return sorted(range(count), key=lambda i: (not self.shares(e, e.args[i]), e.args[i].shape != e.shape))

    def _product(self, e: Expr, out: str) -> list[str]:
        by, count = e.attrs
        args = [self.text(a) for a in e.args]
        above, below = quotient(by, self.spelling.sizes)
        order = self._order(e, count)
        steps = [("multiply", args[i]) for i in order[1:]]
        if above is not None and above.text == "-1" and not count:
            first: Code = Code("-1")
        elif not count:
            first = above or Code("1")
        else:
            first = args[order[0]]
        tail: list[tuple[str, Code]] = [("divide", arg) for arg in args[count:]]
        if count and above is not None and above.text != "-1":
            number = Code(f"{above.at(ATOM)} / {below.at(ATOM)}") if below is not None else above
            tail.append(("multiply", number))
        elif below is not None:
            tail.append(("divide", below))
        if count and above is not None and above.text == "-1":
            if not steps and not tail:
                return [f"{self.np}.negative({first.text}, out={out})"]
            return [*self._pairs(out, first, [*steps, *tail]), f"{self.np}.negative({out}, out={out})"]
        if not steps and not tail:
            return [f"{self.np}.copyto({out}, {first.text})"]
        return self._pairs(out, first, [*steps, *tail])

    def _add(self, e: Expr, out: str) -> list[str]:
        (signs,) = e.attrs
        args = [self.text(a) for a in e.args]
        if len(args) == 2 and signs[0] > 0:
            name = "add" if signs[1] > 0 else "subtract"
            return [f"{self.np}.{name}({args[0].text}, {args[1].text}, out={out})"]
        order = sorted(range(len(args)), key=lambda i: (signs[i] < 0, not self.shares(e, e.args[i])))
        if signs[order[0]] < 0:
            lines = [f"{self.np}.negative({args[order[0]].text}, out={out})"]
            return lines + self._pairs(out, Code(out), [("subtract", args[i]) for i in order[1:]])
        return self._pairs(out, args[order[0]], [("add" if signs[i] > 0 else "subtract", args[i]) for i in order[1:]])
