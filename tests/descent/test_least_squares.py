"""Least squares: NIST's certified regressions to eight digits from both starts, scales that do not matter, refusals."""

import mgh
import nist
import numpy as np
import pytest

import symgrad as sg
from symgrad.descent.conjugate import newton_cg
from symgrad.descent.least_squares import gauss_newton, levenberg_marquardt
from symgrad.descent.objective import Objective
from symgrad.descent.structured import structured_solver
from symgrad.graphs.errors import DataError
from symgrad.graphs.node import topological
from symgrad.minimising.squares import sum_of_squares

PROBLEMS = nist.problems()
FITS = [(name, factor) for name, fit in mgh.fits().items() for factor in fit.factors]
P = sg.parameter("p", 2)
ROSENBROCK = [1 - P[0], 10 * (P[1] - P[0] ** 2)]


def course(method, f, x):
    """All points and the end of a method; the accepted losses never rise, and are those of the points."""
    steps, run = [], method(f, np.array(x, float))
    try:
        with np.errstate(all="ignore"):
            while True:
                steps.append(next(run))
    except StopIteration as stop:
        ending = stop.value
    kept = [it.loss for it in steps if it.accepted]
    assert all(b <= a for a, b in zip(kept, kept[1:], strict=False))
    for it in steps:
        value = f.value(it.x)
        assert it.loss == pytest.approx(value, rel=1e-8, abs=1e-300) or not np.isfinite(value)
    return steps, ending


def last(steps):
    return [it for it in steps if it.accepted][-1]


def objective(problem, factor=1.0, constant=0.0):
    loss, parameters = problem.loss()
    loss = factor * loss + constant
    data = {node: problem.data[node.attrs[0].name] for node in topological([loss.node])
            if node.op == "input" and node.attrs[0].name in problem.data}
    n = next(iter(data)).shape[0]
    return Objective(loss, parameters, data, {n: len(problem.data["y"])}, sum_of_squares(loss, parameters).residuals)


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("name", PROBLEMS)
def test_certified_values_from_both_starts(name, start):
    problem = PROBLEMS[name]
    steps, ending = course(levenberg_marquardt, objective(problem), list(problem.starts[start].values()))
    found = dict(zip(problem.certified, last(steps).x, strict=True))
    assert ending.success
    assert nist.digits(found, problem.certified) >= 8
    if name != "Lanczos1":  # its sum of squares, 1e-25, is rounding
        assert last(steps).loss == pytest.approx(problem.rss, rel=1e-9)
    assert len(steps) < 700


@pytest.mark.parametrize(("name", "factor"), FITS)
def test_the_problems_of_more_garbow_and_hillstrom(name, factor):
    fit = mgh.fits()[name]
    f = Objective(sg.sum(fit.residual**2), [fit.x], {}, {}, [fit.residual])
    steps, ending = course(levenberg_marquardt, f, factor * np.array(fit.start))
    assert ending.success
    assert any(last(steps).loss == pytest.approx(least, rel=1e-7, abs=1e-20) for least in fit.least)
    assert f.evaluations < 300 + 2 * len(steps)


def test_large_residuals_ask_for_the_exact_hessian():
    """By J'J alone Brown and Dennis takes hundreds of steps to a few digits."""
    fit = mgh.fits()["Brown-Dennis"]
    f = Objective(sg.sum(fit.residual**2), [fit.x], {}, {}, [fit.residual])
    steps, _ = course(levenberg_marquardt, f, fit.start)
    assert len(steps) < 40 and last(steps).norm < 1e-4


@pytest.mark.parametrize("name", ["Misra1a", "Thurber", "Rat42", "Gauss3", "Bennett5", "ENSO", "Kirby2"])
def test_gauss_newton_from_the_second_start(name):
    problem = PROBLEMS[name]
    steps, ending = course(gauss_newton, objective(problem), list(problem.starts[1].values()))
    assert ending.success
    assert nist.digits(dict(zip(problem.certified, last(steps).x, strict=True)), problem.certified) >= 7.5


@pytest.mark.parametrize("name", ["Misra1a", "Thurber", "MGH17", "Rat43", "Hahn1", "BoxBOD", "Roszman1"])
def test_newton_cg_on_regressions(name):
    problem = PROBLEMS[name]
    steps, ending = course(newton_cg, objective(problem), list(problem.starts[1].values()))
    assert ending.success
    assert nist.digits(dict(zip(problem.certified, last(steps).x, strict=True)), problem.certified) >= 6


