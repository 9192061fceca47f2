"""Where two networks differ: the first step whose formula another has not, and what differs in it.

The second network is written again in the symbols of the first: inputs and parameters by name, by equal numbers, by shape
and order. Both are graphs in one normal form then, where equal formulas are one node. What is written in other ways is
told apart by its values at random points, of moderate and of small size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symgrad.computing.points import Evaluator, Point, random_sizes
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import Node, depends, topological
from symgrad.language.tensor import Tensor
from symgrad.networks.call import is_symbolic
from symgrad.networks.network import ReadNetwork, ReadStep

AGREE = 3e-8  # of the largest entry: what numbers of single precision in a formula leave open
SCALES = (1.0, 1e-2)  # of random points: a small constant beside a variance shows at small values


@dataclass(frozen=True)
class Rewritten:
    """A network in the symbols of another: what each of its steps gives, and its outputs."""

    steps: tuple[ReadStep, ...]
    made: tuple[tuple[Tensor, ...], ...]
    outputs: dict[str, Tensor]
    renamed: dict[str, str]  # its parameters -> those of the other network
    turned: frozenset[str]  # ... which are transposed


def matched_parameters(first: ReadNetwork, second: ReadNetwork) -> tuple[dict[str, str], set[str]]:
    """For the parameters of the second network those of the first; and which of them are transposed."""
    free, found, turned = dict(first.parameters), {}, set()
    rest = dict(second.parameters)

    def take(name: str, partner: str, transposed: bool = False) -> None:
        found[name] = partner
        if transposed:
            turned.add(name)
        del free[partner], rest[name]

    for name, p in list(rest.items()):
        if name in free and free[name].shape == p.shape:
            take(name, name, _turned(second.values.get(name), first.values.get(name)))
    for name in list(rest):
        value = second.values.get(name)
        for partner in list(free):
            other = first.values.get(partner)
            if value is None or other is None:
                continue
            if value.shape == other.shape and np.array_equal(value, other):
                take(name, partner)
                break
            if value.ndim == 2 and value.shape == other.shape[::-1] and np.array_equal(value.T, other):
                take(name, partner, True)
                break
    for name, p in list(rest.items()):
        alike = [each for each, q in free.items() if q.shape == p.shape]
        if alike:
            take(name, alike[0])
    for name, p in list(rest.items()):
        alike = [each for each, q in free.items() if len(p.shape) == 2 and q.shape == p.shape[::-1]]
        if alike:
            take(name, alike[0], True)
    return found, turned


def _turned(value: np.ndarray | None, other: np.ndarray | None) -> bool:
    """Are these the numbers of one matrix, that of `other` transposed?"""
    if value is None or other is None or value.ndim != 2:
        return False
    return np.array_equal(value.T, other) and not np.array_equal(value, other)


def as_it_is(network: ReadNetwork) -> Rewritten:
    """A network in its own symbols."""
    return Rewritten(network.steps, tuple(step.made for step in network.steps), dict(network.outputs), {}, frozenset())


def rewritten(second: ReadNetwork, first: ReadNetwork) -> Rewritten:
    """The second network in the symbols of the first. Raises SymgradError where their inputs do not fit."""
    inputs, sizes = _matched_inputs(first, second)
    names, turned = matched_parameters(first, second)
    new: dict[int, Tensor] = {id(old): other for old, other in inputs}
    for name, partner in names.items():
        p = first.parameters[partner]
        new[id(second.parameters[name])] = p.T if name in turned else p
    made = []
    for step in second.steps:
        results = step.again(*(_moved(value, new, sizes) for value in step.operands))
        tensors = tuple(value for value in results if isinstance(value, Tensor))
        new.update(zip(map(id, step.made), tensors, strict=False))
        made.append(tensors)
    outputs = {name: new.get(id(t), t) for name, t in second.outputs.items()}
    return Rewritten(second.steps, tuple(made), outputs, names, frozenset(turned))


def _matched_inputs(first: ReadNetwork, second: ReadNetwork) -> tuple[list[tuple[Tensor, Tensor]], dict[Any, Any]]:
    """Inputs of the second network with those of the first, by name or else by order; sizes with sizes."""
    if len(first.inputs) != len(second.inputs):
        raise SymgradError(f"the networks have other inputs: {', '.join(first.inputs)} and {', '.join(second.inputs)}")
    same = set(first.inputs) == set(second.inputs)
    order = list(second.inputs) if same else list(first.inputs)
    pairs, sizes = [], {}
    for name, partner in zip(second.inputs, order, strict=True):
        old, other = second.inputs[name], first.inputs[partner]
        if len(old.node.shape) != len(other.node.shape):
            raise SymgradError(f"the input {partner} has {len(other.node.shape)} axes in the first network, {name} in the "
                               f"second {len(old.node.shape)}")
        for a, b in zip(old.node.shape, other.node.shape, strict=True):
            if isinstance(a, sp.Symbol):
                sizes[a] = b
            elif a != b and isinstance(b, int):
                raise SymgradError(f"the input {partner} has a size of {b} in the first network, of {a} in the second")
        pairs.append((old, other))
    return pairs, sizes


def _moved(value: Any, new: Mapping[int, Tensor], sizes: Mapping[Any, Any]) -> Any:
    """A value of the second network in the first one's symbols."""
    if isinstance(value, Tensor):
        return new.get(id(value), value)
    if is_symbolic(value):
        changed = np.empty(value.shape, dtype=object)
        for place, size in np.ndenumerate(value):
            changed[place] = size.subs(sizes, simultaneous=True) if isinstance(size, sp.Expr) else size
        return changed
    return [_moved(each, new, sizes) for each in value] if isinstance(value, list) else value


