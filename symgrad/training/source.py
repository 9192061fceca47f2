"""`sg.generate`: a loss and an optimiser as the text of a program that trains, alone and readable.

Here the graph becomes a `Network`: the loss closed and stable, values named as the derivation names them, each
with its formula, gradients as nodes. `codegen/program/module.py` writes it down; `sg.Model` runs the very same text.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import sympy as sp

from symgrad.codegen.plan.plan import Mark, Plan
from symgrad.codegen.program.module import CONSTANTS, Named, Network, Rule, training_text
from symgrad.codegen.python.emit import emit_function, marks_in, module_text
from symgrad.codegen.python.load import load
from symgrad.codegen.python.shared import new_module
from symgrad.computing.devices import device_of
from symgrad.computing.functions import dtype_name, given_sizes
from symgrad.files import write_whole
from symgrad.formulas.names import display_names
from symgrad.formulas.notation.writer import Lexicon, lexicon
from symgrad.formulas.rendering import render
from symgrad.graphs.algebra.einsum import zeros
from symgrad.graphs.algebra.primitives import as_real, input_node, named
from symgrad.graphs.algebra.samples import sample_axes, sample_size
from symgrad.graphs.derivative.reverse import cotangents, delta_seed
from symgrad.graphs.errors import DataError, ShapeError, SymgradError
from symgrad.graphs.node import REAL, Node, Symbol, depends, in_order_of_use, topological
from symgrad.graphs.pieces.boxes import Box, boxes
from symgrad.graphs.rewrites.picking import unpicked
from symgrad.graphs.rewrites.stable import stabilise
from symgrad.graphs.sizes import dim, symbols_of
from symgrad.language.align import as_tensor, describe
from symgrad.language.reduction import empirical_risk
from symgrad.language.tensor import Tensor, wrap
from symgrad.optim import Adam, Optimizer
from symgrad.training.parameters import npz

SHOWN = 24  # formulas in the head of a module


@dataclass(frozen=True)
class Line:
    """Lines of a module, from `first` to `last` and counted from 1, on which `function` computes one formula.

    `kind` is "forward" for the value `node`, "loss" for the loss, "backward" for the gradient by `node`, "update" for
    a formula of the optimiser, the one numbered `number` of those that are computed. `target` is the variable.
    """

    function: str
    first: int
    last: int
    target: str
    kind: str
    node: Node | None = field(default=None, repr=False)
    number: int = 0


@dataclass(frozen=True)
class Source:
    """The text of a training module, made by `sg.generate`. `.save(path)` writes it, `.load()` gives it as a module.

    `lines` says which of its lines computes which value, gradient, and formula of the optimiser.
    """

    text: str
    plans: Mapping[str, Plan] = field(repr=False, compare=False)
    constants: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    backend: str = "numpy"
    lines: tuple[Line, ...] = field(default=(), repr=False, compare=False)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the module; constant arrays that are too large for the text go into a file beside it.

        Raises SymgradError where the place cannot be written.
        """
        target = Path(path)
        if self.constants:
            write_whole(target.with_suffix(CONSTANTS), npz(self.constants))
        return write_whole(target, self.text)

    def load(self) -> ModuleType:
        """The module, ready to be called. Raises BackendError where CuPy or a GPU is missing."""
        device_of(self.backend)
        if not self.constants:
            return load(self.text, name="symgrad training")
        with tempfile.TemporaryDirectory() as folder:
            place = self.save(Path(folder) / "module.py")
            return load(self.text, name="symgrad training", file=str(place))

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        from symgrad.notebook import source_html

        lines = self.text.count("\n")
        return source_html(self.text, f"a module of {lines} lines for {self.backend}, which trains without symgrad")


def generate(loss: Any, outputs: Any = None, optimizer: Optimizer | None = None, backend: str = "numpy",
             dtype: Any = "float32", *, predict: Any = None, sizes: Mapping[Any, int] | None = None,
             title: str = "") -> Source:
    """A standalone module that trains: `forward`, `backward`, `step`, `train`, `predict`, `main()` with `--help`.

    `loss` is a scalar; one per sample is closed by its mean. `outputs` (also `predict=`) is the tensor that
    the module's `predict` computes; None means the first tensor through which all parameters act on the loss,
    where there is one. `optimizer` is Adam() by default. `sizes` fixes sizes by name. Raises SymgradError for
    a loss without parameters, ShapeError for one that is no scalar, BackendError.
    `backend="cupy"` writes the program anywhere; where it runs without CuPy and a GPU, it says so on one line.

    >>> import symgrad as sg
    >>> T = sg.dim("T")
    >>> x, y, W = sg.data("x", 3, over=T), sg.data("y", 2, over=T), sg.parameter("W", (2, 3))
    >>> module = generate(sg.losses.squared_error(W @ x, y), optimizer=sg.optim.SGD(0.1)).load()
    >>> module.predict(np.ones((2, 3)), np.ones((1, 3)))
    array([[3., 3.]])
    """
    if outputs is not None and predict is not None:
        raise SymgradError("generate: give outputs or predict, not both: they mean the same")
    new_module(backend, dtype_name(dtype))  # refuses what no backend can do
    target = closed(loss)
    wanted = outputs if outputs is not None else _prediction_of(target) if predict is None else predict
    net = network(target, wanted, given_sizes(sizes), title)
    rule = rule_of(Adam() if optimizer is None else optimizer)
    return written(replace(net, title=title), rule, backend, dtype_name(dtype))


