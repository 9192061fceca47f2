"""What a value is called follows from the graph around it: the same with other names, and nothing alike that is something else."""

import numpy as np
import pytest

import symgrad as sg

T = sg.dim("T")
nn = sg.nn
x, W, u = sg.data("p", (5, 4), over=T), sg.parameter("F", (4, 4)), sg.parameter("f", 4)


def roles(value):
    """The reasons of the forward steps of a loss in which a value is used as a layer norm uses it."""
    normal = (value - sg.mean(value)) / sg.sqrt(sg.mean((value - sg.mean(value)) ** 2) + 1)
    loss = sg.empirical_risk(sg.sum(normal * value + sg.exp(value)))
    return [step.rule for step in sg.derive(loss).steps if step.kind == "forward"]


def attention(mask):
    """Written by hand, with parameters that no paper names so."""
    q, k, v = (x @ sg.parameter(name, (4, 3)) for name in "uvw")
    scores = q @ k.T / 3**0.5
    return sg.softmax(mask(scores), axis=1) @ v


LOWER = np.tril(np.ones((5, 5), bool))


@pytest.mark.parametrize(("mask", "wanted"), [
    (lambda s: s, []), (lambda s: 2 * s + sg.data("B", (5, 5)), ["mask, added to the scores"]),
    (lambda s: sg.where(sg.data("B", (5, 5), dtype="boolean"), s, -1e9), ["mask: what is not seen has no weight"]),
])
def test_attention_by_hand(mask, wanted):
    found = roles(attention(mask))
    assert sum(r.startswith("attention scores: queries times keys") for r in found) == 1 and [r for r in found if "mask" in r] == wanted
    assert found.count("the values weighted by the attention") == 1


def test_heads_and_causal_mask():
    layer = nn.MultiheadAttention(4, 2)
    found = roles(x + layer(x, x, x, need_weights=False, is_causal=True)[0])
    assert found.count("cut into heads") == 3 and "affine layer of the heads, side by side" in found
    assert "causal mask: no later place is seen" in found
    assert "the values weighted by the attention" in found and "residual connection" in found


h = sg.tanh(x @ W)


@pytest.mark.parametrize(("value", "wanted"), [
    (h + sg.tanh(h @ W + u), "residual connection"), (x + sg.tanh(x @ W) @ W, "affine layer, and a residual connection"),
    (h + (h @ W) / 2, "affine layer, and a residual connection"),
    (h - sg.tanh(h @ W + u), "difference"),  # takes away
    (h + sg.tanh(x @ W + u), "sum"),  # beside it, not after it
    (h + sg.exp(h), "sum"),  # no layer between
    (h * sg.tanh(h @ W + u), "product entry by entry"), (sg.maximum(h, h @ W), "the larger of each pair"),
    (sg.concatenate([h, h @ W]), "concatenation"),
    ((h + sg.tanh(h @ W)).named("mine"), "residual connection"), (sg.exp(h * h).named("z"), "definition"),
])
def test_sums_and_their_like(value, wanted):
    found = roles(value)
    others = {"residual connection", "sum", "difference", "product entry by entry", "concatenation", "definition"} - {wanted}
    assert wanted in found and not others & set(found), found


def test_moves():
    image, ids = sg.data("p", (2, 4, 4), over=T), sg.labels("s", classes=6, over=T, shape=5)
    assert "upsampling: every entry repeated" in roles(nn.Upsample(scale_factor=2)(image).named("B"))
    table = nn.Embedding(6, 4)
    assert "embedding: rows picked by index" in roles(table(ids))
    assert "sum with an embedding" in roles(x @ W + table(ids))
    rows, to = (sg.data(name, 7, dtype="integer") for name in "ab")
    sent = sg.index_add(sg.zeros((5, 4)), 0, to, sg.data("c", 7)[:, None] * sg.tanh(sg.data("d", (5, 4)) @ W)[rows]).named("g")
    found = [step.rule for step in sg.derive(sg.sum(sg.tanh(sent) ** 2)).steps]
    assert "rows picked, weighted, added up by index" in found
