"""The proof by numbers: its work grows with the derivation, and what the steps take for granted is proved at the end."""

from dataclasses import replace

import pytest

import symgrad as sg
from symgrad.derivations import at_point
from symgrad.graphs.node import topological
from symgrad.language.tensor import wrap


def network(depth, activation=sg.tanh):
    T = sg.dim("T")
    x, y = sg.data("x", 3, over=T), sg.data("y", 3, over=T)
    t = x
    for _ in range(depth):
        t = activation(sg.nn.Linear(3, 3)(t))
    return sg.empirical_risk(sg.losses.squared_error(t, y))


def work(depth, monkeypatch):
    """Nodes of everything that a proof compiles."""
    nodes = 0

    def counted(inputs, outputs, **more):
        nonlocal nodes
        found = outputs if isinstance(outputs, list) else [outputs]
        nodes += len(topological([t.node for t in found]))
        return sg.function(inputs, outputs, **more)

    monkeypatch.setattr(at_point, "function", counted)
    assert sg.derive(network(depth)).check()
    return nodes


def test_twice_the_layers_are_twice_the_work(monkeypatch):
    small, large = work(6, monkeypatch), work(12, monkeypatch)
    assert large < 2.2 * small


@pytest.mark.parametrize("activation", [sg.tanh, sg.relu, sg.sigmoid, lambda t: sg.maximum(t, 0.1 * t)])
def test_deep_networks_hold_with_kinks_too(activation):
    for seed in range(3):
        assert sg.derive(network(8, activation)).check(seed)


def test_a_loss_that_is_not_the_one_that_the_steps_derive_is_found_at_the_end():
    """Each step holds for its neighbours; the gradients of all steps together are half of what they should be."""
    w, x = sg.parameter("w", 3), sg.data("x", 3)
    d = sg.derive(sg.sum(sg.tanh(w * x) ** 2), [w])
    twice = 2 * wrap(d.loss)
    found = replace(d, y=twice, loss=twice.node).check()
    assert not found and [row.number for row in found.failed] == [d.steps[-1].number]


def test_a_use_that_a_step_leaves_out_is_found_by_that_step():
    w, x = sg.parameter("w", 3), sg.data("x", 3)
    d = sg.derive(sg.sum(sg.tanh(w * x).named("t") * w), [w])
    (last,) = (s for s in d.steps if s.name == "G_{w}")
    assert len(last.consumers) == 2
    part = last.steps[0].node
    found = replace(d, steps=(*(s for s in d.steps if s is not last), replace(last, node=part))).check()
    assert [row.name for row in found.failed] == ["G_{w}"]


def test_values_and_samples_of_all_kinds_hold():
    T, n = sg.dims("T n")
    x, t, W, v = sg.data("x", n, over=T), sg.data("t", over=T), sg.parameter("W", (n, n)), sg.parameter("v", n)
    shared = sg.tanh(W @ v).named("s")  # no samples, used by all of them
    losses = [sg.empirical_risk((shared @ x - t) ** 2), sg.sum(shared * v), shared @ x,
              sg.empirical_risk(sg.sum((x * v) ** 2))]
    for loss in losses:
        assert sg.derive(loss, [W, v] if loss is not losses[3] else [v]).check()
        assert sg.derive(loss, [*([shared] if loss is not losses[3] else []), v]).check()
