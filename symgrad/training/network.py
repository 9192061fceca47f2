"""A loss as a `Network`: closed and stable, its values named as the derivation names them, with gradients as nodes.

Each value and gradient has its formula for people. Programs are written from it: see `source.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import sympy as sp

from symgrad.codegen.plan.binding import bind_sizes
from symgrad.codegen.program.network import Named, Network
from symgrad.formulas.names import display_names
from symgrad.formulas.notation.lexicon import Lexicon, letters_of, lexicon
from symgrad.formulas.rendering import render
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import zeros
from symgrad.graphs.algebra.primitives import as_real, input_node, named
from symgrad.graphs.errors import DataError, ShapeError, SymgradError
from symgrad.graphs.node import REAL, Node, Symbol, depends, in_order_of_use, topological
from symgrad.graphs.phases import counts_of, is_data, masks_of, moves_of, too_few
from symgrad.graphs.pieces.boxes import Box, boxes
from symgrad.graphs.pieces.statistics import statistics_named
from symgrad.graphs.reverse import cotangents, delta_seed
from symgrad.graphs.rewrites.picking import unpicked
from symgrad.graphs.samples import sample_axes, sample_size
from symgrad.graphs.sizes import free_symbols
from symgrad.language.align import as_tensor, describe
from symgrad.language.naming import layer_names
from symgrad.language.ordering import written_order
from symgrad.language.phases import phased
from symgrad.language.recipes import stable
from symgrad.language.reduction import empirical_risk
from symgrad.language.tensor import Tensor, wrap

SHOWN = 24  # formulas in the head of a module


def closed(loss: Any) -> Tensor:
    """The loss as one scalar: per sample, it is closed by its mean. Raises ShapeError for other shapes."""
    tensor = as_tensor(loss, "loss")
    if tensor.ndim or tensor.dtype != REAL:
        raise ShapeError(f"the loss must be a real scalar, and {describe(tensor)} is none; close it with sg.mean "
                         "or sg.sum")
    return tensor if tensor.over is None else empirical_risk(tensor)


def network(loss: Any, predict: Any, sizes: Mapping[sp.Symbol, int], title: str = "",
            wrt: Sequence[Node] | None = None) -> Network:
    """The loss, its gradients and what goes with them, named and commented, for the text of a module.

    Gradients are those by all parameters, or by `wrt`, where that is given, whether they are to be trained or not. With
    random operations or statistics of the batch it is the network in training; `still` is the other one, with the
    prediction.
    """
    target = closed(loss)
    tensors = [target] if predict is None else [target, as_tensor(predict, "predict")]
    now = phased(tensors, False)
    if wrt is not None or now[0] is target:
        return _network(now, sizes, title, display_names([t.node for t in now], layer_names(now)), wrt)
    (moving,), moves = phased([target], True), moves_of([target.node])
    nodes = [moving.node, *(t.node for t in now)]
    names = display_names([*nodes, *moves, *moves.values()], layer_names([moving, *now]))
    net = _network([moving], sizes, title, names, parameters=_parameters(nodes, names), moves=moves)
    still = _network(now, sizes, title, names, parameters=[n for _, n in net.sloped], ordered=True)
    both = {node: name for name, node in (*net.data, *still.data)}
    data = tuple((name, node) for node, name in both.items())
    masks = tuple((names[node], node) for node in masks_of([moving.node]))
    still = replace(still, data=data, parameters=net.parameters)
    counts = {count: name for name, count in reversed(counts_of([target.node]))}
    if 1 in counts:
        raise ShapeError(too_few(counts[1]))
    return replace(net, data=data, inputs=still.inputs, prediction=still.prediction, masks=masks, counts=counts,
                   still=still)


def _network(tensors: Sequence[Tensor], sizes: Mapping[sp.Symbol, int], title: str, names: dict[Node, str],
             wrt: Sequence[Node] | None = None, parameters: Sequence[Node] = (), moves: Mapping[Node, Node] | None = None,
             ordered: bool = False) -> Network:
    """The network of a closed loss and, perhaps, a prediction, in one phase; `moves` says what becomes of states.

    Its parameters are those that are given, else found; where they are `ordered`, they stay so.
    """
    target, predict, moves = tensors[0], tensors[1] if len(tensors) > 1 else None, moves or {}
    inner = [n for n in wrt or () if n.op not in ops.GIVEN]
    roots = stable([*tensors, *(wrap(n, None) for n in moves.values())], keep=inner)
    roots, after = roots[:len(tensors)], roots[len(tensors):]
    letters = letters_of([*names.values(), *(str(n.attrs[0]) for n in topological(roots) if n.op is ops.NAMED)], ())
    roots[0], *after = statistics_named([roots[0], *after], letters, inner)
    root = roots[0]
    variables = list(wrt) if wrt is not None else list(parameters) or _parameters(roots, names)
    given = [n for n in variables if n.op is ops.INPUT]
    data = [n for n in topological([root]) if n.op is ops.INPUT and n not in given and (
        wrt is not None or is_data(n))]
    data = in_order_of_use(topological([root]), data)
    found = boxes(root, names, _free("L", names), keep=inner, order=written_order([target], [root]))
    table = {box.node: box.name for box in found if box.node.op is not ops.INPUT}
    display = {**table, **names}
    for node, name in table.items():  # what a name stands for prints as that name too
        if node.op is ops.NAMED and node.operands[0].op not in ops.GIVEN:
            display.setdefault(node.operands[0], name)

    own = {**table, **names}

    def wrapped(node: Node, u: Node) -> Node:
        name = own.get(node)
        return u if name is None or node is root else named(u, f"G_{{{name}}}")

    below = set(topological([root]))
    grads = cotangents(root, delta_seed(()), [p for p in variables if p in below], wrapped)
    grads = dict(zip(grads, unpicked(list(grads.values())), strict=True))
    if wrt is None and not ordered:  # what nothing moves stands last, where an update does not come
        variables = given = sorted(given, key=lambda p: p not in grads)
    gradients = [as_real(grads[p]) if p in grads else zeros(p.shape) for p in variables]
    leaves = _gradient_leaves(root, grads, own)
    rows = [(names.get(p, p.attrs[0].name), p) for p in (*given, *moves)]  # what is asked for need not occur
    prediction = None
    inputs: Named = ()
    if predict is not None:
        wish = tensors[1].name if tensors[1].node.op is ops.NAMED else display.get(roots[1], "prediction")
        prediction = (str(wish), roots[1])
        needed = [n for n in topological(roots[1:]) if is_data(n)]
        inputs = tuple((names[n], n) for n in in_order_of_use(topological([roots[1]]), needed))
    name = display[root] if root in table else "L"
    moved = {n: names[s] for s, n in zip(moves, after, strict=True)}
    net = Network(title, _formulas(found), tuple(rows),
                  tuple((names[n], n) for n in data), inputs, (name, root),
                  tuple((f"G_{own.get(p, 'v')}", g) for p, g in zip(variables, gradients, strict=True)), prediction,
                  table, _commenter(found, leaves, lexicon([*roots, *after, *grads.values()], display), moved), sizes,
                  {**{node: ("loss" if node is root else "forward", node) for node in table},
                   **{u: ("backward", node) for node, u in grads.items() if node in own and u in leaves}},
                  sum(p not in grads for p in given) + len(moves),
                  states=tuple((f"next_{names[s]}", n) for s, n in zip(moves, after, strict=True)))
    if wrt is None:
        _check_sizes(net)
    return net


def _parameters(roots: Sequence[Node], names: Mapping[Node, str]) -> list[Node]:
    chosen: dict[Node, None] = {}
    for root in roots:
        below = [n for n in topological([root]) if n.op is ops.INPUT and n.attrs[0].kind == "parameter"]
        chosen.update(dict.fromkeys(in_order_of_use(topological([root]), below)))
    if not chosen:
        raise SymgradError("the loss has no parameter to train; make one with sg.parameter")
    for node in chosen:
        symbol: Symbol = node.attrs[0]
        fans = isinstance(symbol.init, str) and symbol.init not in ("zeros", "ones", "normal")
        if fans and len(node.shape) < 2:
            raise SymgradError(f"parameter {names[node]!r}: {symbol.init} needs two axes or more (out, in), and its "
                               f"shape is ({', '.join(map(str, node.shape))}{',' if node.shape else ''}); give it "
                               "init='normal', a number or an array")
    return list(chosen)


def _check_sizes(net: Network) -> None:
    """Every size must follow from the data: a parameter's size that no array shows has no value."""
    known = bind_sizes([(name, node.shape) for name, node in net.data], net.sizes)
    for name, node in net.parameters:
        for size in free_symbols(node.shape):
            if size not in known:
                raise DataError(f"no data show the size {size} of the parameter {name!r}; give it a number: "
                                f'sizes={{"{size}": ...}}')


