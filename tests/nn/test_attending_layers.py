"""Norms, embeddings, attention and Transformer layers: values as loops say, PyTorch's order and masks, what is refused."""

import copy

import normalising as norms
import numpy as np
import pytest
from checker import check, near, run
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg

T = sg.dim("T")


def waves(*shape, first=1.0):
    """Numbers that any language makes alike."""
    return np.sin(np.arange(first, first + np.prod(shape))).reshape(shape)


def heads(q, k, v, parameters, count, seen=None, added=None):
    """(output, weights of every head) of one sample, head by head."""
    W, b, Wo, bo = parameters
    d = W.shape[1]
    Q, K, V = (t @ W[i * d:(i + 1) * d].T + b[i * d:(i + 1) * d] for i, t in enumerate((q, k, v)))
    parts = [slice(h * d // count, (h + 1) * d // count) for h in range(count)]
    taken = [norms.attention(Q[:, p], K[:, p], V[:, p], seen, added) for p in parts]
    weights = [norms.attention(Q[:, p], K[:, p], np.eye(len(k)), seen, added) for p in parts]
    return np.concatenate(taken, axis=1) @ Wo.T + bo, np.stack(weights)


def numbered(layer):
    return {p: waves(*p.shape, first=3.0 * i) for i, p in enumerate(layer.parameters(), start=1)}


def test_attention_is_that_of_its_heads():
    layer = sg.nn.MultiheadAttention(6, 3)
    assert [(p.name, p.shape) for p in layer.parameters()] == [
        ("W_in", (18, 6)), ("b_in", (18,)), ("W_out", (6, 6)), ("b_out", (6,))]
    q, k, v = sg.data("q", (4, 6), over=T), sg.data("k", (5, 6), over=T), sg.data("v", (5, 6), over=T)
    own = numbered(layer)
    at = {q: waves(2, 4, 6), k: waves(2, 5, 6, first=9.0), v: waves(2, 5, 6, first=5.0), **own}
    wanted = [heads(*parts, own.values(), 3) for parts in zip(at[q], at[k], at[v], strict=True)]
    output, weights = layer(q, k, v)
    near(run(output, at), [each for each, _ in wanted])
    near(run(weights, at), [each.mean(0) for _, each in wanted])
    near(run(layer(q, k, v, average_attn_weights=False)[1], at), [each for _, each in wanted])
    assert layer(q, k, v, need_weights=False)[1] is None
    check(output, at, list(own), second=False)


def wide_heads(layer, q, k, v, p, mask, pad):
    """(output, weights of every head) of one sample, with all that PyTorch's layer knows; masks are added to scores."""
    E, H = layer.embed_dim, layer.num_heads
    W = np.split(p["in_proj_weight"], 3) if "in_proj_weight" in p else [p[f"{x}_proj_weight"] for x in "qkv"]
    b = np.split(p.get("in_proj_bias", np.zeros(3 * E)), 3)
    Q, K, V = (t @ w.T + c for t, w, c in zip((q, k, v), W, b, strict=True))
    more = [p[name][0] for name in ("bias_k", "bias_v") if name in p] or [np.zeros((0, E))] * 2
    nothing = np.zeros((int(layer.add_zero_attn), E))
    K, V = np.concatenate([K, more[0], nothing]), np.concatenate([V, more[1], nothing])
    added = np.zeros((H, len(q), len(K)))
    added[..., :len(k)] = mask + pad
    parts = [slice(h * E // H, (h + 1) * E // H) for h in range(H)]
    weights = np.stack([norms.attention(Q[:, s], K[:, s], np.eye(len(K)), None, a) for s, a in zip(parts, added, strict=True)])
    taken = np.concatenate([w @ V[:, s] for w, s in zip(weights, parts, strict=True)], axis=1)
    return taken @ p["out_proj.weight"].T + p.get("out_proj.bias", 0), weights


@settings(max_examples=12)
@given(st.data())
def test_keys_and_values_of_other_widths_and_more_keys_than_are_given(draw):
    one = lambda *values: draw.draw(st.sampled_from(values))  # noqa: E731
    heads_, own = one(1, 2, 3), one(1, 2)
    E, L, S = heads_ * own, one(1, 3), one(1, 4)
    layer = sg.nn.MultiheadAttention(E, heads_, bias=one(True, False), add_bias_kv=one(True, False),
                                     add_zero_attn=one(True, False), kdim=one(None, 1, 5), vdim=one(None, 2))
    rng = np.random.default_rng(draw.draw(st.integers(0, 99)))
    shapes = [(2, n, size) for n, size in zip((L, S, S), layer.features, strict=True)]
    q, k, v = (sg.data(name, shape[1:], over=T) for name, shape in zip("qkv", shapes, strict=True))
    at = {t: rng.normal(size=shape) for t, shape in zip((q, k, v), shapes, strict=True)}
    named = layer.named_parameters()
    at |= {t: rng.normal(size=t.shape) for _, t in named}
    each, boolean, causal = one(True, False), one(True, False), one(True, False)
    mask = rng.random((heads_, L, S) if each else (L, S)) > 0.7 if boolean else rng.normal(size=(L, S))
    pad = rng.random((2, S)) > 0.5
    mask[..., 0], pad[:, 0] = False, False
    m = sg.data("m", mask.shape, dtype="boolean" if boolean else "real")
    n = sg.data("n", S, over=T, dtype="boolean")
    output, weights = layer(q, k, v, key_padding_mask=n, attn_mask=m, is_causal=causal, average_attn_weights=False)
    added = np.where(mask, -np.inf, 0.0) if boolean else mask
    added = added + (np.where(np.arange(S) > np.arange(L)[:, None], -np.inf, 0.0) if causal else 0.0)
    p = {name: at[t] for name, t in named}
    wanted = [wide_heads(layer, *(at[t][i] for t in (q, k, v)), p, added, np.where(pad[i], -np.inf, 0)) for i in range(2)]
    at |= {m: mask, n: pad}
    near(run(output, at), [o for o, _ in wanted])
    near(run(weights, at), [w for _, w in wanted])
    check(output, at, [t for _, t in named], second=False)


def test_names_of_attention_weights_are_pytorchs():
    layer = sg.nn.MultiheadAttention(6, 2, add_bias_kv=True, vdim=3)
    assert [(name, t.name, t.shape) for name, t in layer.named_parameters()] == [
        ("q_proj_weight", "W_q", (6, 6)), ("k_proj_weight", "W_k", (6, 6)), ("v_proj_weight", "W_v", (6, 3)),
        ("in_proj_bias", "b_in", (18,)), ("bias_k", "k", (1, 1, 6)), ("bias_v", "v", (1, 1, 6)),
        ("out_proj.weight", "W_out", (6, 6)), ("out_proj.bias", "b_out", (6,))]
    assert repr(layer) == "MultiheadAttention(6, 2, add_bias_kv=True, vdim=3)"


@pytest.mark.parametrize("batch_first", [False, True])
def test_batches_lie_where_pytorch_has_them_and_true_is_left_out(batch_first):
    layer = sg.nn.MultiheadAttention(4, 2, batch_first=batch_first)
    own = numbered(layer)
    values = waves(3, 5, 4)  # three samples of length five
    x = sg.data("x", (3, 5, 4) if batch_first else (5, 3, 4))
    pad, mask = sg.data("pad", (3, 5), dtype="boolean"), sg.data("mask", (5, 5), dtype="boolean")
    out, later = waves(3, 5) > 0.6, np.triu(np.ones((5, 5), bool), 1)
    at = {x: values if batch_first else values.swapaxes(0, 1), pad: out, mask: later, **own}
    output, weights = layer(x, x, x, key_padding_mask=pad, attn_mask=mask)
    wanted = [heads(each, each, each, own.values(), 2, seen=~(later | o)) for each, o in zip(values, out, strict=True)]
    lay = (lambda a: a) if batch_first else (lambda a: a.swapaxes(0, 1))
    near(run(output, at), lay(np.stack([each for each, _ in wanted])))
    near(run(weights, at), [each.mean(0) for _, each in wanted])
    causal = layer(x, x, x, key_padding_mask=pad, is_causal=True)[0]
    near(run(causal, {s: a for s, a in at.items() if s is not mask}), run(output, at))
    added = sg.data("added", (5, 5))
    near(run(layer(x, x, x, pad, attn_mask=added)[0], {x: at[x], pad: out, added: np.where(later, -np.inf, 0), **own}),
         run(output, at))
    each = sg.data("each", (6, 5, 5), dtype="boolean")  # one for each sample and head, samples first
    full = np.repeat(later | out[:, None], 2, axis=0)
    near(run(layer(x, x, x, attn_mask=each)[0], {x: at[x], each: full, **own}), run(output, at))


def masks(y):
    """The shapes of what is dropped in a tensor, and the probabilities."""
    nodes = (n["tensor"] for _, n in sg.graph(y).nodes(data=True))
    return sorted((t.shape, t.node.attrs[0].init) for t in nodes if t.name and t.node.op == "input" and (
        t.node.attrs[0].kind == "mask"))


def test_dropout_is_at_the_places_of_pytorch_and_off_outside_of_training():
    x, m = sg.data("x", (4, 6), over=T), sg.data("m", (3, 6), over=T)
    attention = ((2, 4, 4), 0.3)
    y, weights = sg.nn.MultiheadAttention(6, 2, 0.3)(x, x, x, is_causal=True)
    assert masks(y) == masks(weights) == [attention]
    assert masks(sg.nn.TransformerEncoderLayer(6, 2, 5)(x)) == [((2, 4, 4), 0.1), ((4, 5), 0.1), ((4, 6), 0.1), ((4, 6), 0.1)]
    decoder = sg.nn.TransformerDecoderLayer(6, 2, 5, 0.3)
    wanted = [((2, 4, 3), 0.3), attention, ((4, 5), 0.3), *[((4, 6), 0.3)] * 3]
    assert masks(decoder(x, m)) == wanted
    own = numbered(decoder)
    at = {x: waves(2, 4, 6), m: waves(2, 3, 6, first=7.0), **own}
    plain = run(decoder(x, m), at)
    decoder.dropout = 0.0
    for each in decoder.attending:
        each.dropout = 0.0
    near(run(decoder(x, m), at), plain)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", sg.tanh])
def test_encoder_and_decoder_layers(norm_first, activation):
    x, m = sg.data("x", (4, 6), over=T), sg.data("m", (3, 6), over=T)
    f = np.tanh if callable(activation) else lambda a: np.maximum(a, 0)
    for kind in (sg.nn.TransformerEncoderLayer, sg.nn.TransformerDecoderLayer):
        layer = kind(6, 2, 5, dropout=0, activation=activation, norm_first=norm_first)
        decodes = kind is sg.nn.TransformerDecoderLayer
        own = numbered(layer)
        at = {x: waves(2, 4, 6), m: waves(2, 3, 6, first=7.0), **own}
        arrays = list(own.values())
        first, *rest = (arrays[i:i + 4] for i in range(0, 4 + 4 * decodes, 4))
        W1, b1, W2, b2, *scales = arrays[4 + 4 * decodes:]
        pairs = list(zip(scales[::2], scales[1::2], strict=True))
        wanted = []
        for t, memory in zip(at[x], at[m], strict=True):
            parts = [lambda a: heads(a, a, a, first, 2)[0]]
            parts += [lambda a, memory=memory: heads(a, memory, memory, rest[0], 2)[0]] if decodes else []
            parts += [lambda a: f(a @ W1.T + b1) @ W2.T + b2]
            for part, (scale, shift) in zip(parts, pairs, strict=True):
                t = t + part(norms.layer_norm(t, 1, scale, shift)) if norm_first else norms.layer_norm(
                    t + part(t), 1, scale, shift)
            wanted.append(t)
        y = layer(x, m) if decodes else layer(x)
        near(run(y, at if decodes else {s: a for s, a in at.items() if s is not m}), wanted)


def test_norms_and_tables():
    x, image = sg.data("x", (3, 4)), sg.data("x", (6, 3, 2), over=T)
    layer, group = sg.nn.LayerNorm((3, 4), eps=0.1), sg.nn.GroupNorm(3, 6)
    own = numbered(layer)
    near(run(layer(x), {x: waves(3, 4), **own}), norms.layer_norm(waves(3, 4), 2, *own.values(), 0.1))
    own = numbered(group)
    near(run(group(image), {image: waves(2, 6, 3, 2), **own}),
         [norms.group_norm(part, 3, *own.values()) for part in waves(2, 6, 3, 2)])
    assert sg.nn.LayerNorm(4, elementwise_affine=False).parameters() == []
    assert [p.name for p in sg.nn.LayerNorm(4, bias=False).parameters()] == ["γ"]
    i = sg.data("i", 4, dtype="integer")
    table = sg.nn.Embedding(5, 2, padding_idx=1)
    E, = table.parameters()
    y = table(i)
    near(y.eval(i=[1, 4, 1, 0], E=waves(5, 2)), waves(5, 2)[[1, 4, 1, 0]])
    near(sg.gradient(sg.sum(y), E).eval(i=[1, 4, 1, 4], E=waves(5, 2)), np.outer([0, 0, 0, 0, 2], [1, 1]))


def test_layers_that_learn_slopes_and_products():
    x, y, image = sg.data("x", (2, 3)), sg.data("y", (2, 4)), sg.data("x", (3, 2, 2), over=T)
    layer = sg.nn.Bilinear(3, 4, 5)
    W, b = numbered(layer).values()
    near(run(layer(x, y), {x: waves(2, 3), y: waves(2, 4), **numbered(layer)}),
         np.stack([[u @ w @ v for w in W] for u, v in zip(waves(2, 3), waves(2, 4), strict=True)]) + b)
    slope = sg.nn.PReLU(3)
    a = np.array([0.1, 0.2, -0.5])
    z = waves(2, 3, 2, 2)
    near(run(slope(image), {image: z, slope.W: a}), np.where(z > 0, z, a[:, None, None] * z))
    one = sg.nn.PReLU()
    near(run(one(image), {image: z, one.W: np.array([0.25])}), np.where(z > 0, z, z / 4))


def test_they_train_in_sequence_with_numbers_and_copies_are_the_same_layer():
    net = sg.nn.Sequential(sg.nn.Embedding(7, 4), sg.nn.TransformerEncoderLayer(4, 2, 8, dropout=0), sg.nn.LayerNorm(4),
                           sg.nn.PReLU(), sg.nn.Linear(4, 7))
    i, t = sg.data("i", 5, dtype="integer", over=T), sg.labels("t", 7, shape=5, over=T)
    loss = sg.losses.cross_entropy(net(i), t)
    model = sg.Model(loss, seed=1)
    words = (np.arange(20)[:, None] + np.arange(6)) % 7
    history = model.fit({"i": words[:, :5], "t": words[:, 1:]}, sg.optim.Adam(0.02), epochs=15, batch_size=4, progress=False)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert copy.deepcopy(net).parameters() == net.parameters()


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_an_index_out_of_range_is_named_before_anything_is_computed(backend):
    i, t = sg.data("i", 5, dtype="integer", over=T), sg.data("t", over=T)
    y = sg.sum(sg.nn.Embedding(7, 4)(i))
    model = sg.Model(sg.losses.squared_error(y, t), y, backend=backend)
    words = {"i": [[0, 6, 1, 2, 3], [0, 6, 7, 2, 3]]}
    for use in (lambda: model.fit({**words, "t": [1.0, 2.0]}, progress=False), lambda: model.predict(words),
                lambda: model.evaluate({**words, "t": [1.0, 2.0]})):
        with pytest.raises(sg.DataError, match=r"Embedding\(7, 4\): i: the index 7 at \(1, 2\) is out of range for an axis of "
                                               r"length 7"):
            use()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(-5, 4), st.lists(st.integers(0, 4), min_size=1, max_size=6), st.integers(0, 99))
def test_a_padded_row_starts_at_zero_and_moves_only_where_the_table_is_tied(rows, place, words, seed):
    place = place % rows - (rows if place < 0 else 0)
    words, pad = np.array(words) % rows, place % rows
    layer, plain = sg.nn.Embedding(rows, 2, place), sg.nn.Embedding(rows, 2)
    i, v, w = sg.data("i", len(words), dtype="integer"), sg.data("v", (rows, 2)), sg.data("w", (len(words), 2))
    loss = sg.sum(layer(i) * w) + sg.sum(layer.W * v) / 2
    E, left, right = waves(rows, 2), waves(rows, 2) - 1, waves(len(words), 2) + 2
    value, slope = sg.function([i, layer.W, v, w], [loss, sg.gradient(loss, layer.W)])(words, E, left, right)
    near(value, (E[words] * right).sum() + (E * left).sum() / 2)
    expected = left / 2
    np.add.at(expected, words[words != pad], right[words != pad])
    near(slope, expected)
    start = sg.Model(loss, seed=seed).parameters["E"]
    near(start, np.where(np.arange(rows)[:, None] == pad, 0, sg.Model(sg.sum(plain.W), seed=seed).parameters["E"]))
    near(sg.generate(loss, backend="numpy").load().init(seed)["E"], start)
    near(sg.minimize(sg.sum((layer.W - v) ** 2), layer.W, {"v": left}).x["E"], left)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.none() | st.integers(0, 5), st.booleans(), st.integers(-9, 9))
def test_an_index_out_of_range_is_refused_by_its_layer(rows, padding, frozen, wrong):
    layer = sg.nn.Embedding(rows, 2, None if padding is None else padding % rows)
    layer = layer.freeze() if frozen else layer
    i = sg.data("i", dtype="integer", over=T)
    f = sg.function([i, layer.W], layer(i) @ sg.ones(2))
    if -rows <= wrong < rows:
        assert f([0, wrong], np.ones((rows, 2))).shape == (2,)
        return
    with pytest.raises(sg.DataError) as error:
        f([0, wrong], np.ones((rows, 2)))
    assert str(error.value) == f"{layer!r}: i: the index {wrong} at (1,) is out of range for an axis of length {rows}"


@pytest.mark.parametrize("text, make", [
    ("MultiheadAttention(6, 4): embed_dim 6 does not divide into 4 heads", lambda: sg.nn.MultiheadAttention(6, 4)),
    ("MultiheadAttention: dropout is a probability, a number from 0 to 1, not 2", lambda: sg.nn.MultiheadAttention(6, 2, 2)),
    ("TransformerEncoderLayer: dropout is a probability, a number from 0 to 1, not '0.1'",
     lambda: sg.nn.TransformerEncoderLayer(6, 2, dropout="0.1")),
    ("MultiheadAttention(6, 2): x of shape (4, 5) must be (length, 6), or (length, batch, 6), all three alike",
     lambda: sg.nn.MultiheadAttention(6, 2)(*[sg.data("x", (4, 5))] * 3)),
    ("MultiheadAttention(6, 2): the key k of shape (5, 6) has 5 entries, the value v of shape (3, 6) has 3; every key belongs",
     lambda: sg.nn.MultiheadAttention(6, 2)(sg.data("q", (4, 6)), sg.data("k", (5, 6)), sg.data("v", (3, 6)))),
    ("MultiheadAttention(6, 2): queries, keys and values are batches of 3, 2, 2, and must be of one size",
     lambda: sg.nn.MultiheadAttention(6, 2)(sg.data("q", (4, 3, 6)), *[sg.data("k", (4, 2, 6))] * 2)),
    ("MultiheadAttention(6, 2, kdim=0): kdim must be at least 1, not 0", lambda: sg.nn.MultiheadAttention(6, 2, kdim=0)),
    ("Embedding(5, 3): i of shape () has 7 classes, and there are 5 rows to choose from",
     lambda: sg.nn.Embedding(5, 3)(sg.labels("i", classes=7))),
    ("MultiheadAttention(6, 2): attn_mask M of shape (4, 3) must have the shape (4, 4), or (2, 4, 4)",
     lambda: sg.nn.MultiheadAttention(6, 2)(*[sg.data("x", (4, 6))] * 3, attn_mask=sg.data("M", (4, 3)))),
    ("MultiheadAttention(6, 2): attn_mask M of shape (3, 4, 4) must have the shape (4, 4), or (6, 4, 4)",
     lambda: sg.nn.MultiheadAttention(6, 2)(*[sg.data("x", (4, 3, 6))] * 3, attn_mask=sg.data("M", (3, 4, 4)))),
    ("MultiheadAttention(6, 2): key_padding_mask M of shape (4, 3) must have the shape (3, 4)",
     lambda: sg.nn.MultiheadAttention(6, 2)(*[sg.data("x", (4, 3, 6))] * 3, sg.data("M", (4, 3)))),
    ("MultiheadAttention(6, 2) takes queries, keys and values", lambda: sg.nn.MultiheadAttention(6, 2)(sg.data("x", (4, 6)))),
    ("TransformerEncoderLayer(6, 2, dim_feedforward=8): self_attn: attn_mask M of shape (4, 3) must have the shape (4, 4)",
     lambda: sg.nn.TransformerEncoderLayer(6, 2, 8)(sg.data("x", (4, 6)), sg.data("M", (4, 3)))),
    ("TransformerEncoderLayer(6, 2, dim_feedforward=8, norm_first=True): x of shape (4, 5) must be (length, 6), or (length, batch, 6)",
     lambda: sg.nn.TransformerEncoderLayer(6, 2, 8, norm_first=True)(sg.data("x", (4, 5)))),
    ("TransformerDecoderLayer(6, 2, dim_feedforward=8): multihead_attn: key_padding_mask M of shape (4,) must have the shape (3,)",
     lambda: sg.nn.TransformerDecoderLayer(6, 2, 8)(sg.data("x", (4, 6)), sg.data("m", (3, 6)),
                                                    memory_key_padding_mask=sg.data("M", 4))),
    ("TransformerDecoderLayer(6, 2, dim_feedforward=8): m of shape (3, 5) must be (length, 6), or (length, batch, 6)",
     lambda: sg.nn.TransformerDecoderLayer(6, 2, 8)(sg.data("x", (4, 6)), sg.data("m", (3, 5)))),
    ("GroupNorm(4, 6): 6 channels do not divide into 4 groups", lambda: sg.nn.GroupNorm(4, 6)),
    ("LayerNorm(5): the last axes of x of shape (4, 6) must be the normalized_shape (5,)",
     lambda: sg.nn.LayerNorm(5)(sg.data("x", (4, 6)))),
    ("Embedding(5, 2, padding_idx=5): padding_idx 5 is none of the 5 embeddings", lambda: sg.nn.Embedding(5, 2, 5)),
    ("Embedding(5, 2): max_norm=1 is not known", lambda: sg.nn.Embedding(5, 2, max_norm=1)),
    ("Bilinear(3, 4, 5): the last axis of x of shape (2, 4) must be 3",
     lambda: sg.nn.Bilinear(3, 4, 5)(sg.data("x", (2, 4)), sg.data("y", (2, 4)))),
    ("PReLU(num_parameters=3): x of shape (2, 4) has 4 channels, not 3", lambda: sg.nn.PReLU(3)(sg.data("x", (2, 4)))),
])
def test_what_does_not_fit_is_named_with_the_layer(text, make):
    with pytest.raises((sg.ShapeError, TypeError)) as error:
        make()
    assert text in str(error.value)
