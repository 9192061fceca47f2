"""Which expressions become variables: the decisions between a lowered graph and its text.

What gets a variable: what is used more than once, what has a name or a formula, results, and whatever would
make a line too long. Everything else is written where it is used; plain views always are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, base_of, is_view, order, uses
from symgrad.codegen.plan.plan import PlanStep, Work, work_of
from symgrad.codegen.python.identifiers import Identifiers
from symgrad.codegen.python.placing_lines import place_lines
from symgrad.codegen.python.spell import Spelling, helpers_of
from symgrad.codegen.python.texts import Code
from symgrad.graphs.node import BOOLEAN, REAL, Node

WIDTH = 100  # columns of a line of emitted code
INDENT = "    "
OPS = 9  # operations a reader takes in at once
FREE = acts.LEAVES | {acts.TRANSPOSE, acts.INDEX}  # written again at every use
WORDS = ("exp", "log", "tanh", "sin", "cos", "sqrt", "erf", "abs", "log1p", "expm1", "sinh", "cosh", "arctan")


@dataclass(frozen=True)
class Wish:
    """A variable that must be: its name and, where there is one, its formula; the nodes that it is for."""

    name: str | None
    comment: str | None = None
    nodes: tuple[Node, ...] = ()

    def again(self) -> Wish:
        """That of the same value, computed a second time."""
        return Wish(None, self.comment and f"{self.comment.partition(' = ')[0]}, again", self.nodes)


class Planner:
    """Decides what becomes a variable and writes the steps."""

    def __init__(self, spelling: Spelling, scope: Identifiers, leaves: Mapping[Expr, str],
                 wishes: Mapping[Expr, Wish]) -> None:
        self.spelling, self.scope, self.wishes = spelling, scope, wishes
        self.steps: list[PlanStep] = []
        self.code: dict[Expr, Code] = {e: Code(name) for e, name in leaves.items()}
        self.variables: dict[Expr, str] = dict(leaves)
        self.reads: dict[Expr, tuple[str, ...]] = {e: (name,) for e, name in leaves.items()}
        self.work: dict[Expr, Work] = dict.fromkeys(leaves, ())
        self.count: dict[Expr, int] = {}

    def run(self, roots: Sequence[Expr], names: Sequence[str]) -> list[Code]:
        """All steps that `roots` need; the texts that stand for the roots."""
        exprs = order(roots)
        self.count = uses(exprs, roots, FREE)
        wished = dict(zip(reversed(roots), reversed(names), strict=True))
        for e in exprs:
            if e in self.variables:
                continue
            self._write(e)
            if self._needs_variable(e, wished):
                self._assign(e, wished.get(e))
        return [self.code[root] for root in roots]

    def helpers(self) -> dict[str, None]:
        """The functions of our own that the text calls, in order."""
        return dict.fromkeys(name for e in self.code for name in helpers_of(e, self.spelling.library))

    def _needs_variable(self, e: Expr, wished: Mapping[Expr, str]) -> bool:
        if e.op in acts.LEAVES:
            return False
        if e.op is acts.PLACE or e in self.wishes:
            return True
        if e in wished:
            return not is_view(e) or base_of(e).op not in acts.LEAVES and self.code[e].ops > 0
        return self.count[e] > 1 and e.op not in FREE

    def _write(self, e: Expr) -> None:
        """The text of `e`; arguments become variables until it is short enough to read."""
        while True:
            if e.op is acts.PLACE:
                code = Code("\n".join(self._place(e, "v" * 12)), 0, 0)
                longest = max(map(len, code.text.split("\n")))
            else:
                code = self.spelling.text(e, [self.code[a] for a in e.args])
                longest = len(code.text) + 20
            inline = [a for a in dict.fromkeys(e.args) if a not in self.variables and self.code[a].ops > 0]
            if not inline or (longest <= WIDTH - 6 and code.ops <= OPS):
                break
            self._assign(max(inline, key=lambda a: (self.code[a].ops, len(self.code[a].text))), None)
        self.code[e] = code
        self.reads[e] = tuple(dict.fromkeys(name for a in e.args for name in self.reads[a]))
        below = tuple(item for a in dict.fromkeys(e.args) if a not in self.variables for item in self.work[a])
        self.work[e] = below + work_of(e)

    def _place(self, e: Expr, target: str) -> list[str]:
        fresh = False
        if e.attrs[0]:
            base = e.args[0]
            fresh = base not in self.variables and base_of(base) is base and base.op not in acts.LEAVES
        return place_lines(self.spelling, e, target, [self.code[a] for a in e.args], fresh)

    def _assign(self, e: Expr, result: str | None) -> None:
        wish = self.wishes.get(e)
        name = wish.name if wish and wish.name else result
        target = self.scope.fresh(name) if name else self._invent(e)
        if e.op is acts.PLACE:
            lines = self._place(e, target)
        else:
            lines = [f"{target} = {self.code[e].text}"]
        itemsize = (8 if self.spelling.dtype == "float64" else 4) if e.kind == REAL else 1 if e.kind == BOOLEAN else 8
        base = e
        while is_view(base) and base not in self.variables:
            base = base.args[0]
        memory = 0 if base is not e and base in self.variables else itemsize
        self.steps.append(PlanStep(target, e.attrs[0] if e.op in acts.BY_NAME else e.op, self.reads[e], tuple(lines),
                                   wish.comment if wish else None, e.shape, e.kind, memory, self.work[e],
                                   wish.nodes if wish else ()))
        self.variables[e] = target
        self.code[e] = Code(target)
        self.reads[e] = (target,)
        self.work[e] = ()

    def _invent(self, e: Expr) -> str:
        """A name from the operation: tanh_a1, Xw, sum_e; v1, v2 where that would be long."""
        args = [self.code[a].text for a in e.args]
        short = [a for a in args if a.isidentifier() and len(a) <= 6]
        if e.op is acts.MATMUL and len(short) == 2 and sum(map(len, short)) <= 6:
            return self.scope.fresh("".join(short))
        if e.op is acts.ROW and e.attrs[0] in WORDS and len(args) == 1:
            return self.scope.fresh(f"{e.attrs[0]}_{short[0]}" if short else e.attrs[0])
        if e.op in (acts.SUM, acts.MAX, acts.MIN) and short:
            return self.scope.fresh(f"{e.op}_{short[0]}")
        if e.op is acts.ARANGE:
            return self.scope.fresh("rows")
        if e.kind == BOOLEAN:
            return self.scope.fresh("mask")
        return self.scope.numbered("v")


def aliased(roots: Sequence[Expr]) -> list[bool]:
    """For every result: does it share memory with an input, a constant, an earlier result or itself?"""
    seen: set[Expr] = set()
    result = []
    for root in roots:
        base, frozen = root, False
        while is_view(base):
            frozen = frozen or base.op in (acts.BROADCAST, acts.DIAGONAL)  # NumPy makes these read-only
            base = base.args[0]
        result.append(frozen or base in seen or base.op in acts.GIVEN)
        seen.add(base)
    return result
