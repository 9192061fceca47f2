"""Sums over the places of a scatter: the same numbers, and the gradients of a textbook."""

import numpy as np
import pytest
from checker import check, near, run

import symgrad as sg
from symgrad.graphs.node import topological
from symgrad.graphs.rewrites.picking import unpicked
from symgrad.graphs.table import rebuild

n, k, T = sg.dims("n k T")
rng = np.random.default_rng(0)


def test_cross_entropy_by_hand_has_the_gradient_of_a_textbook():
    z, y = sg.parameter("z", (n, k)), sg.data("y", n, dtype="integer")
    loss = -sg.mean(sg.log_softmax(z, axis=1)[sg.arange(n), y])
    assert str(sg.gradient(loss, z)) == "1/n (softmax(z) - onehot(y))"
    check(loss, {z: rng.standard_normal((4, 3)), y: np.array([0, 2, 1, 1])}, [z])
    z, y = sg.data("z", k, over=T), sg.labels("y", k, over=T)
    loss = -sg.log_softmax(z)[y]
    assert str(sg.gradient(loss, z)) == "softmax(z) - e_y"
    check(sg.empirical_risk(loss), {z: rng.standard_normal((4, 3)), y: np.array([0, 2, 1, 1])}, [z])


def test_and_its_derivation():
    W, x, y = sg.parameter("W", (k, 2)), sg.data("x", 2, over=T), sg.labels("y", k, over=T)
    steps = sg.derive(sg.empirical_risk(-sg.log_softmax(W @ x)[y]))
    text = steps.unicode()
    assert "a¹ = W x " in text and "G_a¹ = softmax(a¹) - e_y" in text and "softmax(A¹) - onehot(y)" in text, text
    assert steps.check()


i, j, l = sg.data("i", 4, dtype="integer"), sg.data("j", (2, 4), dtype="integer"), sg.data("l", 3, dtype="integer")
w, M, Q = sg.data("w", 3), sg.data("M", (3, 3)), sg.data("Q", (3, 3, 2))
VALUES = {i: np.array([0, 2, 2, 1]), j: rng.integers(0, 3, (2, 4)), l: np.array([2, 2, 0]), w: rng.standard_normal(3),
          M: rng.standard_normal((3, 3)), Q: rng.standard_normal((3, 3, 2))}
PICKS = {
    "all of an axis": lambda: (w - sg.sum(w))[i] ** 2, "repeated": lambda: (w * sg.sum(w))[j],
    "one of two axes": lambda: (M - sg.sum(M, axis=1, keepdims=True))[i, i] ** 2,
    "rows are counted": lambda: (M - sg.sum(M, axis=1, keepdims=True))[sg.arange(3), l] ** 2,
    "the other": lambda: (M - sg.sum(M, axis=0))[sg.arange(3), l] ** 2, "both": lambda: (M - sg.sum(M))[sg.arange(3), l] ** 3,
    "columns are counted": lambda: (M - sg.sum(M, axis=0))[l, sg.arange(3)] ** 2,
    "in several axes": lambda: (M - sg.mean(M, axis=0))[j, i] ** 2, "beside another": lambda: (Q - sg.sum(Q, axis=1, keepdims=True))[i] ** 2,
    "with a rest": lambda: (Q * sg.sum(Q, axis=(0, 1)))[i, i], "a rest alone": lambda: (Q - sg.sum(Q, axis=2, keepdims=True))[l, sg.arange(3)] ** 2,
    "the diagonal": lambda: (M * sg.trace(M))[l, l] ** 2,
}


@pytest.mark.parametrize("name", PICKS)
def test_no_place_is_summed_and_the_numbers_stay(name):
    t = PICKS[name]()
    used = [s for s in VALUES if s.node in topological([t.node])]
    (x,) = [s for s in used if s.dtype == "real"]
    check(t, {s: VALUES[s] for s in used}, [x])
    slope = sg.gradient(sg.sum(t), x)
    for node in topological([slope.node]):
        if node.op == "einsum":
            inputs, out = node.attrs
            for operand, labels in zip(node.operands, inputs, strict=True):
                others = [a for other in inputs for a in other]
                assert operand.op != "scatter" or all(
                    labels[a] in out or others.count(labels[a]) > 1 for a in operand.attrs[0]), slope


def test_what_has_no_scatter_is_left_alone():
    t = sg.gradient(sg.sum(sg.tanh(M @ w)), M)
    assert unpicked([t.node])[0] is t.node and rebuild(t.node, t.node.operands) is t.node
    near(run(t, {M: VALUES[M], w: VALUES[w]}), np.outer(1 - np.tanh(VALUES[M] @ VALUES[w]) ** 2, VALUES[w]))


def test_a_definition_does_not_refer_to_itself():
    slope = sg.gradient(sg.sum(sg.tanh((M - sg.mean(M, axis=0))[j, 1]) ** 2), M)
    shown, meaning = str(slope).split(", where v₁ = ")
    assert "v₁" in shown and "v₁" not in meaning and "M" in meaning
