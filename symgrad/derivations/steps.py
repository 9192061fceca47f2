"""The steps of a derivation, and the two passes that make them: forward in the order of computation, then backward.

Each backward step applies the transposed Jacobian of the boxes that use a value to the gradients of those, and adds
up: G_v = sum of (du/dv)' G_u. Steps hold small graphs; text is made from them when it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from symgrad.formulas.shown import Shown
from symgrad.graphs.algebra.einsum import contract, scale
from symgrad.graphs.algebra.primitives import add
from symgrad.graphs.algebra.samples import sample_axes
from symgrad.graphs.node import Node, depends
from symgrad.graphs.pieces.boxes import Box, cotangent_leaf, local_cotangents
from symgrad.graphs.sizes import Size
from symgrad.graphs.weights import Weight
from symgrad.language.tensor import Tensor


@dataclass(frozen=True, eq=False, repr=False)
class Step(Shown):
    """One numbered step. `node` is its right-hand side over the leaves of other steps."""

    number: int
    kind: str  # "forward", "backward", "use" (one of several terms) or "mean"
    name: str
    node: Node
    box: Box
    consumers: tuple[Box, ...] = ()
    batch: Node | None = None  # the same over the whole batch, where that is another formula
    loss: str = ""
    parts: tuple[Step, ...] = ()  # what a mean averages
    weight: Weight | None = None
    by: tuple[int, ...] = ()  # the numbers of the steps that this one uses
    inside: str = ""  # the label of the step that this one unfolds
    world: World | None = field(default=None, repr=False)

    @property
    def label(self) -> str:
        """The number as a reader sees it; 11.2 is the second step inside step 11."""
        return f"{self.inside}.{self.number}" if self.inside else str(self.number)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The steps inside: what is averaged, the terms of a sum over uses, or the box taken apart."""
        return self.parts or _unfolding.inside(self)

    @property
    def formula(self) -> str:
        """The formula of one sample, in Unicode."""
        return _text.formula(self, "unicode", "sample")

    @property
    def batch_formula(self) -> str:
        """The formula over the whole batch, samples as rows, in Unicode."""
        return _text.formula(self, "unicode", "batch")

    def latex(self, mode: str = "sample") -> str:
        """The formula in LaTeX, of one sample or over the "batch"."""
        return _text.formula(self, "latex", mode)

    @property
    def general(self) -> str:
        """The general law by which the step holds, in Unicode."""
        return _laws.general(self, "unicode")

    @property
    def law(self) -> str:
        """That law for the values of this step, in Unicode."""
        return _text.law(self, "unicode")

    @property
    def rule(self) -> str:
        """Why the step holds, in words."""
        return _text.rule(self)

    @property
    def local_jacobian(self) -> str:
        """What SymPy derived: the Jacobian of each box that uses the value."""
        return _text.jacobians(self, "unicode")

    def __str__(self) -> str:
        return f"({self.label}) {self.formula}"

    def __repr__(self) -> str:
        return f"<Step {self}>"


@dataclass(frozen=True, eq=False)
class World:
    """What the steps of one pass share: the last box, its cotangent, the samples and the weight of their mean."""

    root: Box
    seed: Node
    loss: str
    weight: Weight | None
    samples: Size | None  # where the loss is that of one sample


def _sampled(box: Box) -> bool:
    return box.leaf in sample_axes([box.leaf])


def forward(found: Sequence[Box], world: World, inside: str = "") -> list[Step]:
    """The forward steps: every box that is no symbol."""
    inner = [box for box in found if box.leaf is not box.node or box.kind == "output"]
    number = {box: i for i, box in enumerate(inner, start=1)}
    return [Step(number[box], "forward", box.name, box.local, box, loss=world.loss, inside=inside, world=world,
                 by=tuple(sorted(number[o] for o in box.operands if o in number))) for box in inner]


def backward(found: Sequence[Box], wrt: Sequence[Tensor], world: World, before: Sequence[Step],
             inside: str = "") -> list[Step]:
    """Steps in the lecture's order: from the loss backward; of one layer, the input, then b, then W."""
    root = found[-1]
    wanted = {x.node for x in wrt}
    live = depends([root.node], wanted)
    users: dict[Box, list[Box]] = {box: [] for box in found}
    for box in found:
        for operand in box.operands:
            users[operand].append(box)
    order = {box: i for i, box in enumerate(found)}
    waiting = {box: len(users[box]) for box in found if box.node in live}
    steps: list[Step] = []
    defined = {s.box: s.number for s in before}
    derived: dict[Box, int] = {}
    ready = [root]
    while ready:
        box = ready.pop(0)
        inputs = [o for o in box.operands if o.node in live]
        for operand in inputs:
            waiting[operand] -= 1
        free = [o for o in inputs if waiting[o] == 0]
        inner = sorted((o for o in free if o.kind != "parameter"), key=lambda o: -order[o])
        params = sorted((o for o in free if o.kind == "parameter"), key=lambda o: (len(o.node.shape), o.name))
        for operand in (*inner, *params):
            derived[operand] = len(before) + len(steps) + 1
            uses = users[operand]
            by = [derived[u] for u in uses if u in derived]
            by += [defined[u] for u in uses if u in defined and (len(uses) == 1 or u is root)]
            steps.append(_gradient_step(derived[operand], operand, uses, world, tuple(sorted(by)), inside))
        ready = sorted({*ready, *inner}, key=lambda o: -order[o])
    return steps


def _gradient_step(number: int, box: Box, users: Sequence[Box], world: World, by: tuple[int, ...], inside: str) -> Step:
    name = f"G_{{{box.name}}}"
    sample = add([flow(user, box, world, False) for user in users])
    batch = None
    if world.samples is not None and not _sampled(box):  # per sample for the formula, summed over the batch
        batch = add([flow(user, box, world, True) for user in users])
        batch = scale(batch, world.weight) if world.weight is not None else batch
    return Step(number, "backward", name, sample, box, tuple(users), batch, world.loss, by=by, inside=inside, world=world)


def flow(user: Box, box: Box, world: World, summed: bool) -> Node:
    """The part of G_v that comes through one box that uses v."""
    u = world.seed if user is world.root else cotangent_leaf(user, world.samples)
    if world.samples is not None and not _sampled(box):  # one gradient for each sample, of a value that all share
        labels = tuple(range(len(u.shape)))
        sizes = dict(zip(labels, u.shape, strict=True))
        if _sampled(user) and not summed:
            u = contract([u], [labels], (0, *labels), sizes)
        elif not _sampled(user) and summed:
            u = contract([u], [labels], labels[1:], sizes)
    (part,) = local_cotangents(user, u, [box.leaf])
    return part


import symgrad.derivations.laws as _laws  # noqa: E402
import symgrad.derivations.text as _text  # noqa: E402 - text and unfolding are written in terms of steps
import symgrad.unfolding as _unfolding  # noqa: E402
