"""Update rules in few passes: the numbers of the rule as written, fewer operations, and what may not be moved."""

import math

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad import optim
from symgrad.optim.passes import Scalars, few_passes
from symgrad.optim.scalars import decimal

LR, T = sp.symbols("lr t")


def numbered(optimizer):
    numbers = {sp.Symbol(k): decimal(float(v)) for k, v in optimizer.values.items() if k != "lr"}
    return [(left, right.doit().subs(numbers)) for left, right in optimizer.equations]


def run(rule, states, count=7, lr=0.01):
    """theta after steps of assignments on random gradients, entry by entry."""
    rng = np.random.default_rng(0)
    gradients = rng.standard_normal((count, 3))
    env = {"theta": np.array([1.0, -2.0, 0.5]), **{name: np.full(3, value) for name, value in states.items()}}
    for t, g in enumerate(gradients, start=1):
        env |= {"g": g, "lr": lr, "t": t}
        for left, right in rule:
            names = sorted(right.free_symbols, key=str)
            env[left.name] = sp.lambdify(names, right, "numpy")(*(env[s.name] for s in names))
    return env["theta"]


def count(rule):
    scalars = Scalars({left: right for left, right in rule if right.free_symbols and right.free_symbols <= {LR, T}})
    return sum(scalars.passes(right) for _, right in rule)


OWN = optim.rule("own", """
    c = lr / (1 - beta**t)
    m = beta*m + (1 - beta)*g
    d = m*c
    theta = theta - d / (abs(m) + eps)
""", lr=0.01, beta=0.8, eps=1e-3)
RULES = [
    (optim.Adam(), 14, 10), (optim.Adam(weight_decay=0.1, amsgrad=True), 17, 14), (optim.AdamW(), 16, 12),
    (optim.RMSprop(), 9, 8), (optim.RMSprop(alpha=0.9, centered=True, momentum=0.9), 16, 16),
    (optim.Adagrad(initial_accumulator_value=0.5), 7, 7), (optim.SGD(momentum=0.9), 4, 4), (OWN, 8, 8)]


@pytest.mark.parametrize("optimizer, before, after", RULES, ids=lambda value: getattr(value, "name", ""))
def test_fewer_passes_give_the_same_numbers(optimizer, before, after):
    written, start = numbered(optimizer), dict(optimizer.start)
    found, units = few_passes(written, list(start))
    short = [(a.left, a.right) for a in found]
    assert (count(written), count(short)) == (before, after)
    inner = {name: value / float(units.get(name, 1)) for name, value in start.items()}
    np.testing.assert_allclose(run(short, inner), run(written, start), rtol=1e-12)
    assert sorted(i for a in found for i in a.places) == list(range(len(written))), "each formula is told once"


def test_a_scalar_that_may_be_negative_stays_in_its_root():
    v, theta = sp.symbols("v theta")
    rule = [(v, v + 1), (theta, theta - sp.sqrt(v * (T - 3)))]
    assert [a.right for a in few_passes(rule, ["v"])[0]] == [right for _, right in rule]
    scalars = Scalars({sp.Symbol("c"): 1 - sp.Rational(9, 10)**T})
    assert scalars.positive(sp.Symbol("c")) and scalars.positive(1 / (1 - sp.Rational(9, 10)**T))
    for e in (LR, 1 - 2**T, 1 - T, T - 3, -sp.Symbol("c"), 1 - sp.Symbol("b")**T):
        assert not scalars.positive(e)


def test_a_state_that_others_read_in_its_own_units_keeps_them():
    m, n, g, theta = sp.symbols("m n g theta")
    rule = [(m, m / 2 + g / 4), (n, sp.Max(m, n)), (theta, theta - LR * n)]
    assert few_passes(rule, ["m", "n"]) == (few_passes(rule, ["m", "n"])[0], {})


def test_a_name_that_is_read_twice_or_changes_meaning_is_not_put_in():
    a, m, theta, g = sp.symbols("a m theta g")
    twice = [(a, LR * g), (m, m + a), (theta, theta - a * m)]
    assert [x.left for x in few_passes(twice, ["m"])[0]] == [a, m, theta]
    moved = [(a, LR * m), (m, m + g), (theta, theta - a * m)]
    assert [x.left for x in few_passes(moved, ["m"])[0]] == [a, m, theta]


