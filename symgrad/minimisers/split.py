"""A loss as a sum f + g: what is smooth, and what has corners or edges but a proximal step in closed form.

The terms of the sum are sorted by what stands in them: an absolute value, a maximum, a norm, a case, a logarithm or root of
what may be zero belong to g. A term of g in one variable alone has its own step (`sg.prox`); one of an affine image A x of
the variables has the step of a stand-in z = A x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import zeros
from symgrad.graphs.algebra.primitives import add, input_node
from symgrad.graphs.algebra.signs import has_kink
from symgrad.graphs.errors import NoClosedForm, SymgradError
from symgrad.graphs.node import REAL, Node, Symbol, depends, new_owner, topological
from symgrad.graphs.proximal.steps import is_smooth
from symgrad.graphs.sizes import Shape
from symgrad.graphs.stationary.affine import degrees, substituted, terms
from symgrad.language.recipes import stable
from symgrad.language.tensor import Tensor, wrap
from symgrad.minimisers.problem import Problem
from symgrad.minimising.prox import has_prox, prox

CORNERS = ("abs", "maximum", "minimum", "relu", "leaky_relu", "clip", "where", "sign", "elu")
EDGES = ("log", "sqrt", "reciprocal", "log1p")  # of the variable itself, or of what is affine in it
LONG = 70  # characters of a formula in a sentence


@dataclass(frozen=True)
class SplitPart:
    """A part of g: a function of `argument`, which is a variable or, where `image` is given, a stand-in for that tensor."""

    g: Tensor
    argument: Tensor
    image: Tensor | None
    step: Tensor  # the proximal step, in `argument` and the step size
    size: Tensor

    @property
    def cornered(self) -> bool:
        """Are there corners, or ends at finite values?"""
        return not is_smooth(self.g.node, self.argument.node)


@dataclass(frozen=True)
class Sum:
    """f + g: `smooth` is f (a scalar, maybe 0), `parts` are those of g."""

    smooth: Tensor
    parts: Sequence[SplitPart]


def split(problem: Problem, method: str, images: bool) -> Sum:
    """The loss as f + g. `images`: parts of g may be functions of affine images of the variables.

    Raises SymgradError where a term with a corner has no step.
    """
    (root,) = stable([problem.loss])
    nodes = [x.node for x in problem.variables.values()]
    live = depends([root], nodes)
    smooth: list[Node] = []
    rough: list[Node] = []
    for term in terms(root, live):
        node = term.node()
        (rough if _is_rough(node, live, nodes) else smooth).append(node)
    variables = {x.node: x for x in problem.variables.values()}
    groups: dict[Node, list[Node]] = {}
    for node in rough:
        own = [x for x in nodes if x in topological([node])]
        key = own[0] if len(own) == 1 else None
        alone = key is not None and has_prox(wrap(node, None), variables[key])
        if not alone and not any(map(_has_corner, live & set(topological([node])))) and not (
                images and len(_images(node, nodes)) == 1):
            smooth.append(node)  # an edge without a corner: steps that leave the domain are shortened
            continue
        if images and not alone:
            key = _image(node, nodes, method)
        elif key is None:
            coupled = " and ".join(variables[x].name or "" for x in own)
            raise SymgradError(f"minimize: {method}: the term {_short(node)} couples {coupled}, so it has no proximal step "
                               "of its own; admm splits it off")
        groups.setdefault(key, []).append(node)
    parts: list[SplitPart] = []
    for key, whole in groups.items():
        x = variables.get(key)
        together = len(whole) == 1 or x is None or not images or has_prox(wrap(add(whole), None), x)
        for mine in [whole] if together else [[node] for node in whole]:
            size = _symbol("s", ())
            if x is None:
                stand = _symbol("z" if len(groups) == 1 else f"z{len(parts)}", key.shape)
                g = wrap(substituted(add(mine), {key: stand.node}), None)
                parts.append(_part(g, stand, wrap(key, None), size, method))
            else:
                parts.append(_part(wrap(add(mine), None), x, None, size, method))
    return Sum(wrap(add(smooth) if smooth else zeros(()), None), parts)


def _part(g: Tensor, argument: Tensor, image: Tensor | None, size: Tensor, method: str) -> SplitPart:
    try:
        return SplitPart(g, argument, image, prox(g, argument, size), size)
    except NoClosedForm as why:
        reason = str(why).removeprefix("prox: ")
        raise SymgradError(f"minimize: {method}: {_short(g.node)} has corners or edges, and {reason}") from None


def _is_rough(root: Node, live: set[Node], nodes: Sequence[Node]) -> bool:
    """Has a term corners, or edges beyond which it has no value?"""
    degree = degrees([root], nodes)
    return any(_has_corner(node) or node.op is ops.ELEMENTWISE and node.attrs[0] in EDGES
               and degree[node.operands[0]] <= 1 for node in topological([root]) if node in live)


def _has_corner(node: Node) -> bool:
    return node.op in (ops.MAX, ops.MIN) or node.op is ops.ELEMENTWISE and (node.attrs[0] in CORNERS or has_kink(node))


def may_have_corners(problem: Problem) -> bool:
    """Does anything stand in the loss that has corners?"""
    (root,) = stable([problem.loss])
    return any(map(_has_corner, depends([root], [x.node for x in problem.variables.values()])))


def has_corners(problem: Problem) -> bool:
    """Has the loss corners in its variables, at which it has no gradient? Cases that join smoothly are none."""
    if not may_have_corners(problem):
        return False
    try:
        found = split(problem, "auto", images=True)
    except SymgradError:
        return True
    return any(part.cornered for part in found.parts)


def _image(node: Node, nodes: Sequence[Node], method: str) -> Node:
    """The one affine tensor of the variables that a term is a function of."""
    found = _images(node, nodes)
    if len(found) != 1:
        raise SymgradError(f"minimize: {method}: the term {_short(node)} is no function of one affine image of them")
    return found[0]


def _images(node: Node, nodes: Sequence[Node]) -> list[Node]:
    """The affine tensors of the variables that a term is a function of."""
    degree = degrees([node], nodes)
    top = [n for n in topological([node], enter=lambda n: degree.get(n, 0) > 1) if degree.get(n) == 1]
    return list(dict.fromkeys(top))


def _symbol(name: str, shape: Shape) -> Tensor:
    return wrap(input_node(Symbol("data", name, owner=new_owner()), shape, REAL))


def _short(node: Node) -> str:
    return shortened(str(wrap(node, None)))


def shortened(text: str) -> str:
    """A formula in a sentence."""
    text = " ".join(text.split())
    return text if len(text) <= LONG else text[:LONG - 1] + "…"
