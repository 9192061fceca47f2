"""Elementwise functions against mpmath: errors in units in the last place, NumPy and C, float32 and float64.

The bound is 4 ulp, as of the vector forms of libm, unless the table states another one with its reason.
"""

import mpmath
import numpy as np
import pytest

import symgrad as sg

mpmath.mp.dps = 40
WIDE = np.concatenate([np.linspace(-30, 30, 241), np.geomspace(1e-6, 80, 120), -np.geomspace(1e-6, 80, 120)])
POSITIVE = np.geomspace(1e-6, 1e6, 300)
UNIT = np.linspace(-0.999, 0.999, 200)

FUNCTIONS = {
    "exp": (mpmath.exp, WIDE), "log": (mpmath.log, POSITIVE), "log1p": (mpmath.log1p, POSITIVE), "expm1": (mpmath.expm1, WIDE),
    "sqrt": (mpmath.sqrt, POSITIVE), "sin": (mpmath.sin, WIDE), "cos": (mpmath.cos, WIDE), "tan": (mpmath.tan, UNIT),
    "sinh": (mpmath.sinh, WIDE), "cosh": (mpmath.cosh, WIDE), "tanh": (mpmath.tanh, WIDE), "arctan": (mpmath.atan, WIDE),
    "erf": (mpmath.erf, WIDE), "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), WIDE),
    "softplus": (lambda x: mpmath.log1p(mpmath.exp(x)), WIDE), "silu": (lambda x: x / (1 + mpmath.exp(-x)), WIDE),
    "gelu": (lambda x: x * (1 + mpmath.erf(x / mpmath.sqrt(2))) / 2, np.linspace(-1, 30, 200)),
    "log2": (lambda x: mpmath.log(x, 2), POSITIVE), "log10": (mpmath.log10, POSITIVE), "arcsin": (mpmath.asin, UNIT),
    "arccos": (mpmath.acos, UNIT), "arctanh": (mpmath.atanh, UNIT), "arcsinh": (mpmath.asinh, WIDE),
    "erfinv": (mpmath.erfinv, UNIT), "sinc": (mpmath.sincpi, np.linspace(-3.9, 3.9, 158)),
    "square": (lambda x: x * x, WIDE), "elu": (lambda x: x if x > 0 else mpmath.expm1(x), WIDE),
}
# Bounds above 4 ulp: the value is a small difference of larger numbers, or passes through another function.
STATED = {"sigmoid": 6, "silu": 7, "gelu": 40, "erf": 6}


def ulps(found, exact, dtype):
    """Errors in units in the last place of the exact value; below the normal numbers, of the smallest of those."""
    tiny = float(np.finfo(dtype).tiny)
    result = []
    for have, want in zip(found, exact, strict=True):
        step = float(np.spacing(np.abs(dtype(want)))) if abs(want) >= tiny else float(np.spacing(dtype(tiny)))
        result.append(abs(float((mpmath.mpf(float(have)) - want) / step)))
    return np.array(result)


@pytest.fixture(scope="module", params=[("numpy", "float64"), ("numpy", "float32"), ("c", "float64"), ("c", "float32")], ids="-".join)
def computed(request):
    """All functions at once: one compilation."""
    backend, dtype = request.param
    n = {name: sg.dim(f"n_{name}") for name in FUNCTIONS}
    symbols = {name: sg.data(f"x_{name}", n[name]) for name in FUNCTIONS}
    f = sg.function(list(symbols.values()), {name: getattr(sg, name)(x) for name, x in symbols.items()}, backend=backend, dtype=dtype)
    points = {name: np.asarray(at, dtype) for name, (_, at) in FUNCTIONS.items()}
    return np.dtype(dtype).type, points, f(*points.values())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_accurate_to_the_last_places(computed, name):
    dtype, points, values = computed
    assert values[name].dtype == dtype
    exact = [FUNCTIONS[name][0](mpmath.mpf(float(x))) for x in points[name]]
    with np.errstate(over="ignore"):
        error = ulps(values[name], exact, dtype)
    worst = int(np.argmax(error))
    assert error[worst] <= STATED.get(name, 4), f"{name}({points[name][worst]!r}) is {error[worst]:.1f} ulp off"


@pytest.mark.parametrize("power", [2, 3, 4, 5, 7, 12])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_integer_powers_are_products(power, dtype):
    x = sg.data("x", 200)
    f = sg.function([x], x**power, dtype=dtype)
    assert "**" not in f.source and "np.power" not in f.source
    at = np.linspace(-3, 3, 200).astype(dtype)
    exact = [mpmath.mpf(float(v)) ** power for v in at]
    assert ulps(f(at), exact, np.dtype(dtype).type).max() <= power
