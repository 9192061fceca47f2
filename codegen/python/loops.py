"""A recurrence as a function of its own: a `for` loop over the steps, in arrays that are made once before it.

Carries that are kept in rows are read from one row and written to the next; others are two arrays that change places.
What is the same in every step stands before the loop. The text of such a function depends on nothing around it, so that
two that say the same are one.
"""

from __future__ import annotations

from functools import partial

import sympy as sp

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, order
from symgrad.codegen.lowering.recurrences import Kept, LoopBody
from symgrad.codegen.plan.storage import Storage, every_operation, last_reads
from symgrad.codegen.python.inplace import InPlace, first_only
from symgrad.codegen.python.job import EmittedModule
from symgrad.codegen.python.planner import INDENT
from symgrad.codegen.python.spell import Spelling
from symgrad.codegen.python.texts import Names, shape_text, size_text
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import docstring
from symgrad.graphs.sizes import Size, free_symbols, product


def spelling_of(module: EmittedModule, sizes: Names) -> Spelling:
    """The spelling of a function of a module, which may call loops."""
    return Spelling(module.library, module.dtype, sizes, partial(loop_call, module))


def loop_call(module: EmittedModule, s: Spelling, e: Expr) -> tuple[str, list[str]]:
    """The name of the function that runs a loop, and the sizes that it takes behind its arrays."""
    body: LoopBody = e.attrs[0]
    symbols = sizes_of(body)
    head, lines, helpers = _Writer(module, e, {symbol: symbol.name for symbol in symbols}).written()
    text = "\n".join([head, *lines])
    name = module.loops.setdefault(text, f"_scan{len(module.loops) + 1}")
    module.helpers.update(dict.fromkeys(helpers))
    return name, [s.sizes[symbol] for symbol in symbols]


def sizes_of(body: LoopBody) -> tuple[sp.Symbol, ...]:
    """The size symbols of a loop."""
    sizes: list[Size] = [body.length]
    for e in order([*body.carries, *body.slices, *body.constants, *body.roots]):
        sizes += e.shape
        if e.op is acts.LOOP:
            sizes += sizes_of(e.attrs[0])
    return free_symbols(sizes)


