"""The text of functions: signature, docstring, named sizes, one statement for each step, results.

`emit_function` writes one function into a `Module`, which holds what several functions share: the dtype,
helper functions that NumPy lacks, constant arrays. `module_text` puts the parts together. The result imports
the array module only and passes ruff.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from symgrad.codegen.arrays import LEAVES, Expr
from symgrad.codegen.backends import BACKENDS, Backend
from symgrad.codegen.binding import Bound, bind_sizes
from symgrad.codegen.identifiers import Scope, identifier
from symgrad.codegen.lower import Lowering
from symgrad.codegen.plan import Plan
from symgrad.codegen.planner import WIDTH, Planner, Wish, aliased
from symgrad.codegen.spell import Spelling, literal_array
from symgrad.codegen.texts import ATOM, size_text
from symgrad.codegen.wrapping import wrap_line
from symgrad.graphs.errors import BackendError
from symgrad.graphs.node import REAL, Node, topological
from symgrad.graphs.sizes import Shape, symbols_of

INDENT = "    "
SMALL = 64  # entries up to which a constant array is written into the text
GLUE = "\0"  # a blank at which a docstring is not broken
Form = Any  # a nest of lists, tuples and dicts whose leaves are positions in the outputs
Comment = Callable[[Node], str | None]


@dataclass
class Module:
    """What the functions of one emitted module share; grows as functions are emitted."""

    backend: Backend
    dtype: str
    helpers: dict[str, None] = field(default_factory=dict)
    constants: dict[Node, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    compiled: bool = False  # loops in C, with the backend's arrays around them

    @property
    def data(self) -> dict[str, np.ndarray]:
        """The constant arrays that are too large for the text, by name: to be attached when it is loaded."""
        return {name: self._value(node) for node, name in self.constants.items() if _large(node)}

    def _value(self, node: Node) -> np.ndarray:
        value: np.ndarray = node.attrs[0].value
        return value.astype({"real": self.dtype, "integer": "int64", "boolean": "bool"}[node.dtype])

    def constant_lines(self, archive: str = "") -> list[str]:
        """The constant arrays as statements; a large one is taken from `archive`, or only announced."""
        spelling = Spelling(self.backend, self.dtype, {})
        lines: list[str] = []
        for node, name in self.constants.items():
            if _large(node):
                value = self._value(node)
                shape = " x ".join(map(str, value.shape))
                about = f"{shape} {value.dtype}" + ("" if archive else ", attached when this text is loaded")
                found = f'{archive}["{name}"]'
                found = f"{self.backend.np}.asarray({found})" if self.backend.device else found
                lines.append(f"{name} = {found if archive else 'None'}  # {about}")
            else:
                lines += wrap_line(f"{name} = {literal_array(node.attrs[0].value, spelling, node.dtype)}", "")
        return lines


@dataclass(frozen=True)
class Emitted:
    """One function: its text, and the plan that the text follows."""

    name: str
    lines: tuple[str, ...]
    plan: Plan
    free_sizes: tuple[sp.Symbol, ...]  # sizes that no input shows: keyword arguments of the function


def new_module(backend: str = "numpy", dtype: str = "float64", taken: Collection[str] = ()) -> Module:
    """An empty module. Raises BackendError for a backend or dtype that is not there."""
    if backend not in BACKENDS:
        raise BackendError(f"the backend {backend!r} is not known; there are {', '.join(map(repr, BACKENDS))}")
    if dtype not in ("float32", "float64"):
        raise BackendError(f"dtype must be 'float64' or 'float32', not {dtype!r}")
    taken = {*taken, *(("cp", "cupyx") if backend == "cupy" else ())}
    return Module(BACKENDS[backend], dtype, taken=taken, compiled=backend == "c")


def emit_function(
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
    copy: bool = True,
) -> Emitted:
    """One function `name(inputs)` that computes `outputs`, all common subexpressions once.

    `form` nests the positions of the outputs in what is returned (default: a tuple, or the one output).
    `sizes` fixes sizes; others are read off the inputs, and what no input shows becomes a keyword argument.
    `names` gives variables for nodes beside those that are `named`; `comment` a formula for a node, written
    beside its line. `copy`: results share no memory with inputs, constants or each other.
    """
    nodes = [node for _, node in outputs]
    wanted = _wanted(nodes, names or {}, comment)
    lowering = Lowering(nodes, wanted)
    scope = Scope(module.taken | {name})
    arguments = [scope.fresh(wish) for wish, _ in inputs]
    shapes = tuple((a, node.shape) for a, (_, node) in zip(arguments, inputs, strict=True))
    constants = _constants(module, lowering, nodes, scope)
    known = bind_sizes(shapes, sizes or {})
    size_names = Recorded({s: scope.fresh(s.name) for s in dict.fromkeys((*known, *_sizes_in(nodes)))})
    leaves = {lowering.b.leaf(node): a for a, (_, node) in zip(arguments, inputs, strict=True)}
    planner = Planner(Spelling(module.backend, module.dtype, size_names), scope, {**leaves, **constants},
                      _wishes(lowering, wanted))
    roots = [lowering.exact(node) for node in nodes]
    results = planner.run(roots, [identifier(wish) for wish, _ in outputs])
    texts = tuple(f"{code.at(ATOM)}.copy()" if copy and alias else code.text
                  for code, alias in zip(results, aliased(roots), strict=True))
    module.helpers.update(planner.helpers())
    used = _closure(size_names.used, known)
    free = tuple(s for s in size_names if s in used and s not in known)
    plan = Plan(shapes, tuple(planner.steps), texts, dict(size_names))
    lines = []
    if module.backend.quiet and any(step.work for step in plan.steps):
        lines.append(module.backend.quiet)
    parameters = ", ".join([*arguments, *(["*"] if free else []), *(size_names[s] for s in free)])
    lines += wrap_line(f"def {name}({parameters}):", "")
    lines += _docstring(doc, inputs, arguments, outputs, plan)
    lines += _size_lines(used, known, size_names, dict(shapes))
    for step in plan.steps:
        lines += _commented(step.lines, step.comment)
    lines += wrap_line(f"return {', '.join(texts) if form is None else _returned(form, texts)}", INDENT)
    return Emitted(name, tuple(lines), plan, free)


class Recorded(dict[Any, str]):
    """Names of sizes; remembers which were asked for."""

    def __init__(self, names: Mapping[Any, str]) -> None:
        super().__init__(names)
        self.used: dict[Any, None] = {}

    def __getitem__(self, size: Any) -> str:
        self.used[size] = None
        return super().__getitem__(size)


def _sizes_in(nodes: Sequence[Node]) -> list[sp.Symbol]:
    """The size symbols of shapes, weights and slices."""
    found: dict[sp.Symbol, None] = {}
    for node in topological(nodes):
        parts: list[Any] = list(node.shape)
        if node.op == "add":
            parts += [by.factor for by in node.attrs[0] if by.factor is not None]
        elif node.op in ("slice", "pad"):
            parts += [start for start, _ in node.attrs[0]]
        found.update(dict.fromkeys(symbols_of(parts)))
    return list(found)


def _constants(module: Module, lowering: Lowering, nodes: Sequence[Node], scope: Scope) -> dict[Expr, str]:
    leaves: dict[Expr, str] = {}
    for node in topological(nodes):
        if node.op != "constant":
            continue
        if node not in module.constants:
            wish = node.attrs[0].name
            module.constants[node] = scope.fresh(wish) if wish else scope.numbered("C")
            module.taken.add(module.constants[node])
        leaves[lowering.b.leaf(node)] = module.constants[node]
    return leaves


def _wanted(nodes: Sequence[Node], names: Mapping[Node, str], comment: Comment | None) -> dict[Node, Wish]:
    """The nodes that get a variable in any case, because they have a name or a formula."""
    wanted: dict[Node, Wish] = {}
    for node in topological(nodes):
        name = names.get(node) or (node.attrs[0] if node.op == "named" else None)
        formula = comment(node) if comment is not None else None
        if name is not None or formula is not None:
            wanted[node] = Wish(name, formula)
    return wanted


def _wishes(lowering: Lowering, wanted: Mapping[Node, Wish]) -> dict[Expr, Wish]:
    wishes: dict[Expr, Wish] = {}
    for node, wish in wanted.items():
        e = lowering.loose(node)
        if e.op not in LEAVES:
            known = wishes.get(e, Wish(None))
            wishes[e] = Wish(known.name or wish.name, known.comment or wish.comment)
    return wishes


def _returned(form: Form, texts: Sequence[str]) -> str:
    """The outputs as Python writes their form."""
    if isinstance(form, int):
        return texts[form]
    if isinstance(form, dict):
        return "{" + ", ".join(f"{_quoted(key)}: {_returned(part, texts)}" for key, part in form.items()) + "}"
    parts = [_returned(part, texts) for part in form]
    inner = ", ".join(parts) + ("," if isinstance(form, tuple) and len(parts) == 1 else "")
    return f"[{inner}]" if isinstance(form, list) else f"({inner})"


def _quoted(key: str) -> str:
    text = repr(key)
    return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in text else text


def _docstring(doc: str | None, inputs: Sequence[tuple[str, Node]], arguments: Sequence[str],
               outputs: Sequence[tuple[str, Node]], plan: Plan) -> list[str]:
    def described(name: str, node: Node) -> str:
        kind = "" if node.dtype == REAL else f" {node.dtype}"
        return f"{name}{GLUE}{_shape(node.shape)}{kind}"

    first = doc or f"{', '.join(described(wish, node) for wish, node in outputs)}."
    given = "; ".join(described(a, node) for a, (_, node) in zip(arguments, inputs, strict=True)) or "nothing"
    work = f"{plan.flops:,}" if isinstance(plan.flops, int) else str(plan.flops).replace("**", "^").replace("*", " ")
    lines: list[str] = []
    for text in (f"Computes {first}" if doc is None else first, "", f"From {given}.", f"{work} operations."):
        text = text.replace("\\", "\\\\").replace('"""', "'''")
        lines += textwrap.wrap(text, WIDTH - 8, break_long_words=False, break_on_hyphens=False) or [""]
    lines = [line.replace(GLUE, " ") for line in lines]
    lines[0] = f'"""{lines[0]}'
    return [INDENT + line if line else "" for line in [*lines, '"""']]


