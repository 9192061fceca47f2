"""Why a gradient goes back through the steps of a recurrence: what a state acts on, and where the value itself acts."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.derivations.lawbook import LawRow
from symgrad.derivations.pieces import Math, Sentence, joined
from symgrad.derivations.text import known_before, show
from symgrad.derivations.transcript import Stage
from symgrad.formulas.notation.loop_names import is_way_back
from symgrad.formulas.notation.steps import size_tree
from symgrad.formulas.rendering import spelled
from symgrad.formulas.spelling.tree import UNIT, Tree, sum_of
from symgrad.formulas.spelling.tree import name as tree_name
from symgrad.graphs import ops
from symgrad.graphs.algebra.recurrence import Loop, loop_of
from symgrad.graphs.node import topological
from symgrad.graphs.pieces.boxes import Box
from symgrad.graphs.pieces.recurring import recurrence_of


def _law(title: str, before: str) -> LawRow:
    """The law of a recurrence whose steps read the state at `before`."""
    return LawRow(title, "backpropagation through time",
                  (f"h_t = f(h_{{{before}}}, x_t, θ)",
                   f"G_{{h_{{{before}}}}} = (∂h_t/∂h_{{{before}}})ᵀ G_{{h_t}} + what its own output receives",
                   "G_{x_t} = (∂h_t/∂x_t)ᵀ G_{h_t}", "G_θ = ∑_t (∂h_t/∂θ)ᵀ G_{h_t}"),
                  (rf"h_{{t}} = f(h_{{{before}}}, x_{{t}}, \theta)",
                   rf"G_{{h_{{{before}}}}} = \left(\frac{{\partial h_{{t}}}}{{\partial h_{{{before}}}}}\right)^{{\top}}"
                   r" G_{h_{t}} + \text{what its own output receives}",
                   r"G_{x_{t}} = \left(\frac{\partial h_{t}}{\partial x_{t}}\right)^{\top} G_{h_{t}}",
                   r"G_{\theta} = \sum_{t} \left(\frac{\partial h_{t}}{\partial \theta}\right)^{\top} G_{h_{t}}"))


RECURRENCE, FROM_THE_END = _law("Recurrence", "t - 1"), _law("Recurrence from the end", "t + 1")


def one_loop(users: Sequence[Box]) -> Loop | None:
    """The loop of which all these are results; None where they are not of one."""
    reads = [recurrence_of(user.local) if user.kind != "output" else None for user in users]
    found = {None if read is None else loop_of(read) for read in reads}
    return found.pop() if len(found) == 1 else None


def through_time(step: Stage, loop: Loop, style: str) -> Sentence:
    """What a state acts on, where the way back is told first, and where the value itself acts."""
    before = known_before(step, "sample").recurrences
    leaf, letters, t = step.box.leaf, before.loops[loop].carries, tree_name(before.step_of(frozenset(), loop.length))

    def at(place: Tree) -> Sentence:
        *some, last = (Math(spelled(tree_name(letter, [place]), [], False, style)) for letter in letters)
        return (*joined(tuple(some)), " and ", last) if some else (last,)

    words: Sentence = ("backpropagation through time: ",)
    back = [loop_of(n) for n in topological([step.node]) if n.op is ops.SCAN and is_way_back(loop_of(n))]
    first = not any(each in before.loops for each in back)
    if first:
        results = (recurrence_of(user.local) for user in step.consumers)
        given = any(not isinstance(read.attrs[1], int) for read in results if read is not None)
        acts, its = ("acts", "its output") if len(letters) == 1 else ("act", "their outputs")
        after = sum_of([(1, t), (-1 if loop.reverse else 1, UNIT)])
        through = f" {acts} on the loss through " + f"{its} and through " * given
        words += (*at(t), through, *at(after), ", and ")
    words += (Math(show(leaf, style)), "" if first else " acts")
    if leaf in loop.given.values():
        return *words, " in every step"
    if leaf in loop.begins.values():
        return *words, " through ", *at(size_tree(loop.length) if loop.reverse else UNIT)
    return *words, " step by step"
