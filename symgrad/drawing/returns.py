"""The way back through a recurrence in a picture: one cluster, `for t = n, …, 1`, with the lines of one step.

The lines are those of the printed derivation, so the letters are too. An arrow leads from what a step computes to what
uses it; dashed ones lead on to the step before. What comes from the way forward is said by the formulas alone, as
everywhere on the way back. Gradients that are read from the same steps come from the same cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from symgrad.derivations.steps import Step
from symgrad.derivations.text import gradient_name, lines
from symgrad.drawing.outputs import sizes_text
from symgrad.drawing.pictures.picture import Arrow, Cluster, DrawnBox
from symgrad.formulas.notation.loop_names import STEPS, is_way_back
from symgrad.formulas.rendering import spelled
from symgrad.formulas.spelling.glyphs import Name
from symgrad.formulas.spelling.latex import latex
from symgrad.formulas.spelling.tree import Tree, walk
from symgrad.formulas.spelling.unicode import unicode
from symgrad.graphs import ops
from symgrad.graphs.algebra.recurrence import Loop, loop_of
from symgrad.graphs.node import topological

Line = tuple[Tree, Tree]


@dataclass
class Returns:
    """The loops that gradients are read from: their boxes, arrows and clusters, as steps ask for them."""

    boxes: list[DrawnBox] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)
    _homes: dict[Loop, str] = field(default_factory=dict)
    _places: dict[Name, Tree] = field(default_factory=dict)  # the step at which a line has it, t or the one that follows
    _steps: set[Tree] = field(default_factory=set)  # the letters of steps
    _keys: dict[Name, str] = field(default_factory=dict)  # of what is computed in each step, by its letter

    def opened(self, step: Step, key: str, tails: list[str]) -> tuple[str, str] | None:
        """The formula of a gradient that is read from loops, in both styles; draws these, and the arrows to it at `key`.

        `tails` are the boxes whose gradients come in. None where no loop runs back.
        """
        loops = [loop_of(n) for n in topological([step.node]) if n.op is ops.SCAN and is_way_back(loop_of(n))]
        if not loops:
            return None
        main, rows = lines(step, "sample")
        self._steps |= {left for left, right in rows if right.head == "tuple"}
        self._steps |= {part for row in (*rows, (main, main)) for tree in row for part in walk(tree)
                        if part.head == "name" and part.args[0].base in STEPS and not part.args[1]}
        told = [row for row in rows if row[0].args[1] and self._step_in(row[0].args[1][0])]
        begins = {row[0].args[0]: row for row in rows if row not in told and row[0].args[1]}
        inside = _linked(told, {name for row in told for name in _names(row[1])}, set(self._keys))
        if inside:
            t = self._step_in(inside[0][0].args[1][0])
            assert t is not None
            self._draw(inside, begins, step, tails, self._home(loops[0], unicode(t)))
        sources = dict.fromkeys(self._keys[name] for name in _names(main) if name in self._keys)
        self.arrows += [Arrow(tail, key, backward=True) for tail in sources or tails]
        rest = [row for row in told if row not in inside]
        left = {style: gradient_name(step.box, style) for style in ("unicode", "latex")}
        return (f"{left['unicode']} = {spelled(main, rest, False, 'unicode')}",
                f"{left['latex']} = {spelled(main, rest, False, 'latex')}")

    def _home(self, loop: Loop, t: str) -> str:
        """The cluster of a loop."""
        if loop not in self._homes:
            first, last = sizes_text((loop.length,), "unicode"), "1"
            first, last = (first, last) if loop.reverse else (last, first)
            self._homes[loop] = f"back {len(self._homes) + 1}"
            self.clusters.append(Cluster(self._homes[loop], f"for {t} = {first}, …, {last}"))
        return self._homes[loop]

    def _draw(self, rows: list[Line], begins: dict[Name, Line], step: Step, tails: list[str], cluster: str) -> None:
        for left, right in rows:
            self._keys[left.args[0]] = key = f"{cluster} {unicode(left)}"
            self._places[left.args[0]] = left.args[1][0]
            text = f"{unicode(left)} = {unicode(right)}"
            self.boxes.append(DrawnBox(key, text, "gradient", f"{text}\nin each step, on the way back", cluster,
                                       f"{latex(left)} = {latex(right)}", link=f"step-{step.number}", noun="step back"))
        entered: dict[Name, str] = {}  # what begins as a gradient that comes in, and who reads it first
        found: dict[Arrow, None] = {}
        for left, right in rows:
            head = self._keys[left.args[0]]
            for name, place in self._reads(right):
                now = self._places.get(name) == place
                if name in self._keys:
                    found[Arrow(self._keys[name], head, backward=True, returns=not now)] = None
                if not now and name in begins and self._comes_in(begins[name][1]):
                    entered.setdefault(name, head)
        for name, head in entered.items():
            at, value = begins[name]
            found |= {Arrow(tail, head, f"{unicode(at)} = {unicode(value)}", latex=f"{latex(at)} = {latex(value)}",
                            backward=True): None for tail in tails}
        if not entered and not any(arrow.tail not in self._keys.values() for arrow in found) and begins:
            found |= {Arrow(tail, self._keys[rows[0][0].args[0]], backward=True): None for tail in tails}
        self.arrows += found


    def _step_in(self, index: Tree) -> Tree | None:
        """The letter of a step in an index."""
        return next((part for part in walk(index) if part in self._steps), None)

    def _reads(self, tree: Tree) -> list[tuple[Name, Tree]]:
        """What a line reads at some step: its letter, and at which."""
        return list(dict.fromkeys((part.args[0], part.args[1][0]) for part in walk(tree)
                                  if part.head == "name" and part.args[1] and self._step_in(part.args[1][0])))

    def _comes_in(self, value: Tree) -> bool:
        """Is what a value begins with more than what the last step gives it by way of others?"""
        names = _names(value)
        return value.head != "num" and (not any(name in self._keys for name in names) or any(
            name.base == "G" and not name.deep for name in names))


def _names(tree: Tree) -> list[Name]:
    return [part.args[0] for part in walk(tree) if part.head == "name"]


def _linked(rows: list[Line], used: set[Name], known: set[Name]) -> list[Line]:
    """The lines that read one another, or what is drawn already; what only renames stays with the formula in front."""
    own = {left.args[0] for left, _ in rows} | known
    return [(left, right) for left, right in rows if left.args[0] in used or own.intersection(_names(right))]
