"""Entries moved: on any view, with deltas, ones and diagonals, the value is NumPy's and the delta stays in front."""

import numpy as np
import pytest
from checker import near, run
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.graphs.algebra.einsum import contract, literal, literal_value, scale, zeros
from symgrad.graphs.algebra.entries import concat, gather, pad, reshape, scatter, slices
from symgrad.graphs.algebra.primitives import iota
from symgrad.graphs.node import topological
from symgrad.graphs.weights import weight
from symgrad.language.tensor import wrap

SIZE = {"a": 2, "b": 3, "c": 4}
x = sg.data("x", (2, 3))
X = np.random.default_rng(0).standard_normal((2, 3))


@st.composite
def views(draw):
    """A view of x (axes a and b; c is ones) that repeats and spreads its axes, and its value."""
    out = draw(st.text("abc", min_size=1, max_size=4).filter(lambda t: "a" in t and "b" in t))
    by = draw(st.sampled_from([1, -2]))
    node = scale(contract([x.node], ["ab"], out, {label: SIZE[label] for label in out}), weight(by))
    value = np.zeros([SIZE[label] for label in out])
    for index in np.ndindex(*value.shape):
        at = {}
        if all(at.setdefault(label, i) == i for label, i in zip(out, index, strict=True)):
            value[index] = by * X[at["a"], at["b"]]
    near(run(wrap(node), {x: X}), value)
    return node, value


def check(node, value):
    near(run(wrap(node), {x: X}), value)


@settings(max_examples=60)
@given(views(), st.data())
def test_slices_and_pads(view, data):
    node, value = view
    starts, steps, shape, big, cut = [], [], [], [], []
    for size in value.shape:
        step = data.draw(st.sampled_from([1, 1, 1, 2, -1]))
        length = data.draw(st.sampled_from([size] * 3 + [1])) if step == 1 else 1 if size < 3 else 2
        start = data.draw(st.integers(0, size - length)) if step == 1 else (0 if step > 0 else size - 1)
        starts.append(start), steps.append(step), shape.append(length)
        cut.append(np.arange(length) * step + start)
    near(run(wrap(slices(node, starts, steps, tuple(shape))), {x: X}), value[np.ix_(*cut)])
    wide, at = [], []
    for size in value.shape:
        step, start = data.draw(st.sampled_from([(1, 0), (1, 0), (1, 1), (2, 0), (-1, size - 1)]))
        wide.append((size - 1) * abs(step) + 1 + (start if step > 0 else 0)), at.append((start, step))
        big.append(np.arange(size) * step + start)
    expected = np.zeros(wide)
    expected[np.ix_(*big)] = value
    check(pad(node, [s for s, _ in at], [k for _, k in at], tuple(wide)), expected)