@pytest.mark.parametrize("method", [levenberg_marquardt, gauss_newton])
def test_factors_and_constants_do_not_matter(method):
    problem = PROBLEMS["Misra1b"]
    plain, _ = course(method, objective(problem), list(problem.starts[0].values()))
    other, _ = course(method, objective(problem, 1 / 14, 3.0), list(problem.starts[0].values()))
    assert other[-1].loss == pytest.approx(plain[-1].loss / 14 + 3, rel=1e-10)
    np.testing.assert_allclose(other[-1].x, plain[-1].x, rtol=1e-9)


def test_units_of_the_variables_do_not_matter():
    """With the variables in other units the same points are tried."""
    problem = PROBLEMS["Rat43"]
    f = objective(problem)
    units = np.array([1e3, 1e-4, 10.0, 1e6])
    scaled = [sg.parameter(f"c{i}") for i in range(4)]
    loss = sg.parse(f"sum((y - ({problem.model}))**2)", y="n", x="n",
                    **{f"b{i + 1}": scaled[i] * units[i] for i in range(4)})
    g = Objective(loss, scaled, f.data, f.sizes, sum_of_squares(loss, scaled).residuals)
    start = np.array(list(problem.starts[0].values()))
    one, _ = course(levenberg_marquardt, f, start)
    two, _ = course(levenberg_marquardt, g, start / units)
    for a, b in zip(one[:15], two[:15], strict=True):
        np.testing.assert_allclose(b.x * units, a.x, rtol=1e-6)


@pytest.mark.parametrize("method", [levenberg_marquardt, gauss_newton, newton_cg])
def test_rosenbrock_and_himmelblau(method):
    f = Objective(sum(r**2 for r in ROSENBROCK), [P], {}, {}, ROSENBROCK)
    steps, ending = course(method, f, [-1.2, 1.0])
    assert ending.success
    np.testing.assert_allclose(last(steps).x, [1, 1], rtol=1e-9)
    residuals = [P[0] ** 2 + P[1] - 11, P[0] + P[1] ** 2 - 7]
    f = Objective(sum(r**2 for r in residuals), [P], {}, {}, residuals)
    steps, ending = course(method, f, [1.0, 1.0])
    assert ending.success
    np.testing.assert_allclose(last(steps).x, [3, 2], rtol=1e-9)


@pytest.mark.parametrize("method", [levenberg_marquardt, gauss_newton])
def test_a_jacobian_without_full_rank(method):
    """a and b occur as a sum only: the sum is found, from two directions that do not matter."""
    n = sg.dim("n")
    x, y, a, b, c = sg.data("x", n), sg.data("y", n), sg.parameter("a"), sg.parameter("b"), sg.parameter("c")
    r = (a + b) * sg.exp(-c * x) - y
    at = np.linspace(0, 2, 9)
    f = Objective(sg.sum(r**2), [a, b, c], {x.node: at, y.node: 3 * np.exp(-0.7 * at)}, {n: 9}, [r])
    steps, ending = course(method, f, [0.5, 1.0, 0.3])
    assert ending.success
    p = last(steps).x
    assert p[0] + p[1] == pytest.approx(3, rel=1e-8) and p[2] == pytest.approx(0.7, rel=1e-8)


@pytest.mark.parametrize("method", [levenberg_marquardt, gauss_newton])
def test_points_where_the_residuals_do_not_exist(method):
    """Steps that go below zero under a logarithm, or that overflow, are left again."""
    n = sg.dim("n")
    x, y, a, b = sg.data("x", n), sg.data("y", n), sg.parameter("a"), sg.parameter("b")
    r = sg.log(a + b * x) - y
    at = np.linspace(0, 4, 12)
    f = Objective(sg.sum(r**2), [a, b], {x.node: at, y.node: np.log(0.02 + 2 * at)}, {n: 12}, [r])
    steps, ending = course(method, f, [9.0, 9.0])
    assert ending.success
    assert any(not it.accepted for it in steps)
    np.testing.assert_allclose(last(steps).x, [0.02, 2.0], rtol=1e-7)
    with pytest.raises(DataError, match="the residuals or their Jacobian have no finite value at the start"):
        next(method(f, np.array([-1.0, 1.0])))


def test_a_corner_is_said():
    r = [sg.abs(P[0]) + 1 + sg.exp(P[1]) - P[0] / 2]
    f = Objective(r[0] ** 2, [P], {}, {}, r)
    steps, ending = course(levenberg_marquardt, f, [1.0, -40.0])
    assert not ending.success and "corner" in ending.message and abs(last(steps).x[0]) < 1e-6


