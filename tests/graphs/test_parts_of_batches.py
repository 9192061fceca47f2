"""The share of a part: weighted by its samples, it adds up to the loss of the batch, whatever the loss is made of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.node import Symbol
from symgrad.graphs.parts import MixedSamples, loss_of_part
from symgrad.graphs.stages import staged
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


# stages: sums that parts add up one after the other ------------------------------------------------------------


MEETING = {  # what meets: functions of sums over samples, and samples beside them
    "root": lambda r: sg.sqrt(1 + r ** 2), "log": lambda r: sg.log(1 + sg.exp(r)), "product": lambda r: r * (1 + r),
    "quotient": lambda r: r / (2 + r ** 2), "power of many": lambda r: (r + T) ** 2 / T,
    "centred": lambda r: sg.empirical_risk(sg.sum((a - sg.mean(a, over=T)) ** 2)) * r,
    "normed": lambda r: sg.empirical_risk(sg.sum(((a - sg.mean(a, over=T)) / sg.sqrt(sg.mean(a ** 2, over=T) + r ** 2 + 1)) ** 3)),
    "twice": lambda r: sg.mean(sg.tanh(sg.mean(sg.tanh(sg.sum(a) + r), over=T) + sg.sum(y)) ** 2, over=T),
    "by rows": lambda r: r * sg.logsumexp(sg.mean(sg.one_hot(t, 2) * sg.sum(a), over=T)),
    "largest": lambda r: sg.max(sg.tanh(sg.sum(a) + r), over=T) * (1 + r), "least": lambda r: sg.min(y @ y - r, over=T) ** 2,
    "logsumexp": lambda r: sg.logsumexp(300 * sg.sum(a) + r, over=T) - sg.log(T),
    "log of a mean": lambda r: sg.log(sg.mean(sg.exp(r - sg.sum(a ** 2)), over=T)),
    "softmax": lambda r: sg.sum(sg.exp(sg.sum(a) - sg.logsumexp(sg.sum(a), over=T)) * (r - sg.sum(y)) ** 2, over=T),
    "matrix": lambda r: sg.logdet(sg.mean(sg.outer(y, y), over=T) + sg.eye(2) * (1 + r ** 2)),
}


def by_parts(nodes, count, cuts, arrays):
    """What the parts add up to, stage by stage."""
    found = staged(nodes, [], N)
    rows = [slice(first, last) for first, last in zip([0, *cuts[:-1]], cuts) if first < last]
    parts = [{**{k: v[own] if k in "xyt" else v for k, v in arrays.items()}, "N": float(count)} for own in rows]

    def computed(pairs):
        tensors = {name: wrap(node, None) for name, node in pairs}
        symbols = list({s.name: s for t in tensors.values() for s in symbols_of(t)}.values())
        run = sg.function(symbols, tensors)
        for at in parts:
            at.update(run(*(at[s.name] for s in symbols)))

    for stage in found.stages:
        computed([(s.attrs[0].name, node) for s, node in stage.outputs])
        for symbols, together in ((stage.sums, np.sum), (stage.maxima, np.max)):
            for name in (s.attrs[0].name for s, _ in symbols):
                whole = together([at[name] for at in parts], axis=0)
                for at in parts:
                    at[name] = whole
    computed([(f"out {k}", node) for k, node in enumerate(found.shares)])
    return [sum((own.stop - own.start) / count * at[f"out {k}"] for own, at in zip(rows, parts)) for k in range(len(nodes))]


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), st.sampled_from(sorted(TERMS)), st.sampled_from(sorted(CLOSED)),
       st.sampled_from(sorted(MEETING)), st.lists(st.integers(0, 4), min_size=1, max_size=3))
def test_stages_of_parts_add_up(sample, term, closed, meeting, sizes):
    loss = CLOSED[closed](SAMPLES[sample])
    loss = MEETING[meeting](loss if TERMS[term] is None else loss + TERMS[term])
    cuts = np.cumsum([3, *sizes]).tolist()
    rng, count = np.random.default_rng(0), cuts[-1]
    arrays = {"x": rng.standard_normal((count, 3)), "y": rng.standard_normal((count, 2)), "t": rng.integers(0, 2, count),
              "W": rng.standard_normal((2, 3)), "b": rng.standard_normal(2)}
    net = network(loss, None, {}, wrt=[W.node, b.node])
    nodes = [net.loss[1], *(g for _, g in net.gradients)]
    tensors = [wrap(node, None) for node in nodes]
    symbols = list({s.name: s for tensor in tensors for s in symbols_of(tensor)}.values())
    wholes = sg.function(symbols, tensors)(*(arrays[s.name] for s in symbols))
    for found, whole in zip(by_parts(nodes, count, cuts, arrays), wholes, strict=True):
        np.testing.assert_allclose(found, whole, rtol=1e-9, atol=1e-9)


def test_there_are_as_many_stages_as_sums_of_sums():
    roots = [network(loss, None, {}).loss[1] for loss in (
        sg.sqrt(sg.empirical_risk(SAMPLES["squares"])), MEETING["centred"](1.0), MEETING["twice"](0.0))]
    assert [[len(stage.sums) for stage in staged([root], [], N).stages] for root in roots] == [[1], [1], [1]]
    root = network(sg.log(MEETING["centred"](1.0)), None, {}).loss[1]
    first, second = staged([root], [], N).stages
    assert [node.shape for node, _ in first.sums] == [(2,)] and [node.shape for node, _ in second.sums] == [()]
    assert [s.shape for s, _ in first.kept if s.shape] == [(T, 2)]  # tanh is not computed twice


def test_the_maximum_of_a_logarithm_of_a_sum_takes_one_stage_less_than_it_has_levels():
    root = network(sg.max(sg.sum(a), over=T) + sg.logsumexp(sg.sum(y), over=T), None, {}).loss[1]
    assert [(len(stage.sums), len(stage.maxima)) for stage in staged([root], [], N).stages] == [(0, 2), (1, 0)]


@pytest.mark.parametrize("loss", [sg.mean(sg.sum(a), over=T) + sg.logdet(sg.eye(T) * (1 + sg.sum(W ** 2))),
                                  sg.max(sg.sum(a), over=T) * sg.sum(sg.parameter("q", T) ** 2)])
def test_what_is_no_sum_is_named(loss):
    with pytest.raises(MixedSamples, match="the number of samples is the size of an ordinary axis"):
        staged([network(loss, None, {}).loss[1]], [], N)
