"""Regressions of Moré, Garbow and Hillstrom with their least sums of squares (Testing unconstrained optimization software,
ACM Transactions on Mathematical Software 7, 1981; more digits from GSL's tests where it has them), as sums of squares.

Each starts at the paper's point, and at ten or a hundred times it where no other valley lies on the way.
"""

from dataclasses import dataclass

import numpy as np

import symgrad as sg

BARD = [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39]
GAUSSIAN = [0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989, 0.3521, 0.2420, 0.1295, 0.0540, 0.0175, 0.0044,
            0.0009]
KOWALIK = [0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246]
DOSES = [4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625]
OSBORNE1 = [0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685, 0.658, 0.628, 0.603,
            0.580, 0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411,
            0.406]
OSBORNE2 = [1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608, 0.655, 0.616, 0.606,
            0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495, 0.500, 0.423,
            0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668,
            0.645, 0.632, 0.591, 0.559, 0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098,
            0.054]


@dataclass(frozen=True)
class Fit:
    """A residual of a vector `x`, a start, the least values of its sum of squares that are known."""

    residual: sg.Tensor
    x: sg.Tensor
    start: tuple[float, ...]
    least: tuple[float, ...]
    factors: tuple[int, ...] = (1,)


def fits():
    """All problems by name."""
    x = {n: sg.parameter("x", n) for n in (2, 3, 4, 5, 6, 9, 11, 12)}
    row = sg.constant
    i = np.arange(1.0, 66.0)
    exp = sg.exp
    a, b, c, d, e, f = x[2], x[3], x[4], x[5], x[6], x[11]
    bard = np.minimum(i[:15], 16 - i[:15])
    t, u = 0.2 * i[:20], np.array(DOSES)
    ten = 0.1 * i
    biggs = np.exp(-ten[:13]) - 5 * np.exp(-10 * ten[:13]) + 3 * np.exp(-4 * ten[:13])

    def watson(n):
        s = (i[:29] / 29)[:, None]
        lower = np.hstack([np.zeros((29, 1)), np.arange(1, n) * s ** np.arange(n - 1)])
        return sg.concatenate([row(lower) @ x[n] - (row(s ** np.arange(n)) @ x[n]) ** 2 - 1,
                               x[n][:1], sg.expand_dims(x[n][1] - x[n][0] ** 2 - 1, 0)])

    return {
        "Freudenstein-Roth": Fit(sg.stack([a[0] + ((5 - a[1]) * a[1] - 2) * a[1] - 13,
                                           a[0] + ((a[1] + 1) * a[1] - 14) * a[1] - 29]), a, (0.5, -2), (0.0, 48.98425367924), (1, 10, 100)),
        "Jennrich-Sampson": Fit(2 + 2 * row(i[:10]) - exp(row(i[:10]) * a[0]) - exp(row(i[:10]) * a[1]), a, (0.3, 0.4),
                                (124.36218235561,)),
        "Bard": Fit(row(BARD) - b[0] - row(i[:15]) / (row(16 - i[:15]) * b[1] + row(bard) * b[2]), b, (1, 1, 1),
                    (8.214877306578994e-3,)),
        "Gaussian": Fit(b[0] * exp(-b[1] * (row((8 - i[:15]) / 2) - b[2]) ** 2 / 2) - row(GAUSSIAN), b, (0.4, 1, 0),
                        (1.12793276961912e-8,), (1, 10, 100)),
        "Box": Fit(exp(-row(ten[:10]) * b[0]) - exp(-row(ten[:10]) * b[1])
                   - b[2] * row(np.exp(-ten[:10]) - np.exp(-10 * ten[:10])), b, (0, 10, 20), (0.0,), (1, 10)),
        "Kowalik-Osborne": Fit(row(KOWALIK) - c[0] * (row(u**2) + row(u) * c[1]) / (row(u**2) + row(u) * c[2] + c[3]), c,
                               (0.25, 0.39, 0.415, 0.39), (3.075056038492e-4,), (1, 100)),
        "Brown-Dennis": Fit((c[0] + row(t) * c[1] - row(np.exp(t))) ** 2 + (c[2] + row(np.sin(t)) * c[3] - row(np.cos(t))) ** 2,
                            c, (25, 5, -5, -1), (85822.20162635628,), (1, 10, 100)),
        "Osborne 1": Fit(row(OSBORNE1) - d[0] - d[1] * exp(-d[3] * row(10 * i[:33] - 10))
                         - d[2] * exp(-d[4] * row(10 * i[:33] - 10)), d, (0.5, 1.5, -1, 0.01, 0.02), (5.464894697483e-5,), (1, 10, 100)),
        "Biggs": Fit(e[2] * exp(-row(ten[:13]) * e[0]) - e[3] * exp(-row(ten[:13]) * e[1]) + e[5] * exp(-row(ten[:13]) * e[4])
                     - row(biggs), e, (1, 2, 1, 1, 1, 1), (0.0, 5.655649925499e-3), (1, 10, 100)),
        "Osborne 2": Fit(row(OSBORNE2) - f[0] * exp(-row(ten - 0.1) * f[4]) - f[1] * exp(-(row(ten - 0.1) - f[8]) ** 2 * f[5])
                         - f[2] * exp(-(row(ten - 0.1) - f[9]) ** 2 * f[6]) - f[3] * exp(-(row(ten - 0.1) - f[10]) ** 2 * f[7]),
                         f, (1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5), (4.0137736293548e-2,)),
        "Watson 6": Fit(watson(6), x[6], (0,) * 6, (2.287670053552e-3,)),
        "Watson 9": Fit(watson(9), x[9], (0,) * 9, (1.399760138e-6,)),
        "Watson 12": Fit(watson(12), x[12], (0,) * 12, (4.72238111e-10,)),
    }