def test_states_start_in_the_units_in_which_they_are_kept():
    rule = optim.rule("r", "m = 0.5*m + 0.25*g\ntheta = theta - lr*m", lr=0.1, start={"m": 2})
    theta, c = sg.parameter("theta", 2, init=[1.0, -2.0]), sg.data("c", 2)
    model = sg.Model(sg.sum((theta - c) ** 2) / 2, dtype="float64")
    step = model.stepper({"c": [3.0, 1.0]}, rule)
    at, m = np.array([1.0, -2.0]), 2.0
    for _ in range(4):
        m = 0.5 * m + 0.25 * (at - [3.0, 1.0])
        at = at - 0.1 * m
        step()
    np.testing.assert_allclose(model.parameters["theta"], at, rtol=1e-14)
    text = str(sg.generate(model.loss, optimizer=rule))
    assert "np.add(g, m, out=m)  # m ← 0.5 m + 0.25 g, m / 0.25 is kept" in text
    assert '"m": np.full' in text and math.isclose(rule.update((2,)).start["m"], 8)


def test_the_update_of_adam_as_it_is_written():
    x, w = sg.data("x", 3), sg.parameter("w", 3)
    text = str(sg.generate(sg.sum((w - x) ** 2)))
    update = text[text.index("def update("):text.index("def update_workspace")]
    lines = [line.split("#")[0].strip() for line in update.splitlines() if "np." in line]
    assert lines == [
        "np.multiply(m, 0.9, out=m)", "np.add(g, m, out=m)", "np.multiply(g, g, out=v1)", "np.multiply(v, 0.999, out=v)",
        "np.add(v1, v, out=v)", "np.sqrt(v, out=v2)", "np.add(c1, v2, out=v2)", "np.multiply(m, c2, out=v3)",
        "np.divide(v3, v2, out=v3)", "np.subtract(theta, v3, out=theta)"]


def test_the_numbers_of_a_step_stand_with_their_formulas():
    x, w = sg.data("x", 3), sg.parameter("w", 3)
    for backend in ("numpy", "c"):
        text = str(sg.generate(sg.sum((w - x) ** 2), optimizer=optim.AdamW(), backend=backend))
        assert text.count("    c1 = 0.01 * lr  # η λ\n") == (1 if backend == "numpy" else 2)
        assert "* math.sqrt(1 - 0.999**t)  # ε √(1 - β₂ᵗ) / √(1 - β₂)\n" in text
        assert "    # η √(1 - β₂ᵗ) (1 - β₁) / (√(1 - β₂) (1 - β₁ᵗ))\n    c3 = " in text


def test_hyperparameters_as_symbols_give_the_same_rule_as_their_numbers():
    for optimizer, _, after in RULES:
        numbers = {sp.Symbol(k): decimal(float(v)) for k, v in optimizer.values.items() if k != "lr" and v}
        gone = {sp.Symbol(k): 0 for k, v in optimizer.values.items() if not v}
        written = [(left, right.doit().subs(gone)) for left, right in optimizer.equations]
        found, units = few_passes(written, list(optimizer.start), numbers)
        plain, same = few_passes(numbered(optimizer), list(optimizer.start))
        assert {name: unit.subs(numbers) for name, unit in units.items()} == same
        assert [(a.left, a.places) for a in found] == [(a.left, a.places) for a in plain]
        values = {s: 0.3 + i / 7 for i, s in enumerate(sorted({s for a in plain for s in a.right.free_symbols}, key=str))}
        for a, b in zip(found, plain, strict=True):
            given = {**numbers, **values}
            assert float(a.right.subs(given)) == pytest.approx(float(b.right.subs(given)), rel=1e-12)


def test_a_state_alone_may_be_the_step():
    rule = optim.rule("r", "m = 0.9*m + lr*g\ntheta = theta - m", lr=0.1)
    w, c = sg.parameter("w", 2, init=[1.0, -2.0]), sg.data("c", 2)
    model = sg.Model(sg.sum((w - c) ** 2) / 2, dtype="float64")
    step = model.stepper({"c": [3.0, 1.0]}, rule)
    at, m = np.array([1.0, -2.0]), 0.0
    for _ in range(3):
        m = 0.9 * m + 0.1 * (at - [3.0, 1.0])
        at = at - m
        step()
    np.testing.assert_allclose(model.parameters["w"], at, rtol=1e-14)
