"""`sg.derive`: forward and backward, one numbered step per box, as a lecture derives backpropagation.

The graph is cut into boxes (`pieces/boxes.py`). Each backward step applies the transposed Jacobian of one
box to the gradient of its value, G_v = (dr/dv)'. For a mean over samples, G_v belongs to the loss of one
sample, and the last step averages.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from symgrad.calculus.derivatives import variables_of
from symgrad.calculus.variables import steps_of
from symgrad.derivations import html, latex, markdown, terminal
from symgrad.derivations.checked import Check
from symgrad.derivations.outline import subject
from symgrad.derivations.steps import Step, backward, forward
from symgrad.derivations.transcript import Transcript, World
from symgrad.files import write_whole
from symgrad.formulas.names import display_names
from symgrad.formulas.notation.lexicon import letters_of, names_of
from symgrad.formulas.notation.loop_names import STEPS
from symgrad.formulas.spelling.glyphs import Name
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, ones, scale
from symgrad.graphs.algebra.recurrence import letters_within
from symgrad.graphs.errors import DifferentiationError, SymgradError
from symgrad.graphs.node import REAL, Node, depends, in_order_of_use, topological, transform
from symgrad.graphs.pieces.attention import with_attention
from symgrad.graphs.pieces.boxes import Box, boxes
from symgrad.graphs.pieces.recurring import recurs
from symgrad.graphs.pieces.statistics import mean_of, with_statistics
from symgrad.graphs.samples import couples, sample_axes
from symgrad.graphs.sizes import Size
from symgrad.graphs.table import rebuild
from symgrad.graphs.textbook.steps import recognised_by_steps
from symgrad.graphs.weights import MINUS, ONE, Weight, times
from symgrad.language.align import as_tensor, describe
from symgrad.language.checkpoints import plain
from symgrad.language.naming import layer_names
from symgrad.language.ordering import written_order
from symgrad.language.phases import in_training, phased
from symgrad.language.reduction import empirical_risk
from symgrad.language.replaying import shown
from symgrad.language.tensor import Tensor, wrap


class Derivation(Transcript):
    """The derivative of a scalar, step by step. Made by `sg.derive`."""

    steps: tuple[Step, ...]

    def latex(self, document: bool = False, unfold: bool = False, label: str = "step") -> str:
        """LaTeX, numbered equations with the rule of each: a fragment that needs amsmath and amssymb, or a `document`.

        `unfold` writes the inner steps too. Equations have the labels `step-1`, `step-2`, ...; `label` is another word,
        where two derivations stand in one text.
        """
        return latex.latex(self, document, unfold, label)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the derivation to `path`, as what its suffix says: .md, .tex, .html (whole documents), .txt.

        Raises SymgradError for another suffix, and where the place cannot be written.
        """
        suffix = Path(path).suffix.lower()
        made = {".md": self.markdown, ".tex": lambda: self.latex(True), ".html": lambda: self.html(True),
                ".htm": lambda: self.html(True), ".txt": self.unicode}
        if suffix not in made:
            raise SymgradError(f"cannot write {str(path)!r}: a derivation is saved as .md, .tex, .html or .txt")
        return write_whole(path, made[suffix]().rstrip() + "\n")

    def markdown(self, unfold: bool = False) -> str:
        """Markdown with LaTeX blocks, as GitHub renders them; `unfold` writes the inner steps too."""
        return markdown.markdown(self, unfold)

    def unicode(self, width: int = 100, unfold: bool = False) -> str:
        """Plain text for a terminal of `width` columns; `unfold` writes the inner steps too."""
        return terminal.unicode(self, width, unfold)

    def html(self, document: bool = False) -> str:
        """HTML with MathML, light or dark as the reader's screen is: a fragment with its style, or a `document`.

        Steps have the ids `step-1`, `step-2`, ... and unfold.
        """
        return html.html(self, document)

    def check(self, seed: int = 0) -> Check:
        """Confirm every step numerically at random values; the result is true if all hold and says which fail."""
        from symgrad.derivations import proof  # opens programs and backends, which no formula needs

        return proof.check(self, seed)

    def __str__(self) -> str:
        return self.unicode()

    def __repr__(self) -> str:
        what, by = subject(self, "unicode")
        return f"<Derivation of {what} by {', '.join(by)}: {len(self.steps)} steps>"

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def _repr_latex_(self) -> str:
        return self.latex()

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self.unicode(), "text/markdown": self.markdown(), "text/latex": self.latex(),
                "text/html": self.html()}


