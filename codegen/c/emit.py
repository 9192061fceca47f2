"""The text of a function whose loops are C: a Python module with the C inside, compiled when it is imported.

The same nodes are lowered to the same array expressions as for NumPy; `plan/storage.py` decides what lies in memory,
`steps.py` writes the loops, and this file the Python around them.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symgrad.codegen.c import runtime as c_runtime
from symgrad.codegen.c.function import Layout, c_texts, dtype_name, layout, room_text
from symgrad.codegen.c.prelude import prelude
from symgrad.codegen.c.texts import LIBM
from symgrad.codegen.c.windows import arranged
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, order
from symgrad.codegen.plan.binding import Bound
from symgrad.codegen.plan.plan import Plan, Step, Work, work_of
from symgrad.codegen.plan.storage import largest, reads
from symgrad.codegen.python.backends import NUMPY
from symgrad.codegen.python.emit import Form, documented, returned
from symgrad.codegen.python.identifiers import identifier
from symgrad.codegen.python.shared import INDENT, Comment, Module, setting
from symgrad.codegen.python.spell import Spelling
from symgrad.codegen.python.texts import Code, shape_text
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import block, docstring, in_c_comment
from symgrad.graphs.node import Node

RUNTIME = ("C", "_c", *(name for name in vars(c_runtime) if not name.startswith("__")))  # of the Python around it
# Names that mean something in the generated C: keywords, counters, the variables of loops, functions it calls.
RESERVED = (
    "auto break case char const continue default do double else enum extern float for goto if inline int long register "
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while real int64_t "
    "uint8_t i j k l p q r s at at0 at1 at2 at3 best next total work kind bind gemm gemv syrk gemm_ gemv_ syrk_ main pow "
    "solve determinant cholesky columns factored substituted pivot getrf_ getrs_ potrf_ bind_lapack CHECKED NEST NULL "
    "malloc free REAL DOUBLE WHOLE TRUTH memset isinf maximum minimum sign square power NAN INFINITY INT64_MIN INT64_MAX "
    "ROOM LARGER VECTOR_LIBM".split()
    + [*RUNTIME, "failed"]
    + [name + suffix for name in LIBM.values() for suffix in ("", "f")])


@dataclass(frozen=True)
class Compiled:
    """One function: its Python lines, its C text, and the plan that both follow."""

    name: str
    lines: tuple[str, ...]
    code: tuple[str, ...]
    used: tuple[str, ...]
    plan: Plan
    free_sizes: tuple[sp.Symbol, ...]
    helpers: tuple[str, ...]


def emit_compiled(
    module: Module,
    name: str,
    inputs: Sequence[tuple[str, Node]],
    outputs: Sequence[tuple[str, Node]],
    *,
    form: Form = None,
    sizes: Mapping[sp.Symbol, int] | None = None,
    names: Mapping[Node, str] | None = None,
    comment: Comment | None = None,
    doc: str | None = None,
) -> Compiled:
    """One function `name(inputs)` that computes `outputs` in C; the arguments are those of `emit_function`."""
    begun = arranged(setting(module, name, inputs, outputs, sizes, names, comment, RESERVED))
    arguments, scope, given, wishes, roots = begun.arguments, begun.scope, begun.given, begun.wishes, begun.roots
    size_names = begun.sizes
    results = dict(zip(reversed(roots), reversed([identifier(wish) for wish, _ in outputs]), strict=True))

    def invent(e: Expr) -> str:
        wish = wishes[e].name if e in wishes and wishes[e].name else results.get(e)
        return scope.fresh(wish) if wish else scope.numbered("v")

    single = module.dtype == "float32"
    solid = [root for root in dict.fromkeys(roots) if root not in given]
    comments = {e: in_c_comment(wish.comment) for e, wish in wishes.items() if wish.comment}
    plan = layout(name, solid, given, size_names, single, scope, invent, comments)
    used = begun.used()
    free = tuple(s for s in size_names if s in used and s not in begun.known)
    passed = {s: size_names[s] for s in size_names if s in used or any(s in _free(e) for e in plan.storage.stored)}
    code = [room_text(name, plan, passed), *plan.nests]
    code += [text for k, part in enumerate(plan.segments) if part.outside is None
             for text in c_texts(name, plan, k, passed)]
    glue = _Glue(name, plan, passed, single, roots, given)
    steps = _steps(plan, comments)
    shown = begun.plan(steps, [glue.result(root, roots[:i]) for i, root in enumerate(roots)], _room(plan))
    parameters = [*arguments, *(["*"] if free else []), *(size_names[s] for s in free)]
    lines = wrap_line(f"def {name}({', '.join(parameters)}):", "")
    lines += documented(doc, inputs, arguments, outputs, shown)
    lines += begun.size_lines({*used, *passed})
    lines += glue.lines()
    texts = shown.results
    lines += wrap_line(f"return {', '.join(texts) if form is None else returned(form, texts)}", INDENT)
    module.helpers.update(dict.fromkeys(glue.helpers))
    return Compiled(name, tuple(lines), tuple(code), tuple(plan.context.used), shown, free, tuple(glue.helpers))


@dataclass(frozen=True)
class InPlaceCode:
    """A C function on arrays that stay where they are, and the order of its arguments."""

    name: str
    code: tuple[str, ...]
    used: tuple[str, ...]
    arrays: tuple[tuple[str, int], ...]  # what is handed over by pointers: ("in" or "out", its place)
    numbers: tuple[int, ...]  # the places of inputs that are handed over by value
    sizes: tuple[tuple[sp.Symbol, Bound], ...]  # in the order of its arguments, and which axis shows each
    arguments: Sequence[str]
    plan: Plan


def emit_compiled_inplace(
    module: Module,
    name: str,
    inputs: Sequence[tuple[str, Node]],
    outputs: Sequence[tuple[str, Node]],
    *,
    over: Mapping[str, str] | None = None,
    sizes: Mapping[sp.Symbol, int] | None = None,
    names: Mapping[Node, str] | None = None,
    comment: Comment | None = None,
) -> InPlaceCode | None:
    """The C of a training step: results go into given arrays, `over` names those that overwrite an input.

    None where a step needs NumPy, or a result cannot be where it should be.
    """
    begun = arranged(setting(module, name, inputs, outputs, sizes, names, comment, RESERVED))
    arguments, scope, given, wishes, roots = begun.arguments, begun.scope, begun.given, begun.wishes, begun.roots
    size_names = begun.sizes
    by_name = {a: e for e, a in given.items()}
    if len(set(roots)) < len(roots) or set(roots) & set(given) or any(
            e.op is acts.CONSTANT for root in roots for e in order([root])):
        return None
    results = {root: scope.fresh(identifier(wish)) for root, (wish, _) in zip(roots, outputs, strict=True)
               if wish not in (over or {})}

    def invent(e: Expr) -> str:
        wish = wishes[e].name if e in wishes else None
        return results[e] if e in results else scope.fresh(wish) if wish else scope.numbered("v")

    comments = {e: in_c_comment(wish.comment) for e, wish in wishes.items() if wish.comment}
    called = {wish: a for (wish, _), a in zip(inputs, arguments, strict=True)}
    over = {new: called[old] for new, old in (over or {}).items()}
    covered = {root: by_name[over[wish]] for root, (wish, _) in zip(roots, outputs, strict=True) if wish in over}
    plan = layout(name, roots, given, size_names, module.dtype == "float32", scope, invent, comments, covered)
    if len(plan.segments) != 1 or plan.segments[0].outside is not None or len(plan.over) < len(covered):
        return None
    used = begun.used()
    passed = {s: size_names[s] for s in size_names if s in used or any(s in _free(e) for e in plan.storage.stored)}
    code = (room_text(name, plan, passed), *plan.nests, *c_texts(name, plan, 0, passed))
    inside = {begun.lowering.b.leaf(node): k for k, (_, node) in enumerate(inputs)}
    taken = plan.over
    arrays = [(("out", roots.index(e)) if e in roots and e not in taken else ("in", inside[taken.get(e, e)]))
              for e in plan.given(0) if e not in plan.context.by_value]
    numbers = [inside[e] for e in plan.given(0) if e in plan.context.by_value]
    return InPlaceCode(
        name, code, tuple(plan.context.used), tuple(arrays), tuple(numbers),
        tuple((symbol, begun.known[symbol]) for symbol in passed), arguments,
        begun.plan(_steps(plan, comments), [name for name, _ in outputs], _room(plan)))


def _free(e: Expr) -> set[Any]:
    return {s for size in e.shape if not isinstance(size, int) for s in size.free_symbols}


def _steps(plan: Layout, comments: Mapping[Expr, str]) -> tuple[Step, ...]:
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
        steps.append(Step(name, e.attrs[0] if e.op in acts.BY_NAME else e.op, operands, (), comments.get(e), e.shape,
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

    def __init__(self, name: str, plan: Layout, sizes: Mapping[Any, str], single: bool, roots: Sequence[Expr],
                 given: Mapping[Expr, str]) -> None:
        self.name, self.plan, self.sizes, self.single = name, plan, sizes, single
        self.roots, self.given = roots, given
        self.spelling = Spelling(NUMPY, "float32" if single else "float64", sizes)
        self.helpers: list[str] = []
        self.arrays = plan.context.arrays

    def lines(self) -> list[str]:
        plan, sizes = self.plan, ", ".join(self.sizes.values())
        touched = dict.fromkeys(e for part in plan.segments for e in part.touched)
        lines = [f"{INDENT}{self.arrays[e]} = _rows({self.arrays[e]}, {dtype_name(e.kind, self.single)})"
                 for e in touched if e.op is acts.INPUT and e.shape]
        for e in plan.storage.stored:
            if e not in plan.home:
                lines.append(f"{INDENT}{self.arrays[e]} = np.empty({shape_text(e.shape, self.sizes)}, "
                             f"{dtype_name(e.kind, self.single)})")
        if any(part.outside is None for part in plan.segments):
            lines.append(f"{INDENT}work = _workspace(_c.{self.name}_room({sizes}))")
        for k, part in enumerate(plan.segments):
            if part.outside is not None:
                lines += wrap_line(f"{self.arrays[part.outside]}[...] = {self.text(part.outside, True).text}", INDENT)
                continue
            given = plan.given(k)
            pointers = [f"_address({self.arrays[e]})" for e in given if e not in self.plan.context.by_value]
            pointers += [self.arrays[e] for e in given if e in self.plan.context.by_value]
            call = f"_c.{self.name}_{k}({', '.join([*pointers, 'work', *self.sizes.values()])})"
            lines += wrap_line(f"failed = {call}" if part.fails else call, INDENT)
            lines += [f"{INDENT}_refuse(failed)"] if part.fails else []
        return lines

    def text(self, e: Expr, own: bool = False) -> Code:
        """A stored array by name, a view of one as NumPy writes it."""
        if not own and (e in self.plan.storage or e in self.given):
            return Code(self.arrays[e])
        if e.op is acts.CALL and e.attrs[0] in NUMPY.helpers:
            from symgrad.codegen.python.helpers import NEEDS

            self.helpers += [*NEEDS.get(e.attrs[0], ()), e.attrs[0]]
        return self.spelling.text(e, [self.text(a) for a in e.args])

    def result(self, e: Expr, earlier: Sequence[Expr]) -> str:
        """What is returned for a root: an array of its own."""
        name = self.given.get(e) or self.arrays[e]
        text = f"{name}.copy()" if e in self.given or e in earlier else name
        return text if e.shape else f"{text}[()]" if e not in self.given else name


def compiled_text(module: Module, functions: Sequence[Compiled], doc: str | None = None) -> str:
    """The text of a module with `functions`: the C they need, what compiles it, and the Python around it."""
    used = dict.fromkeys(name for f in functions for name in f.used)
    code = "\n".join([prelude(module.dtype == "float32", used), "\n\n".join(c for f in functions for c in f.code)])
    runtime = inspect.getsource(c_runtime)
    runtime = runtime[runtime.index('"""', 3) + 3:].strip()
    parts = ["\n".join([*docstring([doc]), ""])] if doc else []
    parts.append(runtime)
    blocks = [module.backend.helpers[row].rstrip() for row in module.helpers]
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
