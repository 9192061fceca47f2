"""Optimisers: the numbers of torch.optim, the formulas as print, rules of one's own, early stopping."""

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad import optim
from symgrad.optim.scalars import line, scalar
from symgrad.training.model import Model

A, C = np.array([1.0, 10.0]), np.array([3.0, 1.0])


def steps(optimizer, count=5, dtype="float64"):
    """theta after steps on f = 1/2 sum a (theta - c)^2, by way of the model's stepper."""
    theta, a, c = sg.parameter("theta", 2, init=[1.0, -2.0]), sg.data("a", 2), sg.data("c", 2)
    model = Model(sg.sum(a * (theta - c) ** 2) / 2, dtype=dtype)
    step = model.stepper({"a": A, "c": C}, optimizer)
    for _ in range(count):
        step()
    return model.parameters["theta"]


# Five steps of torch.optim, float64, torch 2: the numbers.
TORCH = [
    (optim.SGD(0.05), [1.452438125, 0.90625]),
    (optim.SGD(0.05, momentum=0.9), [2.165688125, 2.5654]),
    (optim.SGD(0.05, momentum=0.9, nesterov=True), [2.36811538986875, 1.0334115625]),
    (optim.Adam(0.1), [1.49704421740701, -1.501779455543]),
    (optim.AdamW(0.1, weight_decay=0.1), [1.43856602083805, -1.41405835749384]),
    (optim.RMSprop(0.1), [2.90168988150679, 0.397486729061875]),
    (optim.Adagrad(0.5), [2.31720978152651, -0.569639728914955]),
]


@pytest.mark.parametrize("optimizer, theta", TORCH, ids=lambda value: getattr(value, "name", ""))
def test_five_steps_equal_torch(optimizer, theta):
    np.testing.assert_allclose(steps(optimizer), theta, rtol=0, atol=1e-12)


def plain(kind, count=5, lr=0.1, decay=0.1, **more):
    """The other rows, written out as torch.optim documents them."""
    theta, s, b, m = np.array([1.0, -2.0]), np.zeros(2), np.zeros(2), np.zeros(2)
    v, top, mean = np.zeros(2), np.zeros(2), np.zeros(2)
    for t in range(1, count + 1):
        g = A * (theta - C) + decay * theta
        if kind == "adagrad":
            s = s + g * g
            theta = theta - lr / (1 + (t - 1) * 0.1) * g / (np.sqrt(s) + 1e-10)
        elif kind == "rmsprop":
            v = 0.99 * v + 0.01 * g * g
            mean = 0.99 * mean + 0.01 * g
            b = 0.9 * b + g / (np.sqrt(v - mean * mean) + 1e-8)
            theta = theta - lr * b
        elif kind == "amsgrad":
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            top = np.maximum(top, v)
            theta = theta - lr * (m / (1 - 0.9**t)) / (np.sqrt(top / (1 - 0.999**t)) + 1e-8)
    return theta


@pytest.mark.parametrize("optimizer, kind", [
    (optim.Adagrad(0.1, lr_decay=0.1, weight_decay=0.1), "adagrad"),
    (optim.RMSprop(0.1, momentum=0.9, centered=True, weight_decay=0.1), "rmsprop"),
    (optim.Adam(0.1, amsgrad=True, weight_decay=0.1), "amsgrad"),
], ids=["adagrad", "rmsprop", "amsgrad"])
def test_the_other_rows_do_as_documented(optimizer, kind):
    np.testing.assert_allclose(steps(optimizer), plain(kind), rtol=1e-12)


def test_weight_decay_of_sgd_is_added_to_the_gradient():
    theta = np.array([1.0, -2.0])
    for _ in range(5):
        theta = theta - 0.05 * (A * (theta - C) + 0.1 * theta)
    np.testing.assert_allclose(steps(optim.SGD(0.05, weight_decay=0.1)), theta, rtol=1e-14)


def test_float32_stays_and_loses_no_digit_to_bias_correction():
    theta = steps(optim.Adam(0.1), 1, "float32")
    assert theta.dtype == np.float32
    np.testing.assert_allclose(theta, [1.1, -1.9], rtol=2e-7)  # 1 - 0.999**1 in float32 would give 1e-5


def test_formulas_read_as_in_the_paper():
    shown = str(optim.AdamW(0.1).formulas())
    for formula in ("θ ← θ - η λ θ", "m ← β₁ m + (1 - β₁) g", "v̂ ← v / (1 - β₂ᵗ)", "θ ← θ - η m̂ / (√v̂ + ε)", "λ = 0.01"):
        assert formula in shown
    tex = optim.Adam().formulas()._repr_latex_()
    assert r"\theta &\leftarrow \theta - \frac{\eta \hat{m}}{\sqrt{\hat{v}} + \varepsilon}" in tex
    assert optim.Adam().formulas().equations[0][0] == sp.Symbol("m")
    assert repr(optim.SGD(0.1, momentum=0.9)) == "SGD(lr=0.1, momentum=0.9)"


def test_a_rule_of_ones_own():
    lecture = optim.rule("Momentum", "v = alpha*v - lr*g; theta = theta + v", lr=0.05, alpha=0.9)
    np.testing.assert_allclose(steps(lecture), steps(optim.SGD(0.05, momentum=0.9)), rtol=1e-13)
    theta, g, lr, k, t = sp.symbols("theta g lr k t")
    slower = optim.rule("Slower", {"rate": lr / (1 + k * t), "theta": theta - sp.Symbol("rate") * g}, lr=0.05, k=1)
    expected = np.array([1.0, -2.0])
    for i in range(1, 6):
        expected = expected - 0.05 / (1 + i) * A * (expected - C)
    np.testing.assert_allclose(steps(slower), expected, rtol=1e-13)


