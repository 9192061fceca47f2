"""Random expressions, with and without a sample axis, in symbolic sizes and numbers, with axes of size 1 and 0.

Derivatives against differences and against each other, in float64; text that depends on nothing but the
expression; float32 that is the rounding of float64.
"""

import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
from checker import near, run
from expressions import PROGRAMS, SETTINGS, grown
from hypothesis import given, settings
from hypothesis import strategies as st
from places import environment

import symgrad as sg

rng = np.random.default_rng(0)
few = settings(max_examples=30)


def total(t):
    """One number: weighted, so that no symmetry hides an error."""
    weighted = sg.sum(t * (1 + 0.3 * sg.sin(sg.arange(t.shape[-1]))) if t.ndim else t)
    return weighted if t.over is None else sg.mean(weighted, over=t.over)


def along(f, at, x, v):
    """The derivative of f by x along v: central differences of order 4 with two steps, the better one, and its doubt."""
    def moved(h):
        return np.asarray(f({**at, x: at[x] + h * v}))

    found = []
    for h in (3e-3, 1e-3, 3e-4):
        found.append((8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h))
    doubts = [np.abs(a - b).max(initial=0) for a, b in zip(found, found[1:], strict=False)]
    best = int(np.argmin(doubts))
    return found[best + 1], doubts[best]


def agree(exact, estimate, doubt, note):
    scale = max(1.0, np.abs(estimate).max(initial=0))
    if doubt > 1e-6 * scale:  # a kink between the points: differences say nothing here
        return False
    near(exact, estimate, 1e-7 + 10 * doubt / scale, note)
    return True


@few
@given(PROGRAMS, SETTINGS, st.integers(0, 6))
def test_gradients_and_hessians_are_differences(program, setting, chosen):
    t, variables, at = grown(program, setting)
    x = variables[chosen]
    y = total(t)
    v = rng.standard_normal(np.shape(at[x]))
    direction = sg.data("direction", x.shape, over=x.over)
    slope = sg.gradient(y, x)
    value, gradient = run([y, slope], at)
    assert slope.shape == x.shape and gradient.shape == np.shape(at[x]) and np.isfinite(value)
    f = sg.function(list(at), y)
    if not agree(np.sum(gradient * v), *along(lambda a: f(*a.values()), at, x, v), "gradient"):
        return
    here = {**at, direction: v}
    forward, product = run([sg.jvp(y, x, direction), sg.hvp(y, x, direction)], here)
    near(np.sum(forward), np.sum(gradient * v), 1e-10, "jvp")
    g = sg.function(list(at), slope)
    agree(product, *along(lambda a: g(*a.values()), at, x, v), "hvp")
    if np.size(v) <= 12 and x.over is None:
        H = run(sg.hessian(y, x), at)
        near(np.tensordot(H, v, v.ndim), product, 1e-9, "Hessian times v is hvp")
        near(H, np.moveaxis(H, range(v.ndim), range(v.ndim, 2 * v.ndim)), 1e-9, "a Hessian is symmetric")


@few
@given(PROGRAMS, SETTINGS, st.integers(0, 6))
def test_products_and_jacobians_are_one_derivative(program, setting, chosen):
    t, variables, at = grown(program, setting)
    x = variables[chosen]
    u, v = sg.data("u", t.shape, over=t.over), sg.data("v", x.shape, over=x.over)
    values = run(t, at)
    here = {**at, u: rng.standard_normal(values.shape), v: rng.standard_normal(np.shape(at[x]))}
    pushed, pulled = run([sg.jvp(t, x, v), sg.vjp(t, x, u)], here)
    assert pushed.shape == values.shape
    pulled = pulled.sum(0) if pulled.ndim > here[v].ndim else pulled  # one for each sample
    near(np.sum(pushed * here[u]), np.sum(pulled * here[v]), 1e-9, "u' J v")
    if x.over is None and values.size * np.size(here[v]) <= 400:
        J = run(sg.jacobian(t, x), at)
        assert J.shape == (*values.shape, *here[v].shape)
        near(np.tensordot(J, here[v], here[v].ndim), pushed, 1e-9, "J v")


@few
@given(PROGRAMS, st.booleans(), st.integers(0, 6))
def test_gradients_of_samples_add_up(program, symbolic, chosen):
    t, variables, at = grown(program, (symbolic, True))
    x = variables[chosen]
    if t.over is None or x.over is not None:
        return
    each = sg.sum(t)
    whole = sg.sum(each, over=t.over)
    single, closed = run([sg.gradient(each, x), sg.gradient(whole, x)], at)
    assert single.shape == (4, *np.shape(at[x]))
    near(single.sum(0), closed, 1e-10)


