"""The share of a part: weighted by its samples, it adds up to the loss of the batch, whatever the loss is made of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.node import Symbol
from symgrad.graphs.parts import MixedSamples, loss_of_part
from symgrad.language.symbols import symbols_of
from symgrad.language.tensor import wrap
from symgrad.training.network import network

T = sg.dim("T")
x, y, t = sg.data("x", 3, over=T), sg.data("y", 2, over=T), sg.labels("t", classes=2, over=T)
W, b = sg.parameter("W", (2, 3)), sg.parameter("b", 2)
N = input_node(Symbol("data", "N", owner=-1), (), "real")
a = sg.tanh(W @ x + b)
SAMPLES = {  # one number of each sample
    "squares": sg.losses.squared_error(a, y), "labels": sg.losses.cross_entropy(W @ x, t), "largest": sg.max(a),
    "softmax": sg.softmax(a) @ y, "penalised": sg.sum(a) + sg.sum(b ** 2), "scaled": sg.sum(sg.tanh(W @ x / T)),
    "picked": (W @ x)[0] * y[1], "weighted": sg.sum(y) * sg.sum(a ** 2) / T, "outer": sg.sum(sg.outer(a, y) ** 2),
}
TERMS = {  # what knows no sample
    "none": None, "ridge": sg.sum(W ** 2), "by samples": sg.sum(W ** 2) / T, "log": T / 2 * sg.log(sg.sum(b ** 2) + 1),
    "root": sg.sum(abs(b)) * sg.sqrt(T * sg.sum(b ** 2) + 1), "number": sg.sum(b) * 0 + 3,
}
CLOSED = {  # how samples become one number
    "mean": lambda r: sg.empirical_risk(r), "sum": lambda r: T * sg.empirical_risk(r), "half": lambda r: T * sg.empirical_risk(r) / 2,
    "unbiased": lambda r: T / (T - 1) * sg.empirical_risk(r), "square root": lambda r: sg.empirical_risk(r) * T ** 0.5,
    "times": lambda r: sg.empirical_risk(r) * sg.sum(b ** 2), "vector": lambda r: b @ sg.empirical_risk(r * y),
    "named": lambda r: sg.empirical_risk(r).named("R") * 3, "joined": lambda r: sg.sum(sg.concatenate([sg.mean(r * y, over=T), b]) * 2),
    "twice": lambda r: sg.empirical_risk(r) + 2 * sg.empirical_risk(sg.sum(y * a)),
}


def values(loss, share, cuts, seed=0):
    """The loss of all samples, and what its parts add up to, with both gradients."""
    rng = np.random.default_rng(seed)
    count = cuts[-1]
    given = {"x": rng.standard_normal((count, 3)), "y": rng.standard_normal((count, 2)), "t": rng.integers(0, 2, count),
             "W": rng.standard_normal((2, 3)), "b": rng.standard_normal(2)}

    def at(tensor, arrays):
        f = sg.function(symbols_of(tensor), [tensor, *(sg.gradient(tensor, p) for p in symbols_of(tensor) if p.name in ("W", "b"))])
        return f(*(arrays[s.name] for s in symbols_of(tensor)))

    whole, total = at(loss, given), None
    for first, last in zip([0, *cuts[:-1]], cuts):
        if first < last:
            part = {k: v[first:last] if k in "xyt" else v for k, v in given.items()}
            found = [(last - first) / count * v for v in at(share, {**part, "N": float(count)})]
            total = found if total is None else [u + v for u, v in zip(total, found)]
    return whole, total


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), st.sampled_from(sorted(TERMS)), st.sampled_from(sorted(CLOSED)),
       st.lists(st.integers(0, 5), min_size=1, max_size=4))
def test_parts_add_up(sample, term, closed, sizes):
    loss = CLOSED[closed](SAMPLES[sample])
    loss = loss if TERMS[term] is None else loss + TERMS[term]
    cuts = [*np.cumsum([2, *sizes]).tolist()]
    root = network(loss, None, {}).loss[1]
    for whole, total in zip(*values(wrap(root, None), wrap(loss_of_part(root, N), None), cuts)):
        np.testing.assert_allclose(total, whole, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("loss", [
    sg.empirical_risk(SAMPLES["squares"]), sg.empirical_risk(SAMPLES["labels"]) + 0.1 * sg.sum(W ** 2),
    sg.empirical_risk(SAMPLES["largest"]) + 2 * sg.empirical_risk(SAMPLES["squares"]), sg.empirical_risk(SAMPLES["penalised"]),
])
def test_the_loss_of_a_mean_is_its_own_share(loss):
    root = network(loss, None, {}).loss[1]
    assert loss_of_part(root, N) is root


MIXED = {
    "root of a mean": sg.sqrt(sg.empirical_risk(SAMPLES["squares"])),
    "product of means": sg.empirical_risk(SAMPLES["squares"]) * sg.empirical_risk(SAMPLES["labels"]),
    "batch norm": sg.empirical_risk(sg.sum((a - sg.mean(a, over=T)) ** 2)),
    "logsumexp": sg.logsumexp(sg.sum(a), over=T), "max": sg.max(sg.sum(a), over=T),
    "softmax over samples": sg.log(sg.mean(sg.exp(sg.sum(a)), over=T)),
}


@pytest.mark.parametrize("name", MIXED)
def test_samples_that_meet_are_named(name):
    root = network(MIXED[name], None, {}).loss[1]
    with pytest.raises(MixedSamples, match="sum over|samples meet") as caught:
        loss_of_part(root, N)
    assert caught.value.node in [root] or caught.value.node.operands
