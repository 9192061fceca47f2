"""What a step costs is what its program does: operations of the plan at the size of a part, bytes of the one message."""

import math

import numpy as np
import pytest
from thread_ranks import on_ranks

import symgrad as sg

T = sg.dim("T")
x, y = sg.data("x", 6, over=T), sg.data("y", 3, over=T)
W = sg.parameter("W", (3, 6))
risk = sg.empirical_risk(sg.losses.squared_error(sg.tanh(W @ x), y))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ranks", [2, 3, 5])
def test_the_message_is_the_one_that_is_sent(dtype, ranks):
    models = [sg.Model(risk, dtype=dtype) for _ in range(ranks)]
    data = {"x": np.ones((20, 6)), "y": np.ones((20, 3))}
    for model in models:
        model.stepper(data)
    _, hub = on_ranks(ranks, lambda comm: models[comm.rank].fit(data, epochs=1, batch_size=None, progress=False, comm=comm))
    cost = models[0].cost(20, ranks)
    assert hub.messages == [cost.message // np.dtype(dtype).itemsize] == [18 + 3]
    assert cost.samples == math.ceil(20 / ranks)


def test_operations_of_a_part_are_those_of_its_samples():
    model = sg.Model(risk)
    one, four = model.cost(400), model.cost(400, 4)
    per_sample = model.cost(401).operations - one.operations
    assert one.operations - four.operations == 300 * per_sample and one.update == four.update == 18 * 10
    assert one.message == four.message and (one.sent, one.rounds) == (0, 0) and four.rounds == 4
    assert four.sent == 1.5 * four.message
    assert one.seconds(1e9) == pytest.approx((one.operations + 180) * 1e-9)
    slow = four.seconds(1e9, bytes=1e6, latency=1e-3)
    assert slow == pytest.approx((four.operations + 180) * 1e-9 + four.sent * 1e-6 + 4e-3)
    plain = sg.Model(risk).cost(optimizer=sg.optim.SGD(0.1)).update
    assert plain < one.update


def test_sums_are_counted_by_the_program_of_parts():
    model = sg.Model(T * risk + sg.sum(W ** 2))
    plans = model._programs.plans(sg.optim.Adam())
    size = sg.dim("T")
    assert model.cost(64, 2).operations == plans["gradients_of_part"].flops.subs(size, 32)
    assert model.cost(64, 1).operations == plans["gradients"].flops.subs(size, 64)


def test_what_has_no_cost_is_refused():
    with pytest.raises(sg.SymgradError, match="cost: LBFGS has no steps that are planned"):
        sg.Model(risk).cost(optimizer=sg.optim.LBFGS())
    with pytest.raises(sg.SymgradError, match="cost: several ranks cannot share"):
        sg.Model(risk + sg.logdet(sg.eye(T) * (1 + W[0, 0] ** 2))).cost(ranks=2)
    with pytest.raises(sg.SymgradError, match="ranks must be a whole number from 1, not 0"):
        sg.Model(risk).cost(ranks=0)
    n = sg.dim("n")
    v = sg.parameter("v", n)
    model = sg.Model(sg.losses.squared_error(v @ sg.data("u", n, over=T), y[0]))
    with pytest.raises(sg.SymgradError, match="no data have shown the size n yet|depend on the data|are those of the data"):
        model.cost()
    model.stepper({"u": np.ones((4, 7)), "y": np.ones((4, 3))})
    assert model.cost().message == (7 + 3) * 4


def test_sums_before_the_gradients_are_counted():
    net = sg.nn.Sequential(sg.nn.Linear(6, 4), sg.nn.BatchNorm1d(4), sg.nn.Tanh(), sg.nn.Linear(4, 3))
    model = sg.Model(sg.empirical_risk(sg.losses.squared_error(net(x), y)))
    one, two = model.cost(64), model.cost(64, 2)
    assert (one.stages, one.sums, one.rounds) == (0, 0, 0) and two.stages == 4  # mean, variance, and back through both
    assert two.sums == 4 * 4 * 6  # the running ones, too
    assert two.rounds == 6 and two.sent == two.message + two.sums
    assert 0.45 * one.operations < two.operations < 0.7 * one.operations
    assert f"a message of {two.message} bytes, 96 in 4 stages before, " in str(two)