@settings(max_examples=60)
@given(views(), st.data())
def test_reshapes(view, data):
    node, value = view
    cut = data.draw(st.integers(0, value.ndim))
    end = data.draw(st.integers(cut, value.ndim))
    count = int(np.prod(value.shape[cut:end], initial=1))
    middle = data.draw(st.sampled_from([(count,), (1, count), (count, 1), *[(k, count // k) for k in (2, 3) if count % k == 0]]))
    shape = (*value.shape[:cut], *middle, *value.shape[end:])
    check(reshape(node, shape), value.reshape(shape))


@settings(max_examples=120)
@given(views(), st.data())
def test_gathers_and_scatters(view, data):
    node, value = view
    axes = data.draw(st.lists(st.integers(0, value.ndim - 1), min_size=1, max_size=min(2, value.ndim), unique=True))
    count = value.shape[axes[0]]
    nodes, arrays = [], []
    for axis in axes:
        if value.shape[axis] == count and data.draw(st.booleans()):  # runs through the axis
            nodes.append(iota(count)), arrays.append(np.arange(count))
        else:
            array = np.array(data.draw(st.lists(st.integers(0, value.shape[axis] - 1), min_size=count, max_size=count)))
            nodes.append(sg.constant(array).node), arrays.append(array)
    if data.draw(st.booleans()):  # two axes of indices
        nodes = [contract([n], ["i"], "ji", {"j": 2}) for n in nodes]
        arrays = [np.broadcast_to(a, (2, count)) for a in arrays]
    rest = [a for a in range(value.ndim) if a not in axes]
    check(gather(node, nodes, axes), value.transpose(*axes, *rest)[tuple(arrays)])
    width = arrays[0].ndim
    if value.shape[:width] == arrays[0].shape:
        rank = value.ndim - width + len(axes)
        targets = data.draw(st.permutations(range(rank)))[: len(axes)]
        sizes = [int(a.max()) + 1 if data.draw(st.booleans()) else count + 1 for a in arrays]
        others = iter(value.shape[width:])
        sizes = [max(s, int(a.max()) + 1) for s, a in zip(sizes, arrays, strict=True)]
        shape = tuple(sizes[targets.index(a)] if a in targets else next(others) for a in range(rank))
        expected = np.zeros(shape)
        left = [a for a in range(rank) if a not in targets]
        np.add.at(expected.transpose(*targets, *left), tuple(arrays), value)
        check(scatter(node, nodes, targets, shape), expected)


PER_SAMPLE = {
    "slice": lambda W, u, k: sg.sum(sg.tanh(W @ u)[1:] ** 2),
    "reversed": lambda W, u, k: sg.sum(sg.tanh(W @ u)[::-1] * u[:2]),
    "concatenate": lambda W, u, k: sg.sum(sg.concatenate([W @ u, u]) ** 3),
    "reshape": lambda W, u, k: sg.sum(sg.outer(W @ u, u).reshape((-1,)) ** 3),
    "label": lambda W, u, k: sg.log_softmax(W @ u)[k],
    "cross entropy": lambda W, u, k: sg.losses.cross_entropy(W @ u, k),
    "rows by label": lambda W, u, k: sg.sum(W[k] * u) ** 2,
    "index of all": lambda W, u, k: sg.sum((W @ u)[np.array([0, 1, 1])] ** 2),
}


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_one_derivative_per_sample_costs_one_tensor_per_sample(name):
    """The delta between the seed axis and the samples never becomes an array of T x T entries."""
    T = sg.dim("T")
    W, u, k = sg.parameter("W", (2, 3)), sg.data("u", 3, over=T), sg.labels("k", 2, over=T)
    y = PER_SAMPLE[name](W, u, k)
    rng = np.random.default_rng(0)
    at = {W: rng.standard_normal((2, 3)), u: rng.standard_normal((5, 3)), k: rng.integers(0, 2, 5)}
    one, label = sg.data("one", 3), sg.labels("label", 2)
    single = PER_SAMPLE[name](W, one, label)
    each = [{W: at[W], one: at[u][t], label: at[k][t]} for t in range(5)]
    g, H = sg.gradient(y, W), sg.hessian(y, W)
    for t in (g, H):
        for node in topological([t.node]):
            layout = node.op == "view" or (node.op == "add" and len(node.operands) == 1)
            assert layout or node.shape.count(T) <= 1, node
    near(run(g, at), [run(sg.gradient(single, W), a) for a in each])
    near(run(H, at), [run(sg.hessian(single, W), a) for a in each])


def test_literals_pass_through():
    ones = literal(2.5, (4, 3))
    assert slices(ones, [1, 0], [1, 1], (2, 3)) is literal(2.5, (2, 3))
    assert reshape(ones, (12,)) is literal(2.5, (12,)) and gather(ones, [iota(2)], [0]) is literal(2.5, (2, 3))
    assert pad(zeros((2,)), [1], [1], (4,)) is zeros((4,)) and scatter(zeros((2,)), [iota(2)], [0], (4,)) is zeros((4,))
    assert literal_value(pad(ones, [1, 0], [1, 1], (6, 3))) is None


def test_what_moves_nothing_is_the_tensor_itself():
    node = x.node
    assert slices(node, [0, 0], [1, 1], (2, 3)) is node and pad(node, [0, 0], [1, 1], (2, 3)) is node
    assert reshape(node, (2, 3)) is node and concat([node], 0, 2) is node


def test_a_broadcast_is_sliced_before_it_is_broadcast():
    wide = sg.broadcast_to(x, (5, 2, 3))[:, 1:, ::2]
    assert wide.node.op == "view" and wide.node.operands[0] is x[1:, ::2].node
    assert sg.diag(sg.sum(x, axis=0)).reshape((9,)).node.op == "reshape", "a delta that is touched is spelt out"
