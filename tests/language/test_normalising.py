"""Normalisation, embeddings, attention: the conventions that trip people, and what is refused."""

import normalising as norms
import numpy as np
import pytest
from checker import check, near, run
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg

T = sg.dim("T")
few = settings(max_examples=15, deadline=None)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def refused(text, make):
    with pytest.raises(sg.ShapeError) as error:
        make()
    assert text in str(error.value)


@few
@given(st.data())
def test_group_norm_of_any_image(data):
    groups, each = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    sides = data.draw(st.lists(st.integers(1, 3), max_size=2))
    if each == 1 and all(side == 1 for side in sides):
        sides.append(2)
    shape = (groups * each, *sides)
    x = sg.data("x", shape, over=T)
    w, b = sg.parameter("w", shape[0]), sg.parameter("b", shape[0])
    at = {x: numbers(3, *shape), w: numbers(shape[0], seed=1), b: numbers(shape[0], seed=2)}
    y = sg.group_norm(x, groups, w, b, eps=0.01)
    near(run(y, at), np.stack([norms.group_norm(part, groups, at[w], at[b], 0.01) for part in at[x]]))
    check(y, at, [x, w, b], second=False)
    batch = sg.data("X", (3, *shape))
    near(run(sg.group_norm(batch, groups), {batch: at[x]}), np.stack([norms.group_norm(part, groups) for part in at[x]]))


@pytest.mark.parametrize("sides", [(), (2,), (3, 2)])
def test_batch_norm_of_samples_and_of_a_batch(sides):
    shape = (3, *sides)
    values, scale = numbers(5, *shape), numbers(3, seed=1)
    x, X, w, b = sg.data("x", shape, over=T), sg.data("X", (5, *shape)), sg.parameter("w", 3), sg.parameter("b", 3)
    own = {w: scale, b: scale + 1}
    wanted = norms.batch_norm(values, scale, scale + 1, 0.01)
    y = sg.batch_norm(x, None, None, w, b, True, eps=0.01)
    near(run(y, {x: values, **own}), wanted)
    near(run(sg.batch_norm(X, None, None, w, b, True, eps=0.01), {X: values, **own}), wanted)
    check(sg.batch_norm(X, None, None, w, b, True), {X: values, **own}, [X, w, b], second=not sides)
    m, v = sg.data("m", 3), sg.data("v", 3)
    at = {m: numbers(3, seed=4), v: 0.5 + numbers(3, seed=5) ** 2}
    near(run(sg.batch_norm(x, m, v), {x: values, **at}), norms.batch_norm(values, mean=at[m], var=at[v]))
    weight = sg.data("r", shape, over=T)
    loss = sg.mean(sg.sum(y * weight), over=T)
    batch, same = sg.batch_norm(X, None, None, w, b, True, eps=0.01), sg.data("R", (5, *shape))
    r = numbers(5, *shape, seed=8)
    near(run(sg.gradient(loss, [w, b, x]), {x: values, weight: r, **own})[0],
         run(sg.gradient(sg.sum(batch * same) / 5, w), {X: values, same: r, **own}))


def test_norms_are_the_textbooks_formulas():
    n, d = sg.dims("n d")
    x, Z, gamma, beta = sg.parameter("x", d), sg.data("Z", (n, d)), sg.parameter("γ", d), sg.parameter("β", d)
    assert sg.layer_norm(x, d, gamma, beta) == gamma * ((x - sg.mean(x)) / sg.sqrt(sg.var(x) + 1e-5)) + beta
    assert sg.batch_norm(Z, None, None, gamma, beta, True) == gamma * ((Z - Z.mean(0)) / sg.sqrt(Z.var(0) + 1e-5)) + beta
    Q, K, V = (sg.data(name, (n, d)) for name in "QKV")
    assert sg.attention(Q, K, V) == sg.softmax(Q @ K.T / sg.sqrt(d)) @ V
    R = sg.data("R", (n, d))
    for loss in (sg.sum(R * sg.batch_norm(Z, None, None, gamma, beta, True)), sg.sum(R * sg.layer_norm(Z, d, gamma, beta))):
        steps = str(sg.derive(loss, [gamma, beta]))
        assert all(name + " = " in steps for name in ("μ", "σ²", "x̂")) and "G_γ = (R ⊙ x̂)ᵀ 1" in steps


