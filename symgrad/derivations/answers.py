"""The answers of a derivation: each gradient as one formula, before the steps that lead to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from symgrad.derivations import text
from symgrad.derivations.transcript import Transcript
from symgrad.formulas.rendering import render
from symgrad.formulas.spelling.letters import for_tex
from symgrad.graphs import ops
from symgrad.graphs.node import Node, topological, transform
from symgrad.graphs.table import rebuild
from symgrad.graphs.textbook.normal import textbook

BOXES, ANSWER = 32, 100  # of a graph, and characters of a gradient, that are stated as one formula before the steps
BRIEF = 60  # characters of a gradient up to which it is stated in symbols alone


@dataclass(frozen=True)
class Answers:
    """What is found in the end, each gradient as one formula: the first thing that a reader wants."""

    formulas: tuple[str, ...]
    by_steps: bool = False  # long ones are written in the names of the steps

    @property
    def note(self) -> str:
        """What the names are; may be empty."""
        return "in the names of the steps" if self.by_steps else ""


def answered(d: Transcript, loss: str, names: Sequence[str], style: str) -> Answers | None:
    """The gradients, each as one formula, in the names of the steps where one is long; none that no line holds."""
    if len(d.graph) > BOXES:
        return None
    taken, mode = d.steps[0].world.taken, text.of_one(d.steps[0])
    names_of_steps: Mapping[Node, str] = {**_step_names(d), **d.names}
    pairs = list(zip(d.gradients, d.nameless, strict=True))
    if any(all(_loops(node, known) for node in pair for known in (d.names, names_of_steps)) for pair in pairs):
        return None  # says behind itself what a step of the loop is

    def rendered(node: Node, known: Mapping[Node, str], style: str) -> str:
        return render(node, names={n: name for n, name in known.items() if n is not node}, mode=mode, style=style,
                      taken=taken)

    ways = [[(node, d.names, rendered(node, d.names, "unicode")) for node in pair] for pair in pairs]
    best = [min(found, key=lambda way: len(way[2])) for found in ways]
    by_steps = max(len(shown) for _, _, shown in best) > BRIEF
    if by_steps:
        short = [(node, names_of_steps, rendered(node, names_of_steps, "unicode")) for node, _, _ in best]
        by_steps = sum(len(shown) for *_, shown in short) < sum(len(shown) for *_, shown in best)
        best = short if by_steps else best
    if any(", where " in shown or len(shown) > ANSWER for *_, shown in best):
        return None
    if d.steps[0].world.meets:  # of which sample it is
        leaves = {box.node: box.leaf for box in d.graph}
        each = [text.shown(d.steps[0], leaves[x.node], style) if x.node in leaves else name
                for x, name in zip(d.wrt, names, strict=True)]
        names = [own if own == name or style == "latex" else f"{{{own}}}" for own, name in zip(each, names, strict=True)]
    formulas = [shown if style == "unicode" else for_tex(rendered(node, known, style)) for node, known, shown in best]
    return Answers(tuple(f"{text.nabla(name, loss, style)} = {each}" for name, each in zip(names, formulas, strict=True)),
                   by_steps)


def _loops(node: Node, known: Mapping[Node, str]) -> bool:
    """Is there a recurrence in a formula in which what is `known` has a name?"""
    inside = topological([node], enter=lambda n: n is node or n not in known)
    return any(n.op is ops.SCAN and (n is node or n not in known) for n in inside)


def _step_names(d: Transcript) -> dict[Node, str]:
    """The names of computed values, as they were written and as a textbook writes them."""
    found: dict[Node, str] = {}
    for box in d.graph[:-1]:
        if not box.is_given:
            inner = box.node.operands[0] if box.node.op is ops.NAMED else box.node
            (bare,) = transform([inner], _unnamed, {})  # the letters of an attention are names that nobody gave
            ways = (bare, textbook(bare), inner, textbook(inner), box.node)
            found |= {n: box.name for n in ways if n.op not in ops.GIVEN}
    return found


def _unnamed(node: Node, operands: tuple[Node, ...]) -> Node:
    return operands[0] if node.op is ops.NAMED else rebuild(node, operands)
