"""The way back of a recurrence as papers print it: by what it is the cotangent of, and every line true by numbers."""

import numpy as np
import pytest
from formula_values import Reader
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.derivations.text import known_before
from symgrad.formulas.rendering import Said, heard, parted
from symgrad.formulas.spelling.glyphs import parse_name, upper
from symgrad.language.replaying import shown

N, D, K = 4, 3, 2
x, y = sg.data("x", (N, D)), sg.data("y", K)
W, U, b, V = sg.parameter("W", (K, K)), sg.parameter("U", (K, D)), sg.parameter("b", K), sg.parameter("V", (K, K))


def agrees(loss, by, more=(), seed=0):
    """Is the printed gradient, read line by line, what the program computes?"""
    chance = np.random.default_rng(seed)
    inputs = [x, y, W, U, b, V, *more]
    values = [chance.standard_normal(t.shape) for t in inputs]
    symbols = {parse_name(t.name): value for t, value in zip(inputs, values, strict=True)}
    texts = []
    for variable in by:
        gradient = sg.gradient(loss, variable)
        main, rows = parted(shown(gradient).node, "sample", frozenset(), Said())
        got = Reader(rows, symbols).value(main)
        assert np.allclose(np.ravel(got), np.ravel(sg.function(inputs, gradient)(*values))), str(gradient)
        texts.append(str(gradient))
    return texts


def elman(h, x_t):
    h = sg.tanh(W @ h + U @ x_t + b)
    return h, h


def test_a_state_that_only_goes_on():
    last, _ = sg.scan(elman, sg.zeros(K), x)
    text, *_ = agrees(sg.sum((last - y) ** 2), [W, U, b, x])
    assert text.startswith("∑_t δ_t h_{t - 1}ᵀ, where δ_t = G_{h_t} ⊙ (1 - h_t^⊙2); G_{h_{t - 1}} = Wᵀ δ_t; "
                           "G_{h_4} = 2 (h_4 - y); ")


def test_a_state_that_is_read_too():
    last, every = sg.scan(elman, sg.zeros(K), x)
    text, *_ = agrees(sg.sum((last - y) ** 2) + sg.sum(every**2), [W, U, b, x])
    assert text.startswith("∑_t δ_t h_{t - 1}ᵀ, where G_{h_t} = Wᵀ δ_{t + 1} + 2 h_t; δ_t = G_{h_t} ⊙ (1 - h_t^⊙2); "
                           "G_{h_4} = 2 (h_4 - y) + 2 h_4; ")


def test_from_the_end():
    last, every = sg.scan(elman, sg.zeros(K), x, reverse=True)
    text, *_ = agrees(sg.sum(last) + sg.sum(every**2), [W, U, b, x])
    assert "G_{h_t} = Wᵀ δ_{t - 1} + 2 h_t; " in text and "G_{h_1} = 1 + 2 h_1; " in text
    text, *_ = agrees(sg.sum(last), [W, U, b, x])
    assert "G_{h_{t + 1}} = Wᵀ δ_t; G_{h_1} = 1; " in text


def test_what_it_began_with():
    start = sg.parameter("s", K)
    last, every = sg.scan(elman, start, x)
    text, *_ = agrees(sg.sum((last - y) ** 2), [start, W], [start])
    assert text.startswith("G_{h_0}, where G_{h_{t - 1}} = Wᵀ (G_{h_t} ⊙ (1 - h_t^⊙2)); ")
    text, *_ = agrees(sg.sum(every**2), [start, W], [start])
    assert "; G_{h_0} = Wᵀ (G_{h_1} ⊙ (1 - h_1^⊙2)); " in text


def test_a_linear_recurrence():
    def step(h, x_t):
        h = W @ h + U @ x_t
        return h, h

    last, every = sg.scan(step, sg.zeros(K), x)
    text, *_ = agrees(sg.sum(last**2), [W, U, x])
    assert text.startswith("∑_t G_{h_t} h_{t - 1}ᵀ, where ")
    agrees(sg.sum(every**2) + sg.sum(last), [W, U, x])


def test_every_gate_of_a_long_short_term_memory():
    net = sg.nn.LSTM(D, K)
    outputs, (h, c) = net(x)
    text, *_ = agrees(sg.sum((h[0] - y) ** 2), net.parameters(), net.parameters())
    assert ("G_{c_t} = o_t ⊙ G_{h_t} ⊙ (1 - tanh(c_t)^⊙2) + f_{t + 1} ⊙ G_{c_{t + 1}}; "
            "G_{a_t} = [i_t ⊙ (1 - i_t) ⊙ G_{c_t} ⊙ g_t; f_t ⊙ (1 - f_t) ⊙ G_{c_t} ⊙ c_{t - 1}; "
            "i_t ⊙ G_{c_t} ⊙ (1 - g_t^⊙2); o_t ⊙ (1 - o_t) ⊙ G_{h_t} ⊙ tanh(c_t)]; "
            "G_{h_{t - 1}} = W_hhᵀ G_{a_t}; G_{c_4} = o_4 ⊙ G_{h_4} ⊙ (1 - tanh(c_4)^⊙2); ") in text
    agrees(sg.sum(outputs**2) + sg.sum((c[0] - y) ** 2), net.parameters(), net.parameters())