def test_batch_norm_refuses_what_has_no_variance():
    one, x = sg.data("one", (1, 3)), sg.data("x", (4, 3))
    refused("batch_norm: one of shape (1, 3) has one value a channel; in training their variance needs more than one",
            lambda: sg.batch_norm(one, None, None, training=True))
    assert sg.batch_norm(sg.data("image", (1, 3, 2)), None, None, training=True).shape == (1, 3, 2)
    refused("batch_norm: without training it needs a running_mean and a running_var", lambda: sg.batch_norm(x, None, None))
    refused("batch_norm: the running_mean m of shape (4,) must have the shape (3,)",
            lambda: sg.batch_norm(x, sg.data("m", 4), sg.data("v", 3)))
    refused("batch_norm: momentum is a number from 0 to 1, not 2", lambda: sg.batch_norm(x, None, None, training=True, momentum=2))


@few
@given(st.data())
def test_attention_with_any_masks_and_heads(data):
    L, S, d, e, H = (data.draw(st.integers(1, 4)) for _ in range(5))
    lead = data.draw(st.sampled_from([(), (H,), (2, H)]))
    lay = [tuple(data.draw(st.sampled_from([n, 1])) for n in lead) for _ in range(3)]
    shapes = [(*lay[0], L, d), (*lay[1], S, d), (*lay[2], S, e)]
    at = {sg.data(name, shape): numbers(*shape, seed=i) for i, (name, shape) in enumerate(zip("qkv", shapes, strict=True))}
    scores = np.broadcast_shapes(lay[0], lay[1])
    shape = (*(data.draw(st.sampled_from([n, 1])) for n in scores), data.draw(st.sampled_from([L, 1])), S)
    seen = np.random.default_rng(data.draw(st.integers(0, 99))).random(shape) < 0.5
    causal, kind = data.draw(st.booleans()), data.draw(st.sampled_from(["none", "boolean", "added"]))
    symbols, arrays = list(at), list(at.values())
    if kind == "boolean":
        at[sg.data("M", shape, dtype="boolean")] = seen
    if kind == "added":
        at[sg.data("M", shape)] = np.where(seen, numbers(*shape, seed=7), -np.inf)
    mask = list(at.items())[3] if kind != "none" else (None, None)
    y = sg.attention(*symbols, mask[0], is_causal=causal)
    wanted = norms.attention(*arrays, **({"none": {}, "boolean": {"seen": mask[1]}, "added": {"added": mask[1]}}[kind]),
                             causal=causal)
    near(run(y, at), wanted)
    check(y, at, symbols, second=kind != "none" and L < 3)


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("kind", ["boolean", "added"])
def test_a_query_without_any_key_gives_zero_and_moves_nothing(kind, backend):
    q, k, v = sg.parameter("q", (3, 2)), sg.parameter("k", (4, 2)), sg.parameter("v", (4, 5))
    seen = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]], bool)
    M = sg.data("M", (3, 4), dtype="boolean" if kind == "boolean" else "real")
    y = sg.attention(q, k, v, M)
    L = sg.sum(y**2)
    at = [numbers(3, 2), numbers(4, 2, seed=1), numbers(4, 5, seed=2), seen if kind == "boolean" else np.where(seen, 0, -np.inf)]
    found = sg.function([q, k, v, M], [y, *sg.gradient(L, [q, k, v]), sg.hvp(L, q, q)], dtype="float64", backend=backend)(*at)
    assert all(np.isfinite(each).all() for each in found)
    assert (found[0][1] == 0).all() and (found[1][1] == 0).all() and (found[4][1] == 0).all()


def test_a_mask_whose_numbers_are_known_asks_for_empty_rows_only_where_there_are_some():
    """Then the formula is that of a causal attention; else a row without any key is 0, whichever way it is written."""
    q, k, v = sg.data("q", (3, 2)), sg.data("k", (3, 2)), sg.data("v", (3, 5))
    later = np.tril(np.ones((3, 3), bool))
    empty = later[::-1, ::-1]  # its transpose: together with the causal one it leaves a row for the diagonal alone
    for seen, causal in [(later, False), (empty, False), (empty, True), (~np.eye(3, dtype=bool), True), (later & False, False)]:
        at = [numbers(3, 2), numbers(3, 2, seed=1), numbers(3, 5, seed=2)]
        wanted = norms.attention(*at, seen=seen, causal=causal)
        all_see = (seen & later if causal else seen).any(axis=1).all()
        for mask in (sg.constant(seen), sg.logical_not(sg.constant(~seen)), sg.constant(np.where(seen, 0, -np.inf))):
            y = sg.attention(q, k, v, mask, is_causal=causal)
            assert ("> 0" not in str(y)) == all_see
            near(y.eval(q=at[0], k=at[1], v=at[2]), wanted)


