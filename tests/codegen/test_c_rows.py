"""Rows of a batch shared by threads: the same bits for any number of threads and any batch, those of NumPy."""

import re

import numpy as np
import pytest
from checker import near

import symgrad as sg
from symgrad.codegen.c import prelude, runtime
from symgrad.codegen.c.sharing import SHARING

pytestmark = pytest.mark.skipif(runtime.compiler() is None, reason="needs a C compiler")
T = sg.dim("T")
BATCHES = (1, 2, 3, 5, 32, 33)


@pytest.fixture(autouse=True)
def every_part_is_shared(monkeypatch):
    """As if all arrays were large."""
    text = SHARING.replace("SHARED 32768 ", "SHARED 0 ")
    assert text != SHARING
    monkeypatch.setattr(prelude, "SHARING", text)


def recurrent(layer):
    def build():
        net = layer(3, 4, batch_first=True)
        x, C = sg.data("x", (6, 3), over=T), sg.data("C", (6, 4), over=T)
        H, *_ = net(x)
        return (x, C), net, sg.sum(H * C), H
    return build


def convolutional():
    nn = sg.nn
    net = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 3), nn.ReLU(),
                        nn.AvgPool2d(2, 1), nn.Flatten(), nn.Linear(8, 5))
    x, C = sg.data("x", (2, 8, 10), over=T), sg.data("C", (5,), over=T)
    y = net(x)
    return (x, C), net, sg.sum(y * C) + sg.sum(sg.logsumexp(y, axis=-1)), y


def attending():
    net = sg.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    x, C = sg.data("x", (5, 8), over=T), sg.data("C", (5, 8), over=T)
    y = net(x)
    return (x, C), net, sg.sum(y * C), y


def forgetting():
    """A batch of numbers, elementwise: the samples lie side by side."""
    x, C, a = sg.data("x", (60, 90)), sg.data("C", (60, 90)), sg.parameter("a", 90)
    _, h = sg.scan(lambda h, x: (after := sg.tanh(a * h + x), after), sg.zeros(90), x)
    return h, x, C, a


def test_entries_of_a_carry_are_shared_too():
    h, x, C, a = forgetting()
    outputs = [h, *sg.gradient(sg.sum(h * C), [x, a])]
    found, wanted = (sg.function([x, C, a], outputs, backend=backend) for backend in ("c", "numpy"))
    assert not re.search(r"for \(int64_t \w*_t = ", found.source.split("int f_0(")[1])
    rng = np.random.default_rng(1)
    given = [rng.standard_normal(t.shape) for t in (x, C, a)]
    for threads in (1, 2, 3, 7):
        found.module._c.use_threads(threads)
        for have, want in zip(found(*given), wanted(*given), strict=True):
            near(have, want, 1e-10)


NETWORKS = {"rnn": recurrent(sg.nn.RNN), "lstm": recurrent(sg.nn.LSTM), "gru": recurrent(sg.nn.GRU),
            "convolutions": convolutional, "attention": attending}


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-10), ("float32", 1e-4)])
@pytest.mark.parametrize("name", NETWORKS)
def test_threads_change_no_bit(name, dtype, tolerance):
    data, net, loss, y = NETWORKS[name]()
    loss = sg.empirical_risk(loss)
    weights = list(net.parameters())
    outputs = [loss, y, *sg.gradient(loss, [*weights, data[0]])]
    inputs = [*data, *weights]
    found, wanted = (sg.function(inputs, outputs, backend=backend, dtype=dtype) for backend in ("c", "numpy"))
    assert len(re.findall(r"^  by_rows\(", found.source, re.MULTILINE)) >= 2
    assert not re.search(r"for \(int64_t \w*_t = ", found.source.split("int f_0(")[1]), "steps of a recurrence for all samples"
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(w.shape) / 2 for w in weights]
    for batch in BATCHES:
        given = [*(rng.standard_normal((batch, *x.shape)) for x in data), *values]
        given = [a.astype(dtype) for a in given]
        found.module._c.use_threads(1)
        one = found(*given)
        for have, want in zip(one, wanted(*given), strict=True):
            near(have, want, tolerance)
        for threads in (2, 3, 4, 7):
            found.module._c.use_threads(threads)
            assert all(np.array_equal(a, b) for a, b in zip(found(*given), one, strict=True)), (batch, threads)


def test_truths_that_a_loop_reads_change_no_bit():
    """As bytes they make the vectors of a loop four times as long: parts begin where these do."""
    x, a = sg.data("x", 1, over=T), sg.data("a", (), over=T)
    kept = a > 0
    outputs = [kept, sg.where(kept, sg.sigmoid(x[0]), sg.exp(x[0] * a)), sg.where(kept, sg.tanh(a), 0)]
    k = sg.data("k", (), over=T, dtype="boolean")
    found = sg.function([x, a, k], [*outputs, sg.where(k, sg.sigmoid(a), sg.exp(a))], backend="c")
    rng = np.random.default_rng(0)
    for batch in (31, 32, 48, 64, 100, 257):
        given = rng.standard_normal((batch, 1)), rng.standard_normal(batch), rng.random(batch) < 0.5
        found.module._c.use_threads(1)
        one = found(*given)
        for threads in (2, 3, 7):
            found.module._c.use_threads(threads)
            assert all(np.array_equal(p, q) for p, q in zip(found(*given), one, strict=True)), (batch, threads)
