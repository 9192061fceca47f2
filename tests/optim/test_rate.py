"""How fast a rule is, by its own formulas: measured slopes, the theory of the textbooks, what has no one factor."""

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symgrad as sg
from symgrad import optim

RULES = {
    "plain": optim.SGD(0.08),
    "momentum": optim.SGD(0.05, momentum=0.8),
    "nesterov": optim.SGD(0.05, momentum=0.8, nesterov=True),
    "L2": optim.SGD(0.05, momentum=0.7, weight_decay=0.3),
    "decoupled": optim.SGD(0.05, momentum=0.7, weight_decay=0.3, decoupled_weight_decay=True),
    "the lecture's": optim.rule("Lecture", "v = alpha*v - lr*g; theta = theta + v", lr=0.05, alpha=0.8),
    "two states": optim.rule("Two", "m = a*m + (1 - a)*g; v = b*v + m; theta = theta - lr*v", lr=0.02, a=0.5, b=0.6),
    "with statistics": optim.rule("Mean", "s = s + theta; theta = theta - lr*g", lr=0.08),
}


def program(optimizer):
    """Trains on 1/2 sum h theta^2, in double precision: around 0 it has 300 decades for errors."""
    h, theta = sg.data("h", 4), sg.parameter("theta", 4)
    return sg.generate(sg.sum(h * theta**2) / 2, optimizer=optimizer, dtype="float64").load()


def errors(module, curvatures, steps=600):
    """The largest error after each step."""
    state, found = module.begin({"theta": np.linspace(3, 2, 4)}), []
    for _ in range(steps):
        module.step(state, [curvatures])
        found.append(np.abs(state["theta"]).max())
    return np.array(found)