def first_difference(a: Rewritten, b: Rewritten) -> tuple[int | None, int | None]:
    """The first step of each that the other has not: None where all that it computes is found in the other."""
    nodes_a, nodes_b = ([[t.node for t in made] for made in side.made] for side in (a, b))
    known_a, known_b = (set(topological([n for made in nodes for n in made])) for nodes in (nodes_a, nodes_b))
    if all(n in known_b for made in nodes_a for n in made) and all(n in known_a for made in nodes_b for n in made):
        return None, None
    values = _values([n for made in (*nodes_a, *nodes_b) for n in made])
    return _first_lone(a, b, known_b, values), _first_lone(b, a, known_a, values)


def _first_lone(a: Rewritten, b: Rewritten, known: set[Node], values: Mapping[Node, Sequence[np.ndarray]]) -> int | None:
    """The first step that is not found on the other side, nor anything that is made of it."""
    lone = []
    for i, (step, made) in enumerate(zip(a.steps, a.made, strict=True)):
        others = [t.node for other, found in zip(b.steps, b.made, strict=True) if _may_agree(step, other) for t in found]
        missing = [t.node for t in made if t.node not in known and not any(_agree(values, t.node, n) for n in others)]
        if missing:
            lone.append((i, missing))
    found = {t.node for made in a.made for t in made} - {n for _, missing in lone for n in missing}
    for i, missing in lone:
        if not depends(list(found), missing) & found:
            return i
    return None


def _may_agree(one: ReadStep, two: ReadStep) -> bool:
    """Steps of one operator with other attributes are others, however little it is."""
    return one.operator != two.operator or not differing_attributes(one, two)


def differing_attributes(one: ReadStep, two: ReadStep) -> list[str]:
    """Names of attributes with other values: numbers, texts and lists of those."""
    def plain(value: Any) -> bool:
        return value is None or isinstance(value, (int, float, str, list))

    return [name for name in sorted({*one.attributes, *two.attributes})
            if plain(one.attributes.get(name)) and plain(two.attributes.get(name))
            and one.attributes.get(name) != two.attributes.get(name)]


def _agree(values: Mapping[Node, Sequence[np.ndarray]], a: Node, b: Node) -> bool:
    """Are two nodes equal at all points?"""
    if a not in values or b not in values:
        return a is b
    for one, two in zip(values[a], values[b], strict=True):
        if one.shape != two.shape:
            return False
        scale = max(float(np.abs(one[np.isfinite(one)]).max(initial=0)), 1e-30)
        if not np.allclose(one, two, AGREE, AGREE * scale, equal_nan=True):
            return False
    return True


def _values(nodes: Sequence[Node]) -> dict[Node, list[np.ndarray]]:
    """The values of nodes at a few points; of none where they cannot be computed."""
    unique = list(dict.fromkeys(nodes))
    evaluator = Evaluator(unique)
    run = evaluator.compile(unique)
    found: dict[Node, list[np.ndarray]] = {node: [] for node in unique}
    for points in _points(evaluator, unique):
        for point in points:
            try:
                results = run(point)
            except (SymgradError, ArithmeticError, ValueError, IndexError):
                break
            for node, value in zip(unique, results, strict=True):
                found[node].append(np.asarray(value))
        if all(found.values()):
            return found
    return {}


def _points(evaluator: Evaluator, nodes: Sequence[Node]) -> Iterator[list[Point]]:
    """Points of moderate and of small values, at sizes that grow until they serve."""
    for least in (2, 5, 11):
        rng = np.random.default_rng(least)
        sizes = random_sizes(nodes, rng, least)
        drawn = evaluator.draw(sizes, rng, "normal"), evaluator.draw(sizes, rng, "positive")
        yield [Point(sizes, {node: value * scale if value.dtype.kind == "f" else value
                             for node, value in ((n, np.asarray(v)) for n, v in point.values.items())})
               for point in drawn for scale in SCALES]
