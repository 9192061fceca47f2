"""C that stands alone: a file and its header, for people who review C and link it; no Python is in it.

Each function computes on arrays that lie in rows without gaps, sizes come last; what it needs in between it allocates
and frees. Products and factorisations are plain loops, so nothing but libm is linked. What only NumPy can do has no form
here, and is refused by name.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

from symgrad.codegen.c.emit import Loops, begin, loops
from symgrad.codegen.c.nests import wrapped
from symgrad.codegen.c.plain import called_by
from symgrad.codegen.c.prelude import HEAD
from symgrad.codegen.c.texts import TYPES, number_c, own_texts, size_c, with_used
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.python.emit import shape_of
from symgrad.codegen.python.job import EmittedModule, Job
from symgrad.codegen.quoting import in_c_comment
from symgrad.graphs.errors import BackendError
from symgrad.graphs.node import REAL, Node
from symgrad.graphs.sizes import free_symbols

WIDTH = 100
FAILURES = "1 an index out of range, 2 a singular matrix, 3 one that is not positive definite, 4 no memory"
HEADER = """\
/* {title}

   Arrays lie in rows, the last axis the fastest, without gaps; numbers are passed by value, sizes last. All functions give
   0, or what went wrong: {failures}. */
#ifndef {guard}
#define {guard}

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

{functions}

