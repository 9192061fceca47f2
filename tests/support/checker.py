"""The one checker of every operation: value, first and second derivatives, against NumPy and central differences.

`check(y, at, wrt)` holds for any tensor `y` and real variables; `run` evaluates in float64.
"""

import numpy as np

import symgrad as sg

STEP = 1e-5
TOLERANCE = 2e-7


def run(outputs, at, **sizes):
    """The outputs (a tensor, list or dict) at `at`, arrays by symbol tensor, in float64."""
    return sg.function(list(at), outputs, dtype="float64", sizes=sizes or None)(*at.values())

GRAM = r"contract\((\w+), \1, \w+, 0, 1, \d, \d, 1,"  # in C: a product with its own transpose, half of it computed


def near(actual, expected, tolerance=1e-9, note=""):
    """Equal in shape, and in every entry up to `tolerance` of the largest one (or of 1)."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"{note}: shape {actual.shape}, expected {expected.shape}"
    finite = np.abs(expected[np.isfinite(expected)])
    scale = max(1.0, finite.max(initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale, err_msg=note)


def differences(f, at, x, step=STEP):
    """Central differences of `f(at)`, an array, by every entry of the array of `x`, which comes last in the shape.

    Two steps are extrapolated (Richardson), so that the error is of order step**4.
    """
    base = np.asarray(at[x], dtype=float)
    columns = []
    for index in np.ndindex(base.shape):
        slopes = []
        for h in (step, 2 * step):
            ends = []
            for sign in (1, -1):
                moved = base.copy()
                moved[index] += sign * h
                ends.append(np.asarray(f({**at, x: moved})))
            slopes.append((ends[0] - ends[1]) / (2 * h))
        columns.append((4 * slopes[0] - slopes[1]) / 3)
    if not columns:
        return np.zeros((*np.shape(f(at)), *base.shape))
    return np.stack(columns, axis=-1).reshape((*columns[0].shape, *base.shape))


def projected(y, at, rng):
    """A scalar: the sum of `y` (and of its samples) times random numbers, which are data."""
    u = rng.standard_normal(np.shape(run(y, at)))
    weight = sg.data("projection", y.shape, over=y.over)
    s = sg.sum(y * weight)
    return s if y.over is None else sg.sum(s, over=y.over), u, {**at, weight: u}


def check(y, at, wrt, seed=0, second=True, tolerance=TOLERANCE):
    """Gradient, vjp, jvp, hvp and Hessian of `y` by each variable of `wrt`, at the arrays `at`."""
    rng = np.random.default_rng(seed)
    s, u, at = projected(y, at, rng)
    f = sg.function(list(at), [s, y], dtype="float64")
    gradients = sg.gradient(s, list(wrt))
    h = sg.function(list(at), gradients, dtype="float64")
    at_point = h(*at.values())
    cotangent = sg.data("cotangent", y.shape, over=y.over)
    for x, exact in zip(wrt, at_point, strict=True):
        near(exact, differences(lambda a: f(*a.values())[0], at, x), tolerance, f"gradient by {x.name}")
        v = rng.standard_normal(np.shape(at[x]))
        direction = sg.data("direction", x.shape, over=x.over)
        asked = {"jvp": sg.jvp(y, x, direction), "vjp": sg.vjp(y, x, cotangent)}
        if second:
            asked |= _second(s, x, wrt, direction)
        found = run(asked, {**at, direction: v, cotangent: u})  # one program: what derivatives share is computed once
        near(np.sum(found["jvp"] * u), np.sum(exact * v), 1e-9, f"jvp against vjp by {x.name}")
        whole = found["vjp"].sum(0) if y.over is not None and x.over is None else found["vjp"]  # one product per sample
        near(whole, exact, 1e-9, f"vjp by {x.name}")
        for i, z in enumerate(wrt if second else ()):
            slope = differences(lambda a, i=i: h(*a.values())[i], at, x)
            expected = {kind: np.tensordot(slope, v, v.ndim) for kind in ("hvp", "jvp")}
            expected["Hessian"] = per_sample(slope, z, x)
            for kind, right in expected.items():
                if f"{kind} {i}" in found:
                    near(found[f"{kind} {i}"], right, 50 * tolerance, f"second derivative by {z.name} and {x.name}, {kind}")


def _second(s, x, wrt, direction):
    """d(gradient by z)/dx for each z: along a direction, and as a whole."""
    asked = {}
    for i, z in enumerate(wrt):
        asked[f"jvp {i}"] = sg.jvp(sg.gradient(s, z), x, direction)
        if z is x:
            asked[f"hvp {i}"] = sg.hvp(s, x, direction)
        try:
            asked[f"Hessian {i}"] = sg.hessian(s, z, x)
        except sg.DifferentiationError as error:
            assert x.over is not None and z.over is not None and "coupled" in str(error)
    return asked


def per_sample(slope, z, x):
    """A full derivative array (axes of z, axes of x) as symgrad lays it out: samples in front, diagonal in both."""
    lead = slope.ndim - x.ndim - (x.over is not None)
    if x.over is None:
        return slope
    moved = np.moveaxis(slope, lead, 0)
    return np.stack([part[t] for t, part in enumerate(moved)]) if z.over is not None else moved