def test_every_gate_of_a_gated_unit():
    net = sg.nn.GRU(D, K)
    outputs, h = net(x)
    text, *_ = agrees(sg.sum((h[0] - y) ** 2), net.parameters(), net.parameters())
    assert "G_{h_{t - 1}} = z_t ⊙ G_{h_t} + W_hhᵀ G_{u_t}; " in text
    agrees(sg.sum(outputs**2), net.parameters(), net.parameters())


@pytest.mark.parametrize("checkpoint", [False, True])
def test_a_memory_written_by_hand(checkpoint):
    big, in_, shift = sg.parameter("A", (4 * K, K)), sg.parameter("B", (4 * K, D)), sg.parameter("c", 4 * K)

    def cell(state, x_t):
        h, c = state
        a = big @ h + in_ @ x_t + shift
        i, f, g, o = sg.sigmoid(a[:K]), sg.sigmoid(a[K:2 * K]), sg.tanh(a[2 * K:3 * K]), sg.sigmoid(a[3 * K:])
        c = f * c + i * g
        h = o * sg.tanh(c)
        return (h, c), h

    def loss(**how):
        (h, c), every = sg.scan(cell, (sg.zeros(K), sg.zeros(K)), x, **how)
        return sg.sum((h - y) ** 2) + sg.sum(c) + sg.sum(every**2)

    assert agrees(loss(checkpoint=checkpoint), [big], [big, in_, shift]) == agrees(loss(), [big], [big, in_, shift])
    assert str(sg.derive(loss(checkpoint=checkpoint), [big, in_]).steps[-1]) == str(
        sg.derive(loss(), [big, in_]).steps[-1])


ACTS = ("tanh", "sigmoid", "sin", "square", "same")


def act(kind, u, m):
    """An activation, of tensors or of arrays."""
    if kind == "sigmoid":
        return sg.sigmoid(u) if m is sg else 1 / (1 + np.exp(-u))
    return u * u if kind == "square" else u if kind == "same" else getattr(m, kind)(u)


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_any_recurrence(data):
    """Carries that act on one another in a step and from step to step, results and last carries read or not."""
    draw, count = data.draw, data.draw(st.integers(1, 3))
    ways = [draw(st.lists(st.sampled_from(["", "W", "V", "1"]), min_size=count, max_size=count)) for _ in range(count)]
    acts = draw(st.lists(st.sampled_from(ACTS), min_size=count, max_size=count))
    chained, reverse = draw(st.booleans()), draw(st.booleans())
    last, every = (draw(st.lists(st.booleans(), min_size=count, max_size=count)) for _ in range(2))
    last[0] = last[0] or not any(every)

    def step(state, x_t, W, V, U, b, m):
        new = []
        for kind, way in zip(acts, ways, strict=True):
            total = U @ x_t + b
            for each, before in zip(way, state, strict=True):
                total = total + (W @ before if each == "W" else V @ before if each == "V" else before) if each else total
            new.append(act(kind, total * new[-1] if chained and new else total, m))
        return tuple(new), tuple(new)

    def loss(lasts, stacks, y, m):
        parts = [((end - y) ** 2).sum() if m is np else sg.sum((end - y) ** 2) for end, read in zip(lasts, last, strict=True) if read]
        return sum(parts + [(s**2).sum() if m is np else sg.sum(s**2) for s, read in zip(stacks, every, strict=True) if read])

    def numbers(x, y, W, V, U, b):
        state, stacks = (np.zeros(K),) * count, []
        for t in reversed(range(N)) if reverse else range(N):
            state, each = step(state, x[t], W, V, U, b, np)
            stacks.append(each)
        return loss(state, [np.array(s) for s in zip(*stacks, strict=True)], y, np)

    lasts, stacks = sg.scan(lambda state, x_t: step(state, x_t, W, V, U, b, sg), (sg.zeros(K),) * count, x, reverse=reverse)
    whole, inputs = loss(lasts, stacks, y, sg), [x, y, W, V, U, b]
    values = [np.random.default_rng(1).standard_normal(t.shape) / 2 for t in inputs]
    symbols = {parse_name(t.name): value for t, value in zip(inputs, values, strict=True)}
    for place in (2, 4):
        gradient = sg.gradient(whole, inputs[place])
        along = np.random.default_rng(place).standard_normal(inputs[place].shape)
        ends = [numbers(*values[:place], values[place] + h * along, *values[place + 1:]) for h in (1e-5, -1e-5)]
        main, rows = parted(shown(gradient).node, "sample", frozenset(), Said())
        got = Reader(rows, symbols).value(main) if rows else np.zeros(inputs[place].shape)
        slope = (ends[0] - ends[1]) / 2e-5
        assert np.isclose(np.sum(np.reshape(got, along.shape) * along), slope, rtol=1e-5, atol=1e-6), str(gradient)