def _shape(shape: Shape) -> str:
    if not shape:
        return "(scalar)"
    inner = f",{GLUE}".join(map(str, shape))
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def _closure(used: Mapping[Any, None], known: Mapping[Any, Bound]) -> set[Any]:
    """The sizes needed, and those from which they are worked out."""
    need, seen = list(used), set(used)
    while need:
        bound = known.get(need.pop())
        if bound is not None:
            fresh = [s for s in symbols_of([bound.value]) if s not in seen and s != bound.unknown]
            seen.update(fresh)
            need += fresh
    return seen


def _size_lines(used: Collection[Any], known: Mapping[Any, Bound], names: Mapping[Any, str],
                shapes: Mapping[str, Shape]) -> list[str]:
    """`n, d = X.shape` and the like, for the sizes that are used."""
    lines: list[str] = []
    done: set[Any] = set()
    for symbol, bound in known.items():
        if symbol not in used or symbol in done:
            continue
        if bound.argument is None:
            lines.append(f"{INDENT}{names[symbol]} = {bound.value}")
            continue
        shape = shapes[bound.argument]
        if len(shape) > 1 and all(_reads(s, known, used, bound.argument, i) for i, s in enumerate(shape)):
            lines.append(f"{INDENT}{', '.join(names[s] for s in shape)} = {bound.argument}.shape")
            done.update(shape)
            continue
        text = size_text(bound.value, {**names, bound.unknown: f"{bound.argument}.shape[{bound.axis}]"}).text
        lines.append(f"{INDENT}{names[symbol]} = {text}")
    return lines