def derive(y: Any, wrt: Any = None) -> Derivation:
    """The derivative of a scalar `y` as numbered steps, forward and backward.

    `wrt` is a tensor, list or dict; None means all parameters, or all real data where there are none.
    A loss per sample whose samples meet in a statistic, as in batch norm, is closed by its mean.
    Raises DifferentiationError for a `y` that is no scalar.

    >>> import symgrad as sg
    >>> w, x = sg.parameter("w", 3), sg.data("x", 3)
    >>> for step in sg.derive(sg.tanh(w @ x)).steps:
    ...     print(step)
    (1) a¹ = wᵀ x
    (2) L = tanh(a¹)
    (3) G_a¹ = 1 - L²
    (4) G_w = G_a¹ x
    """
    target = as_tensor(y, "derive")
    if target.ndim:
        raise DifferentiationError(f"derive: {describe(target)} is not a scalar; "
                                   "close it with sg.sum or sg.mean, or ask sg.jacobian")
    target, *variables = phased([target, *_wanted(target, wrt)], True)
    if target.over is not None and couples([target.node]):
        target = empirical_risk(target)
    root = recognised_by_steps(shown(target).node, [x.node for x in variables if x.node.op not in ops.GIVEN])
    names = display_names([root, *(x.node for x in variables)], layer_names([target, *variables]))
    letters = letters_of([*names.values(), *_given_names(root)], ())

    def read(node: Node) -> Node:
        keep = [x.node for x in variables]
        return with_statistics(with_attention(node, letters, keep), letters, keep)

    root = read(root)
    loss, weight, over = _split(root, target)
    name = _loss_name(root, target, weight is not None or target.over is not None, names)
    found = boxes(loss, names, name, keep=[x.node for x in variables], order=written_order([target], [loss]))
    world = World(found[-1], ones(found[-1].leaf.shape), name, weight,
                  over if found[-1].leaf.shape else None, depends([loss], [x.node for x in variables]),
                  names_of([*names.values(), *(box.name for box in found)], [box.node.shape for box in found]) | {
                      Name(letter, own=True) for letter in STEPS[:recurs(loss)]},  # no sample is called as a step is
                  {box.leaf: of for box in found if (of := mean_of(box.local)) is not None},
                  meets=over is None and any(box.leaf in sample_axes([box.leaf]) for box in found))
    steps = forward(found, world)
    steps += backward(found, world, steps)
    means = [s for s in steps if s.kind == "backward" and s.batch is not None]
    if weight is not None and means:
        place = {x.node: i for i, x in enumerate(variables)}
        inner = tuple(sorted((s for s in means if s.box.node in place), key=lambda s: place[s.box.node]))
        steps.append(Step(len(steps) + 1, "mean", "∇L", inner[-1].node, inner[-1].box, loss=name, parts=inner,
                          weight=weight, world=world))
    return Derivation(target, tuple(variables), tuple(steps), loss, weight, over, tuple(found),
                      names, _as_written(target, read(plain(target).node), loss, found))


def as_derived(t: Tensor) -> Node:
    """A tensor with the values and names that its derivation has: means and variances too, functions by name."""
    t = in_training(t)
    root = recognised_by_steps(shown(t).node)
    names = display_names([root], layer_names([t]))
    letters = letters_of([*names.values(), *_given_names(root)], ())
    return with_statistics(with_attention(root, letters), letters)


def _given_names(root: Node) -> list[str]:
    return [str(n.attrs[0]) for n in topological([root]) if n.op is ops.NAMED]


def _split(root: Node, y: Tensor) -> tuple[Node, Weight | None, Size | None]:
    """The loss of one sample, the weight of the sum over samples, and the samples."""
    if y.over is not None:
        return root, None, y.over
    loss, weight, over = _mean_of(root)
    if weight is not None and _coupled(loss):
        return root, None, None
    if weight is not None and weight.number < 0:  # the sign belongs to the loss of a sample
        return scale(loss, MINUS), times(weight, MINUS), over
    return loss, weight, over


def _as_written(y: Tensor, root: Node, loss: Node, found: Sequence[Box]) -> Node | None:
    """The loss as the user wrote it, over the boxes that stand there too; None where that is what is derived."""
    written, _, _ = _split(root, y)
    if written is loss or written.shape != loss.shape:
        return None
    memo = {box.node: box.leaf for box in found[:-1]}
    (local,) = transform([written], rebuild, memo)
    return None if local is found[-1].local else local


def _wanted(y: Tensor, wrt: Any) -> list[Tensor]:
    if wrt is not None:
        return steps_of(y, variables_of(wrt, "derive"), "derive")
    inputs = [n for n in topological([y.node]) if n.op is ops.INPUT and n.dtype == REAL]
    chosen = [n for n in inputs if n.attrs[0].kind == "parameter"] or inputs
    order = written_order([y], [y.node])
    return [wrap(n, n.attrs[0].over) for n in in_order_of_use(order, chosen)]


def _mean_of(root: Node) -> tuple[Node, Weight | None, Size | None]:
    """`root` as weight * sum over samples of a loss per sample, where it has that form."""
    by, inner = ONE, root
    while inner.op is ops.NAMED or (inner.op is ops.ADD and len(inner.operands) == 1):
        if inner.op is ops.ADD:
            by = times(by, inner.attrs[0][0])
        inner = inner.operands[0]
    if inner.op is not ops.EINSUM or inner.shape:
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
    start = {n: 0 for n in topological([loss]) if n.op is ops.INPUT and n.attrs[0].over is not None}
    return sample_axes([loss], start).get(loss, 0) != 0


def _loss_name(root: Node, y: Tensor, per_sample: bool, names: Mapping[Node, str]) -> str:
    taken = {*names.values(), *_given_names(root), *letters_within([root])}
    if y.over is not None and y.node.op is ops.NAMED:
        return str(y.node.attrs[0])
    wanted = ("r", "ℓ", "loss", "r_0") if per_sample else ("L", "loss", "L_0")
    if root.op is ops.NAMED and not per_sample:
        return str(root.attrs[0])
    return next(n for n in (*wanted, *(f"r_{i}" for i in range(1, len(taken) + 2))) if n not in taken)
