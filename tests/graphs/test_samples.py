"""The sample axis: it rides along in every operation, is closed by `over=`, and never meets an ordinary axis."""

import itertools

import numpy as np
import pytest
from checker import near, run

import symgrad as sg
from symgrad.graphs.algebra.axes import COUPLED, counts_along
from symgrad.graphs.algebra.einsum import broadcast, contract
from symgrad.graphs.algebra.linear import cholesky, cofactor, inverse, logdet, solve
from symgrad.graphs.algebra.primitives import iota
from symgrad.graphs.algebra.running import cumsum, multiply
from symgrad.graphs.node import topological
from symgrad.graphs.samples import sample_axes, sample_size

T, S, d = sg.dims("T S d")
x, W, b = sg.data("x", 3, over=T), sg.parameter("W", (2, 3)), sg.parameter("b", 2)
k = sg.labels("k", 3, over=T)
rng = np.random.default_rng(0)
AT = {x: rng.standard_normal((5, 3)), W: rng.standard_normal((2, 3)), b: rng.standard_normal(2), k: np.array([0, 2, 1, 1, 0])}


def test_one_sample_is_written_and_all_are_computed():
    a = W @ x + b
    assert a.shape == (2,) and a.over == T and a.ndim == 1
    near(run(a, AT), AT[x] @ AT[W].T + AT[b])
    assert x.T == x and x.reshape((3, 1)).T.shape == (1, 3) and sg.sum(x, axis=-1).shape == ()
    with pytest.raises(sg.ShapeError, match="axis 1 of x"):
        sg.sum(x, axis=1)


CLOSED = {
    "sum": (lambda: sg.sum(x, over=T), lambda v: v.sum(0)), "mean": (lambda: sg.mean(x, over=T), lambda v: v.mean(0)),
    "max": (lambda: x.max(over=T), lambda v: v.max(0)), "min": (lambda: sg.min(x, over=T), lambda v: v.min(0)),
    "logsumexp": (lambda: sg.logsumexp(x, over=T), lambda v: np.log(np.exp(v).sum(0))),
    "empirical_risk": (lambda: sg.empirical_risk(sg.sum(x)), lambda v: v.sum(1).mean()),
    "mean of a scalar": (lambda: sg.sum(x).mean(over=T), lambda v: v.sum(1).mean()),
}


@pytest.mark.parametrize("name", CLOSED)
def test_over_closes_the_sample_axis(name):
    make, value = CLOSED[name]
    t = make()
    assert t.over is None
    near(run(t, {x: AT[x]}), value(AT[x]))


@pytest.mark.parametrize("keepdims, axis", itertools.product((False, True), (None, 0, -1, (0, 1))))
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min"])
def test_reductions_keep_dims_under_a_sample_axis(name, axis, keepdims):
    z = sg.data("z", (2, 3), over=T)
    v = rng.standard_normal((4, 2, 3))
    t = getattr(sg, name)(z, axis=axis, keepdims=keepdims)
    expected = np.stack([getattr(np, name)(one, axis=axis, keepdims=keepdims) for one in v])
    assert t.over == T and t.shape == expected.shape[1:]
    near(run(t, {z: v}), expected)
    near(run(sg.argmax(z, axis=1, keepdims=keepdims), {z: v}), np.argmax(v, axis=2, keepdims=keepdims))