def test_true_takes_part_and_causal_sees_what_comes_before():
    q = k = np.zeros((2, 1))
    v = np.array([[1.0], [3.0]])
    Q, V = sg.data("q", (2, 1)), sg.data("v", (2, 1))
    mask = sg.constant(np.array([[True, False], [True, True]]))
    for y in (sg.attention(Q, Q, V, mask), sg.attention(Q, Q, V, is_causal=True)):
        near(y.eval(q=q, v=v), [[1.0], [2.0]])
    near(sg.attention(Q, sg.constant(k), V, mask, is_causal=True).eval(q=q, v=v), [[1.0], [2.0]])


def test_the_padded_row_of_an_embedding_gets_no_gradient():
    i, W = sg.data("i", 4, dtype="integer"), sg.parameter("W", (3, 2))
    for padding, rows in ((1, [1, 0, 1]), (-1, [1, 2, 0]), (None, [1, 2, 1])):
        y = sg.embedding(i, W, padding)
        g = sg.gradient(sg.sum(y), W).eval(i=[0, 1, 1, 2], W=numbers(3, 2))
        near(g, np.outer(rows, [1, 1]))
        near(y.eval(i=[2, 1, 1, 0], W=numbers(3, 2)), numbers(3, 2)[[2, 1, 1, 0]])
    n, d = sg.dims("n d")
    assert sg.embedding(i, sg.parameter("V", (n, d)), -1).shape == (4, d)


def test_indices_out_of_range_are_named():
    i, W = sg.data("i", 2, dtype="integer"), sg.parameter("W", (3, 2))
    with pytest.raises(sg.DataError, match="i"):
        sg.embedding(i, W).eval(i=[0, 3], W=numbers(3, 2))


def test_what_does_not_fit_is_named():
    n, d = sg.dims("n d")
    x, W = sg.data("x", (n, 6)), sg.parameter("W", (5, 2))
    q, k = sg.data("q", (n, 4)), sg.data("k", (3, 4))
    refused("layer_norm: the last axes of x of shape (n, 6) must be the normalized_shape (5,)", lambda: sg.layer_norm(x, 5))
    refused("layer_norm: the last axes of x of shape (n, 6) must be the normalized_shape (), which names none",
            lambda: sg.layer_norm(x, ()))
    refused("layer_norm: the weight W of shape (5, 2) must have the shape (6,)", lambda: sg.layer_norm(x, 6, W))
    refused("layer_norm: eps is a number from 0 on, not -1", lambda: sg.layer_norm(x, 6, eps=-1))
    refused("group_norm: the 6 channels of x of shape (n, 6) do not divide into 4 groups", lambda: sg.group_norm(x, 4))
    refused("do not divide into 0 groups", lambda: sg.group_norm(x, 0))
    refused("the d channels of y of shape (n, d) do not divide into 2 groups", lambda: sg.group_norm(sg.data("y", (n, d)), 2))
    assert sg.group_norm(sg.data("y", (n, 2 * d)), 2).shape == (n, 2 * d)
    refused("group_norm: w of shape (6,) has no channels; it must be (batch, channels, ...), or (channels, ...) under over=",
            lambda: sg.group_norm(sg.data("w", 6), 2))
    refused("embedding: x of shape (n, 6) is real; it must be integer, rows of the weight", lambda: sg.embedding(x, W))
    i = sg.data("i", n, dtype="integer")
    refused("embedding: padding_idx 5 is none of the 5 embeddings", lambda: sg.embedding(i, W, 5))
    refused("embedding: the weight x of shape (n, 6, 1) must have two axes", lambda: sg.embedding(i, sg.data("x", (n, 6, 1))))
    refused("attention: queries q of shape (n, 4) have 4 features, keys x of shape (n, 6) have 6", lambda: sg.attention(q, x, x))
    refused("attention: k of shape (3, 4) has 3 keys, q of shape (n, 4) has n values", lambda: sg.attention(q, k, q))
    refused("attention: the mask M of shape (3, n) does not fit the n queries and 3 keys: it must broadcast to (n, 3)",
            lambda: sg.attention(q, k, k, sg.data("M", (3, n), dtype="boolean")))
    refused("attention: the mask M of shape (n, 3) is integer; it must be boolean (True takes part) or real",
            lambda: sg.attention(q, k, k, sg.data("M", (n, 3), dtype="integer")))
    refused("attention: the queries w of shape (4,) must be real, (..., rows, features)",
            lambda: sg.attention(sg.data("w", 4), k, k))
    with pytest.raises(TypeError, match="is_causal is True or False, not 1"):
        sg.attention(q, k, k, is_causal=1)