@pytest.mark.parametrize("name", RULES)
def test_the_measured_slope_is_the_predicted_factor(name):
    rng, module = np.random.default_rng(len(name)), program(RULES[name])
    for _ in range(10):
        curvatures = rng.uniform(0.3, 8, 4)
        predicted = RULES[name].rate(curvatures)
        found = errors(module, curvatures)
        last = int(np.nonzero(found > 1e-290)[0].max())
        half = np.arange(last // 2, last)
        assert predicted < 1 and len(half) > 100
        slope = np.polyfit(half, np.log(found[half]), 1)[0]
        assert math.exp(slope) == pytest.approx(predicted, rel=0.01)


def test_numbers():
    assert optim.SGD(0.1).rate(4.0) == pytest.approx(0.6, rel=1e-14)
    assert optim.SGD(0.1).rate(np.array([1.0, 10.0])) == pytest.approx(0.9, rel=1e-14)
    assert optim.SGD(0.1).rate([1, 30]) == pytest.approx(2.0) and optim.SGD(0.1).rate(-1) == pytest.approx(1.1)
    assert isinstance(optim.SGD(0.1).rate(np.float32(2)), float)
    low, high = 0.5, 8.0  # Polyak's best step and momentum: both ends of the spectrum are at the square root of momentum
    root = (math.sqrt(high) - math.sqrt(low)) / (math.sqrt(high) + math.sqrt(low))
    best = optim.SGD(4 / (math.sqrt(high) + math.sqrt(low)) ** 2, momentum=root**2)
    assert best.rate(np.linspace(low, high, 1000)) == pytest.approx(root, rel=1e-6)
    statistics = RULES["with statistics"]
    assert statistics.rate(2.0) == pytest.approx(0.84)  # the sum is kept, but no parameter depends on it


def test_decay_counts():
    assert optim.SGD(0.1, weight_decay=0.5).rate(2.0) == pytest.approx(1 - 0.1 * 2.5)
    assert optim.SGD(0.1, weight_decay=0.5, decoupled_weight_decay=True).rate(2.0) == pytest.approx(1 - 0.1 * 2.5)
    m = {"momentum": 0.9, "weight_decay": 0.5}
    assert optim.SGD(0.1, **m).rate(30.0) != optim.SGD(0.1, **m, decoupled_weight_decay=True).rate(30.0)


def eigenvalues(matrix):
    return max(abs(np.linalg.eigvals(np.array(matrix, float))))


def test_formulas_agree_with_the_eigenvalues_of_the_companion_matrix():
    eta, mu, h, w = sp.symbols("eta mu h w")
    assert optim.SGD(eta).rate(h) == sp.Abs(1 - eta * h)
    assert optim.SGD(eta, weight_decay=w).rate(h).equals(sp.Abs(1 - eta * (h + w)))
    plain, nesterov = (optim.SGD(eta, momentum=mu, nesterov=kind).rate(h) for kind in (False, True))
    assert plain.free_symbols == nesterov.free_symbols == {eta, mu, h}
    rng = np.random.default_rng(0)
    for _ in range(15):
        e, m, c = rng.uniform(0, 0.5), rng.uniform(0, 1), rng.uniform(-2, 20)
        at = {eta: e, mu: m, h: c}
        assert float(plain.subs(at)) == pytest.approx(eigenvalues([[1 - e * c, -e * m], [c, m]]), rel=1e-9)
        assert float(nesterov.subs(at)) == pytest.approx(eigenvalues([[1 - e * c * (1 + m), -e * m * m], [c, m]]), rel=1e-9)
        assert float(plain.subs(at)) == pytest.approx(optim.SGD(e, momentum=m).rate(c), rel=1e-9)


@given(st.data())
def test_any_linear_rule_is_the_matrix_that_its_program_applies(data):
    """Rules are drawn: each assigns what it keeps, and the parameters, some multiple of everything there is."""
    kept = data.draw(st.lists(st.sampled_from(["m", "v", "w"]), unique=True, max_size=2))
    coefficients = st.integers(-4, 4).map(lambda n: n / 4)
    lines = []
    for name in [*kept, "theta"]:
        terms = [f"{data.draw(coefficients)}*{other}" for other in ("g", *kept, "theta")]
        lines.append(f"{name} = " + " + ".join(terms))
    optimizer = optim.rule("Drawn", "\n".join(lines), lr=0.1)
    curvature = data.draw(st.sampled_from([0.5, 1.0, 3.0]))
    matrix = []
    for start in np.eye(1 + len(kept)):
        at = dict(zip(["theta", *kept], start, strict=True))
        at["g"] = curvature * at["theta"]
        for line in lines:
            name, _, formula = line.partition(" = ")
            at[name] = sum(float(a) * at[b] for a, b in (term.split("*") for term in formula.split(" + ")))
        matrix.append([at[name] for name in ("theta", *kept)])
    matrix = np.array(matrix).T
    reached = {0}
    for _ in kept:
        reached |= {j for i in reached for j in range(len(matrix)) if matrix[i, j]}
    part = matrix[np.ix_(sorted(reached), sorted(reached))]
    wanted = max(abs(np.linalg.eigvals(part)))
    assert optimizer.rate(curvature) == pytest.approx(wanted, rel=1e-5, abs=1e-6)


def test_a_symbol_for_the_curvature_alone():
    h = sp.Symbol("h", positive=True)
    for optimizer in RULES.values():
        if len(optimizer.states) < 2:
            formula = optimizer.rate(h)
            assert formula.free_symbols == {h}
            for value in (0.5, 2.0, 15.0):
                assert float(formula.subs(h, value)) == pytest.approx(optimizer.rate(value), rel=1e-9)
                assert float(optimizer.rate(2 * h + 1).subs(h, value)) == pytest.approx(optimizer.rate(2 * value + 1), rel=1e-9)
    assert optim.SGD(0.1).rate(sp.Rational(4)) == pytest.approx(0.6)
    eta = sp.Symbol("eta")
    assert optim.SGD(eta).rate(2.0) == sp.Abs(1 - 2 * eta)
    assert optim.SGD(eta).rate([1, 10]).subs(eta, sp.Rational(2, 11)) == sp.Rational(9, 11)  # both ends decide: the best step
    assert optim.SGD(0.1).rate([h, 4]).subs(h, 2) == sp.Rational(4, 5)


@pytest.mark.parametrize("ask, words", [
    (lambda: optim.Adam().rate(1.0), "Adam: v ← β₂ v + (1 - β₂) g² is not linear in the parameters and their gradient"),
    (lambda: optim.AdamW().rate(1.0), "AdamW: v ← "),
    (lambda: optim.RMSprop().rate(1.0), "RMSprop: v ← α v + (1 - α) g² is not linear"),
    (lambda: optim.Adagrad().rate([1.0, 2.0]), "Adagrad: s ← s + g² is not linear"),
    (lambda: optim.clip_norm(optim.SGD(0.1), 1).rate(1.0), "SGD: g ← g min(1, c / (‖g‖ + δ)) is not linear"),
    (lambda: optim.rule("Sign", "theta = theta - lr*sign(g)", lr=0.1).rate(1.0), "Sign: θ ← θ - η sign(g) is not linear"),
    (lambda: optim.rule("Fl", "theta = theta - lr*floor(g)", lr=0.1).rate(1.0), "Fl: θ ← θ - η ⌊g⌋ is not linear"),
    (lambda: optim.rule("Top", "v = max(v, g); theta = theta - lr*v", lr=0.1).rate(1.0), "is not linear"),
    (lambda: optim.rule("Slow", "theta = theta - lr*g/t", lr=0.1).rate(1.0), "Slow: its formulas count the steps (t)"),
    (lambda: optim.StepLR(optim.SGD(0.1), 3).rate(1.0), "SGD: the learning rate changes as it trains (StepLR)"),
    (lambda: optim.SGD(0.1).rate(np.eye(2)), "shape (2, 2); give the eigenvalues of a Hessian, np.linalg.eigvalsh(H)"),
    (lambda: optim.SGD(0.1).rate([]), "a curvature must be a finite number"),
    (lambda: optim.SGD(0.1).rate(math.nan), "a curvature must be a finite number, not nan"),
    (lambda: optim.SGD(0.1).rate("steep"), "a curvature is a number, an array of eigenvalues or a SymPy expression, not 'steep'"),
    (lambda: optim.SGD(0.1).rate(1j), "a curvature is a number"),
    (lambda: optim.SGD(sp.Symbol("eta")).rate(range(1, 30)), "SGD: a formula of 29 curvatures cannot be read; give the least and largest"),
    (lambda: optim.SGD(0.1).rate([sp.Symbol("h"), "x"]), "a curvature is a number"),
    (lambda: optim.SGD(sp.Symbol("eta")).rate(np.eye(2)), "shape (2, 2); give the eigenvalues"),
    (lambda: RULES["two states"].rate(sp.Symbol("h")), "root of a polynomial of degree 3"),
])
def test_what_has_no_one_factor_says_why(ask, words):
    with pytest.raises(sg.SymgradError) as caught:
        ask()
    assert words in str(caught.value)


def test_symbols_are_for_formulas_and_not_for_training():
    optimizer = optim.SGD(sp.Symbol("eta", positive=True), momentum=sp.Symbol("mu"))
    assert str(optimizer.formulas()).endswith("θ ← θ - η v") and repr(optimizer) == "SGD(lr=η, momentum=μ)"
    with pytest.raises(sg.SymgradError, match="SGD: lr is η, a symbol; it needs a number to train with"):
        program(optimizer)
    with pytest.raises(sg.SymgradError, match="a symbol; it needs a number"):
        sg.Model(sg.sum(sg.parameter("w", 2) ** 2)).fit({}, optimizer, progress=False)
