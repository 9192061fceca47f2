#!/usr/bin/env python3
"""Regressions with certified values: how many digits do sg.minimize and SciPy reach?   python tests/benchmarks/regression.py

The 27 problems of NIST from both of their starts: the fewest correct digits of any parameter; and problems of Moré, Garbow and
Hillstrom from the paper's start and multiples of it: the digits of the least sum of squares (10 and more where it is zero).
sg.minimize chooses its method by the formula; SciPy is `least_squares` with its defaults (trf, differences) on the same
residuals. Evaluations are of the residuals, without SciPy's differences. Names of problems as arguments run only those.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

sys.path.append(str(Path(__file__).parents[1] / "support"))

import mgh
import nist

import symgrad as sg


def fun_of(residual, order, data=None):
    """A residual tensor as SciPy wants it: a function of one vector."""
    f = sg.function([*order, *(data or {})], residual, sizes={})
    values = list((data or {}).values())
    if order[0].ndim:
        return lambda x: f(x, *values)
    return lambda x: f(*x, *values)


def digits_of(loss, least):
    """The digits of a sum of squares, of the least known value that is nearest."""
    return max(min(16.0, -np.log10(abs(loss - v) / v + 1e-16)) if v else (16.0 if loss < 1e-20 else 0.0) for v in least)


def nist_rows(wanted):
    """(name, digits by symgrad, evaluations, digits by SciPy, evaluations) of each problem and start."""
    for name, problem in nist.problems().items():
        if wanted and name not in wanted:
            continue
        loss, parameters = problem.loss()
        n = sg.dim("n")
        columns = {key: sg.data(key, n) for key in problem.data}
        text = f"{problem.response} - ({problem.model})"
        residual = sg.parse(text, **columns, **{p.name: p for p in parameters})
        fun = fun_of(residual, parameters, {columns[key]: value for key, value in problem.data.items()})
        for k, start in enumerate(problem.starts):
            ours = sg.minimize(loss, parameters, problem.data, start=start)
            theirs = least_squares(fun, list(start.values()))
            yield (f"{name} {k + 1}", nist.digits(ours.x, problem.certified), ours.evaluations,
                   nist.digits(dict(zip(problem.certified, theirs.x, strict=True)), problem.certified), theirs.nfev)


def mgh_rows(wanted):
    """The same of Moré, Garbow and Hillstrom's."""
    for name, fit in mgh.fits().items():
        if wanted and name not in wanted:
            continue
        fun = fun_of(fit.residual, [fit.x])
        for factor in fit.factors:
            start = factor * np.array(fit.start, float)
            ours = sg.minimize(sg.sum(fit.residual**2), fit.x, {}, start={"x": start})
            theirs = least_squares(fun, start)
            yield (f"{name} x{factor}", digits_of(ours.fun, fit.least), ours.evaluations,
                   digits_of(2 * theirs.cost, fit.least), theirs.nfev)


def main(wanted):
    """All rows, and how many of them reach 6 and 8 digits."""
    warnings.simplefilter("ignore")
    rows = []
    print(f"{'problem':24} {'symgrad':>8} {'evals':>6} {'trf':>6} {'evals':>6}")
    with np.errstate(all="ignore"):
        for row in (*nist_rows(wanted), *mgh_rows(wanted)):
            rows.append(row)
            print(f"{row[0]:24} {row[1]:8.1f} {row[2]:6} {row[3]:6.1f} {row[4]:6}", flush=True)
    for column, name in ((1, "symgrad"), (3, "SciPy's trf")):
        six, eight = (sum(row[column] >= least for row in rows) for least in (6, 8))
        print(f"{name}: 6 digits in {six} of {len(rows)}, 8 digits in {eight}")


if __name__ == "__main__":
    main(sys.argv[1:])