def test_remarks_stand_behind_formulas():
    told = optim.rule("Told", """
        v = mu*v + g   # what persists adds up; what alternates cancels
        # nothing here
        theta = theta - lr*v
    """, lr=0.05, mu=0.9)
    np.testing.assert_allclose(steps(told), steps(optim.SGD(0.05, momentum=0.9)), rtol=1e-14)


def test_weight_decay_of_every_rule_is_l2_or_decoupled():
    """Decoupled: theta shrinks by lr * decay before the step, as in AdamW; L2: the gradient has decay * theta more."""
    for make in (optim.SGD, optim.Adam, optim.RMSprop, optim.Adagrad):
        apart, added = (make(0.05, weight_decay=0.1, decoupled_weight_decay=kind) for kind in (True, False))
        plain = make(0.05)
        assert np.array_equal(steps(make(0.05, decoupled_weight_decay=True)), steps(plain))
        lines = [str(line) for line in str(apart.formulas()).splitlines()]
        assert lines[1] == "  θ ← θ - η λ θ" and "g + λ θ" in str(added.formulas())
        first = np.array([1.0, -2.0])
        moved = steps(plain, 1) - first  # the step that the gradient alone makes
        np.testing.assert_allclose(steps(apart, 1), first * (1 - 0.05 * 0.1) + moved, rtol=1e-12)
        assert np.allclose(steps(apart), steps(added), rtol=1e-12) == (make is optim.SGD)  # where the gradient is not divided
    np.testing.assert_allclose(steps(optim.Adam(0.1, weight_decay=0.1, decoupled_weight_decay=True)),
                               steps(optim.AdamW(0.1, weight_decay=0.1)), rtol=1e-14)
    late = optim.Adagrad(0.1, lr_decay=0.5, weight_decay=0.1, decoupled_weight_decay=True)
    assert "θ ← θ - η λ θ / (1 + γ (t - 1))" in str(late.formulas())


def test_states_may_start_elsewhere():
    kept = optim.rule("Kept", "s = s + g**2; theta = theta - lr*g/sqrt(s)", lr=0.1, start={"s": 1.0})
    assert kept.states == {"s": 1.0}
    g = A * (np.array([1.0, -2.0]) - C)
    np.testing.assert_allclose(steps(kept, 1), np.array([1.0, -2.0]) - 0.1 * g / np.sqrt(1 + g * g), rtol=1e-14)


@pytest.mark.parametrize("make, words", [
    (lambda: optim.SGD(-1), ["SGD", "lr", "-1", "at least 0"]),
    (lambda: optim.SGD("fast"), ["lr", "finite number", "fast"]),
    (lambda: optim.SGD(optim.StepLR(3)), ["SGD: lr is the schedule StepLR(step_size=3, gamma=0.1)", "SGD(0.1).scheduled(StepLR("]),
    (lambda: optim.rule("R", "theta = theta - lr*g", lr=0.1, beta=0.9), ["R: beta is given a value, but no formula reads it"]),
    (lambda: optim.rule("R", "v = v + g; theta = theta - lr*v", lr=0.1, start={"v": sp.Symbol("a")}), ["start['v'] must be a finite"]),
    (lambda: optim.SGD(float("nan")), ["lr", "nan"]),
    (lambda: optim.SGD(0.1, nesterov=True), ["nesterov", "momentum"]),
    (lambda: optim.Adam(betas=(0.9, 1.0)), ["betas[1]", "1", "below 1"]),
    (lambda: optim.Adam(betas=0.9), ["betas", "two numbers"]),
    (lambda: optim.rule("R", "theta = theta - lr*h", lr=0.1), ["h has no value", "h=..."]),
    (lambda: optim.rule("R", "theta = theta - g"), ["lr=..."]),
    (lambda: optim.rule("R", "v = v + g", lr=0.1), ["theta"]),
    (lambda: optim.rule("R", "theta - lr*g", lr=0.1), ["assignment"]),
    (lambda: optim.rule("R", "lr = 2; theta = theta - g", lr=0.1), ["lr", "cannot be assigned"]),
    (lambda: optim.rule("R", {"batch": "batch + g", "theta": "theta - lr*batch"}, lr=0.1), ["batch", "another name"]),
    (lambda: optim.rule("R", {"lambda": "g", "theta": "theta"}, lr=0.1), ["lambda", "another name"]),
    (lambda: optim.rule("R", "theta = theta - lr*g", lr=0.1, start={"m": 1}), ["m", "none"]),
    (lambda: optim.rule("R", "theta = __import__('os').getcwd()", lr=0.1), ["column 1"]),
    (lambda: optim.rule("R", "theta = theta.real", lr=0.1), ["numbers, names"]),
    (lambda: optim.EarlyStopping(0), ["patience", "0"]),
    (lambda: optim.EarlyStopping(mode="up"), ["mode", "up"]),
])
def test_what_makes_no_sense_is_refused(make, words):
    with pytest.raises(sg.SymgradError) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("text, shown", [
    ("a/(b*c) - 2*d", "a / (b c) - 2 d"), ("-lr*sign(m)", "-η sign(m)"), ("x**(a+1)", "x^(a + 1)"),
    ("a - (b - c)", "a - (b - c)"), ("1/sqrt(v)", "1 / √v"), ("max(a, b)**2", "max(a, b)²"), ("(-2)**t", "(-2)ᵗ"),
])
def test_scalar_formulas_print_as_written(text, shown):
    assert line(scalar(text)) == shown
