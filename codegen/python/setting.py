"""What every emitter begins with: a `Setting`, the graph of a job lowered to array expressions, and its names.

How the expressions become text, NumPy's statements or loops in C, is what emitters differ in; the head of a function
and the sizes that it reads off its arguments are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, order
from symgrad.codegen.lowering.lower import Lowering
from symgrad.codegen.plan.again import LEAST, Stepwise, computed_again
from symgrad.codegen.plan.binding import Bound, bind_sizes
from symgrad.codegen.plan.plan import Plan, PlanStep, Work, made_by, products_of
from symgrad.codegen.plan.scheduling import workspace
from symgrad.codegen.plan.storage import Sharing
from symgrad.codegen.python.identifiers import Identifiers, identifier
from symgrad.codegen.python.job import Comment, EmittedModule, Job
from symgrad.codegen.python.planner import INDENT, Wish
from symgrad.codegen.python.texts import size_text
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.graphs import ops
from symgrad.graphs.algebra.recurrence import loop_of
from symgrad.graphs.node import Node, topological
from symgrad.graphs.sizes import Shape, free_symbols


@dataclass(frozen=True)
class Setting:
    """A job ready to be written: its expressions, and the names of all that is given."""

    job: Job
    lowering: Lowering
    scope: Identifiers
    arguments: list[str]
    shapes: tuple[tuple[str, Shape], ...]  # of the arguments
    given: dict[Expr, str]  # arguments and constants
    known: Mapping[sp.Symbol, Bound]
    sizes: Recorded
    wishes: dict[Expr, Wish]
    roots: list[Expr]
    late: frozenset[Expr] = frozenset()  # computed where it is read

    def used(self) -> set[Any]:
        """The sizes that the text has asked for, and those they are worked out from."""
        return closure(self.sizes.used, self.known)

    def plan(self, steps: Sequence[PlanStep], results: Sequence[str], workspace: Work | None = None) -> Plan:
        """The plan of these steps."""
        exprs = order(self.roots)
        return Plan(self.shapes, tuple(steps), tuple(results), dict(self.sizes), workspace, products_of(exprs),
                    made_by(exprs, self.roots))

    @property
    def free(self) -> tuple[sp.Symbol, ...]:
        """The sizes that the text needs and no argument shows."""
        used = self.used()
        return tuple(s for s in self.sizes if s in used and s not in self.known)

    def overwritten(self) -> dict[str, str]:
        """Outputs that take the place of an input, each with the argument that this is."""
        called = {wish: a for (wish, _), a in zip(self.job.inputs, self.arguments, strict=True)}
        return {new: called[old] for new, old in self.job.over.items()}

    def result_names(self) -> list[str]:
        """The outputs as identifiers."""
        return [identifier(wish) for wish, _ in self.job.outputs]

    def head(self) -> list[str]:
        """The line `def name(arguments, *, free sizes):`."""
        free = self.free
        parameters = [*self.arguments, *(["*"] if free else []), *(self.sizes[s] for s in free)]
        return wrap_line(f"def {self.job.name}({', '.join(parameters)}):", "")

    def size_lines(self, used: Collection[Any]) -> list[str]:
        """`n, d = X.shape` and the like."""
        return size_lines(used, self.known, self.sizes, dict(self.shapes))


def setting(job: Job, reserved: Collection[str] = (),
            naming: Callable[[Iterable[str]], Identifiers] = Identifiers) -> Setting:
    """The setting of a job; names in `reserved` are not taken."""
    module, nodes = job.module, job.roots
    wanted = wanted_of(nodes, job.names, job.comment)
    lowering = Lowering(nodes, wanted, job.quick, module.dtype == "float32")
    scope = naming({*module.taken, job.name, *reserved, *(f"_{helper}" for helper in module.library.helpers)})
    arguments = [scope.fresh(wish) for wish, _ in job.inputs]
    shapes = tuple((a, node.shape) for a, (_, node) in zip(arguments, job.inputs, strict=True))
    constants = constants_of(module, lowering, nodes, scope)
    known = bind_sizes(shapes, job.sizes)
    size_names = Recorded({s: scope.fresh(s.name) for s in dict.fromkeys((*known, *sizes_in(nodes)))})
    leaves = {lowering.b.leaf(node): a for a, (_, node) in zip(arguments, job.inputs, strict=True)}
    return Setting(job, lowering, scope, arguments, shapes, {**leaves, **constants}, known, size_names,
                   wishes_of(lowering, wanted), [lowering.exact(node) for node in nodes])


def with_less_kept(begun: Setting, stored: Stepwise, shares: Sharing, functions: Collection[str] = (),
                   loops: bool = False) -> Setting:
    """The same setting, with what is cheap computed again where it is read late; as it is where that saves nothing.

    `stored` gives the steps below results in order, `shares` says which may share memory; `functions` and `loops` as in
    `computed_again`.
    """
    if begun.job.over:
        return begun
    roots = list(dict.fromkeys(root for root in begun.roots if root not in begun.given))
    found = computed_again(roots, stored, functions, loops)
    if found is None:
        return begun
    new = dict(zip(roots, found.roots, strict=True))
    plans = stored(roots, frozenset()), stored(found.roots, found.copies)
    before, after = (workspace(kept, kept.roots, shares) for kept in plans)
    if after > (1 - LEAST) * before:
        return begun
    there = set(order(found.roots))
    wishes = {e: wish for e, wish in begun.wishes.items() if e in there}
    met = set(wishes)
    for e, old in found.origin.items():
        if e in there and old in begun.wishes:
            wishes[e] = begun.wishes[old] if old not in met else begun.wishes[old].again()
            met.add(old)
    return replace(begun, roots=[new.get(root, root) for root in begun.roots], wishes=wishes, late=found.copies)


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
        elif node.op is ops.SCAN:
            loop = loop_of(node)
            parts += [loop.length, *sizes_in(loop.body.after)]
        found.update(dict.fromkeys(free_symbols(parts)))
    return list(found)


def constants_of(module: EmittedModule, lowering: Lowering, nodes: Sequence[Node], scope: Identifiers) -> dict[Expr, str]:
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
            fresh = [s for s in free_symbols([bound.value]) if s not in seen and s != bound.unknown]
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
