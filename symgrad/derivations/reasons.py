"""Why a step holds: one sentence for each kind of step, and the steps it uses."""

from __future__ import annotations

from symgrad.derivations import lawbook
from symgrad.derivations.kinds import bare, terms
from symgrad.derivations.laws import cited
from symgrad.derivations.pieces import Math, Reference, Sentence, joined, said
from symgrad.derivations.roles import role_of
from symgrad.derivations.text import gradient_name, is_number, samples_of, show
from symgrad.derivations.through_time import one_loop, through_time
from symgrad.derivations.transcript import Stage
from symgrad.formulas.notation.lexicon import name_of
from symgrad.formulas.rendering import spelled
from symgrad.formulas.spelling.tree import name as tree_name
from symgrad.graphs import ops
from symgrad.graphs.node import Node, topological
from symgrad.graphs.pieces.boxes import Box, passes_on, row_of
from symgrad.graphs.pieces.images import is_convolution, is_transposed
from symgrad.graphs.pieces.statistics import role
from symgrad.graphs.weights import ONE

MOST = 6  # references of one step
MOST_LAWS = 4  # that a reason names
SHIFT = "the Jacobian of a shift is the identity"
SHARED = "the shift is added everywhere alike: the gradients are added up"


def rule(step: Stage) -> str:
    """Why a step holds, as plain text."""
    return said(reason(step, "unicode"), str)


def reason(step: Stage, style: str) -> Sentence:
    """Why a step holds, with formulas of a style."""
    box = step.box

    def name(node: Node) -> Math:
        return Math(show(node, style))

    if step.kind == "mean":
        return (f"by linearity: the {'sum' if step.weight == ONE else 'mean'} of the gradients",)
    if step.kind == "use":
        return "by way of ", name(step.consumers[0].leaf)
    if step.kind == "forward":
        return (role_of(box, step.world),)
    users = step.consumers
    if (loop := one_loop(users)) is not None:
        return through_time(step, loop, style)
    if len(users) > 1:
        law = ", by the law of standardisation" if step.applied is not None and lawbook.STANDARDISED in {
            row for user in users for row in cited(user, box, step.world)} else ""
        return f"sum over the {len(users)} uses of ", name(box.leaf), *((law,) if law else ())
    (user,) = users
    if user.kind == "output":
        if cited(user, box, step.world) == (lawbook.STOPPED,):
            return (lawbook.STOPPED.why,)
        bare = step.node.operands[0] if step.node.op is ops.ADD and len(step.node.operands) == 1 else step.node
        return ("gradient of the loss" + ": responsibilities" * (bare.op is ops.SOFTMAX),)
    if (row := row_of(user)) is not None:
        times = "times its derivative" if is_number(box) else "diagonal Jacobian"
        return (f"through {row.replace('_', ' ')}: {times}",)
    if user.kind == "affine":
        if is_convolution(user.local) and (box.kind == "parameter" or not passes_on(user, box)):
            return (_of_convolution(box, user),)
        if passes_on(user, box):
            return (SHARED if is_shared(step, user) else SHIFT,)
        x = _multiplied(user, box) if box.kind == "parameter" and len(box.node.shape) == 2 else None
        if x is None or x.op is not ops.INPUT or len(x.shape) != 1 + samples_of(user):
            return ("through the affine layer",)
        j = step.world.column
        entry = spelled(tree_name(name_of(x, x.attrs[0].name), [tree_name(j)]), [], False, style)
        return "outer product: column ", Math(j), " is ", Math(f"{entry} {gradient_name(user, style)}")
    return _by_laws(step, user, style)


def _by_laws(step: Stage, user: Box, style: str) -> Sentence:
    """Why a gradient goes back as it does through pieces that have their laws."""
    found, box = cited(user, step.box, step.world), step.box
    if lawbook.SCALE in found:
        shared = is_shared(step, user)
        if any(bare(o) is box.leaf for o in terms(user.local)):
            return (SHARED if shared else SHIFT,)
        if box.kind == "parameter":
            return ("what it scales, times the gradients, added up" if shared else "what it scales, times the gradient",)
        return (lawbook.SCALE.why,)
    if len(found) == 1:
        return (found[0].why,)
    if role(user.local, step.world.means) == "standardised":
        return ("all that is divided by it has a part",)
    through: Sentence = ("chain rule through ", Math(show(user.leaf, style)))
    titles = [row.title[0].lower() + row.title[1:] for row in found]
    return (*through, f": {', '.join(titles)}") if 0 < len(titles) <= MOST_LAWS else through


def is_shared(step: Stage, user: Box) -> bool:
    """Does a value stand for several entries, as a bias does for all rows?"""
    alone = step.world.samples is not None  # each sample has a gradient of its own
    return len(step.box.leaf.shape) < len(user.leaf.shape) - (samples_of(user) if alone else 0)


def _of_convolution(box: Box, user: Box) -> str:
    """Why a gradient goes back through a convolution as it does."""
    if box.kind != "parameter":
        if is_transposed(user.local):
            return "through the transposed convolution: back by the convolution"
        return "through the convolution: its transpose, the kernel flipped"
    if len(box.leaf.shape) == 1:
        return "the bias is added at every place"
    return "the kernel meets the input at every place"


def _multiplied(user: Box, box: Box) -> Node | None:
    """What an affine layer multiplies a parameter with."""
    for n in topological([user.local]):
        if n.op is ops.EINSUM and box.leaf in n.operands and len(n.operands) == 2:
            return next((o for o in n.operands if o is not box.leaf), None)
    return None


def references(step: Stage) -> Sentence:
    """`by (7), (13)`: the steps that a backward step uses; of many, some."""
    if step.kind != "backward" or not step.by or step.inside:
        return ()
    by: Sentence = tuple(map(Reference, step.by))
    shown = by if len(by) <= MOST else (*by[:2], "…", by[-1])
    return "by ", *joined(shown)
