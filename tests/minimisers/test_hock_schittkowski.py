"""Problems with constraints of Hock and Schittkowski (Test Examples for Nonlinear Programming Codes, Springer 1981), from
their starts to their least values."""

import numpy as np
import pytest

import symgrad as sg

X = {k: sg.parameter("x", k) for k in (2, 3, 4, 5, 7)}
a, b, c, d, e = X[2], X[3], X[4], X[5], X[7]
INF = np.inf

# loss, variable, constraints, start, bounds, least value
PROBLEMS = {
    6: ((1 - a[0]) ** 2, a, [sg.equal(10 * (a[1] - a[0] ** 2), 0)], (-1.2, 1), None, 0),
    7: (sg.log(1 + a[0] ** 2) - a[1], a, [sg.equal((1 + a[0] ** 2) ** 2 + a[1] ** 2, 4)], (2, 2), None, -np.sqrt(3)),
    11: ((a[0] - 5) ** 2 + a[1] ** 2 - 25, a, [a[1] >= a[0] ** 2], (4.9, 0.1), None, -8.498464223),
    12: (0.5 * a[0] ** 2 + a[1] ** 2 - a[0] * a[1] - 7 * a[0] - 7 * a[1], a, [4 * a[0] ** 2 + a[1] ** 2 <= 25], (0, 0), None, -30),
    14: ((a[0] - 2) ** 2 + (a[1] - 1) ** 2, a, [a[0] ** 2 / 4 + a[1] ** 2 <= 1, sg.equal(a[0], 2 * a[1] - 1)], (2, 2), None,
         9 - 2.875 * np.sqrt(7)),
    15: (100 * (a[1] - a[0] ** 2) ** 2 + (1 - a[0]) ** 2, a, [a[0] * a[1] >= 1, a[0] + a[1] ** 2 >= 0], (-2, 1),
         (-INF, [0.5, INF]), 306.5),
    24: (((a[0] - 3) ** 2 - 9) * a[1] ** 3 / (27 * np.sqrt(3)), a,
         [a[0] / np.sqrt(3) >= a[1], a[0] + np.sqrt(3) * a[1] >= 0, a[0] + np.sqrt(3) * a[1] <= 6], (1, 0.5), (0, INF), -1),
    26: ((b[0] - b[1]) ** 2 + (b[1] - b[2]) ** 4, b, [sg.equal((1 + b[1] ** 2) * b[0] + b[2] ** 4, 3)], (-2.6, 2, 2), None, 0),
    29: (-b[0] * b[1] * b[2], b, [b[0] ** 2 + 2 * b[1] ** 2 + 4 * b[2] ** 2 <= 48], (1, 1, 1), None, -16 * np.sqrt(2)),
    34: (-b[0], b, [b[1] >= sg.exp(b[0]), b[2] >= sg.exp(b[1])], (0, 1.05, 2.9), (0, [100, 100, 10]), -np.log(np.log(10))),
    39: (-c[0], c, [sg.equal(c[1] - c[0] ** 3 - c[2] ** 2, 0), sg.equal(c[0] ** 2 - c[1] - c[3] ** 2, 0)], (2,) * 4, None, -1),
    40: (-sg.prod(c), c, [sg.equal(c[0] ** 3 + c[1] ** 2, 1), sg.equal(c[0] ** 2 * c[3] - c[2], 0),
                          sg.equal(c[3] ** 2 - c[1], 0)], (0.8,) * 4, None, -0.25),
    43: (c @ c + c[2] ** 2 - 5 * c[0] - 5 * c[1] - 21 * c[2] + 7 * c[3], c,
         [c @ c + c[0] - c[1] + c[2] - c[3] <= 8, c @ c + c[1] ** 2 + c[3] ** 2 - c[0] - c[3] <= 10,
          2 * c[0] ** 2 + c[1] ** 2 + c[2] ** 2 + 2 * c[0] - c[1] - c[3] <= 5], (0,) * 4, None, -44),
    80: (sg.exp(sg.prod(d)), d, [sg.equal(d @ d, 10), sg.equal(d[1] * d[2], 5 * d[3] * d[4]), sg.equal(d[0] ** 3 + d[1] ** 3, -1)],
         (-2, 2, 2, -1, -1), ([-2.3, -2.3, -3.2, -3.2, -3.2], [2.3, 2.3, 3.2, 3.2, 3.2]), 0.0539498478),
    100: ((e[0] - 10) ** 2 + 5 * (e[1] - 12) ** 2 + e[2] ** 4 + 3 * (e[3] - 11) ** 2 + 10 * e[4] ** 6 + 7 * e[5] ** 2 + e[6] ** 4
          - 4 * e[5] * e[6] - 10 * e[5] - 8 * e[6], e,
          [2 * e[0] ** 2 + 3 * e[1] ** 4 + e[2] + 4 * e[3] ** 2 + 5 * e[4] <= 127,
           7 * e[0] + 3 * e[1] + 10 * e[2] ** 2 + e[3] - e[4] <= 282, 23 * e[0] + e[1] ** 2 + 6 * e[5] ** 2 - 8 * e[6] <= 196,
           4 * e[0] ** 2 + e[1] ** 2 - 3 * e[0] * e[1] + 2 * e[2] ** 2 + 5 * e[5] - 11 * e[6] <= 0],
          (1, 2, 0, 4, 0, 1, 1), None, 680.6300573),
}


@pytest.mark.parametrize("method", ["auto", "trust-constr"])
@pytest.mark.parametrize("number", PROBLEMS)
def test_the_least_value_is_found(number, method):
    loss, x, constraints, start, bounds, least = PROBLEMS[number]
    found = sg.minimize(loss, x, {}, method=method, constraints=constraints, start={"x": np.array(start, float)},
                        bounds=None if bounds is None else {"x": bounds})
    other = 360.379767  # of problem 15: another minimum, where the first variable is at its bound
    assert found.success
    assert found.fun == pytest.approx(least, rel=1e-8, abs=1e-9) or (number, method) == (15, "trust-constr") and (
        found.fun == pytest.approx(other, rel=1e-8))
