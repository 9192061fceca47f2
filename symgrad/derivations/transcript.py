"""A derivation as data: what its steps are and where they come from. Text and documents read it; it knows of none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from symgrad.calculus.derivatives import read_gradient
from symgrad.formulas.notation.lexicon import free_letters
from symgrad.formulas.notation.loop_names import STEPS
from symgrad.formulas.shown import Shown
from symgrad.formulas.spelling.glyphs import Name
from symgrad.graphs import ops
from symgrad.graphs.node import Node, topological, transform
from symgrad.graphs.pieces.boxes import Box
from symgrad.graphs.pieces.recurring import recurs
from symgrad.graphs.sizes import Size
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import Weight
from symgrad.language.tensor import Tensor, wrap


@dataclass(frozen=True, eq=False)
class World:
    """What the steps of one pass share: the last box, its cotangent, the samples and the weight of their mean."""

    root: Box
    seed: Node
    loss: str
    weight: Weight | None
    samples: Size | None  # where the loss is that of one sample
    live: AbstractSet[Node]  # what depends on the variables that were asked for
    taken: AbstractSet[Name] = frozenset()  # of values and sizes: what else is written has none of their letters
    means: Mapping[Node, tuple[Node, tuple[int, ...]]] = field(default_factory=dict)  # leaves: of what, over which axes
    parts: dict[tuple[Box, Node], dict[Box, Node]] = field(default_factory=dict)  # what was pulled back, by box and its G
    joint: dict[tuple[tuple[Box, ...], Box], Node] = field(default_factory=dict)  # through several results of one loop
    units: set[Box] = field(default_factory=set)  # values whose gradient is one
    found: dict[Box, Node] = field(default_factory=dict)  # the gradients of values, as they were written
    line: dict[Any, int] = field(default_factory=dict)  # the steps in their order, and the place of each
    cited: dict[tuple[Box, Box], tuple[Any, ...]] = field(default_factory=dict)  # the laws from a box to one that it uses
    ears: list[set[Any]] = field(default_factory=list)  # for the words of what is written: the last of them hears
    meets: bool = False  # are there samples, and does the loss of one depend on others?
    said: dict[str, list[Any]] = field(default_factory=dict)  # by mode: what is known of recurrences before each of them

    def hear(self, words: Iterable[Any]) -> None:
        """Something with these words was written."""
        if self.ears:
            self.ears[-1].update(words)

    @contextmanager
    def listening(self, heard: set[Any]) -> Iterator[set[Any]]:
        """The words of what is written meanwhile."""
        self.ears.append(heard)
        try:
            yield heard
        finally:
            self.ears.pop()

    @cached_property
    def letters(self) -> AbstractSet[str]:
        """The letters that names and sizes have."""
        return {name.base for name in self.taken}

    @cached_property
    def order(self) -> Mapping[Box, int]:
        """The boxes and their places, operands first."""
        found: dict[Box, int] = {}
        stack = [(self.root, iter(self.root.operands))]
        while stack:
            box, operands = stack[-1]
            below = next((o for o in operands if o not in found), None)
            if below is not None:
                stack.append((below, iter(below.operands)))
            else:
                stack.pop()
                found.setdefault(box, len(found))
        return found

    @cached_property
    def users(self) -> Mapping[Box, list[Box]]:
        """The boxes that use each."""
        found: dict[Box, list[Box]] = {}
        for box in self.order:
            for operand in box.operands:
                found.setdefault(operand, []).append(box)
        return found

    @property
    def total(self) -> str:
        """The name of the loss of all samples."""
        return next((x for x in ("L", "J", "ℓ") if x not in self.letters), "loss")

    @property
    def theta(self) -> str:
        """The letter for any of the variables."""
        return next((x for x in ("θ", "ω", "ξ") if x not in self.letters), "any")

    @cached_property
    def sample(self) -> str:
        """The index of a sample."""
        steps = {STEPS[0]} if recurs(self.root.node) else set()  # no sample is called as a step of a recurrence is
        return free_letters(self.letters | steps)[0][0]

    @property
    def column(self) -> str:
        """The index of a column, not of a row."""
        return next((x for x in free_letters(self.letters)[1] if x != "i"), "i")


@dataclass(frozen=True, eq=False, repr=False)
class Stage(Shown):
    """One numbered step. `node` is its right-hand side over the leaves of other steps."""

    number: int
    kind: str  # "forward", "backward", "use" (one of several terms) or "mean"
    name: str
    node: Node
    box: Box
    consumers: tuple[Box, ...] = ()
    batch: Node | None = None  # the same over the whole batch, where that is another formula
    loss: str = ""
    applied: Node | None = None  # the law of a function alone, where the gradient behind it was put in and cancels
    parts: tuple[Any, ...] = ()  # what a mean averages
    weight: Weight | None = None
    by: tuple[int, ...] = ()  # the numbers of the steps that this one uses
    inside: str = ""  # the label of the step that this one unfolds
    world: World = field(kw_only=True, repr=False)

    @property
    def label(self) -> str:
        """The number as a reader sees it; 11.2 is the second step inside step 11."""
        return f"{self.inside}.{self.number}" if self.inside else str(self.number)


@dataclass(frozen=True, eq=False, repr=False)
class Transcript:
    """The derivative of a scalar, step by step. Made by `sg.derive`."""

    y: Tensor
    wrt: tuple[Tensor, ...]
    steps: tuple[Any, ...]
    loss: Node  # the scalar that is derived: of one sample, where y is a mean over samples
    weight: Weight | None  # y = weight * sum over samples of loss; None where y is the loss itself
    over: Size | None
    graph: tuple[Box, ...] = field(repr=False)
    names: Mapping[Node, str] = field(repr=False)  # display names of the symbols, the same in all that is said of it
    written: Node | None = field(default=None, repr=False)  # the loss as it was written, where that is another formula

    @cached_property
    def sample(self) -> str:
        """The index of a sample."""
        return str(self.steps[0].world.sample)

    @cached_property
    def gradients(self) -> tuple[Node, ...]:
        """What is found in the end: the gradients as people read them, each as one formula."""
        return tuple(g.node for g in read_gradient(self.y, list(self.wrt)))

    @cached_property
    def nameless(self) -> tuple[Node, ...]:
        """The same of the loss without the names of its intermediates, where it has any: log(e/s) is a log-softmax."""
        if not any(n.op is ops.NAMED for n in topological([self.y.node])) or any(x.node.operands for x in self.wrt):
            return self.gradients
        (node,) = transform([self.y.node], lambda n, new: new[0] if n.op is ops.NAMED else rebuild(n, new), {})
        return tuple(g.node for g in read_gradient(wrap(node, self.y.over), list(self.wrt)))

    @cached_property
    def outputs(self) -> tuple[Any, ...]:
        """The backward steps of the variables that were asked for."""
        wanted = {x.node for x in self.wrt}
        return tuple(s for s in self.steps if s.kind == "backward" and s.box.node in wanted)

    @cached_property
    def asked(self) -> tuple[Any, ...]:
        """The same in the order in which they were asked for."""
        place = {x.node: i for i, x in enumerate(self.wrt)}
        return tuple(sorted(self.outputs, key=lambda s: place[s.box.node]))