#ifdef __cplusplus
}}
#endif
#endif
"""


@dataclass(frozen=True)
class CFile:
    """A C file and its header, whose name the file has to know."""

    title: str
    prototypes: tuple[str, ...]  # each behind its comment
    body: str

    def source(self, header: str) -> str:
        """The C file."""
        return f'/* {self.title} */\n#include "{header}"\n\n{self.body}'

    def header(self, name: str) -> str:
        """The header."""
        guard = re.sub(r"\W", "_", name, flags=re.ASCII).upper()
        return HEADER.format(title=self.title, guard=f"{guard}_" if guard[0].isalpha() else f"H_{guard}_",
                             failures=FAILURES, functions="\n\n".join(self.prototypes))


def standalone(jobs: Sequence[Job], title: str) -> CFile:
    """The C of some functions of one module. Raises BackendError for what C alone cannot compute."""
    module, functions = jobs[0].module, []
    used: dict[str, None] = {}
    for job in jobs:
        begun = begin(job)
        solid = [root for root in dict.fromkeys(begun.roots) if root not in begun.given]
        wished = dict(zip(reversed(begun.roots), reversed(begun.result_names()), strict=True))
        done = loops(begun, solid, wished, by_itself=True)
        outside = [part.outside for part in done.layout.segments if part.outside is not None]
        if outside:
            act = outside[0]
            raise BackendError(f"{job.name} cannot be C alone: only NumPy computes {act.attrs[0] if act.attrs else act.op}")
        functions.append(_Function(done))
        used.update(done.layout.context.used)
    texts = [f.text() for f in functions]
    code = "\n\n".join(texts)
    body = [*_prelude(module, used, code), *_constants(module), code]
    return CFile(in_c_comment(title), tuple(f.prototype() for f in functions), "\n".join(body) + "\n")


class _Function:
    """One function: what it is handed, and its texts."""

    def __init__(self, done: Loops) -> None:
        self.done, self.begun, self.plan = done, done.begun, done.layout
        begun, names = self.begun, self.plan.context.arrays
        self.real = "float" if begun.job.module.single else "double"
        self.outputs: list[str] = []
        self.copies: list[tuple[str, Expr]] = []
        for root, wish in zip(begun.roots, begun.result_names(), strict=True):
            if root in begun.given or names[root] in self.outputs:
                self.outputs.append(begun.scope.fresh(wish))
                self.copies.append((self.outputs[-1], root))
            else:
                self.outputs.append(names[root])
        shown = free_symbols([size for _, root in self.copies for size in root.shape])
        self.sizes = {s: name for s, name in begun.sizes.items() if s in done.passed or s in shown}

    def head(self, kind: str, end: str, typed: str) -> list[str]:
        """`int f(const double *x, ..., double *y, int64_t n)`, with `typed` for real numbers."""
        types = {**TYPES, REAL: typed}
        job = self.begun.job
        parts = [f"const {types[node.dtype]} *{name}" if node.shape else f"{types[node.dtype]} {name}"
                 for name, (_, node) in zip(self.begun.arguments, job.inputs, strict=True)]
        parts += [f"{types[node.dtype]} *{name}" for name, (_, node) in zip(self.outputs, job.outputs, strict=True)]
        parts += [f"int64_t {size}" for size in self.sizes.values()]
        return wrapped(f"{kind} {job.name}({', '.join(parts)}){end}", len(kind) + len(job.name) + 2)

    def prototype(self) -> str:
        """The function in the header, with its shapes."""
        job = self.begun.job

        def told(name: str, node: Node) -> str:
            kind = "" if node.dtype == REAL else f"{node.dtype}\0"
            return f"{kind}{name}\0{shape_of(node.shape) if node.shape else '(a number)'}"

        lines = [job.doc or f"{job.name}."]
        lines.append("From " + (", ".join(told(n, node) for n, (_, node) in
                                         zip(self.begun.arguments, job.inputs, strict=True)) or "nothing") + ".")
        lines.append("To " + ", ".join(told(n, node) for n, (_, node) in zip(self.outputs, job.outputs, strict=True)) + ".")
        text = [part for line in lines for part in textwrap.wrap(in_c_comment(line.replace("\0", "~~")), WIDTH - 6,
                                                                 break_long_words=False, break_on_hyphens=False)]
        comment = "/* " + "\n   ".join(text).replace("~~", " ") + " */"
        return "\n".join([comment, *self.head("int", ";", self.real)])

    def text(self) -> str:
        """The loops, and the function that hands them its arrays and a workspace."""
        name, plan, passed = self.begun.job.name, self.plan, self.done.passed
        room, *rest = self.done.code()
        inner = [_alone(text) for text in rest]
        lines = [*self.head("int", " {", self.real)]
        lines += [f"  (void){size};" for s, size in self.sizes.items() if not self._needed(s)]
        if plan.segments:
            sizes = ", ".join(passed.values())
            if plan.pools:
                inner.insert(0, _alone(room))
                lines += [f"  char *const work = calloc({name}_room({sizes}) + 1, 1);", "  if (!work) return 4;"]
            given = [plan.context.arrays[e] for e in plan.given(0) if e not in plan.context.by_value]
            if plan.table:
                pointers = ", ".join(f"(void *){_pointer(a, self)}" for a in given)
                lines += wrapped(f"void *const given[] = {{{pointers}}};", 4, "  ")
                given = ["given"]
            given += [plan.context.arrays[e] for e in plan.given(0) if e in plan.context.by_value]
            call = f"{name}_0({', '.join([*given, 'work' if plan.pools else 'NULL', *passed.values()])})"
            lines += wrapped(f"const int failed = {call};", 4, "  ")
            lines += ["  free(work);"] if plan.pools else []
            lines.append("  if (failed) return failed;")
        for target, root in self.copies:
            source = self.begun.given.get(root) or plan.context.arrays[root]
            if root in plan.context.by_value or root in self.begun.given and not root.shape:
                lines.append(f"  *{target} = {source};")
            else:
                count = size_c(prod(root.shape), self.sizes) if root.shape else "1"
                lines.append(f"  memcpy({target}, {source}, {count} * sizeof *{target});")
        lines += [*(f"  (void){a};" for a in self._unread()), "  return 0;", "}"]
        return "\n\n".join([*inner, "\n".join(lines)])

    def _needed(self, size: object) -> bool:
        return bool(self.plan.segments) and size in self.done.passed or bool(self.copies)

    def _unread(self) -> list[str]:
        """Arguments on which nothing depends."""
        given = {self.plan.context.arrays[e] for e in self.plan.given(0)} if self.plan.segments else set()
        given |= {self.begun.given[root] for _, root in self.copies if root in self.begun.given}
        return [a for a in self.begun.arguments if a not in given]


def _pointer(name: str, function: _Function) -> str:
    """An argument as a pointer; a number is one where all are handed over in a table."""
    given = zip(function.begun.arguments, function.begun.job.inputs, strict=True)
    return f"&{name}" if name in {a for a, (_, node) in given if not node.shape} else name


def _alone(text: str) -> str:
    """A C function of the loops as one that only this file calls, of which every argument is used."""
    lines = [line for line in text.split("\n") if not line.lstrip().startswith("#pragma omp")]
    start = next(k for k, line in enumerate(lines) if not line.startswith(("/*", "   ")))
    if not lines[start].startswith(("static", "NEST")):
        lines[start] = f"static {lines[start]}"
    end = next(k for k in range(start, len(lines)) if lines[k].endswith("{"))
    head, body = " ".join(lines[start:end + 1]), "\n".join(lines[end + 1:])
    parts = head[head.index("(") + 1:head.rindex(")")].split(",")
    names = [part.split()[-1].lstrip("*") for part in parts if part != "void"]
    silent = [f"  (void){name};" for name in names if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", body)]
    return "\n".join([*lines[:end + 1], *silent, *lines[end + 1:]])


def _prelude(module: EmittedModule, used: Iterable[str], code: str) -> list[str]:
    """Types, and the functions of our own that the code calls."""
    own = own_texts(with_used(used), module.single)
    return [HEAD.format(real="float" if module.single else "double"), *(["\n".join(own) + "\n"] if own else []),
            *called_by(code)]


def _constants(module: EmittedModule) -> list[str]:
    """Constant arrays."""
    parts = []
    for node, name in module.constants.items():
        values = node.attrs[0].value.ravel().tolist()
        texts = [str(int(v)) if node.dtype != REAL else number_c(v) for v in values] or ["0"]
        kind = TYPES[node.dtype]
        parts += wrapped(f"static const {kind} {name}[{max(len(values), 1)}] = {{{', '.join(texts)}}};", 4)
        parts.append("")
    return parts

