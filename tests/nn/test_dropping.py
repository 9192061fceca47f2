"""Dropout: one mask a call and sample, active in training alone, the same in a value and all its derivatives."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg

T = sg.dim("T")


def again(f, *arrays):
    """A call as the first one, with the masks of that."""
    f.count = itertools.count(1)
    return f(*arrays)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.integers(0, 2**40))
def test_entries_are_kept_with_their_probability_and_scaled(p, seed):
    x = sg.data("x", 50, over=T)
    f = sg.function([x], sg.dropout(x, p), training=True, seed=seed)
    first, second = f(np.ones((400, 50))), f(np.ones((400, 50)))
    for mask in first, second:
        assert set(np.unique(mask)) == {0.0, 1 / (1 - p)}
        assert abs((mask > 0).mean() - (1 - p)) < 5 * np.sqrt(p * (1 - p) / mask.size)
    both = ((first > 0) & (second > 0)).mean()  # calls are independent, and so are samples and entries
    assert abs(both - (1 - p) ** 2) < 0.02
    kept = first > 0
    for pair in (kept[1:] & kept[:-1], kept[:, 1:] & kept[:, :-1]):
        assert abs(pair.mean() - (1 - p) ** 2) < 0.03
    assert np.array_equal(again(f, np.ones((400, 50))), first)


def test_one_tensor_is_one_mask_and_two_calls_are_two():
    x, layer = sg.data("x", 200), sg.nn.Dropout(0.5)
    y, z = layer(x), layer(x)
    same, other = sg.function([x], [y - y, y - z], training=True)(np.ones(200))
    assert not same.any() and other.any()
    assert y != z and str(y + z) == "m₁ ⊙ x + m₂ ⊙ x"


def test_it_is_the_tensor_itself_outside_of_training():
    x = sg.data("x", 3)
    for y in (sg.dropout(x, 0.5), sg.dropout(x, 1.0), sg.nn.Dropout()(x)):
        assert y.eval(x=[1.0, 2.0, 3.0]).tolist() == [1.0, 2.0, 3.0]
        assert sg.function([x], y)([1.0, 2.0, 3.0]).tolist() == [1.0, 2.0, 3.0]
    assert sg.dropout(x, 0) is x and sg.dropout(x, 0.5, training=False) is x
    assert sg.function([x], sg.dropout(x, 1.0), training=True)([1.0, 2.0, 3.0]).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_derivatives_of_both_orders_have_the_mask_of_the_value(backend):
    w, x = sg.parameter("w", (4, 3)), sg.data("x", 3, over=T)
    loss = sg.mean(sg.sum(sg.tanh(w @ sg.dropout(sg.tanh(sg.dropout(x, 0.3)), 0.4)) ** 2), over=T)
    v = sg.data("v", (4, 3))
    f = sg.function([w, x, v], [loss, sg.gradient(loss, w), sg.hvp(loss, w, v), sg.gradient(loss, x)], backend, training=True)
    rng = np.random.default_rng(0)
    at, batch, way = rng.standard_normal((4, 3)), rng.standard_normal((5, 3)), rng.standard_normal((4, 3))
    _, slope, second, by_x = again(f, at, batch, way)
    h = 1e-5
    ends = [again(f, at + s * h * way, batch, way) for s in (1, -1)]
    assert np.isclose((ends[0][0] - ends[1][0]) / (2 * h), (slope * way).sum(), atol=1e-8)
    assert np.allclose((ends[0][1] - ends[1][1]) / (2 * h), second, atol=1e-8)
    towards = rng.standard_normal(batch.shape)
    ends = [again(f, at, batch + s * h * towards, way)[0] for s in (1, -1)]
    assert np.isclose((ends[0] - ends[1]) / (2 * h), (by_x * towards).sum(), atol=1e-8)


def test_derivatives_outside_of_training_have_no_mask():
    w, x = sg.parameter("w", 3), sg.data("x", 3)
    g = sg.gradient(sg.sum(sg.dropout(w, 0.5) * x), w)
    assert g.eval(x=[1.0, 2.0, 3.0]).tolist() == [1.0, 2.0, 3.0]
    assert str(g) == "m ⊙ x"


def test_whole_channels_are_dropped():
    x = sg.data("x", (6, 4, 5), over=T)
    y = sg.function([x], sg.nn.Dropout2d(0.5)(x), training=True)(np.ones((30, 6, 4, 5)))
    assert np.array_equal(y, np.broadcast_to(y[:, :, :1, :1], y.shape)) and set(np.unique(y)) == {0.0, 2.0}
    assert len({tuple(row) for row in y[:, :, 0, 0]}) > 10
    z = sg.data("z", (30, 6, 4))
    y = sg.function([z], sg.dropout2d(z, 0.25), training=True)(np.ones((30, 6, 4)))
    assert np.array_equal(y, np.broadcast_to(y[:, :, :1], y.shape)) and len(np.unique(y)) == 2


def test_both_precisions_and_backends_draw_the_same():
    x = sg.data("x", 7, over=T)
    drawn = [sg.function([x], sg.dropout(x, 0.4), backend, dtype, training=True)(np.ones((9, 7), dtype)) > 0
             for backend in ("numpy", "c") for dtype in ("float64", "float32")]
    assert all(np.array_equal(mask, drawn[0]) for mask in drawn)


def test_a_mask_of_a_pickled_tensor_is_the_same_mask():
    import pickle

    x = sg.data("x", 3)
    y = sg.dropout(x, 0.5)
    assert pickle.loads(pickle.dumps(y)) is y


@pytest.mark.parametrize("call, error, message", [
    (lambda x: sg.dropout(x, 1.5), sg.ShapeError, "dropout: p is a probability, a number from 0 to 1, not 1.5"),
    (lambda x: sg.nn.Dropout(-0.1), sg.ShapeError, "Dropout: p is a probability, a number from 0 to 1, not -0.1"),
    (lambda x: sg.nn.Dropout(True), sg.ShapeError, "Dropout: p is a probability, a number from 0 to 1, not True"),
    (lambda x: sg.nn.Dropout2d()(x), sg.ShapeError, r"Dropout2d\(\): x of shape \(3,\) has no channels; it must be"),
    (lambda x: sg.dropout(x, 0.5, 3), TypeError, "dropout: training is True or False, not 3"),
    (lambda x: sg.dropout(sg.labels("t", 3), 0.5), sg.ShapeError, "dropout: t .*is integer; only real tensors are dropped"),
])
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(sg.data("x", 3))


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_dropped_weights_of_attention_are_those_of_a_formula_by_hand(backend):
    q, k, v = (sg.data(name, (5, 4), over=T) for name in "qkv")
    layer = sg.nn.MultiheadAttention(4, 1, dropout=0.4, bias=False)
    output, weights = layer(q, k, v)
    still, _ = sg.nn.MultiheadAttention(4, 1, bias=False)(q, k, v)
    loss = sg.mean(sg.sum(sg.tanh(output) ** 2), over=T)
    W_in, W_out = layer.parameters()
    f = sg.function([q, k, v, W_in, W_out], [output, weights, loss, sg.gradient(loss, W_in)], backend, training=True)
    rng = np.random.default_rng(5)
    Q, K, V = (rng.standard_normal((3, 5, 4)) for _ in range(3))
    A, B = rng.standard_normal((12, 4)), rng.standard_normal((4, 4))
    out, taken, _, slope = again(f, Q, K, V, A, B)
    scores = (Q @ A[:4].T) @ (K @ A[4:8].T).swapaxes(1, 2) / 2
    soft = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    dropped = taken == 0
    assert 0.2 < dropped.mean() < 0.6
    assert np.allclose(taken[~dropped], soft[~dropped] / 0.6)
    assert np.allclose(out, taken @ (V @ A[8:].T) @ B.T)
    way, h = rng.standard_normal(A.shape), 1e-6
    ends = [again(f, Q, K, V, A + s * h * way, B)[2] for s in (1, -1)]
    assert np.isclose((ends[0] - ends[1]) / (2 * h), (slope * way).sum(), atol=1e-8)


def test_texts_may_drop_and_sizes_must_be_known():
    t = sg.parse("sum(dropout(w, 0.5) ** 2) + sum(dropout2d(V, p=0.25))", w="3", V="2 4 5")
    assert t.eval(w=[1.0, 2.0, 3.0], V=np.ones((2, 4, 5))) == 14 + 40
    y = sg.dropout(sg.ones(sg.dim("n")), 0.5)
    assert sg.function([], y, sizes={"n": 4}, training=True)().shape == (4,)
    with pytest.raises(sg.DataError, match=r"no input shows the size n: give it by hand, sg.function\(..., sizes="):
        sg.function([], y, training=True)()
