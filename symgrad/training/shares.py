"""How several processes share a batch: the loss of a part (see `graphs/parts.py`), in stages where samples meet
(`graphs/stages.py`), or the words why there is none."""

from __future__ import annotations

from symgrad.codegen.program.network import Network, Shares
from symgrad.formulas.rendering import render
from symgrad.graphs.algebra.einsum import zeros
from symgrad.graphs.algebra.primitives import as_real, input_node
from symgrad.graphs.node import REAL, Node, Symbol
from symgrad.graphs.parts import MixedSamples, loss_of_part
from symgrad.graphs.reverse import cotangents, delta_seed
from symgrad.graphs.rewrites.picking import unpicked
from symgrad.graphs.stages import staged

WIDE = 120  # characters of a formula in a message


def shares_of(net: Network) -> Shares:
    """What a training program of `net` needs for several processes: mostly nothing, since a loss is a mean."""
    if not net.divisible:
        return Shares()
    root, taken = net.loss[1], {name for name, _ in (*net.parameters, *net.data)}
    name = next(wish for wish in ("N", "N_all", "N_of_all_ranks") if wish not in taken)
    count = input_node(Symbol("data", name, owner=-1), (), REAL)
    names = [name for name, _ in net.gradients]
    try:
        share = loss_of_part(root, count)
    except MixedSamples:
        return _staged(net, name, count)
    if share is root:
        return Shares()
    parameters = [node for _, node in net.parameters]
    grads = cotangents(share, delta_seed(()), parameters)
    grads = dict(zip(grads, unpicked(list(grads.values())), strict=True))
    gradients = [as_real(grads[p]) if p in grads else zeros(p.shape) for p in parameters]
    return Shares("", ((name, count),), share, tuple(zip(names, gradients, strict=True)))


def _staged(net: Network, name: str, count: Node) -> Shares:
    """A loss whose samples meet in sums: these are added up one after the other, before the gradients are."""
    try:
        found = staged([net.loss[1], *(node for _, node in net.gradients)], [node for _, node in net.states], count)
    except MixedSamples as mixed:
        formula = render(mixed.node)
        where = formula if len(formula) <= WIDE else f"{formula[:WIDE]} ..."
        return Shares(f"several ranks cannot share a batch of this loss: {mixed.why}, in {where}. Each rank would compute "
                      "it for its own part, which is another loss; train it in one process.")
    loss, *gradients = found.shares
    states = tuple((key, node) for (key, _), node in zip(net.states, found.known, strict=True))
    slopes = tuple((key, node) for (key, _), node in zip(net.gradients, gradients, strict=True))
    return Shares("", ((name, count),), loss, slopes, found.stages, states)
