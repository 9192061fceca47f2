"""The text of a function whose loops are C: a Python module with the C inside, compiled when it is imported.

The same nodes are lowered to the same array expressions as for NumPy; `plan/storage.py` decides what lies in memory,
`writers.py` writes the loops, and this file the Python around them.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from symgrad.codegen.c import runtime as c_runtime
from symgrad.codegen.c.function import Layout, c_kind, c_texts, layout, room_text, steps_of
from symgrad.codegen.c.names import CIdentifiers, c_identifier
from symgrad.codegen.c.prelude import prelude
from symgrad.codegen.c.texts import CHEAP, size_c
from symgrad.codegen.c.windows import arranged
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.plan.binding import Bound
from symgrad.codegen.plan.plan import Plan, PlanStep, Work, work_of
from symgrad.codegen.plan.slots import largest
from symgrad.codegen.plan.storage import reads, same_place
from symgrad.codegen.python.emit import Emitted, documented, return_lines
from symgrad.codegen.python.identifiers import identifier
from symgrad.codegen.python.job import NOTHING, EmittedModule, Job
from symgrad.codegen.python.libraries import NUMPY
from symgrad.codegen.python.loops import spelling_of
from symgrad.codegen.python.planner import INDENT
from symgrad.codegen.python.setting import Setting, setting, with_less_kept
from symgrad.codegen.python.spell import helpers_of
from symgrad.codegen.python.texts import Code, shape_text
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import block, docstring, in_c_comment
from symgrad.graphs.errors import BackendError
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import free_symbols


@dataclass(frozen=True)
class Compiled(Emitted):
    """One function: its Python lines, its C text, and the plan that both follow."""

    code: tuple[str, ...] = ()
    used: tuple[str, ...] = ()


@dataclass(frozen=True)
class InPlaceCode:
    """A C function on arrays that stay where they are, and the order of its arguments."""

    name: str
    code: tuple[str, ...]
    used: tuple[str, ...]
    arrays: tuple[tuple[str, Any], ...]  # handed over by pointers: ("in" or "out", its place), ("constant", its name)
    numbers: tuple[int, ...]  # the places of inputs that are handed over by value
    sizes: tuple[tuple[sp.Symbol, Bound], ...]  # in the order of its arguments, and which axis shows each
    arguments: Sequence[str]
    plan: Plan
    table: bool  # are pointers handed over as one table?


@dataclass(frozen=True)
class Loops:
    """What both emitters begin with: the steps of a job in loops, and the sizes that these are handed."""

    begun: Setting
    layout: Layout
    comments: Mapping[Expr, str]
    passed: Mapping[Any, str]

    def code(self) -> tuple[str, ...]:
        """The C functions: the room that they need, nests that are shared, one for each segment."""
        name, plan = self.begun.job.name, self.layout
        return (room_text(name, plan, self.passed), *plan.nests,
                *(text for k, part in enumerate(plan.segments) if part.outside is None
                  for text in c_texts(name, plan, k, self.passed)))

    def plan(self, results: Sequence[str]) -> Plan:
        """The plan of the steps."""
        return self.begun.plan(_steps(self.layout, self.comments), results, _room(self.layout))


def begin(job: Job) -> Setting:
    """The setting of a job in which no name means something else in C."""
    return arranged(setting(job, (), CIdentifiers))


def loops(begun: Setting, roots: Sequence[Expr], wished: Mapping[Expr, str] = NOTHING,
          named: Mapping[Expr, str] = NOTHING, over: Mapping[Expr, Expr] = NOTHING, by_itself: bool = False) -> Loops:
    """The steps below `roots` in loops; roots are called as they are `named`, or else, without a formula, `wished`."""
    def invent(e: Expr) -> str:
        if e in named:
            return named[e]
        wish = begun.wishes[e].name if e in begun.wishes else None
        wish = wish or wished.get(e)
        return begun.scope.fresh(wish) if wish else begun.scope.numbered("v")

    comments = {e: in_c_comment(wish.comment) for e, wish in begun.wishes.items() if wish.comment}
    job = begun.job
    plan = layout(job.name, roots, begun.given, begun.sizes, job.module.single, begun.scope, invent, comments, over,
                  by_itself, begun.late)
    used = begun.used()
    passed = {s: begun.sizes[s] for s in begun.sizes if s in used or any(s in _free(e) for e in plan.storage.stored)}
    return Loops(begun, plan, comments, passed)


def emit_compiled(job: Job) -> Compiled:
    """A function in C, and the Python around it, which takes and gives what that of `emit_function` does."""
    begun = begin(job)
    roots, given = begun.roots, begun.given
    results = dict(zip(reversed(roots), reversed(begun.result_names()), strict=True))
    done = loops(begun, [root for root in dict.fromkeys(roots) if root not in given], results)
    code = done.code()
    glue = _Glue(job, done.layout, done.passed, roots, given)
    shown = done.plan([glue.result(root, roots[:i]) for i, root in enumerate(roots)])
    lines = [*begun.head(), *documented(begun, shown), *begun.size_lines({*begun.used(), *done.passed}), *glue.lines(),
             *return_lines(job.form, shown.results)]
    job.module.helpers.update(dict.fromkeys(glue.helpers))
    return Compiled(job.name, tuple(lines), shown, begun.free, code=code,
                    used=tuple(done.layout.context.used))


def emit_compiled_inplace(job: Job) -> InPlaceCode:
    """The C of a training step: results go into given arrays, or over an input.

    Raises BackendError where a step needs NumPy, or a result cannot be where it should be.
    """
    begun = with_less_kept(_apart(begin(job)), steps_of, same_place, CHEAP, loops=True)
    roots, over = begun.roots, begun.overwritten()
    by_name = {a: e for e, a in begun.given.items()}
    kept = {e: name for e, name in begun.given.items() if e.op is acts.CONSTANT}  # by names that C may not take
    begun = replace(begun, given={**begun.given, **{e: c_identifier(name) for e, name in kept.items()}})
    wishes = {root: wish for root, (wish, _) in zip(roots, job.outputs, strict=True)}
    results = {root: begun.scope.fresh(identifier(wish)) for root, wish in wishes.items() if wish not in over}
    covered = {root: by_name[over[wish]] for root, wish in wishes.items() if wish in over}
    done = loops(begun, roots, named=results, over=covered)
    plan = done.layout
    outside = next((part.outside for part in plan.segments if part.outside is not None), None)
    if outside is not None:
        raise BackendError(f"only NumPy computes {outside.attrs[0] if outside.op in acts.BY_NAME else outside.op}")
    if len(plan.segments) != 1 or len(plan.over) < len(covered):
        raise BackendError(f"{job.name} has a result that cannot be written where it should be")
    inside = {begun.lowering.b.leaf(node): k for k, (_, node) in enumerate(job.inputs)}
    taken = plan.over
    arrays = [("constant", kept[e]) if e in kept else ("out", roots.index(e)) if e in roots and e not in taken
              else ("in", inside[taken.get(e, e)]) for e in plan.given(0) if e not in plan.context.by_value]
    numbers = [inside[e] for e in plan.given(0) if e in plan.context.by_value]
    code = [*done.code()]
    code[-1] = _opened(code[-1], _labels_checked(plan, {begun.lowering.b.leaf(n): n for _, n in job.inputs}, done.passed))
    return InPlaceCode(job.name, tuple(code), tuple(plan.context.used), tuple(arrays), tuple(numbers),
                       tuple((symbol, begun.known[symbol]) for symbol in done.passed), begun.arguments,
                       done.plan(list(wishes.values())), plan.table)


def _apart(begun: Setting) -> Setting:
    """Results that are arrays of their own: what is an argument, or another result too, is copied."""
    b, done = begun.lowering.b, set(begun.given)
    roots = []
    for root in begun.roots:
        while root in done:
            root = b.make(acts.RESHAPE, [root], (), root.shape, root.kind)
        done.add(root)
        roots.append(root)
    return replace(begun, roots=roots)


def _labels_checked(plan: Layout, nodes: Mapping[Expr, Node], sizes: Mapping[Any, str]) -> list[str]:
    """Lines that refuse labels out of range, as an index that is; where the number of classes is known, up to it."""
    lines = []
    for k, e in enumerate(plan.given(0)):
        classes = nodes[e].attrs[0].classes if e in nodes else None
        if classes is None or e in plan.context.by_value:
            continue
        name = f"((const int64_t *)given[{k}])" if plan.table else plan.context.arrays[e]
        count = " * ".join(f"({size_c(s, sizes)})" for s in e.shape) or "1"
        known = all(symbol in sizes for symbol in free_symbols([classes]))
        wrong = f"(uint64_t){name}[i] >= (uint64_t)({size_c(classes, sizes)})" if known else f"{name}[i] < 0"
        lines += [f"  for (int64_t i = 0; i < {count}; i++) if ({wrong}) return 1;"]
    return lines


def _opened(text: str, lines: Sequence[str]) -> str:
    """A C function with `lines` before all others."""
    head, rest = text.split(" {\n", 1)
    return "\n".join([head + " {", *lines, rest])


def _free(e: Expr) -> set[Any]:
    return {s for size in e.shape if not isinstance(size, int) for s in size.free_symbols}


def _steps(plan: Layout, comments: Mapping[Expr, str]) -> tuple[PlanStep, ...]:
    """The arrays of the plan, one step each, with their costs; what shares a slot costs its memory once."""
    steps = []
    seen: set[int] = set()
    for e in plan.storage.stored:
        home = plan.home.get(e)
        size = {"real": 4 if plan.context.single else 8, "integer": 8}.get(e.kind, 1)
        work: list[Any] = []
        stack, done = [e], set()
        while stack:
            part = stack.pop()
            if part in done or (part is not e and part in plan.storage):
                continue
            done.add(part)
            work += work_of(part)
            stack += part.args
        name = plan.context.arrays[e]
        operands = tuple(plan.context.arrays[b] for b in reads(e, plan.storage))
        steps.append(PlanStep(name, e.attrs[0] if e.op in acts.BY_NAME else e.op, operands, (), comments.get(e), e.shape,
                              e.kind, 0 if home in seen else size, tuple(work)))
        if home is not None:
            seen.add(home)
    return tuple(steps)


def _room(plan: Layout) -> Work:
    """The bytes of the workspace: the largest tenant of each slot."""
    size = {"real": 4 if plan.context.single else 8, "integer": 8}
    return tuple((size.get(e.kind, 1), e.shape) for e in map(largest, plan.slots))


class _Glue:
    """The Python lines between C functions."""

    def __init__(self, job: Job, plan: Layout, sizes: Mapping[Any, str], roots: Sequence[Expr],
                 given: Mapping[Expr, str]) -> None:
        self.name, self.plan, self.sizes, self.single = job.name, plan, sizes, job.module.single
        self.roots, self.given = roots, given
        self.spelling = spelling_of(job.module, sizes)
        self.helpers: list[str] = []
        self.arrays = plan.context.arrays

    def lines(self) -> list[str]:
        plan, sizes = self.plan, ", ".join(self.sizes.values())
        touched = dict.fromkeys(e for part in plan.segments for e in part.touched)
        lines = [f"{INDENT}{self.arrays[e]} = _rows({self.arrays[e]}, {c_kind(e.kind, self.single)})"
                 for e in touched if e.op is acts.INPUT and e not in plan.context.by_value]
        for e in plan.storage.stored:
            if e not in plan.home:
                lines.append(f"{INDENT}{self.arrays[e]} = np.empty({shape_text(e.shape, self.sizes)}, "
                             f"{c_kind(e.kind, self.single)})")
        if any(part.outside is None for part in plan.segments):
            lines.append(f"{INDENT}work = _workspace(_c.{self.name}_room({sizes}))")
        for k, part in enumerate(plan.segments):
            if part.outside is not None:
                lines += wrap_line(f"{self.arrays[part.outside]}[...] = {self.text(part.outside, True).text}", INDENT)
                continue
            given = plan.given(k)
            pointers = [f"_address({self.arrays[e]})" for e in given if e not in self.plan.context.by_value]
            pointers = [f"_table({', '.join(pointers)})"] if plan.table else pointers
            pointers += [self.arrays[e] for e in given if e in self.plan.context.by_value]
            call = f"_c.{self.name}_{k}({', '.join([*pointers, 'work', *self.sizes.values()])})"
            lines += wrap_line(f"failed = {call}" if part.fails else call, INDENT)
            lines += [f"{INDENT}_refuse(failed)"] if part.fails else []
        return lines

    def text(self, e: Expr, own: bool = False) -> Code:
        """A stored array by name, a view of one as NumPy writes it."""
        if not own and (e in self.plan.storage or e in self.given):
            return Code(self.arrays[e])
        self.helpers += helpers_of(e, NUMPY)
        return self.spelling.text(e, [self.text(a) for a in e.args])

    def result(self, e: Expr, earlier: Sequence[Expr]) -> str:
        """What is returned for a root: an array of its own."""
        name = self.given.get(e) or self.arrays[e]
        text = f"{name}.copy()" if e in self.given or e in earlier else name
        return text if e.shape else f"{text}[()]" if e not in self.given else name


def compiled_text(module: EmittedModule, functions: Sequence[Compiled], doc: str | None = None) -> str:
    """The text of a module with `functions`: the C they need, what compiles it, and the Python around it."""
    used = dict.fromkeys(name for f in functions for name in f.used)
    code = "\n".join([prelude(module.single, used), "\n\n".join(c for f in functions for c in f.code)])
    runtime = inspect.getsource(c_runtime)
    runtime = runtime[runtime.index('"""', 3) + 3:].strip()
    parts = ["\n".join([*docstring([doc]), ""])] if doc else []
    parts.append(runtime)
    blocks = module.helper_texts()
    types = prototypes([text for f in functions for text in f.code])
    blocks.append("\n".join(["C = " + block("\n" + code), "_c = compiled(C)", *types]))
    if module.constants:
        blocks.insert(0, "\n".join(module.constant_lines()))
    blocks += ["\n".join(f.lines) for f in functions]
    return "\n".join(parts) + "\n\n\n" + "\n\n\n".join(blocks) + "\n"


def prototypes(code: Sequence[str]) -> list[str]:
    """Result and argument types of C functions, read off their heads; those that only C calls have a comment first."""
    lines = []
    for text in code:
        if text.startswith("/*"):
            continue
        head, rest = text.split("(", 1)
        kinds = ["*" if "*" in part else part.split()[0] for part in rest.partition(")")[0].split(",") if part != "void"]
        types = ["ctypes.c_void_p" if kind == "*" else f"ctypes.c_{kind.removesuffix('_t')}" for kind in kinds]
        name = head.split()[-1]
        lines += wrap_line(f"_c.{name}.argtypes = [{', '.join(types)}]", "")
        if head.startswith("int64_t"):
            lines.append(f"_c.{name}.restype = ctypes.c_int64")
    return lines
