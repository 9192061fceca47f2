"""A recurrence as C: a loop over the steps with the loops of one step inside, no call but for products of matrices.

Carries that are kept in rows are read from one row and written to the next; others are two arrays that change places.
What is the same in every step stands before the loop. All arrays of a step lie in the rooms that the loop is given.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.codegen.c.grouping import copied_first, in_loops, joins_loop, loads_of
from symgrad.codegen.c.loops import Context, truths_of
from symgrad.codegen.c.products import in_place
from symgrad.codegen.c.rows import RowStep, common, step_of
from symgrad.codegen.c.texts import TYPES, size_c
from symgrad.codegen.c.writers import write_scalar, writer
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, order
from symgrad.codegen.lowering.recurrences import Kept, LoopBody
from symgrad.codegen.plan.indices import STEPS, AffineForm, counters, flat, leading, locate
from symgrad.codegen.plan.scheduling import scheduled
from symgrad.codegen.plan.storage import Storage, reads, storage
from symgrad.graphs.sizes import Size, product


def is_c(e: Expr) -> bool:
    """Can all of a step be written in C?"""
    return all(in_loops(x) or writer(x) is not None or x.op in acts.GIVEN or x.op is acts.LOOP and is_c(x)
               for x in storage(_computed(e.attrs[0]), set()).stored)


def write_loop(c: Context, e: Expr) -> list[str]:
    """The lines that run a loop."""
    return LoopText(c, e).lines()


def _computed(body: LoopBody) -> list[Expr]:
    return [root for root in dict.fromkeys(body.roots) if root.op not in acts.LEAVES]


def _base(e: Expr) -> Expr:
    """What a view is of."""
    while e.op in STEPS:
        (e,) = e.args
    return e


class LoopText:
    """The text of one loop: where its arrays lie, what stands before the steps, the steps.

    Where the samples of a batch do not meet within a step, threads take some of them each, through all steps: nobody waits
    for anybody until the last one.
    """

    def __init__(self, c: Context, e: Expr) -> None:
        self.c, self.e = c, e
        self.body: LoopBody = e.attrs[0]
        taken = [*c.arrays.values(), *c.sizes.values()]
        self.p = next(p for p in (f"s{k or ''}_" for k in range(len(taken) + 1)) if not any(n.startswith(p) for n in taken))
        roots = _computed(self.body)
        self.kept: Storage = storage(roots, set() if c.by_itself else in_place(roots, order(roots)))
        self.inner = Context(self.kept, {}, c.sizes, c.single, used=c.used, by_itself=c.by_itself)
        self.taken: dict[str, Size] = {}
        self.places: list[str] = []  # where arrays lie
        self.begins: list[tuple[str, Expr, Expr]] = []  # what carries begin with
        self.before: list[str] = []
        self.inside: list[str] = []
        self.swaps: list[str] = []
        self.ends: list[tuple[str, str, Expr]] = []
        self.copies = self._given()
        self._packed()
        copied_first(self.kept, self.inner)
        self._turned()
        self.kept.stored = scheduled(self.kept)
        self.steady = self._steady()
        self.targets: dict[Expr, str] = {}
        for e, target in self.copies[:]:
            if e in self.kept.keep and e not in self.inner.arrays and e not in self.steady:
                self.inner.arrays[e] = self.targets[e] = target
                self.copies.remove((e, target))
        for k, e in enumerate(self.kept.stored):
            if e not in self.inner.arrays:
                self.inner.arrays[e] = f"{self.p}v{k}"
                self._room(f"{self.p}v{k}", e)

    def lines(self) -> list[str]:
        """The block of C."""
        self._steps()
        return self._block([*self._begun(), *self.before], True)

    def prepared(self, c: Context) -> list[str]:
        """What is the same in every step, for all threads."""
        self._steps(only=True)
        return self._block(self.before, False)

    def written(self, c: Context) -> list[str]:
        """The steps, where what is the same in all of them is done before; of some rows, where `c` has them."""
        if c.rows is None:
            return self.lines()
        self.inner.rows, self.inner.grains, self.inner.truths, self.before = c.rows, c.grains, truths_of(self.inner), []
        self._steps(only=False)
        return self._block(self._begun(), True)

    def _block(self, before: Sequence[str], loop: bool) -> list[str]:
        lines = [*self.places, *before]
        if loop:
            n, t = size_c(self.body.length, self.c.sizes), f"{self.p}t"
            turn = f"{t} = {n} - 1; {t} >= 0; {t}--" if self.body.reverse else f"{t} = 0; {t} < {n}; {t}++"
            copies = [self._copy(target, self._pointer(self.inner, e), e) for e, target in self.copies]
            ends = [self._copy(target, source, e) for target, source, e in self.ends]
            lines += [f"for (int64_t {turn}) {{", *(f"  {x}" for x in (*self.inside, *copies, *self.swaps)), "}", *ends]
        return ["  {", *(f"    {x}" for x in lines), "  }"]

    def _begun(self) -> list[str]:
        return [self._copy(target, self._pointer(self.c, begin), carry) for target, begin, carry in self.begins]

    def _copy(self, target: str, source: str, e: Expr) -> str:
        """An array of this shape, or its rows, from one place to another."""
        c, size = self.inner, product(e.shape)
        if c.rows is None:
            return f"memcpy({target}, {source}, ({size_c(size, c.sizes)}) * sizeof({TYPES[e.kind]}));"
        first = c.rows_c(size, "first")
        return (f"memcpy({target} + {first}, {source} + {first}, "
                f"{c.rows_c(size, '(last - first)')} * sizeof({TYPES[e.kind]}));")

    def step(self) -> RowStep | None:
        """How samples can be computed apart; None where they meet."""
        carries = {*self.body.carries}
        moving = [e for e in self.kept.stored if e not in self.steady]
        if not carries or any(e.op is acts.LOOP for e in moving):
            return None
        rows: Size | None = None
        work: Size = 0
        written = {*carries, *moving}
        for e in moving:
            found = step_of([e], (), self.kept)
            if found is None or any(b in written and not own for b, own in found.reads.items()):
                return None
            rows = found.rows if rows is None else common(rows, found.rows)
            work = work + found.work
            if rows is None:
                return None
        for e in (*carries, *(root for root in self.body.roots if root not in self.kept.stored)):
            at = leading(e.shape)
            rows = common(rows, e.shape[at]) if rows is not None and at is not None else None
            if rows is None or e not in self.kept and _base(e) in written:
                return None
        if rows is None or rows == 1:
            return None
        return RowStep(rows, dict.fromkeys(reads(self.e, self.c.storage), False), (), work * self.body.length, None)

    def _packed(self) -> None:
        """Matrices that are the same in every step, but lie across: they are turned once, before the loop."""
        for e in list(self.kept.stored):
            if e.op is not acts.MATMUL or min(len(a.shape) for a in e.args) < 2:
                continue
            right = e.args[1]
            if right.op is acts.TRANSPOSE and right.args[0] in self.body.constants and right not in self.kept:
                self.kept.keep.add(right)
                self.kept.stored.insert(0, right)

    def _pointer(self, c: Context, e: Expr) -> str:
        """Where an array that lies in one piece begins."""
        rank = len(e.shape)
        base, at = locate(e, counters(rank), rank, c.storage.__contains__)
        form = at if isinstance(at, AffineForm) else flat(at, base.shape, rank)
        start = size_c(form.const, c.sizes)
        name = f"&{c.arrays[base]}" if base in c.by_value else c.arrays[base]
        return name if start == "0" else f"{name} + {start}"

    def _size(self, e: Expr) -> str:
        return f"({size_c(product(e.shape), self.c.sizes)})"

    def _given(self) -> list[tuple[Expr, str]]:
        """Names for what a step is given; and what it has to fill: where carries and values go."""
        body, p, t = self.body, self.p, f"{self.p}t"
        args = self.e.args
        counts = len(body.carries), len(body.carries) + len(body.slices)
        at = {k.what: k for k in body.kept if isinstance(k.what, int)}
        wanted: list[tuple[Expr, str]] = []
        forth, back = (t, f"({t} + 1)") if not body.reverse else (f"({t} + 1)", t)
        for i, (carry, begin) in enumerate(zip(body.carries, args, strict=False)):
            name, kept, size, kind = f"{p}c{i}", at.get(i), self._size(carry), TYPES[carry.kind]
            self.inner.arrays[carry] = name
            if kept is not None and kept.rows:
                self._part(f"{name}_all", kept)
                first = f" + {size_c(body.length, self.c.sizes)} * {size}" if body.reverse else ""
                self.begins.append((f"{name}_all{first}", begin, carry))
                self.inside += [f"const {kind} *const {name} = {name}_all + {forth} * {size};",
                                f"{kind} *const {name}_new = {name}_all + {back} * {size};"]
            else:
                self._room(f"{name}_one", carry)
                self._room(f"{name}_two", carry)
                self.begins.append((f"{name}_one", begin, carry))
                self.places.append(f"{kind} *{name} = {name}_one, *{name}_new = {name}_two;")
                self.swaps.append(f"{kind} *const {name}_old = {name}; {name} = {name}_new; {name}_new = {name}_old;")
                if kept is not None:
                    self.ends.append((f"{self.c.arrays[self.e]} + {size_c(kept.start, self.c.sizes)}", name, carry))
            wanted.append((body.after[i], f"{name}_new"))
        for i, (each, stack) in enumerate(zip(body.slices, args[counts[0]:], strict=False)):
            name, kind = f"{p}x{i}", TYPES[each.kind]
            self.inner.arrays[each] = f"{name}_t"
            self.places.append(f"const {kind} *const {name} = {self._pointer(self.c, stack)};")
            self.inside.append(f"const {kind} *const {name}_t = {name} + {t} * {self._size(each)};")
        for i, (each, whole) in enumerate(zip(body.constants, args[counts[1]:], strict=False)):
            self.inner.arrays[each] = f"{p}p{i}"
            self.places.append(f"const {TYPES[each.kind]} *const {p}p{i} = {self._pointer(self.c, whole)};")
        for i, k in enumerate(k for k in body.kept if isinstance(k.what, Expr)):
            assert isinstance(k.what, Expr)
            self._part(f"{p}y{i}", k)
            self.inside.append(f"{TYPES[k.kind]} *const {p}y{i}_t = {p}y{i} + {t} * {self._size(k.what)};")
            wanted.append((k.what, f"{p}y{i}_t"))
        return wanted

    def _part(self, name: str, kept: Kept) -> None:
        start = size_c(kept.start, self.c.sizes)
        self.places.append(f"{TYPES[kept.kind]} *const {name} = {self.c.arrays[self.e]} + {start};")

    def _room(self, name: str, e: Expr) -> None:
        """An array of our own, for the time of the loop."""
        room = self.e.args[len(self.e.args) - len(self.body.rooms) + self.body.rooms.index(e.kind)]
        start = self.taken.get(e.kind, 0)
        self.taken[e.kind] = start + product(e.shape)
        self.places.append(f"{TYPES[e.kind]} *const {name} = {self.c.arrays[room]} + {size_c(start, self.c.sizes)};")

    def _turned(self) -> None:
        """What every step multiplies by from the right lies in rows: turned once, before the loop."""
        fixed = {*self.body.constants}
        for e in list(self.kept.stored):
            right = e.args[1] if e.op is acts.MATMUL and len(e.args[1].shape) == 2 else e
            if right.op is acts.TRANSPOSE and right.args[0] in fixed and right not in self.kept.keep:
                self.kept.keep.add(right)
                self.kept.stored.insert(0, right)

    def _steady(self) -> set[Expr]:
        """What is the same in every step."""
        moving: set[Expr] = {*self.body.carries, *self.body.slices}
        for e in order(self.body.roots):
            if any(a in moving for a in e.args):
                moving.add(e)
        return {e for e in self.kept.stored if e not in moving}

    def _steps(self, only: bool | None = None) -> None:
        """The loops of one step, scalar functions over one shape together; `only` what is the same in all, or not."""
        kept, inner, steady, targets = self.kept, self.inner, self.steady, self.targets
        readers: dict[Expr, list[Expr]] = {}
        for e in kept.stored:
            for b in reads(e, kept):
                readers.setdefault(b, []).append(e)
        needed = {b for root in kept.roots for b in ([root] if root in kept else [])}

        def loads(e: Expr) -> list[tuple[Expr, AffineForm]]:
            return loads_of(inner, e)

        def write(group: Sequence[Expr]) -> None:
            passing = {e for e in group if e not in targets and e not in needed
                       and all(x in group for x in readers.get(e, ()))}
            self._add(write_scalar(inner, group, passing), group[0] in steady)

        group: list[Expr] = []
        for e in kept.stored:
            if only is not None and only is not (e in steady):
                continue
            if in_loops(e):
                if group and (not joins_loop(group, e, lambda x: x, loads) or (group[0] in steady) != (e in steady)):
                    write(group)
                    group = []
                group.append(e)
                continue
            if group:
                write(group)
                group = []
            if e.op is acts.LOOP:
                self._add(write_loop(inner, e), e in steady)
            elif (found := writer(e)) is not None:
                self._add(found(inner, e), e in steady)
        if group:
            write(group)

    def _add(self, lines: list[str], steady: bool) -> None:
        (self.before if steady else self.inside).extend(line[2:] if line.startswith("  ") else line for line in lines)