def _free(wish: str, names: Mapping[Node, str]) -> str:
    return wish if wish not in names.values() else "loss" if "loss" not in names.values() else f"{wish}_0"


def prediction_of(loss: Tensor) -> Tensor | None:
    """The first tensor of data through which all parameters act on `loss`; None where there is none.

    It is per sample where there are samples.
    """
    (root,) = stable([loss])
    order = topological([root])
    parameters = [n for n in order if n.op is ops.INPUT and n.attrs[0].kind == "parameter"]
    axes, size = sample_axes([root]), sample_size([root])
    moved = depends([root], parameters)
    fed = depends([root], [n for n in order if is_data(n)])
    last = {o: place for place, node in enumerate(order) if node in moved for o in node.operands}
    ahead = set(parameters)
    reach = -1  # the last use of what came before: where it is later than a node, a path goes round that node
    for place, node in enumerate(order):
        if node not in moved:
            continue
        ahead.discard(node)
        if not ahead and reach <= place and node in fed and node.shape and (size is None or axes.get(node) == 0):
            return wrap(node, size)
        reach = max(reach, last.get(node, -1))
    return None


# formulas ---------------------------------------------------------------------------------------------------


def _formulas(found: Sequence[Box]) -> tuple[str, ...]:
    """The forward formulas of one sample, for the head of the module."""
    steps = [b for b in found if not b.is_given or b.kind == "output"]
    lines = [f"{_leaf_name(b)} = {render(b.local)}" for b in steps]
    return tuple(lines if len(lines) <= SHOWN else [*lines[: SHOWN - 2], "...", lines[-1]])