@pytest.mark.parametrize(("layer", "every"), [(sg.nn.RNN, True), (sg.nn.GRU, False), (sg.nn.LSTM, True)])
def test_over_a_batch(layer, every):
    T = sg.dim("T")
    xs, ys = sg.data("x", (N, D), over=T), sg.data("y", K, over=T)
    net = layer(D, K)
    outputs, h = net(xs)
    state = h[0] if isinstance(h, tuple) else h
    loss = sg.sum((state[0] - ys) ** 2)
    d = sg.derive(sg.mean(loss + sg.sum(outputs**2) if every else loss, over=T))
    block = str(d).partition("Over the batch")[2]
    assert block.startswith(", one sample a row\n") and "∑_s" not in block
    inputs = [xs, ys, *net.parameters()]
    chance = np.random.default_rng(3)
    values = [chance.standard_normal(t.shape if t.over is None else (5, *t.shape)) for t in inputs]
    known = {upper(parse_name(str(t))) if t.over is not None else parse_name(t.name): value
             for t, value in zip(inputs, values, strict=True)} | {parse_name("T"): np.float64(5)}
    parameters = net.parameters()
    wanted = dict(zip((t.node for t in parameters), sg.function(inputs, sg.gradient(d.y, parameters))(*values), strict=True))
    for step in (each for each in d.steps if each.kind != "mean" and each.box.kind != "output"):
        node = step.node if step.batch is None else step.batch
        said = known_before(step, "batch")
        main, _ = parted(node, "batch", step.world.taken, said)
        got = Reader(heard(node, "batch", step.world.taken, said).rows, known, samples=5).value(main)
        if step.batch is not None:
            assert np.allclose(np.ravel(got), np.ravel(wanted[step.box.node])), step.batch_formula
        else:
            known[upper(parse_name(step.name if step.kind == "forward" else f"G_{{{step.box.name}}}"))] = got


def test_a_letter_counts_to_one_number():
    """Loops of other lengths, and loops within loops, have steps of their own."""
    def outer(h, x_t):
        inner, _ = sg.scan(lambda k, _: (sg.tanh(W @ k + h), None), U @ x_t, length=3)
        return inner, None

    assert str(sg.scan(outer, sg.zeros(K), x)[0]) == (
        "h_4, where h_t = h¹_3; h_0 = 0; t = (1, …, 4); h¹_τ = tanh(W h¹_{τ - 1} + h_{t - 1}); h¹_0 = U x_t; τ = (1, …, 3)")
    nested = str(sg.gradient(sg.sum(sg.scan(outer, sg.zeros(K), x)[0]), W))
    assert not any(word in nested for word in ("carry", "known", "given", "slice"))
    first, _ = sg.scan(elman, sg.zeros(K), x)
    second, _ = sg.scan(lambda h, _: (sg.tanh(V @ h), None), first, length=7)
    text, *_ = agrees(sg.sum(second), [W])
    assert "t = (1, …, 4)" in text and "τ = (1, …, 7)" in text and "G_{h_4} = G_{h¹_0}" in text


def test_of_samples_that_meet_lines_are_those_of_one():
    T = sg.dim("T")
    last, _ = sg.scan(elman, sg.zeros(K), sg.data("x", (N, D), over=T))
    found = sg.derive(sg.log(sg.mean(sg.exp(sg.sum(last)), over=T)), [W])
    assert "G_W = ∑_st δ_st h_{s,t - 1}ᵀ, where δ_t = G_{h_t} ⊙ (1 - h_t^⊙2); G_{h_{t - 1}} = Wᵀ δ_t; G_{h_4} = G_v₁" in str(
        found.steps[-1]) and found.check()


def test_letters_that_mean_something_else_are_left():
    T, n = sg.dims("T n")
    xs, labels = sg.data("x", (n, D), over=T), sg.labels("y", classes=2, over=T)
    _, h = sg.nn.GRU(D, K)(xs)
    text = str(sg.derive(sg.empirical_risk(sg.losses.cross_entropy(sg.nn.Linear(K, 2)(h[0]), labels))))
    assert "h̃_t = tanh(a_t[4:] + r_t ⊙ u_t[4:])" in text and "belongs to the loss ℓ of one sample" in text
    assert not any(f"{letter}_t" in text for letter in ("y", "n", "e"))


def test_a_state_begins_as_its_name_at_zero():
    start, other = sg.parameter("h0", K), sg.parameter("c_0", K)
    text, *_ = agrees(sg.sum((sg.scan(elman, start, x)[0] - y) ** 2), [start], [start])
    assert text.endswith("h_t = tanh(W h_{t - 1} + U x_t + b); h_0 = h₀; t = (1, …, 4)")
    assert "h¹_4 = " not in text and "h¹_0 = c₀" in str(sg.scan(elman, other, x)[0] + start)  # h₀ is another value
