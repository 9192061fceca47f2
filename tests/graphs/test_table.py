"""The table of primitives: complete, and each rule of a row is what it says, by plain numbers."""

import itertools

import numpy as np
import pytest
import reference
from primitive_table import EXAMPLES, arrays

from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import COUPLED
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.derivative.rules import no_rule
from symgrad.graphs.node import INTEGER, REAL, Symbol, topological
from symgrad.graphs.reverse import reverse
from symgrad.graphs.samples import sample_axes
from symgrad.graphs.table import PRIMITIVES, ROWS, rebuild

EACH = [pytest.param(node, id=f"{op}{i or ''}") for op, nodes in EXAMPLES.items() for i, node in enumerate(nodes)]
INNER = [case for case in EACH if case.values[0].operands]


def test_every_operation_has_one_row_and_an_example():
    assert set(PRIMITIVES) == set(ops.OPS) == set(EXAMPLES) and len(ROWS) == len(PRIMITIVES)
    assert all(row.op is ops.OPS[row.op] for row in ROWS)
    for row in ROWS:
        assert all(map(callable, (row.build, row.rebuild, row.pull, row.demand, row.axis, row.stack))), row.op


@pytest.mark.parametrize("node", EACH)
def test_an_example_is_of_its_operation(node):
    assert any(node in nodes for op, nodes in EXAMPLES.items() if op is node.op)


def fresh(node):
    """The same on other symbols, and those by what they stand for."""
    new = {o: input_node(Symbol("data", f"new{i}"), o.shape, o.dtype) for i, o in enumerate(dict.fromkeys(node.operands))}
    return rebuild(node, tuple(new[o] for o in node.operands)), new


@pytest.mark.parametrize("node", INNER)
def test_a_node_is_made_again_from_other_operands(node):
    other, new = fresh(node)
    assert other is not node and (other.op, other.shape, other.dtype) == (node.op, node.shape, node.dtype)
    old = {there: here for here, there in new.items()}
    assert rebuild(other, tuple(old[o] for o in other.operands)) is node


def value(node, given):
    return reference.values([node], given, {})[0]


def moved(node, given, operand, entries, rng):
    """The values of a node after entries of an operand have moved a little."""
    before = np.asarray(given[operand.attrs[0].name], dtype=float)
    step = np.where(entries, 0.2 * rng.standard_normal(before.shape), 0)
    if node.op in ops.MATRICES and operand is node.operands[0]:
        step = (step + np.swapaxes(step, -1, -2)) / 9  # stays positive definite
    return value(node, {**given, operand.attrs[0].name: before + step})