table, rows, both = sg.data("table", (3, 2)), sg.data("rows", (3, 2), over=T), sg.data("both", (4, 3, 2), over=T)
one, several = sg.data("one", 2, dtype="integer"), sg.data("several", (2, 1), dtype="integer", over=T)
PICKS = {  # table, indices or both over the samples; arrays; several indices; together and apart
    "table by label": lambda q: q[table][q[k]], "rows by label": lambda q: q[rows][q[k]],
    "rows by one index tensor": lambda q: q[rows][q[one]], "table by several": lambda q: q[table][q[several]],
    "rows by an array": lambda q: q[rows][np.array([[2, 0], [1, 1]])], "rows by several": lambda q: q[rows][q[several]],
    "rows by two indices": lambda q: q[rows][q[k], q[k] * 0],
    "label and array": lambda q: q[rows][q[k], np.array([0, 1, 1])],
    "two that broadcast": lambda q: q[both][q[several], q[one]], "columns by label": lambda q: q[both][:, q[k]],
    "apart": lambda q: q[both][q[several], :, q[one]], "apart and new": lambda q: q[both][q[k], None, :, q[one]],
    "sliced too": lambda q: q[both][1:, q[k], ::-1], "fixed and label": lambda q: q[both][0, q[k]],
    "last axis": lambda q: q[both][..., q[one]], "array on the table": lambda q: q[table][np.array([0, 2]), q[one]] + 0 * q[k],
}
SYMBOLS = {s: s for s in (table, rows, both, one, several, k)}


@pytest.mark.parametrize("name", PICKS)
def test_indexing_sees_one_sample(name):
    pick = PICKS[name]
    at = {table: rng.standard_normal((3, 2)), rows: rng.standard_normal((5, 3, 2)), both: rng.standard_normal((5, 4, 3, 2)),
          one: np.array([1, 0]), several: rng.integers(0, 3, (5, 2, 1)) % 2, k: AT[k]}
    t = pick(SYMBOLS)
    expected = np.stack([pick({s: v if s.over is None else v[i] for s, v in at.items()}) for i in range(5)])
    assert t.over == T
    near(run(t, at), expected)
    used = {n for n in topological([t.node]) if n.op == "input"}
    for variable in (table, rows, both):  # and its gradient, by a loop over the samples
        each = np.zeros(at[variable].shape)
        for i in range(5 if variable.node in used else 0):
            target = each if variable.over is None else each[i]
            positions = {s: v if s.over is None else v[i] for s, v in at.items()}
            positions[variable] = np.arange(target.size).reshape(target.shape)
            np.add.at(target.reshape(-1), pick(positions).ravel(), 2 * expected[i].ravel())
        near(run(sg.gradient(sg.sum(sg.sum(t**2), over=T), variable), at), each)


def test_ordinary_tensors_join_with_per_sample_ones():
    c = sg.data("c", 2)
    at = {x: AT[x], c: rng.standard_normal(2)}
    joined = sg.concatenate([c, x, c])
    assert joined.over == T and joined.shape == (7,)
    near(run(joined, at), np.hstack([np.tile(at[c], (5, 1)), at[x], np.tile(at[c], (5, 1))]))
    stacked = sg.stack([c, x[:2]], axis=1)
    near(run(stacked, at), np.stack([np.tile(at[c], (5, 1)), at[x][:, :2]], axis=2))
    near(run(sg.gradient(sg.sum(sg.sum(joined**2), over=T), c), at), 20 * at[c])
    near(run(sg.gradient(sg.sum(stacked**3), c), at), np.tile(3 * at[c] ** 2, (5, 1)))


def test_comparisons_over_samples():
    c = x > sg.mean(x, over=T)
    assert c.dtype == "boolean" and c.over == T
    np.testing.assert_array_equal(run(c, AT), AT[x] > AT[x].mean(0))
    np.testing.assert_array_equal(run(sg.where(sg.equal(k, 1), sg.sum(x), 0), AT), np.where(AT[k] == 1, AT[x].sum(1), 0))
    near(run(sg.mean(sg.equal(sg.argmax(x), k), over=T), AT), np.mean(AT[x].argmax(1) == AT[k]))


def test_the_size_of_the_samples_is_a_number():
    near(run(sg.sum(x * 0 + 1, over=T), AT), np.full(3, 5.0))
    near(run(sg.sum(x, over=T) / T, AT), AT[x].mean(0))


