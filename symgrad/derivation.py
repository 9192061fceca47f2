"""`sg.derive`: forward and backward, one numbered step per box, as a lecture derives backpropagation.

The graph is cut into boxes (`graphs/boxes.py`). Each backward step applies the transposed Jacobian of one
box to the gradient of its value, G_v = (dr/dv)'. For a mean over samples, G_v belongs to the loss of one
sample, and the last step averages. Steps hold small graphs; text is made from them when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from symgrad.align import as_tensor, describe
from symgrad.derivatives import variables_of
from symgrad.graphs.boxes import Box, boxes, cotangent_leaf, local_cotangents
from symgrad.graphs.einsum import contract, ones, scale
from symgrad.graphs.errors import DifferentiationError
from symgrad.graphs.node import REAL, Node, depends, in_order_of_use, topological
from symgrad.graphs.primitives import add
from symgrad.graphs.rewrite import stabilise
from symgrad.graphs.samples import sample_axes
from symgrad.graphs.sizes import Size
from symgrad.graphs.tidy import mirrored
from symgrad.graphs.weights import MINUS, ONE, Weight, times
from symgrad.names import display_names
from symgrad.tensor import Tensor, wrap


@dataclass(frozen=True, eq=False)
class Step:
    """One numbered step. `node` is its right-hand side over the leaves of other steps."""

    number: int
    kind: str  # "forward", "backward" or "mean"
    name: str
    node: Node
    box: Box
    consumers: tuple[Box, ...] = ()
    batch: Node | None = None  # the same over the whole batch, where that is another formula
    loss: str = ""
    steps: tuple[Step, ...] = ()
    weight: Weight | None = None

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
    def law(self) -> str:
        """The general law of which the formula is an instance, in Unicode."""
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
        return f"({self.number}) {self.formula}"


@dataclass(frozen=True, eq=False)
class Derivation:
    """The derivative of a scalar, step by step. Made by `sg.derive`."""

    y: Tensor
    wrt: tuple[Tensor, ...]
    steps: tuple[Step, ...]
    loss: Node  # the scalar that is derived: of one sample, where y is a mean over samples
    weight: Weight | None  # y = weight * sum over samples of loss; None where y is the loss itself
    over: Size | None
    graph: tuple[Box, ...] = field(repr=False)

    def latex(self) -> str:
        """A LaTeX fragment: numbered equations with the rule of each."""
        return _documents.document(self, "latex")

    def markdown(self) -> str:
        """Markdown with LaTeX blocks, as GitHub renders them."""
        return _documents.document(self, "markdown")

    def unicode(self) -> str:
        """Plain text for a terminal."""
        return _documents.document(self, "unicode")

    def html(self) -> str:
        """An HTML fragment with MathML."""
        return _documents.document(self, "html")

    def check(self, seed: int = 0) -> Any:
        """Confirm every step numerically at random values; the result is true if all hold and says which fail."""
        return _proof.check(self, seed)

    def __str__(self) -> str:
        return self.unicode()

    def _repr_markdown_(self) -> str:
        return self.markdown()

    @cached_property
    def outputs(self) -> tuple[Step, ...]:
        """The backward steps of the variables that were asked for."""
        wanted = {x.node for x in self.wrt}
        return tuple(s for s in self.steps if s.kind == "backward" and s.box.node in wanted)

    @cached_property
    def asked(self) -> tuple[Step, ...]:
        """The same in the order in which they were asked for."""
        place = {x.node: i for i, x in enumerate(self.wrt)}
        return tuple(sorted(self.outputs, key=lambda s: place[s.box.node]))


def derive(y: Any, wrt: Any = None) -> Derivation:
    """The derivative of a scalar `y` as numbered steps, forward and backward.

    `wrt` is a tensor, list or dict; None means all parameters, or all real data where there are none.
    Raises DifferentiationError for a `y` that is no scalar.

    >>> import symgrad as sg
    >>> w, x = sg.parameter("w", 3), sg.data("x", 3)
    >>> for step in sg.derive(sg.tanh(w @ x)).steps:
    ...     print(step)
    (1) L = tanh(wᵀ x)
    (2) G_w = (1 - L²) x
    """
    target = as_tensor(y, "derive")
    if target.ndim:
        raise DifferentiationError(f"derive: {describe(target)} is not a scalar; "
                                   "close it with sg.sum or sg.mean, or ask sg.jacobian")
    variables = _wanted(target, wrt)
    (root,) = stabilise([target.node], keep=[x.node for x in variables if x.node.op not in ("input", "constant")])
    loss, weight, over = (root, None, target.over) if target.over is not None else _mean_of(root)
    if weight is not None and _coupled(loss):
        loss, weight, over = root, None, None
    if weight is not None and weight.number < 0:  # the sign belongs to the loss of a sample
        loss, weight = scale(loss, MINUS), times(weight, MINUS)
    (loss,) = mirrored([loss], [x.node for x in variables])
    names = display_names([root])
    name = _loss_name(root, target, weight is not None or target.over is not None, names)
    found = boxes(loss, names, name, keep=[x.node for x in variables])
    steps = _forward(found, name)
    steps += _backward(found, variables, name, over, weight, len(steps))
    means = [s for s in steps if s.kind == "backward" and s.batch is not None]
    if weight is not None and means:
        place = {x.node: i for i, x in enumerate(variables)}
        inner = tuple(sorted((s for s in means if s.box.node in place), key=lambda s: place[s.box.node]))
        steps.append(Step(len(steps) + 1, "mean", "∇L", inner[-1].node, inner[-1].box, loss=name, steps=inner,
                          weight=weight))
    return Derivation(target, tuple(variables), tuple(steps), loss, weight, over, tuple(found))


def _wanted(y: Tensor, wrt: Any) -> list[Tensor]:
    if wrt is not None:
        return variables_of(wrt, "derive")
    inputs = [n for n in topological([y.node]) if n.op == "input" and n.dtype == REAL]
    chosen = [n for n in inputs if n.attrs[0].kind == "parameter"] or inputs
    return [wrap(n, n.attrs[0].over) for n in in_order_of_use(y.node, chosen)]


def _mean_of(root: Node) -> tuple[Node, Weight | None, Size | None]:
    """`root` as weight * sum over samples of a loss per sample, where it has that form."""
    by, inner = ONE, root
    while inner.op == "named" or (inner.op == "add" and len(inner.operands) == 1):
        if inner.op == "add":
            by = times(by, inner.attrs[0][0])
        inner = inner.operands[0]
    if inner.op != "einsum" or inner.shape:
        return root, None, None
    loss = inner.operands[0]
    if len(inner.operands) == 1 and len(loss.shape) == 1 and sample_axes([loss]).get(loss) == 0:
        return loss, by, loss.shape[0]
    samples = sample_axes(inner.operands)  # a sum over samples and entries at once: take the samples off it
    labels = {names[samples[o]] for o, names in zip(inner.operands, inner.attrs[0], strict=True) if o in samples}
    if len(labels) != 1 or any(o in samples and samples[o] != 0 for o in inner.operands):
        return root, None, None
    (label,) = labels
    if any(label in names and o not in samples for o, names in zip(inner.operands, inner.attrs[0], strict=True)):
        return root, None, None
    loss = contract(inner.operands, inner.attrs[0], [label])
    return loss, by, loss.shape[0]


def _coupled(loss: Node) -> bool:
    """Does the loss of one sample depend on other samples?"""
    start = {n: 0 for n in topological([loss]) if n.op == "input" and n.attrs[0].over is not None}
    return sample_axes([loss], start).get(loss, 0) != 0


def _loss_name(root: Node, y: Tensor, per_sample: bool, names: Mapping[Node, str]) -> str:
    taken = set(names.values()) | {n.attrs[0] for n in topological([root]) if n.op == "named"}
    if y.over is not None and y.node.op == "named":
        return str(y.node.attrs[0])
    wanted = ("r", "loss", "r_0") if per_sample else ("L", "loss", "L_0")
    if root.op == "named" and not per_sample:
        return str(root.attrs[0])
    return next(n for n in (*wanted, *(f"r_{i}" for i in range(1, len(taken) + 2))) if n not in taken)


def _forward(found: Sequence[Box], loss: str) -> list[Step]:
    inner = [box for box in found if box.leaf is not box.node or box.kind == "output"]
    return [Step(i, "forward", box.name, box.local, box, loss=loss) for i, box in enumerate(inner, start=1)]


def _backward(found: Sequence[Box], wrt: Sequence[Tensor], loss: str, over: Size | None,
              weight: Weight | None, number: int) -> list[Step]:
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
            number += 1
            steps.append(_gradient_step(number, operand, users[operand], root, loss, over, weight))
        ready = sorted({*ready, *inner}, key=lambda o: -order[o])
    return steps


def _gradient_step(number: int, box: Box, users: Sequence[Box], root: Box, loss: str, over: Size | None,
                   weight: Weight | None) -> Step:
    name = f"G_{{{box.name}}}"
    sample = add([flow(user, box, root, over, False) for user in users])
    batch = None
    if over is not None and sample.shape != box.leaf.shape:  # per sample for the formula, summed over the batch
        batch = add([flow(user, box, root, over, True) for user in users])
        batch = scale(batch, weight) if weight is not None else batch
    return Step(number, "backward", name, sample, box, tuple(users), batch, loss)


def flow(user: Box, box: Box, root: Box, over: Size | None, summed: bool) -> Node:
    """The part of G_v that comes through one box that uses v."""
    u = ones(root.leaf.shape) if user is root else cotangent_leaf(user)
    per_sample = over is not None and box.leaf not in sample_axes([box.leaf])
    if per_sample and not summed and u.shape and (user is root or u in sample_axes([u])):
        labels = range(len(u.shape))
        u = contract([u], [labels], (0, *labels), dict(zip(labels, u.shape, strict=True)))
    (part,) = local_cotangents(user, u, [box.leaf])
    return part


import symgrad.derivation_documents as _documents  # noqa: E402 - text and proof are written in steps
import symgrad.derivation_text as _text  # noqa: E402
import symgrad.proof as _proof  # noqa: E402
