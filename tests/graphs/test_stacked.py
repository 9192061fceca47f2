"""Many points at once: every primitive with an axis of points in front is what a loop over the points gives."""

import itertools

import numpy as np
import pytest
import reference
from expressions import PROGRAMS, SETTINGS, grown
from hypothesis import given, settings
from hypothesis import strategies as st
from operation_table import ROWS, operands
from primitive_table import EXAMPLES, arrays

import symgrad as sg
from symgrad.computing.populations import batched
from symgrad.graphs import ops
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.node import Symbol, topological
from symgrad.graphs.stacked import stacked

POINTS = 3
CASES = [pytest.param(node, id=f"{op}{i or ''}") for op, nodes in EXAMPLES.items() for i, node in enumerate(nodes) if node.operands]


def leaves(node):
    return [n for n in topological([node]) if n.op is ops.INPUT]


@pytest.mark.parametrize("node", CASES)
def test_a_primitive_over_points_is_a_loop_over_points(node):
    """Whichever of its operands vary: every subset of them."""
    inputs = leaves(node)
    each = [arrays(np.random.default_rng(seed)) for seed in range(POINTS)]
    for count in range(1, len(inputs) + 1):
        for varying in itertools.combinations(inputs, count):
            new = {n: input_node(Symbol("data", n.attrs[0].name), (POINTS, *n.shape), n.dtype) for n in varying}
            (many,) = stacked([node], new, POINTS)
            names = {n.attrs[0].name for n in varying}
            assert many.shape == (POINTS, *node.shape) and many.dtype == node.dtype
            one = {name: value for name, value in each[0].items() if name not in names}
            given = {**one, **{name: np.stack([e[name] for e in each]) for name in names}}
            (found,) = reference.values([many], given, {})
            wanted = [reference.values([node], {**one, **{name: e[name] for name in names}}, {})[0] for e in each]
            np.testing.assert_allclose(found, np.stack(wanted), rtol=1e-12, atol=1e-12)


def test_what_does_not_vary_is_the_same_for_all_points():
    (node,) = EXAMPLES[ops.INVERSE]
    (many,) = stacked([node], {}, POINTS)
    given = arrays(np.random.default_rng(0))
    found, wanted = (reference.values([n], given, {})[0] for n in (many, node))
    assert np.array_equal(found, np.stack([wanted] * POINTS))


def test_one_matrix_for_all_points_is_factored_once():
    A, b = sg.data("A", (3, 3)), sg.parameter("b", 3)
    losses, _ = batched(sg.solve(A, b), [b])
    assert [n.operands[0].shape for n in topological([losses.node]) if n.op is ops.SOLVE] == [(3, 3)]


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("setting", ["concrete", "symbolic", "first"])
def test_an_operation_over_points_is_a_loop_over_points(row, setting):
    """In the generated code: all real operands vary, or (with samples over the first) the last of them."""
    if setting in row.skip.split():
        return
    at = operands(row, setting)
    y = row.make(*at)
    real = [s for s in at if s.dtype == "real"]
    varying = real[-1:] if setting == "first" else real
    if not varying:
        return
    losses, symbols = batched(y, varying)
    factors = 1 + np.arange(POINTS) / 20
    points = [np.stack([f * at[v] for f in factors]) for v in varying]
    fixed = [s for s in at if s not in varying]
    found = sg.function([*symbols, *fixed], losses)(*points, *(at[s] for s in fixed))
    one = sg.function([*varying, *fixed], y)
    wanted = [one(*(p[i] for p in points), *(at[s] for s in fixed)) for i in range(POINTS)]
    np.testing.assert_allclose(found, np.stack(wanted), rtol=1e-9, atol=1e-9)


def test_the_graph_of_many_points_is_no_larger():
    w = sg.parameter("w", (4, 4))
    h = sg.data("x", 4)
    for _ in range(200):
        h = sg.tanh(w @ h)
    losses, _ = batched(sg.sum(h), [w])
    assert len(topological([losses.node])) <= 2 * len(topological([sg.sum(h).node]))


@settings(max_examples=60)
@given(PROGRAMS, SETTINGS, st.sets(st.integers(0, 6), min_size=1, max_size=3), st.booleans())
def test_random_expressions_over_points_are_loops_over_points(program, setting, chosen, derived):
    """And their gradients: derivatives are graphs like any other."""
    t, variables, at = grown(program, setting)
    varying = [variables[i] for i in sorted(chosen)]
    if derived:
        y = sg.sum(t) if t.over is None else sg.mean(sg.sum(t), over=t.over)
        t = sg.gradient(y, varying[0])
    losses, symbols = batched(t, varying)
    rng = np.random.default_rng(0)
    points = [np.stack([at[v] * (1 + rng.uniform(-0.05, 0.05, np.shape(at[v]))) for _ in range(POINTS)]) for v in varying]
    fixed = [s for s in at if s not in varying]
    found = sg.function([*symbols, *fixed], losses)(*points, *(at[s] for s in fixed))
    one = sg.function([*varying, *fixed], t)
    wanted = np.stack([one(*(p[i] for p in points), *(at[s] for s in fixed)) for i in range(POINTS)])
    scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=1.0)
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-9 * scale)
