"""Recurrences inside a kernel: a loop over the steps around the phases of one, on the CPU against NumPy's program."""

import sys

import emulate
import fake_cupy
import numpy as np
import nvrtc
import pytest
from checker import near
from kernels import Trial

import symgrad as sg

ORDERS = (emulate.FORWARD, emulate.BACKWARD, emulate.RANDOM)
T = sg.dim("T")
x, y = sg.data("x", (3, 4), over=T), sg.labels("t", 3, over=T)
CHANCE = np.random.default_rng(0)
DATA = {"x": CHANCE.standard_normal((12, 3, 4)), "t": CHANCE.integers(0, 3, 12)}


def loss_of(layer):
    steps, last = layer(x)
    state = last[0] if isinstance(last, tuple) else last
    read = sg.nn.Linear(layer.hidden_size, 3)(state[0])
    return sg.empirical_risk(sg.losses.cross_entropy(read, y) + 0.1 * sg.sum(steps**2))


@pytest.fixture(autouse=True)
def cupy(monkeypatch):
    """The stand-in in the place of CuPy; kernels from the first call on."""
    for name in ("cupy", "cupyx", "cupyx.scipy", "cupyx.scipy.special"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(fake_cupy, "ORDER", [emulate.BACKWARD])
    monkeypatch.setattr(fake_cupy, "TOGETHER", [1])
    return fake_cupy.install(sys.modules)


def fused(inputs, outputs):
    f = sg.function(inputs, outputs, backend="cupy")
    assert f.phases.vessel == "grid", f.phases
    f.module.PATIENCE[0] = 0
    return f


@pytest.mark.parametrize("layer, vessel", [(sg.nn.LSTM, "block"), (sg.nn.GRU, "grid")])
def test_steps_are_those_of_numpy_in_every_order_of_the_threads(layer, vessel):
    Trial(loss_of(layer(4, 5)), sg.optim.Adam(0.01), DATA, 4, 2, "float64", vessel).agrees(1e-10)


@pytest.mark.parametrize("vessel, hidden", [("block", 48), ("grid", 16)])  # so many that lanes read what others write
def test_every_barrier_between_the_steps_is_needed(vessel, hidden):
    """Forward and back, and from one step to the next: left out, each gives another result in some order of the threads."""
    trial = Trial(loss_of(sg.nn.RNN(4, hidden)), sg.optim.SGD(0.1), DATA, 12, 1, "float32", vessel)
    text, (blocks, _, grids, _) = emulate.numbered(trial.text)
    good, counted = trial.kernel_run(), max(blocks, grids)
    first = text.index("train(")
    inside = [part.split(")")[0] for loop in text[first:].split("for (int turn")[1:]
              for part in loop.split("\n    }")[0].split("_at(")[1:]]
    assert len(inside) == 3 and counted == trial.kernel.plan.phases + (3 if vessel == "block" else 2)
    for number in map(int, inside):
        runs = [trial.kernel_run(order, text, number) for order in ORDERS]
        assert not all(run.same(good) for run in runs), f"barrier {number} is not missed"


def cases():
    """Recurrences of many kinds: what carries are and become, what is kept, what is the same in every step."""
    xs, A, b = sg.data("xs", (5, 3)), sg.data("A", (3, 3)), sg.data("b", 3)
    at = [CHANCE.standard_normal((5, 3)), CHANCE.standard_normal((3, 3)) / 2, CHANCE.standard_normal(3)]

    def tanh(h, s):
        return (sg.tanh(A @ h + s),) * 2

    def swap(pair, s):
        return (pair[1], sg.sin(pair[0]) * s), pair[0]

    def counted(pair, s):
        return (pair[0] + 1, sg.where(sg.equal(pair[0], 2), pair[1] * s, pair[1] + sg.exp(A) @ b)), pair[1]

    def within(h, s):
        inner, _ = sg.scan(lambda g, r: (sg.cos(g) * r + s, None), h, A)
        return inner, inner * h

    def given(h, s):
        return s, h + b

    last, ys = sg.scan(tanh, b, xs)
    back, yb = sg.scan(tanh, sg.zeros(3), xs, reverse=True)
    found = {"last": [last], "both ways": [ys, yb, sg.sum(last * back)], "bound": [sg.scan(given, b, xs)[1]],
             "derivatives": [sg.gradient(sg.sum(ys**2), A), sg.jacobian(last, xs), sg.hessian(sg.sum(last**2), b)],
             "swap": [*sg.scan(swap, (b, 2 * b), xs, reverse=True)[0], sg.scan(swap, (b, 2 * b), xs)[1]],
             "numbers": [*sg.scan(counted, (sg.arange(1)[0], b), xs)[0]],
             "checkpoints": [sg.gradient(sg.sum(sg.scan(tanh, b, xs, checkpoint=2)[0] ** 2), A)],
             "within": [sg.scan(within, b, xs)[1], sg.gradient(sg.sum(sg.scan(within, b, xs)[0]), A)]}
    for name, outputs in found.items():
        yield pytest.param([xs, A, b], outputs, at, id=name)


@pytest.mark.parametrize("inputs, outputs, at", list(cases()))
def test_functions_are_those_of_numpy(inputs, outputs, at):
    f = fused(inputs, outputs)
    for have, want in zip(f(*at), sg.function(inputs, outputs)(*at), strict=True):
        near(have, want, 1e-10)


def test_the_alignments_of_ctc(cupy):
    scores, targets = sg.data("s", (6, 2, 4)), sg.data("targets", (2, 2), dtype="integer")
    loss = sg.losses.ctc(sg.log_softmax(scores, axis=2), targets, [6, 5], [2, 1])
    at = [CHANCE.standard_normal((6, 2, 4)), np.array([[1, 2], [3, 3]])]
    outputs = [loss, sg.gradient(loss, scores)]
    for have, want in zip(fused([scores, targets], outputs)(*at), sg.function([scores, targets], outputs)(*at), strict=True):
        near(have, want, 1e-10)


def test_recurrences_that_run_both_ways_share_their_barriers():
    xs, b = sg.data("xs", (5, 3)), sg.data("b", 3)
    ways = [sg.scan(lambda h, s: (sg.tanh(h + s),) * 2, b, xs, reverse=reverse)[1] for reverse in (False, True)]
    one, both = (fused([xs, b], outputs).phases for outputs in (ways[:1], ways))
    assert both.phases == one.phases == 3
    assert both.note.endswith("; those within 1 for every step of a recurrence")


def test_a_compiler_for_cards_takes_the_text():
    trial = Trial(loss_of(sg.nn.RNN(4, 8)), sg.optim.SGD(0.1), DATA, 4, 1, vessel="grid")
    size, registers, spills, warnings = nvrtc.compiled(trial.text)
    assert size and registers <= 255 and not spills and not warnings