def written(net: Network, rule: Rule, backend: str, dtype: str) -> Source:
    """The training module of `net` with this update rule; where it has no title, it says what it does."""
    module = new_module(backend, dtype)
    title = net.title or f"The loss {net.loss[0]}, minimised by {rule.name}."
    done = training_text(module, replace(net, rule=rule, title=title))
    return Source(done.text, {name: f.plan for name, f in done.functions.items()}, module.data, backend,
                  _lines(done.marks, net, rule))


def _lines(marks: Mapping[str, Sequence[Mark]], net: Network, rule: Rule) -> tuple[Line, ...]:
    """What the marked lines compute, told by the nodes of their steps."""
    updates = {node: number for number, node in enumerate(rule.comments)}
    lines = []
    for function, found in marks.items():
        for mark in found:
            place = (function, mark.first, mark.last, mark.step.target)
            for node in mark.step.nodes:
                if function == "update" and node in updates:
                    lines.append(Line(*place, "update", number=updates[node]))
                elif node in net.meaning:
                    lines.append(Line(*place, *net.meaning[node]))
    return tuple(lines)


def derivative_source(loss: Any, wrt: Sequence[Tensor], backend: str = "numpy", dtype: str = "float64") -> Source:
    """A module with one function, `backward`: the loss and its gradients by `wrt`, symbols or tensors within it."""
    module = new_module(backend, dtype_name(dtype))
    net = network(loss, None, {}, wrt=[x.node for x in wrt])
    keys = [name.removeprefix("G_") for name, _ in net.gradients]
    done = emit_function(module, "backward", [*net.parameters, *net.data], [net.loss, *net.gradients],
                         form=(0, {key: i for i, key in enumerate(keys, start=1)}), names=net.names, comment=net.comment,
                         doc=f"The loss {net.loss[0]} and its gradients by {', '.join(keys)}.")
    text = module_text(module, [done], f"The loss {net.loss[0]} and its gradients.")
    marks = {"backward": marks_in(text, done.lines, done.marks)}
    return Source(text, {"backward": done.plan}, module.data, backend, _lines(marks, net, net.rule))


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

    Gradients are those by all parameters, or by `wrt`, where that is given, whether they are to be trained or not.
    Its rule is Adam's until another one is put in its place.
    """
    target = closed(loss)
    tensors = [target] if predict is None else [target, as_tensor(predict, "predict")]
    names = display_names([t.node for t in tensors])
    inner = [n for n in wrt or () if n.op not in ("input", "constant")]
    roots = stabilise([t.node for t in tensors], keep=inner)
    root = roots[0]
    variables = _parameters(roots, names) if wrt is None else list(wrt)
    parameters = [n for n in variables if n.op == "input"]
    data = [n for n in topological([root]) if n.op == "input" and n not in parameters and (
        wrt is not None or n.attrs[0].kind != "parameter")]
    data = in_order_of_use(root, data)
    found = boxes(root, names, _free("L", names), keep=inner)
    table = {box.node: box.name for box in found if box.node.op != "input"}
    display = {**table, **names}
    for node, name in table.items():  # what a name stands for prints as that name too
        if node.op == "named" and node.operands[0].op not in ("input", "constant"):
            display.setdefault(node.operands[0], name)

    own = {**table, **names}

    def wrapped(node: Node, u: Node) -> Node:
        name = own.get(node)
        return u if name is None or node is root else named(u, f"G_{{{name}}}")

    below = set(topological([root]))
    grads = cotangents(root, delta_seed(()), [p for p in variables if p in below], wrapped)
    grads = dict(zip(grads, unpicked(list(grads.values())), strict=True))
    if wrt is None:  # what nothing moves stands last, where an update does not come
        variables = parameters = sorted(parameters, key=lambda p: p not in grads)
    gradients = [as_real(grads[p]) if p in grads else zeros(p.shape) for p in variables]
    leaves = _gradient_leaves(root, grads, own)
    rows = [(names[p], p) for p in parameters]
    prediction = None
    inputs: Named = ()
    if predict is not None:
        wish = tensors[1].name if tensors[1].node.op == "named" else display.get(roots[1], "prediction")
        prediction = (str(wish), roots[1])
        needed = [n for n in topological(roots[1:]) if n.op == "input" and n.attrs[0].kind != "parameter"]
        inputs = tuple((names[n], n) for n in in_order_of_use(roots[1], needed))
    name = display[root] if root in table else "L"
    net = Network(title, _formulas(found), tuple(rows),
                  tuple((names[n], n) for n in data), inputs, (name, root),
                  tuple((f"G_{own.get(p, 'v')}", g) for p, g in zip(variables, gradients, strict=True)), prediction,
                  rule_of(Adam()), table, _commenter(found, leaves, lexicon([*roots, *grads.values()], display)), sizes,
                  {**{node: ("loss" if node is root else "forward", node) for node in table},
                   **{u: ("backward", node) for node, u in grads.items() if node in own and u in leaves}},
                  sum(p not in grads for p in parameters))
    if wrt is None:
        _check_sizes(net)
    return net


def _parameters(roots: Sequence[Node], names: Mapping[Node, str]) -> list[Node]:
    chosen: dict[Node, None] = {}
    for root in roots:
        below = [n for n in topological([root]) if n.op == "input" and n.attrs[0].kind == "parameter"]
        chosen.update(dict.fromkeys(in_order_of_use(root, below)))
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
    from symgrad.codegen.plan.binding import bind_sizes

    known = bind_sizes([(name, node.shape) for name, node in net.data], net.sizes)
    for name, node in net.parameters:
        for size in symbols_of(node.shape):
            if size not in known:
                raise DataError(f"no data show the size {size} of the parameter {name!r}; give it a number: "
                                f'sizes={{"{size}": ...}}')


def _free(wish: str, names: Mapping[Node, str]) -> str:
    return wish if wish not in names.values() else "loss" if "loss" not in names.values() else f"{wish}_0"


def _prediction_of(loss: Tensor) -> Tensor | None:
    """The first tensor of data through which all parameters act on `loss`; None where there is none.

    It is per sample where there are samples.
    """
    (root,) = stabilise([loss.node])
    order = topological([root])
    parameters = [n for n in order if n.op == "input" and n.attrs[0].kind == "parameter"]
    axes, size = sample_axes([root]), sample_size([root])
    moved = depends([root], parameters)
    fed = depends([root], [n for n in order if n.op == "input" and n.attrs[0].kind != "parameter"])
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


def rule_of(optimizer: Optimizer) -> Rule:
    """The update rule of an optimiser, lowered for all parameters in one vector, with its formulas."""
    if not isinstance(optimizer, Optimizer):
        raise SymgradError(f"the optimizer must be one of sg.optim, such as sg.optim.Adam(), not {optimizer!r}")
    update = optimizer.update((dim("P"),))
    title = f"{optimizer.name} ({optimizer.about})" if optimizer.about else optimizer.name
    return Rule(optimizer.name, title, update.inputs, update.outputs, update.rates, update.start, update.notes,
                optimizer.lr, update.meanings)


# formulas ---------------------------------------------------------------------------------------------------


def _formulas(found: Sequence[Box]) -> tuple[str, ...]:
    """The forward formulas of one sample, for the head of the module."""
    steps = [b for b in found if b.leaf is not b.node or b.kind == "output"]
    lines = [f"{_leaf_name(b)} = {render(b.local)}" for b in steps]
    return tuple(lines if len(lines) <= SHOWN else [*lines[: SHOWN - 2], "...", lines[-1]])


def _leaf_name(box: Box) -> str:
    return render(box.leaf) if box.leaf is not box.node else box.name


def _gradient_leaves(root: Node, grads: Mapping[Node, Node], display: Mapping[Node, str]) -> dict[Node, Node]:
    """For every named gradient, a symbol of its name, which prints as the gradients of samples do."""
    axes = sample_axes([root])
    leaves = {}
    for node, u in grads.items():
        if node in display and u.op == "named":
            over = node.shape[0] if axes.get(node) == 0 else None
            leaves[u] = input_node(Symbol("data", f"G_{{{display[node]}}}", over, owner=-1), node.shape, REAL)
    return leaves


def _commenter(found: Sequence[Box], leaves: Mapping[Node, Node], words: Lexicon) -> Any:
    """The formula of a node over the whole batch, samples as rows; None for nodes without a name."""
    own = {box.node: box for box in found if box.node.op != "input"}

    @cache
    def comment(node: Node) -> str | None:
        if node in own:
            left = render(own[node].leaf, mode="batch") if own[node].leaf is not node else own[node].name
        elif node in leaves:
            left = render(leaves[node], mode="batch")
        else:
            return None
        inside = node.operands[0] if node.op == "named" else node
        return f"{left} = {render(inside, mode='batch', names=words)}"

    return comment
