"""A training step as a kernel: what is the same in every vessel. Batches come while others compute, labels are looked at
where they arrive, the update moves all parameters at once.

A vessel says where arrays lie, how the state gets there and back, and what a barrier is.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from symgrad.codegen.c.texts import TYPES
from symgrad.codegen.cuda.body import entries_of, split
from symgrad.codegen.cuda.folding import folded
from symgrad.codegen.cuda.layout import ByteCount, bytes_of, length_of
from symgrad.codegen.cuda.phase_text import phase_calls, phase_functions
from symgrad.codegen.cuda.phased import Phased
from symgrad.codegen.cuda.rule import rule_text
from symgrad.codegen.cuda.stages import PhasePart, PhaseStage, RepeatedStages, Strides
from symgrad.codegen.cuda.units import names_of
from symgrad.codegen.cuda.words import DEVICE_FUNCTION, THREADS
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Arrays, Expr
from symgrad.codegen.phases.plan import PhasePlan, phase_plan
from symgrad.codegen.phases.units import memory
from symgrad.codegen.plan.indices import strides
from symgrad.codegen.python.job import Stepping
from symgrad.codegen.python.setting import Setting
from symgrad.codegen.quoting import in_c_comment
from symgrad.graphs.node import REAL, Node


@dataclass(frozen=True)
class Argument:
    """An argument of a kernel: its declaration; its role ("vector", "data", "constant", "order", "losses", "failed",
    "rates", "steps", "memory", "word"); and the name in Python of what has it."""

    text: str
    role: str
    name: str = ""


@dataclass(frozen=True)
class GraphText:
    """What is launched for a step, kernels by name and products by number; and the products, as Python."""

    launches: tuple[str | int, ...]
    products: tuple[str, ...]


@dataclass(frozen=True)
class KernelText:
    """A kernel that trains: its text, its arguments in order, the sizes it is compiled for, and its phases."""

    text: str
    arguments: tuple[Argument, ...]
    sizes: Mapping[sp.Symbol, str]
    lengths: tuple[str, ...]  # in bytes, as Python, of what lies in its memory
    checked: tuple[str, ...]  # what a mark in `failed` says
    plan: PhasePlan
    flops: str  # the operations of a step, as Python
    products: tuple[str, ...]  # those of each matrix product
    graph: GraphText | None = None
    threads: int = THREADS


class StepKernel(Phased, ABC):
    """A step in the making; vessels are below."""

    vessel = ""
    stride = ""
    opening = ""  # of the prelude
    tasks = False  # are there many blocks?
    ahead = True  # does the next batch come while this one is computed?

    def __init__(self, step: Stepping, steps: Strides, precision: str = "float32") -> None:
        self.step, self.precision = step, precision

        def pairs(begun: Any) -> dict[Expr, Expr]:
            leaf = begun.lowering.b.leaf
            self.parameters = [leaf(node) for _, node in step.gradients.inputs[:len(step.parameters)]]
            trained = len(self.parameters) - step.frozen
            return dict(zip(self.parameters[:trained], begun.roots[1:1 + trained], strict=True))

        trained = len(step.parameters) - step.frozen
        outputs = list(step.gradients.outputs)
        outputs = [*outputs[:1 + trained], *outputs[len(outputs) - step.states:]]  # others have none to be moved by
        job = replace(step.gradients, outputs=outputs)
        super().__init__(job, steps, pairs, self.tasks)
        leaf = self.begun.lowering.b.leaf
        self.gradients = pairs(self.begun)
        self.drawn = [leaf(node) for _, node in step.masks]  # by the host, for all steps of a launch
        self.data = [*(leaf(node) for _, node in step.data), *self.drawn]
        self.nodes: dict[Expr, Node] = {leaf(node): node for _, node in (*step.data, *step.masks)}
        fresh = self.begun.scope.fresh
        self.vectors = [fresh(f"flat_{name}") for name in step.vectors]
        self.all_vectors = {v: fresh(f"all_{name}") for v, name in zip(self.vectors, step.vectors, strict=True)}
        self.all, self.next = ({e: fresh(f"{word}_{self.name(e)}") for e in self.data} for word in ("all", "next"))
        self.place = {e: fresh(f"{self.name(e)}_in") for e in self.parameters}
        self.rule = rule_text(step.update, self.on.context.used)
        self.moved = dict(zip(self.parameters[len(self.parameters) - step.states:], self.roots[1 + trained:], strict=True))
        self.slots = memory(self.phases, list(self.gradients.values()))

    def with_results(self, begun: Setting) -> Setting:
        """Loss and gradients, each a real array of its own: where two are one, or one is given, there is a copy."""
        roots: list[Expr] = []
        for e in begun.roots:
            kept = e.kind == REAL and e not in begun.given and e not in roots
            op = acts.BROADCAST if e.kind == REAL else acts.CAST
            roots.append(e if kept else Arrays().make(op, [e], (), e.shape, REAL))
        return replace(begun, roots=roots)

    def text(self) -> KernelText:
        """The whole."""
        on = self.on
        found = self.staged(self.beside())
        functions, arguments = phase_functions(found, self.stride), self.arguments()
        layout, lengths = self.layout()
        kernels = self.kernels(found, arguments)
        parts = [self.prelude(self.opening, self.precision), layout,
                 self._memory(), *functions, self._update(), kernels]
        plan = phase_plan(self.told, self.vessel, self.precision, True, bool(on.narrow))
        asked = self.begun.used()
        used = {s: self.begun.sizes[s] for s in self.begun.sizes if s in asked}
        text = folded("\n\n".join(parts)) + "\n"
        work = self.work()
        return KernelText(text, tuple(arguments), used, tuple(lengths), tuple(on.checked), plan, work[0], tuple(work[1:]),
                          self.graph())

    def kernels(self, found: Sequence[PhaseStage | RepeatedStages], arguments: Sequence[Argument]) -> str:
        """One kernel that does all steps."""
        calls = phase_calls(found, "rank, on, step, steps", self.barrier)
        swaps = [f"    swap(on.{self.name(e)}, on.{self.next[e]});" for e in self.data if self.sampled(e)]
        return "\n".join([
            f'extern "C" __global__ void __launch_bounds__({THREADS}, 1)',
            f"train({', '.join(a.text for a in arguments)}) {{",
            *self.opened(), "  for (int step = 0; step < steps; step++) {", *(f"    {line}" for line in calls),
            "    update(rank, on, step);", f"    {self.barrier}", *swaps, "  }", *self.closed(), "}"])

    def graph(self) -> GraphText | None:
        """What a graph needs beside its kernels; here, nothing is one."""
        return None

    # what a vessel says -----------------------------------------------------------------------------------------------

    barrier = "barrier();"
    further: tuple[str, ...] = ()  # of the struct of pointers

    @abstractmethod
    def layout(self) -> tuple[str, list[str]]:
        """Where everything lies, as constants of the text; and the lengths as Python."""

    def arguments(self) -> list[Argument]:
        """The arguments of the kernel."""
        found = [Argument(f"real *const {self.all_vectors[name]}", "vector", own)
                 for name, own in zip(self.vectors, self.step.vectors, strict=True)]
        found += [Argument(f"const {TYPES[e.kind]} *const {self.all[e]}", "data", name)
                  for e, (name, _) in zip(self.data, (*self.step.data, *self.step.masks), strict=True)]
        found += [Argument(f"const {TYPES[e.kind]} *const {self.name(e)}", "constant", self.begun.given[e])
                  for e in self.constants]
        return [*found, Argument("const int64_t *const order", "order"), Argument("real *const losses", "losses"),
                Argument("int *const failed", "failed"), Argument("const real *const rates", "rates"),
                Argument("const int steps", "steps")]

    @abstractmethod
    def opened(self) -> list[str]:
        """The kernel up to its loop: pointers, the state, the first batch."""

    @abstractmethod
    def closed(self) -> list[str]:
        """The kernel after its loop."""

    # what they have in common -----------------------------------------------------------------------------------------

    def sampled(self, e: Expr) -> bool:
        """Has every step another part of it?"""
        return e in self.drawn or self.cut(e)

    def cut(self, e: Expr) -> bool:
        """Has it a row for each sample, of which a batch has some?"""
        return self.nodes[e].attrs[0].over is not None and self.step.divisible

    def held(self, e: Expr) -> bool:
        """Has data a place in the memory of the kernel?"""
        return True

    def pieces(self) -> list[tuple[str, ByteCount]]:
        """What lies in memory beside the state, by name, with its length in bytes."""
        names, found = self.begun.sizes, list[tuple[str, ByteCount]]()
        found += [(f"slot{k}", room.length) for k, room in enumerate(self.rooms())]
        for e in filter(self.held, self.data):
            length = bytes_of(e, self.on.strides[e], names, self.single)
            found += [(self.name(e), length), *([(self.next[e], length)] if self.ahead and self.sampled(e) else [])]
        return [*found, ("numbers", length_of(self.item * max(1, len(self.rule.numbers)), names))]

    @property
    def item(self) -> int:
        """Bytes of a real number."""
        return 4 if self.single else 8

    def pointers(self) -> list[str]:
        """Lines that set the pointers to what `pieces` says, within `memory`, and to what is handed over."""
        lines = [f"  on.{name} = ({kind} *)(memory + slot{k}_at);" for k, room in enumerate(self.rooms())
                 for kind, name in room.tenants]
        for e in self.data:
            name, kind = self.name(e), TYPES[e.kind]
            place = f"(memory + {name}_at)" if self.held(e) else self.all[e]
            lines.append(f"  on.{name} = ({kind} *){place}, on.{self.all[e]} = {self.all[e]};")
            if self.ahead and self.sampled(e):
                lines.append(f"  on.{self.next[e]} = ({kind} *)(memory + {self.next[e]}_at);")
        lines += [f"  on.{self.name(e)} = {self.name(e)};" for e in self.constants]
        return [*lines, "  on.numbers = (real *)(memory + numbers_at);",
                "  on.losses = losses, on.rates = rates, on.order = order;"]

    def first_batch(self) -> list[str]:
        """Lines that copy the first batch, and what all batches have."""
        lines = []
        for e in self.data:
            item = self._fetched(e, f"on.{self.name(e)}", "")
            lines += [f"  for (int lane = rank; lane < {item.lanes}; lane += {self.stride})",
                      *(f"    {line}" for line in item.lines)]
        return lines

    def beside(self) -> list[PhasePart]:
        """What happens beside the first phase: the next batch, the numbers of the update; labels are looked at."""
        ahead = [PhasePart(item.lanes, ("if (step + 1 < steps)", *(f"  {line}" for line in item.lines)))
                 for item in self.batch({e: self.next[e] for e in self.data}, "step + 1")]
        return [*ahead, *self.looked_at(), *self.rates()]

    def batch(self, to: Mapping[Expr, str], step: str) -> list[PhasePart]:
        """The copies of a batch, that of a step."""
        found = []
        for e in filter(self.sampled, self.data):
            rows = self.on.size(e.shape[0]) if self.cut(e) else "1"
            found.append(self._fetched(e, f"on.{to[e]}", f"(int64_t)({step}) * {rows} + "))
        return found

    def looked_at(self) -> list[PhasePart]:
        """Labels that are out of range set their mark."""
        items = []
        for e in self.data:
            name, classes = self.name(e), self.nodes[e].attrs[0].classes
            if classes is not None:
                mark, count, end = len(self.on.checked), self.on.size(entries_of(e.shape)), self.on.size(classes)
                self.on.checked.append(f"{name}: labels must lie in 0..{classes - 1}" if isinstance(classes, int)
                                       else f"{name}: a label is not in its range")
                items.append(PhasePart(f"warps({count})", (
                    f"if (lane < {count} && (uint64_t)on.{name}[lane] >= (uint64_t){end}) on.failed[{mark}] = 1;",)))
        return items

    def rates(self) -> list[PhasePart]:
        """The numbers of this step, where the update reads them."""
        many = len(self.rule.numbers)
        line = f"if (lane < {many}) on.numbers[lane] = on.rates[(int64_t)step * {many} + lane];"
        return [PhasePart("32", (line,))] if many else []

    def _fetched(self, e: Expr, to: str, first: str) -> PhasePart:
        """The copy of a batch, or of all: a lane copies up to 16 bytes of a sample."""
        on, cut = self.on, self.cut(e)
        width = entries_of(e.shape[1:]) if cut else entries_of(e.shape)
        rows, item = on.size(e.shape[0]) if cut else "1", {"boolean": 1, "integer": 8}.get(e.kind, self.item)
        turned = len(e.shape) == 2 and tuple(on.strides[e]) != strides(e.shape)
        each = 4 if isinstance(width, int) and width % 4 == 0 and item == 4 and (cut or not turned) else 1
        whole, pieces = on.size(width), on.size(width // each if isinstance(width, int) else width)
        apart = on.size(on.strides[e][0]) if cut and len(e.shape) > 1 else whole
        source = f"({first}i) * {whole} + " if e in self.drawn else f"on.order[{first}i] * {whole} + " if cut else ""
        place = "j"
        if turned and not cut:
            place = f"j / {on.size(e.shape[1])} * {on.size(on.strides[e][0])} + j % {on.size(e.shape[1])}"
        count = rows if pieces == "1" else f"{rows} * {pieces}"
        split = "i = lane, j = 0;" if pieces == "1" else (
            f"i = lane / {pieces}, j = lane % {pieces}{f' * {each}' if each > 1 else ''};")
        return PhasePart(f"warps({count})", (
            f"if (lane < {count}) {{", f"  const int {split}",
            f"  fetch<{item * each}>({to} + i * {apart} + {place}, on.{self.all[e]} + {source}j);", "}"))

    def _moves(self) -> list[str]:
        """What a formula moves, and no gradient."""
        lines = []
        for p, new in self.moved.items():
            names = names_of(p.shape)
            there, here = (re.sub(rf"^{self.name(e)}", f"on.{self.name(e)}", self.on.place(e, names)) for e in (p, new))
            lines += [f"  for (int lane = rank; lane < {self.on.size(entries_of(p.shape))}; lane += {self.stride}) {{",
                      *(f"    {line}" for line in split(self.on, "lane", names, p.shape)), f"    {there} = {here};", "  }"]
        return lines

    def _memory(self) -> str:
        """The struct of all pointers."""
        lines = ["struct Memory {", f"  real {', '.join(f'*{name}' for name in self.vectors)};  // of the optimiser"]
        for name in (*TYPES.values(), "bfloat16"):
            data = [e for e in self.data if TYPES[e.kind] == name]
            found = [self.name(e) for e in (*self.parameters, *data, *self.kept) if self.on.type(e) == name]
            found += [self.next[e] for e in data if self.ahead and self.sampled(e)]
            found += [own for each, own in self.within() if each == name]
            given = [*(self.all[e] for e in data), *(self.name(e) for e in self.constants if TYPES[e.kind] == name)]
            lines += [f"  {name} {', '.join(f'*{each}' for each in found)};"] if found else []
            lines += [f"  const {name} {', '.join(f'*{each}' for each in given)};"] if given else []
        return "\n".join([*lines, "  real *numbers, *losses;", "  const real *rates;", "  const int64_t *order;",
                          "  int *failed;", *self.further, "};"])

    def _update(self) -> str:
        """The rule of the optimiser, entry by entry; where a mark is set, nothing moves any more."""
        stops = " || ".join(f"on.failed[{k}]" for k in range(len(self.on.checked)))
        wrong = [f"  if ({stops}) {{  // an index was wrong: what was learnt stays",
                 "    if (rank == 0) on.losses[step] = NAN;", "    arrived();", "    return;", "  }"]
        return "\n".join([
            f"// {in_c_comment(self.step.update.doc or '')}",
            f"{DEVICE_FUNCTION} update(const int rank, const Memory &on, const int step) {{", *(wrong if stops else []),
            *(f"  const real {name} = on.numbers[{k}];" for k, name in enumerate(self.rule.numbers)),
            *(f"  real *const {own} = on.{v};" for own, v in zip(self.rule.vectors, self.vectors, strict=True)),
            f"  for (int lane = rank; lane < TRAINED; lane += {self.stride}) {{",
            *(f"    {line}" for line in self.rule.lines), "  }", *self._moves(),
            f"  if (rank == 0) on.losses[step] = on.{self.name(self.roots[0])}[0];",
            "  arrived();  // the next batch", "}"])