@few
@given(PROGRAMS, SETTINGS)
def test_float32_is_float64_rounded(program, setting):
    t, variables, at = grown(program, setting)
    y = total(t)
    outputs = [t, y, *sg.gradient(y, variables)]
    exact = run(outputs, at)
    rough = sg.function(list(at), outputs, dtype="float32")(*at.values())
    for one, other in zip(rough, exact, strict=True):
        assert np.asarray(one).dtype == np.float32 and np.shape(one) == np.shape(other)
        near(one, other, 2e-3)


@settings(max_examples=25)
@given(PROGRAMS, SETTINGS, st.integers(0, 6))
def test_every_expression_prints_and_comes_back(program, setting, chosen):
    t, variables, _ = grown(program, setting)
    y = total(t)
    for each in (t, y, sg.gradient(y, variables[chosen]), sg.hvp(y, variables[chosen], variables[chosen])):
        for text in (str(each), repr(each), each.pretty(), each.mathml(), each._repr_latex_()):
            assert text.strip()
        latex = each.latex()
        assert latex.count("{") == latex.count("}") and latex.count(r"\left") == latex.count(r"\right")
        assert latex.count(r"\begin") == latex.count(r"\end")
        assert pickle.loads(pickle.dumps(each)) is each
        assert str(each) == str(pickle.loads(pickle.dumps(each)))
    graph = sg.graph(y)
    assert len(graph) == len(sg.graph(pickle.loads(pickle.dumps(y)))) and all(graph.nodes[key]["op"] for key in graph)


@settings(max_examples=10)
@given(PROGRAMS, SETTINGS)
def test_a_derivation_proves_itself(program, setting):
    t, variables, _ = grown(program, setting)
    loss = total(t)
    names = {name for _, name in sg.graph(loss).nodes(data="name")}
    used = [x for x in variables if x.name in names]
    if not used:
        return
    steps = sg.derive(loss, used)
    checked = steps.check(seed=1)
    assert checked, str(checked)
    for text in (steps.unicode(), steps.latex(), steps.markdown(), steps.html()):
        assert text.strip()


PRINT = """
from test_random_expressions import told
told()
"""


def told():
    """The text of ten expressions, of their gradients and of their code."""
    r = random.Random(0)
    for i in range(10):
        program = [(r.randrange(42), r.randrange(16), r.randrange(16), r.randrange(6)) for _ in range(10)]
        t, variables, at = grown(program, (i % 2 == 0, i % 3 == 0))
        y = total(t)
        slopes = sg.gradient(y, variables)
        print(t, y.latex(), *slopes, *(slope.latex() for slope in slopes), sep="\n")
        print(sg.function(list(at), [y, *slopes]).source)
        print(list(sg.graph(y, *slopes).nodes), sg.derive(y, variables[:2]).unicode() if i % 4 == 0 else "")


def test_text_and_code_are_the_same_under_every_hash_seed(capsys):
    """Two fresh processes and this one, which has made and printed other expressions before."""
    running = [subprocess.Popen([sys.executable, "-c", PRINT], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=environment(__file__, PYTHONHASHSEED=seed)) for seed in ("0", "4711")]
    told_by = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0], told_by[0][1].decode()
    told()
    here_and_now = capsys.readouterr().out.splitlines()
    assert len(here_and_now) > 400
    for text, _ in told_by:
        assert text.decode().splitlines() == here_and_now


@pytest.mark.parametrize("setting", [(a, b) for a in (False, True) for b in (False, True)])
def test_the_programs_reach_far(setting):
    """What is tested is not only small: most random programs fit, and all variables matter in some of them."""
    r = random.Random(1)
    sizes, reached = [], set()
    for _ in range(20):
        t, variables, _ = grown([(r.randrange(42), r.randrange(16), r.randrange(16), r.randrange(6)) for _ in range(12)], setting)
        slopes = sg.gradient(total(t), variables)
        reached |= {x.name for x, slope in zip(variables, slopes, strict=True) if slope != sg.zeros(x.shape)}
        sizes.append(len(sg.graph(t)))
    assert reached >= {"x", "W", "b", "r", "c", "S"} and np.mean(sizes) > 8, (reached, np.mean(sizes))