def _leaf_name(box: Box) -> str:
    return box.name if box.is_given else render(box.leaf)


def _gradient_leaves(root: Node, grads: Mapping[Node, Node], display: Mapping[Node, str]) -> dict[Node, Node]:
    """For every named gradient, a symbol of its name, which prints as the gradients of samples do."""
    axes = sample_axes([root])
    leaves = {}
    for node, u in grads.items():
        if node in display and u.op is ops.NAMED:
            over = node.shape[0] if axes.get(node) == 0 else None
            leaves[u] = input_node(Symbol("data", f"G_{{{display[node]}}}", over, owner=-1), node.shape, REAL)
    return leaves


def _commenter(found: Sequence[Box], leaves: Mapping[Node, Node], words: Lexicon,
               moved: Mapping[Node, str]) -> Any:
    """The formula of a node over the whole batch, samples as rows; None for nodes without a name.

    What becomes of a number that a model keeps (`moved`) is written as an assignment, as updates are.
    """
    own = {box.node: box for box in found if box.node.op is not ops.INPUT}
    kept = {node: input_node(Symbol("data", name, owner=-1), node.shape, REAL) for node, name in moved.items()}

    told: set[str] = set()

    @cache
    def comment(node: Node) -> str | None:
        if node in own:
            left = own[node].name if own[node].is_given else render(own[node].leaf, mode="batch")
        elif node in moved:
            return f"{render(kept[node], mode='batch')} ← {render(node, mode='batch', names=words)}"
        elif node in leaves:
            left = render(leaves[node], mode="batch")
        else:
            return None
        inside = node.operands[0] if node.op is ops.NAMED else node
        return f"{left} = {render(inside, mode='batch', names=words, told=told)}"

    return comment
