"""What is computed again in place of being kept: the same numbers in less memory, and nothing that costs much."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import symgrad as sg
from symgrad.codegen.plan.flows import before_cut
from symgrad.codegen.python import setting

T = sg.dim("T")


def mixer(width=64, rows=32, layers=2):
    """Blocks of a layer norm and a GELU network, with what they add up to."""
    net = [(sg.nn.LayerNorm(width), sg.nn.Linear(width, 2 * width), sg.nn.Linear(2 * width, width)) for _ in range(layers)]
    h = sg.data("x", (rows, width), over=T)
    for norm, one, two in net:
        h = h + two(sg.gelu(one(norm(h))))
    return sg.empirical_risk(sg.losses.mse(h, sg.data("t", (rows, width), over=T)))


def trained(loss, backend, dtype):
    rng = np.random.default_rng(0)
    model = sg.Model(loss, backend=backend, dtype=dtype, seed=3)
    batch = {name: rng.standard_normal((5, 32, 64)).astype(dtype) for name in "xt"}
    step = model.stepper(batch, sg.optim.Adam(1e-2))
    losses = [step() for _ in range(4)]
    return losses, {name: a.copy() for name, a in model.parameters.items()}


def peak(loss, backend):
    """The bytes of the workspace at 100 samples."""
    source = sg.generate(loss, optimizer=sg.optim.Adam(1e-2), backend=backend)
    return source.load()._c.gradients_room(100) if backend == "c" else float(source.plans["gradients"].peak.subs(T, 100))


@pytest.mark.parametrize("backend, part", [("numpy", 0.75), ("c", 0.65)])
def test_less_is_held_and_the_line_says_what_is_computed_again(backend, part, monkeypatch):
    less, text = peak(mixer(), backend), sg.generate(mixer(), optimizer=sg.optim.Adam(1e-2), backend=backend).text
    assert "x̂₂, again" in text
    monkeypatch.setattr(setting, "computed_again", lambda *how: None)
    assert less < part * peak(mixer(), backend)
    assert ", again" not in sg.generate(mixer(), optimizer=sg.optim.Adam(1e-2), backend=backend).text


@pytest.mark.parametrize("backend, tolerance", [("numpy", 0), ("c", 1e-12)])
def test_the_numbers_are_the_same(backend, tolerance, monkeypatch):
    losses, parameters = trained(mixer(), backend, "float64")
    monkeypatch.setattr(setting, "computed_again", lambda *how: None)
    wanted, kept = trained(mixer(), backend, "float64")
    np.testing.assert_allclose(losses, wanted, rtol=tolerance)
    for name, a in parameters.items():
        np.testing.assert_allclose(a, kept[name], rtol=tolerance, atol=tolerance)


def test_functions_and_products_are_not_computed_again():
    """tanh, whose value the way back needs, and matrix products occur as often as without."""
    text = sg.generate(mixer(), optimizer=sg.optim.Adam(1e-2)).text
    body = text[text.index("def gradients("):text.index("def gradients_workspace(")]
    assert body.count("_erf,") == 2 and body.count("np.exp(") == 2 and body.count("np.sqrt(") == 2
    assert body.count("np.dot(") == 2 * 6  # of each layer two ways forward and four back


def test_small_networks_stay_as_they_are():
    x = sg.data("x", 8, over=T)
    loss = sg.empirical_risk(sg.losses.mse(sg.nn.Linear(16, 1)(sg.gelu(sg.nn.Linear(8, 16)(x)))[0], sg.data("t", over=T)))
    assert ", again" not in sg.generate(loss, optimizer=sg.optim.SGD(0.1)).text


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 9)), max_size=20))
def test_a_cut_is_smallest(arcs):
    """Against all cuts."""
    def across(side):
        return sum(c for a, b, c in arcs if a in side and b not in side)

    sides = [{0, *(k for k in range(1, 6) if bits >> k & 1)} for bits in range(64)]
    found = before_cut(arcs, 0, 6)
    assert 0 in found and 6 not in found
    assert across(found) == min(map(across, sides))