def test_newton_cg_with_negative_curvature_and_many_variables():
    x = sg.parameter("x", 60)
    f = Objective(sg.sum((x**2 - 1) ** 2) + sg.sum(x[1:] * x[:-1]) / 10, [x], {}, {})
    steps, ending = course(newton_cg, f, 1e-3 * np.cos(np.arange(60.0)))
    assert ending.success
    assert np.linalg.eigvalsh(f.hessian(last(steps).x)).min() > 0
    assert last(steps).norm < 1e-8


def test_newton_cg_converges_faster_than_linearly():
    q = sg.parameter("q", 4)
    f = Objective(sg.sum(sg.exp(q) - np.arange(1.0, 5.0) * q) + sg.sum(q) ** 2 / 8, [q], {}, {})
    steps, _ = course(newton_cg, f, np.ones(4))
    norms = [it.norm for it in steps if it.accepted]
    ratios = [b / a for a, b in zip(norms, norms[1:], strict=False) if b > 1e-13]
    assert ratios[-1] < 1e-3


def test_variables_over_samples():
    """One value for each sample, coupled by what all samples share: the whole Jacobian and the whole Hessian."""
    T, d = sg.dims("T d")
    x, u, V = sg.data("x", d, over=T), sg.data("u", 2, over=T), sg.parameter("V", (d, 2))
    rng = np.random.default_rng(0)
    loss = sg.empirical_risk(sg.sum((V @ sg.tanh(u) - x) ** 2))
    f = Objective(loss, [u, V], {x.node: rng.normal(size=(5, 3))}, {T: 5, d: 3}, sum_of_squares(loss, [u, V]).residuals)
    at, h = rng.normal(size=16), 1e-6
    numeric = np.stack([(f.residual(at + h * e) - f.residual(at - h * e)) / (2 * h) for e in np.eye(16)], axis=1)
    np.testing.assert_allclose(f.jacobian(at)[1], numeric, atol=1e-8)
    numeric = np.stack([(f.slope(at + h * e)[1] - f.slope(at - h * e)[1]) / (2 * h) for e in np.eye(16)])
    np.testing.assert_allclose(f.hessian(at), numeric, atol=1e-8)
    steps, ending = course(levenberg_marquardt, f, at)
    assert ending.success and last(steps).norm < 1e-7


# structure ----------------------------------------------------------------------------------------------


n = 40
x, c, W, A, B = (sg.parameter("x", n), sg.data("c", n), sg.parameter("W", (6, 5)), sg.data("A", (9, 6)),
                 sg.data("B", (9, 5)))
v = sg.parameter("v", 15)
STRUCTURED = {
    "diagonal": (sg.sum(sg.exp(x) - c * x), [x]),
    "diagonal and one column": (sg.sum(sg.exp(x) - c * x) + sg.sum(x) ** 2, [x]),
    "kronecker": (sg.sum((A @ W - B) ** 2) + sg.sum(W), [W]),
    "blocks": (sg.sum(sg.exp(A @ W)) + sg.sum(W**2), [W]),
    "two variables": (sg.sum(sg.exp(x) - c * x) + sg.sum(sg.cosh(v)), [x, v]),
}


@pytest.mark.parametrize("name", STRUCTURED)
def test_a_step_by_structure_is_newtons(name):
    loss, variables = STRUCTURED[name]
    rng = np.random.default_rng(0)
    data = {t.node: rng.normal(size=t.shape) for t in (c, A, B) if t.node in topological([loss.node])}
    f = Objective(loss, variables, data, {})
    step = structured_solver(f)
    at = rng.normal(size=f.size)
    g = f.slope(at)[1]
    np.testing.assert_allclose(step(at, g), -np.linalg.solve(f.hessian(at), g), rtol=1e-8, atol=1e-10)


def test_no_structure_no_solver():
    rng = np.random.default_rng(0)
    M = sg.constant(rng.normal(size=(50, n)))
    assert structured_solver(Objective(sg.sum(sg.exp(M @ x)), [x], {}, {})) is None
    assert structured_solver(Objective(sg.sum(sg.exp(x) - c * x) + x[0] * v[0] + v @ v, [x, v], {c.node: np.ones(n)}, {})) is None
    assert structured_solver(Objective(sg.sum(P**4), [P], {}, {})) is None  # two numbers are solved as they are