@pytest.mark.parametrize("node", INNER)
def test_the_pull_back_is_the_slope(node):
    row, rng = PRIMITIVES[node.op], np.random.default_rng(1)
    if row.pull is no_rule:
        return
    given = arrays(rng)
    u = rng.standard_normal(node.shape)
    seed = input_node(Symbol("data", "u"), node.shape, REAL)
    for operand in dict.fromkeys(node.operands):
        if operand.dtype != REAL or operand.op is not ops.INPUT:
            continue
        (g,) = reverse(node, seed, [operand])
        found = value(g, {**given, "u": u})
        direction = rng.standard_normal(operand.shape)
        if node.op is ops.CHOLESKY:
            direction = direction + np.swapaxes(direction, -1, -2)
        name, h = operand.attrs[0].name, 1e-6
        ends = [value(node, {**given, name: given[name] + by * direction}).astype(float) for by in (h, -h)]
        slope = np.sum(u * (ends[0] - ends[1])) / (2 * h)
        wanted = 0.0 if node.op in ops.FLAT else slope
        assert np.allclose(np.sum(found * direction), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("node", INNER)
def test_samples_stay_on_the_axis_that_the_row_says(node):
    """Moving one sample of an operand changes one sample of the node, or the row says that samples are coupled."""
    rng = np.random.default_rng(2)
    for operand in dict.fromkeys(o for o in node.operands if o.dtype == REAL and o.op is ops.INPUT):
        for axis in range(len(operand.shape)):
            place = sample_axes([node], {operand: axis}).get(node, COUPLED)
            if place == COUPLED:
                continue
            assert node.shape[place] == operand.shape[axis], (operand, axis)
            given = arrays(rng)
            before = value(node, given)
            for k in range(operand.shape[axis]):
                only = np.zeros(operand.shape, bool)
                only[(slice(None),) * axis + (k,)] = True
                change = moved(node, given, operand, only, rng) != before
                other = np.delete(change, k, axis=place)
                assert not other.any(), (operand, axis, place)


@pytest.mark.parametrize("op", sorted(set(ops.OPS.values()) - ops.LEAVES - ops.FLAT))
def test_each_operation_keeps_samples_apart_on_some_axis(op):
    found = [sample_axes([node], {operand: axis})[node] for node in EXAMPLES[op] for operand in node.operands
             for axis in range(len(operand.shape))]
    assert any(place != COUPLED for place in found)


@pytest.mark.parametrize("node", INNER)
def test_entries_that_no_derivative_needs_do_not_matter(node):
    """What counts of the operands for one entry of the node: the others may be anything."""
    rng = np.random.default_rng(3)
    given = {**arrays(rng), "counts": np.zeros(node.shape, bool)}
    before = value(node, given)
    counts = input_node(Symbol("data", "counts"), node.shape, "boolean")
    needed = PRIMITIVES[node.op].demand(node, counts)
    assert len(needed) == len(node.operands)
    for at in itertools.islice(itertools.product(*map(range, node.shape)), 12):
        given["counts"] = np.zeros(node.shape, bool)
        given["counts"][at] = True
        for operand in dict.fromkeys(o for o in node.operands if o.dtype == REAL and o.op is ops.INPUT):
            masks = [e for o, e in zip(node.operands, needed, strict=True) if o is operand]
            if any(mask is None for mask in masks):
                continue
            assert all(mask.shape == operand.shape and mask.dtype == "boolean" for mask in masks)
            unneeded = ~np.any([value(mask, given) for mask in masks], axis=0)
            assert moved(node, given, operand, unneeded, rng)[at] == before[at]


def values_below(node):
    """Does anything flow back, and what is read for that: operands that are no indices, the node itself."""
    other, new = fresh(node)
    seed = input_node(Symbol("data", "u"), node.shape, REAL)
    pulled = [part for part in PRIMITIVES[node.op].pull(other, seed, 0) if part is not None]
    below = set(topological(pulled))
    return bool(pulled), [n for n in (other, *new.values()) if n.dtype != INTEGER and n in below]


@pytest.mark.parametrize("node", INNER)
def test_linear_is_what_has_no_values_in_its_pull_back(node):
    if PRIMITIVES[node.op].pull is no_rule or node.op is ops.EINSUM and len(node.operands) == 1:
        return  # of one operand an einsum is a sum
    if node.op is ops.TRACKED:
        return  # nor has it, but what stands behind its first operand is no part of the value
    some, values = values_below(node)
    assert (node.op in ops.LINEAR) is (some and not values)


@pytest.mark.parametrize("node", INNER)
def test_picked_entries_are_entries_of_operands(node):
    if node.op is ops.VIEW and len(set(node.attrs[1])) < len(node.attrs[1]):
        return  # a delta puts zeros between them
    given = arrays(np.random.default_rng(4))
    inside = {float(v) for o in node.operands if o.dtype == REAL for v in np.ravel(value(o, given))}
    picked = node.op in ops.LINEAR and all(float(v) in inside for v in np.ravel(value(node, given)))
    assert (node.op in ops.PICKED) is picked


def test_deltas_have_axes_of_their_own():
    x = input_node(Symbol("data", "x"), (3, 4), REAL)
    y = input_node(Symbol("data", "y"), (3, 4), REAL)
    both = contract([x, y], ["ik", "jk"], "ij")
    assert sample_axes([both], {x: 0, y: 0})[both] == COUPLED