def _reads(size: Any, known: Mapping[Any, Bound], used: Collection[Any], argument: str, axis: int) -> bool:
    """Is `size` a symbol that is used, and first shown by this axis?"""
    return size in used and known[size].argument == argument and known[size].axis == axis


def _commented(statements: Sequence[str], comment: str | None) -> list[str]:
    lines = [line for statement in statements for line in wrap_line(statement, INDENT)]
    if not comment:
        return lines
    comment = " ".join(comment.split())
    if len(lines) == 1 and len(lines[0]) + len(comment) + 4 <= WIDTH:
        return [f"{lines[0]}  # {comment}"]
    return [*(f"{INDENT}# {part}" for part in textwrap.wrap(comment, WIDTH - 6)), *lines]


def module_text(module: Module, functions: Sequence[Emitted], doc: str | None = None) -> str:
    """The text of a module with `functions`, in order."""
    parts = [f'"""{doc}"""\n'] if doc else []
    constants = "\n".join(module.constant_lines())
    blocks = [module.backend.helpers[row].rstrip() for row in module.helpers]
    blocks += ["\n".join(f.lines) for f in functions]
    parts.append(module.backend.import_lines("\n".join([constants, *blocks])) + "\n")
    if constants:
        parts.append(constants + "\n")
    return "\n".join(parts) + "\n\n" + "\n\n\n".join(blocks) + "\n"


def _large(node: Node) -> bool:
    return bool(node.attrs[0].value.size > SMALL)
