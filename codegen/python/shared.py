"""What all emitters share: the `Module` that functions are written into, and the `Setting` each of them begins with.

A setting is a graph lowered to array expressions, with the names of arguments, constants and sizes. How the
expressions become text, NumPy's statements or loops in C, is what emitters differ in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, order
from symgrad.codegen.lowering.lower import Lowering
from symgrad.codegen.plan.binding import Bound, bind_sizes
from symgrad.codegen.plan.plan import Plan, Step, Work, made_by, products_of
from symgrad.codegen.python.backends import BACKENDS, Backend
from symgrad.codegen.python.identifiers import Scope
from symgrad.codegen.python.planner import Wish
from symgrad.codegen.python.spell import Spelling, literal_array
from symgrad.codegen.python.texts import size_text
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import literal
from symgrad.graphs import ops
from symgrad.graphs.errors import BackendError
from symgrad.graphs.node import Node, topological
from symgrad.graphs.sizes import Shape, symbols_of

INDENT = "    "
SMALL = 64  # entries up to which a constant array is written into the text
Named = Sequence[tuple[str, Node]]
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
                found = f"{archive}[{literal(name)}]"
                found = f"{self.backend.np}.asarray({found})" if self.backend.device else found
                lines.append(f"{name} = {found if archive else 'None'}  # {about}")
            else:
                lines += wrap_line(f"{name} = {literal_array(node.attrs[0].value, spelling, node.dtype)}", "")
        return lines


def new_module(backend: str = "numpy", dtype: str = "float64", taken: Collection[str] = ()) -> Module:
    """An empty module. Raises BackendError for a backend or dtype that is not there."""
    if backend not in BACKENDS:
        raise BackendError(f"the backend {backend!r} is not known; there are {', '.join(map(repr, BACKENDS))}")
    if dtype not in ("float32", "float64"):
        raise BackendError(f"dtype must be 'float64' or 'float32', not {dtype!r}")
    taken = {*taken, *(("cp", "cupyx") if backend == "cupy" else ())}
    return Module(BACKENDS[backend], dtype, taken=taken, compiled=backend == "c")


@dataclass(frozen=True)
class Setting:
    """A graph ready to be written: its expressions, and the names of all that is given."""

    lowering: Lowering
    scope: Scope
    arguments: list[str]
    shapes: tuple[tuple[str, Shape], ...]  # of the arguments
    given: dict[Expr, str]  # arguments and constants
    known: Mapping[sp.Symbol, Bound]
    sizes: Recorded
    wishes: dict[Expr, Wish]
    roots: list[Expr]

    def used(self) -> set[Any]:
        """The sizes that the text has asked for, and those they are worked out from."""
        return closure(self.sizes.used, self.known)

    def plan(self, steps: Sequence[Step], results: Sequence[str], workspace: Work | None = None) -> Plan:
        """The plan of these steps."""
        exprs = order(self.roots)
        return Plan(self.shapes, tuple(steps), tuple(results), dict(self.sizes), workspace, products_of(exprs),
                    made_by(exprs, self.roots))

    def size_lines(self, used: Collection[Any]) -> list[str]:
        """`n, d = X.shape` and the like."""
        return size_lines(used, self.known, self.sizes, dict(self.shapes))


def setting(module: Module, name: str, inputs: Named, outputs: Named, sizes: Mapping[sp.Symbol, int] | None,
            names: Mapping[Node, str] | None, comment: Comment | None, reserved: Collection[str] = ()) -> Setting:
    """The setting of a function `name(inputs)` that computes `outputs`; names in `reserved` are not taken."""
    nodes = [node for _, node in outputs]
    wanted = wanted_of(nodes, names or {}, comment)
    lowering = Lowering(nodes, wanted)
    scope = Scope({*module.taken, name, *reserved, *(f"_{helper}" for helper in module.backend.helpers)})
    arguments = [scope.fresh(wish) for wish, _ in inputs]
    shapes = tuple((a, node.shape) for a, (_, node) in zip(arguments, inputs, strict=True))
    constants = constants_of(module, lowering, nodes, scope)
    known = bind_sizes(shapes, sizes or {})
    size_names = Recorded({s: scope.fresh(s.name) for s in dict.fromkeys((*known, *sizes_in(nodes)))})
    leaves = {lowering.b.leaf(node): a for a, (_, node) in zip(arguments, inputs, strict=True)}
    return Setting(lowering, scope, arguments, shapes, {**leaves, **constants}, known, size_names,
                   wishes_of(lowering, wanted), [lowering.exact(node) for node in nodes])


class Recorded(dict[Any, str]):
    """Names of sizes; remembers which were asked for."""

    def __init__(self, names: Mapping[Any, str]) -> None:
        super().__init__(names)
        self.used: dict[Any, None] = {}

    def __getitem__(self, size: Any) -> str:
        self.used[size] = None
        return super().__getitem__(size)


def sizes_in(nodes: Sequence[Node]) -> list[sp.Symbol]:
    """The size symbols of shapes, weights and slices."""
    found: dict[sp.Symbol, None] = {}
    for node in topological(nodes):
        parts: list[Any] = list(node.shape)
        if node.op is ops.ADD:
            parts += [by.factor for by in node.attrs[0] if by.factor is not None]
        elif node.op in ops.STRIDED:
            parts += [start for start, _ in node.attrs[0]]
        found.update(dict.fromkeys(symbols_of(parts)))
    return list(found)


def constants_of(module: Module, lowering: Lowering, nodes: Sequence[Node], scope: Scope) -> dict[Expr, str]:
    leaves: dict[Expr, str] = {}
    for node in topological(nodes):
        if node.op is not ops.CONSTANT:
            continue
        if node not in module.constants:
            wish = node.attrs[0].name
            module.constants[node] = scope.fresh(wish) if wish else scope.numbered("C")
            module.taken.add(module.constants[node])
        leaves[lowering.b.leaf(node)] = module.constants[node]
    return leaves


def wanted_of(nodes: Sequence[Node], names: Mapping[Node, str], comment: Comment | None) -> dict[Node, Wish]:
    """The nodes that get a variable in any case, because they have a name or a formula."""
    wanted: dict[Node, Wish] = {}
    for node in topological(nodes):
        name = names.get(node) or (node.attrs[0] if node.op is ops.NAMED else None)
        formula = comment(node) if comment is not None else None
        if name is not None or formula is not None:
            wanted[node] = Wish(name, formula, (node,))
    return wanted


def wishes_of(lowering: Lowering, wanted: Mapping[Node, Wish]) -> dict[Expr, Wish]:
    wishes: dict[Expr, Wish] = {}
    for node, wish in wanted.items():
        e = lowering.loose(node)
        if e.op not in acts.LEAVES:
            known = wishes.get(e, Wish(None))
            wishes[e] = Wish(known.name or wish.name, known.comment or wish.comment, known.nodes + wish.nodes)
    return wishes


def closure(used: Mapping[Any, None], known: Mapping[Any, Bound]) -> set[Any]:
    """The sizes needed, and those from which they are worked out."""
    need, seen = list(used), set(used)
    while need:
        bound = known.get(need.pop())
        if bound is not None:
            fresh = [s for s in symbols_of([bound.value]) if s not in seen and s != bound.unknown]
            seen.update(fresh)
            need += fresh
    return seen


def size_lines(used: Collection[Any], known: Mapping[Any, Bound], names: Mapping[Any, str],
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


def _large(node: Node) -> bool:
    return bool(node.attrs[0].value.size > SMALL)