class _Writer:
    """The text of one loop."""

    def __init__(self, module: EmittedModule, e: Expr, sizes: Names) -> None:
        self.e, self.sizes = e, sizes
        self.body: LoopBody = e.attrs[0]
        self.spelling = spelling_of(module, sizes)
        self.np = self.spelling.np
        self.names: dict[Expr, str] = {}
        self.taken: dict[str, Size] = {}  # of the rooms, by kind
        self.before: list[str] = []
        self.inside: list[str] = []
        self.behind: list[str] = []

    def written(self) -> tuple[str, list[str], list[str]]:
        """The arguments, the lines below the head, the helpers that they call."""
        body = self.body
        arguments = [f"c{i}" for i, _ in enumerate(body.carries)] + [f"x{i}" for i, _ in enumerate(body.slices)]
        arguments += [f"p{i}" for i, _ in enumerate(body.constants)]
        arguments += [f"room_{kind}" for kind in body.rooms]
        head = f"({', '.join([*arguments, 'out', *self.sizes.values()])}):"
        targets = self._given()
        kept = every_operation(list(dict.fromkeys(r for r in body.roots if r not in self.names)))
        steady = self._steady(kept)
        copies = self._targets(targets, kept, steady)
        self._workspace(kept, steady)
        writer = InPlace(kept, self.spelling, self.names, lambda e, b: self.names.get(e) == self.names.get(b))
        for e in kept.stored:
            (self.before if e in steady else self.inside).extend(self._lines(writer, e, e in steady))
        self.inside += [f"{self.np}.copyto({target}, {writer.text(e).text})" for target, e in copies]
        ones = [f"{writer.one_name(size)} = {self.np}.ones({size_text(size, self.sizes).text}, "
                f"{self.spelling.dtype_text('real')})" for size in writer.ones]
        steps = size_text(body.length, self.sizes).text
        turn = f"range({steps} - 1, -1, -1)" if body.reverse else f"range({steps})"
        lines = [*docstring(["One step after another, in arrays that are made once."], INDENT),
                 *self._put(ones + self.before, 1),
                 f"{INDENT}for t in {turn}:", *self._put(self.inside + self.swaps, 2), *self._put(self.behind, 1),
                 f"{INDENT}return out"]
        return head, lines, list(writer.helpers)

    def _put(self, lines: list[str], depth: int) -> list[str]:
        return [part for line in lines for part in wrap_line(line, INDENT * depth)]

    def _given(self) -> list[tuple[Expr, str]]:
        """Names for what a step is given; what it has to fill: where carries and values go."""
        body, at = self.body, {k.what: k for k in self.body.kept if isinstance(k.what, int)}
        targets: list[tuple[Expr, str]] = []
        self.swaps: list[str] = []
        forth, back = ("t", "t + 1") if not body.reverse else ("t + 1", "t")
        for i, carry in enumerate(body.carries):
            name, kept, more = f"c{i}", at.get(i), "" if carry.shape else ", ..."
            if kept is not None and kept.rows:
                self._part(f"{name}_all", kept)
                first = size_text(body.length, self.sizes).text if body.reverse else "0"
                self.before.append(f"{name}_all[{first}] = {name}")
                self.inside.append(f"{name}, {name}_new = {name}_all[{forth}{more}], {name}_all[{back}{more}]")
            else:
                self.before += [self._room(f"{name}_now", carry), self._room(f"{name}_new", carry),
                                f"{self.np}.copyto({name}_now, {name})", f"{name} = {name}_now"]
                self.swaps.append(f"{name}, {name}_new = {name}_new, {name}")
                if kept is not None:
                    self._part(f"{name}_last", kept, self.behind)
                    self.behind.append(f"{name}_last[...] = {name}")
            self.names[carry] = name
            targets.append((body.after[i], f"{name}_new"))
        for i, each in enumerate(body.slices):
            self.inside.append(f"x{i}_t = x{i}[t]")
            self.names[each] = f"x{i}_t"
        for i, each in enumerate(body.constants):
            self.names[each] = f"p{i}"
        for i, k in enumerate(k for k in body.kept if isinstance(k.what, Expr)):
            self._part(f"y{i}", k)
            self.inside.append(f"y{i}_t = y{i}[t{'' if k.shape[1:] else ', ...'}]")
            assert isinstance(k.what, Expr)
            targets.append((k.what, f"y{i}_t"))
        return targets

    def _part(self, name: str, kept: Kept, lines: list[str] | None = None) -> None:
        """A part of what is returned, in its shape."""
        start, stop = (size_text(s, self.sizes).text for s in (kept.start, kept.start + product(kept.shape)))
        shape = shape_text(kept.shape, self.sizes)
        (self.before if lines is None else lines).append(f"{name} = out[{start}:{stop}].reshape({shape})")

    def _room(self, name: str, e: Expr) -> str:
        """An array of our own, for the time of the loop."""
        start = self.taken.get(e.kind, 0)
        self.taken[e.kind] = stop = start + product(e.shape)
        place = f"room_{e.kind}[{size_text(start, self.sizes).text}:{size_text(stop, self.sizes).text}]"
        return f"{name} = {place}.reshape({shape_text(e.shape, self.sizes)})"

    def _steady(self, kept: Storage) -> set[Expr]:
        """What is the same in every step."""
        moving: set[Expr] = {*self.body.carries, *self.body.slices}
        for e in order(self.body.roots):
            if any(a in moving for a in e.args):
                moving.add(e)
        return {e for e in kept.stored if e not in moving}

    def _targets(self, targets: list[tuple[Expr, str]], kept: Storage, steady: set[Expr]) -> list[tuple[str, Expr]]:
        """Results are computed where they are to be, or copied there at the end of a step."""
        copies = []
        for e, target in targets:
            if e in kept.keep and e not in self.names and e not in steady:
                self.names[e] = target
            else:
                copies.append((target, e))
        return copies

    def _workspace(self, kept: Storage, steady: set[Expr]) -> None:
        """Arrays for all else; one whose last reader may write over it is that reader's."""
        last, own = last_reads(kept), set(self.names)
        free: dict[tuple[object, str], list[str]] = {}
        count = 0
        for step, e in enumerate(kept.stored):
            dying = [b for b in e.args if b in kept.keep and b not in own and b not in steady and last.get(b) == step]
            if e not in self.names:
                heir = next((b for b in dying if (b.shape, b.kind) == (e.shape, e.kind) and first_only(e, b, kept)), None)
                spare = free.get((e.shape, e.kind), [])
                if e in steady or heir is None and not spare:
                    count += 1
                    self.names[e] = f"v{count}"
                    if e not in steady or e.op is not acts.FULL:
                        self.before.append(self._room(f"v{count}", e))
                elif heir is not None:
                    self.names[e] = self.names[heir]
                else:
                    self.names[e] = spare.pop()
            ending = [b for b in kept.stored[:step + 1] if b not in own and b not in steady and last.get(b, -1) == step]
            for b in ending:
                if self.names[b] != self.names[e] and self.names[b] not in free.get((b.shape, b.kind), []):
                    free.setdefault((b.shape, b.kind), []).append(self.names[b])

    def _lines(self, writer: InPlace, e: Expr, steady: bool) -> list[str]:
        if steady and e.op is acts.FULL:
            return [f"{self.names[e]} = {self.spelling.text(e, []).text}"]
        return [line.strip() for line in writer.lines(e)]