ERRORS = {
    "two sample axes": (lambda: x + sg.data("z", 3, over=S), ["add", "x of shape (3,) over T", "z of shape (3,) over S"]),
    "two in matmul": (lambda: sg.data("A", (2, 3), over=S) @ x, ["matmul", "one sample of S", "T"]),
    "two in where": (lambda: sg.where(x > 0, sg.data("z", 3, over=S), 0), ["where", "S", "T"]),
    "two in concatenate": (lambda: sg.concatenate([x, sg.data("z", 3, over=S)]), ["concatenate", "S", "T"]),
    "two in an index": (lambda: sg.data("z", 3, over=S)[k], ["index", "S", "T"]),
    "an ordinary axis of that size": (lambda: x * sg.data("Z", (T, 3)), ["multiply", "axis 0 of Z of shape (T, 3)", "over=T"]),
    "in einsum": (lambda: sg.einsum("i,ti->t", x, sg.data("Z", (T, 3))), ["einsum", "Z", "T"]),
    "in concatenate": (lambda: sg.concatenate([x, sg.data("Z", T)]), ["concatenate", "Z"]),
    "in a symbol": (lambda: sg.data("Z", (T, 3), over=T), ["data 'Z'", "T is the sample axis"]),
    "closing what is not over T": (lambda: sg.mean(W, over=T), ["mean", "over=T", "W of shape (2, 3) is not over a sample axis"]),
    "closing another": (lambda: sg.sum(x, over=S), ["sum", "over=S", "one sample of T"]),
    "closing twice": (lambda: sg.mean(sg.mean(x, over=T), over=T), ["mean", "not over a sample axis"]),
    "closing with an axis": (lambda: sg.sum(x, axis=0, over=T), ["sum", "over=T", "a call of its own"]),
    "risk of an ordinary tensor": (lambda: sg.empirical_risk(W), ["empirical_risk", "W of shape (2, 3)", "over=T"]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_the_sample_axis_is_not_an_axis(name):
    make, words = ERRORS[name]
    with pytest.raises(sg.ShapeError) as caught:
        make()
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)


# --- the walk over nodes

def test_the_axis_is_followed_through_every_operation():
    z = sg.data("z", (4, 3), over=T)
    for t in (z + 1, sg.tanh(z), z.T, z[1:], z[0], z.reshape((12,)), sg.softmax(z), sg.max(z), sg.stack([z, z], 1), z @ z.T, z[k],
              sg.concatenate([z, W]), sg.argmax(z, axis=1)):
        assert sample_axes([t.node])[t.node] == 0, t
        assert sample_axes([t.node], start={z.node: 0}).get(t.node, 0) == 0, t
    q = sg.data("q", (3, 3), over=T).node
    for node in (cumsum(q, 1), multiply(q, 2), multiply(q, 1, 2), inverse(q), solve(q, q), logdet(q), cofactor(q, 1), cholesky(q)):
        assert sample_axes([node])[node] == 0, node
    for node in (cumsum(q, 0), multiply(q, 0), inverse(contract([q], ["tij"], "itj"))):
        assert sample_axes([node], start={q: 0})[node] == COUPLED
    turned = contract([z.node], ["tij"], "ijt")
    assert sample_axes([turned])[turned] == 2
    for t in (sg.sum(z, over=T), sg.max(z, over=T), W):
        assert t.node not in sample_axes([t.node])
    mean = sg.mean(z, over=T)
    for t in (mean, z - mean, sg.exp(mean)):
        assert sample_axes([t.node], start={z.node: 0})[t.node] == COUPLED
    stopped = z - sg.stop_gradient(mean)
    assert sample_axes([stopped.node], start={z.node: 0})[stopped.node] == 0, "what has derivative zero leads nowhere"


def test_counting_and_sizes():
    assert counts_along(iota(5)) == 0 and counts_along(broadcast(iota(5), [1], (2, 5))) == 1
    assert counts_along(x.node) is None and counts_along(contract([iota(5)], ["i"], "ii")) is None
    assert sample_size([W.node]) is None and sample_size([(W @ x).node]) == T
